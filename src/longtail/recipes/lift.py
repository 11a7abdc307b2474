"""Published settings of LIFT and LIFT+: adapters on a foundation model, and a classifier from the class means."""

from typing import Any

from longtail.backbones.adapters import lift_width
from longtail.jobs.run import RunConfig
from longtail.recipes.changed import changed
from longtail.recipes.decoupling import imagenet_lt, inat18, places_lt
from longtail.recipes.image_folder import folder

__all__ = [
    "imagenet_lt_lift",
    "imagenet_lt_lift_plus",
    "inat18_lift",
    "inat18_lift_plus",
    "lift",
    "lift_plus",
    "places_lt_lift",
    "places_lt_lift_plus",
]

_BLOCKS = 12
_LIFT: dict[str, Any] = {
    "backbone": "vit_base_patch16_clip_224.openai",
    "pretrained": True,
    "train_part": "all",
    "backbone_rate": 1.0,
    "adapter": "adaptformer",
    "classifier": "class-means",
    "classifier_scale": 25.0,
    "loss": "logit-adjusted",
    "epochs": 10,
    "batch_size": 128,
    "published_batch": 128,
    "learning_rate": 0.01,
    "weight_decay": 5e-4,
    "schedule": "cosine-epoch",
    "warmup_epochs": 0.0,
    "image_size": 224,
    "augmentation": "resized-crop",
}
_PLUS: dict[str, Any] = {"epochs": 5, "learning_rate": 0.02, "augmentation": "growing-crop"}


def imagenet_lt_lift() -> RunConfig:
    """ImageNet-LT, CLIP's ViT-B/16 with AdaptFormer of width 32, LIFT for 10 epochs, without text.

    Source: Shi, Wei, Zhou, Shao, Han, Li, "Long-Tail Learning with Foundation Model: Heavy Fine-Tuning Hurts", ICML
    2024, arXiv 2309.10019; released configuration imagenet_lt, clip_vit_b16 (settings alone: its code has no licence,
    and this is built from the paper). Theirs begins at the embeddings of "a photo of a {class}." in CLIP's space of
    512 numbers; here at the means of at most 100 images a class, on the 768 before CLIP's projection.

    Published, all: 78.3 with text and five crops in testing, on the test list; groups and the same without text are not
    known to us, and on what its authors chose their settings they do not say. Expect less: there is no text here.
    CLIP's own training images are not public, and may hold some of those that are tested.

    Hardware: one GPU of 20 GB, as the authors say. Below 1 % of the weights learn.

    Command: longtail run imagenet-lt-lift --data DIR --methods joint

    Crops in testing: longtail extract RUN --test-views 12 --out VIEWS, then longtail fit VIEWS --methods joint.
    """
    return changed(imagenet_lt(), **_LIFT, adapter_width=lift_width(1000, _BLOCKS))


def places_lt_lift() -> RunConfig:
    """Places-LT, CLIP's ViT-B/16 with AdaptFormer of width 8, LIFT for 10 epochs, without text.

    Source and remarks as for imagenet-lt-lift.

    Published, all: 52.2 with text and five crops in testing. Expect less.

    Hardware: one GPU of 20 GB, as the authors say.

    Command: longtail run places-lt-lift --data DIR --methods joint
    """
    return changed(places_lt(), **_LIFT, adapter_width=lift_width(365, _BLOCKS))


def inat18_lift() -> RunConfig:
    """iNaturalist 2018, CLIP's ViT-B/16 with AdaptFormer of width 256, LIFT for 20 epochs, without text.

    Source and remarks as for imagenet-lt-lift; 20 epochs are theirs here. A tenth of train is split off to choose on;
    --original-splits does as they did, and marks the result.

    Published: a number of this network that is sure is not known to us (ViT-L/14: 85.2 in all, on the validation list).

    Hardware: one GPU of 20 GB, as the authors say.

    Command: longtail run inat18-lift --data DIR --methods joint
    """
    return changed(inat18(), **_LIFT | {"epochs": 20}, adapter_width=lift_width(8142, _BLOCKS))


def lift() -> RunConfig:
    """Your own images, adapters on a foundation model and a classifier from class means: LIFT without text.

    Source: Shi et al., ICML 2024, arXiv 2309.10019, as for imagenet-lt-lift. The width of the adapters is 8; theirs is
    the power of two below the number of classes over 24. Where nothing may be fetched: --backbone hf:FOLDER or another
    network with weights, and for a ConvNet --adapter residual.

    Nothing is made long-tailed. Test and validation splits are split off where the folder has none.

    Command: longtail run lift --data photos/ --methods joint
    """
    return changed(folder(), **_LIFT)


def imagenet_lt_lift_plus() -> RunConfig:
    """ImageNet-LT, LIFT+ for 5 epochs, without text: as imagenet-lt-lift, with crops that grow to the whole image.

    Source: Shi, Wei, Li, "LIFT+: Lightweight Fine-Tuning for Long-Tail Learning", 2025, arXiv 2504.13282; released
    configuration lift+ (settings alone: its code has no licence, and this is built from the paper). Beside LIFT: twice
    the learning rate, half of the epochs, --augmentation growing-crop, five crops in testing.

    Published: at least what LIFT reaches, as its authors say; no number of theirs is known to us. Expect less: there is
    no text here.

    Hardware: one GPU of 24 GB, as the authors say.

    Command: longtail run imagenet-lt-lift-plus --data DIR --methods joint

    Crops in testing: as for imagenet-lt-lift.
    """
    return changed(imagenet_lt_lift(), **_PLUS)


def places_lt_lift_plus() -> RunConfig:
    """Places-LT, LIFT+ for 5 epochs, without text.

    Source and remarks as for imagenet-lt-lift-plus.

    Published: no number that is known to us.

    Hardware: one GPU of 24 GB, as the authors say.

    Command: longtail run places-lt-lift-plus --data DIR --methods joint
    """
    return changed(places_lt_lift(), **_PLUS)


def inat18_lift_plus() -> RunConfig:
    """iNaturalist 2018, LIFT+ for 15 epochs, without text.

    Source and remarks as for imagenet-lt-lift-plus and inat18-lift.

    Published: no number that is known to us.

    Hardware: one GPU of 24 GB, as the authors say.

    Command: longtail run inat18-lift-plus --data DIR --methods joint
    """
    return changed(inat18_lift(), **_PLUS | {"epochs": 15})


def lift_plus() -> RunConfig:
    """Your own images, LIFT+ for 5 epochs, without text: as lift, with crops that grow to the whole image.

    Source: Shi, Wei, Li, 2025, arXiv 2504.13282, as for imagenet-lt-lift-plus. Nothing is mirrored and no shape is
    changed, so that it also goes with images whose sides or proportions mean something.

    Command: longtail run lift-plus --data photos/ --methods joint
    """
    return changed(lift(), **_PLUS)
