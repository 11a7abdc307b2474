"""Your own images, by what there is to compute on: what our own tables speak for."""

from dataclasses import replace

from longtail.jobs.options import LayerOptions
from longtail.jobs.run import RunConfig
from longtail.recipes.changed import changed
from longtail.recipes.image_folder import folder
from longtail.recipes.lift import lift_plus

__all__ = ["fast", "strong"]


def fast() -> RunConfig:
    """Your own images on a processor, within the hour: a frozen network, features of its last four blocks, auto.

    Nothing of the network is trained; each image goes through it once. On plankton with an ImageNet MobileNet at 96
    pixels the last four blocks found 64.7 balanced, the last alone 62.4 (one seed; benchmarks/accuracy/README.md, which
    also has what views add: nothing there). A ResNet-50 takes about 50 ms for an image of 224 pixels on one thread of a
    processor with units for bfloat16, 180 on others, and has 7,168 features in four blocks: some ten thousand images in
    an hour. --dry-run says how long yours take; --layers last and --image-size make it quicker. Where nothing may be
    fetched: --backbone hf:FOLDER.

    Command: longtail run fast --data photos/
    """
    config = changed(folder(), backbone="resnet50", pretrained=True, frozen=True)
    return replace(config, layers=LayerOptions(layers="last4"), heads=replace(config.heads, methods="auto"))


def strong() -> RunConfig:
    """Your own images on a GPU: adapters on a foundation model by the settings of LIFT+, then auto on what they learnt.

    What is published, and not what our own tables show at that length: adapters with class means found 6.4 points more
    than the same network frozen, both with auto, on plankton at 48 pixels in the same time (one epoch, one seed;
    docs/methods/lift.md).

    Source: Shi, Wei, Li, "LIFT+: Lightweight Fine-Tuning for Long-Tail Learning", 2025, arXiv 2504.13282.

    Command: longtail run strong --data photos/
    """
    config = lift_plus()
    return replace(config, heads=replace(config.heads, methods="auto"))
