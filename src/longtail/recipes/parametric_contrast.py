"""Published settings of PaCo and GPaCo."""

from dataclasses import replace
from typing import Any

from longtail.jobs.run import RunConfig
from longtail.recipes.changed import changed
from longtail.recipes.cifar_lt import cifar100_lt
from longtail.recipes.decoupling import imagenet_lt, inat18, places_lt

__all__ = [
    "cifar100_lt_gpaco",
    "cifar100_lt_paco",
    "imagenet_lt_gpaco",
    "imagenet_lt_paco",
    "inat18_gpaco",
    "inat18_paco",
    "places_lt_gpaco",
    "places_lt_paco",
]

# 400 epochs of 128 images, cosine after a warm-up
_LONG: dict[str, Any] = {
    "backbone": "resnet50",
    "epochs": 400,
    "batch_size": 128,
    "published_batch": 128,
    "warmup_epochs": 10.0,
    "augmentation": "resized-crop-jitter",
}


def cifar100_lt_paco() -> RunConfig:
    """CIFAR-100, exponential profile of ratio 100, ResNet-32, PaCo for 400 epochs.

    Source: Cui, Zhong, Liu, Yu, Jia, "Parametric Contrastive Learning", ICCV 2021, arXiv 2107.12028; released script
    CIFAR100_train_imb0.01. Theirs augments the first view by AutoAugment and Cutout besides, which is not done here,
    and trains on all of train; here a tenth of it is for validation.

    Published, all: 52.0, for the best epoch on the test set; no groups are given.

    Hardware: one GPU. A forward pass more a step than cifar100-lt, and twice its epochs.

    Command: longtail run cifar100-lt-paco --data DIR --download
    """
    return changed(
        cifar100_lt(),
        contrast="paco",
        contrast_weight=0.01,
        contrast_temperature=0.05,
        contrast_dimension=32,
        contrast_queue=1024,
        epochs=400,
        learning_rate=0.05,
        weight_decay=5e-4,
        schedule="step",
        warmup_epochs=10.0,
    )


def cifar100_lt_gpaco() -> RunConfig:
    """CIFAR-100, exponential profile of ratio 100, ResNet-32, GPaCo for 400 epochs.

    Source: Cui, Zhong, Tian, Liu, Yu, Jia, "Generalized Parametric Contrastive Learning", 2022, arXiv 2209.12400;
    released script CIFAR100_train_imb0.01. Remarks as for cifar100-lt-paco.

    Published: a number of this setting is not known to us.

    Hardware: one GPU. Twice the passes of a step of cifar100-lt, and twice its epochs.

    Command: longtail run cifar100-lt-gpaco --data DIR --download
    """
    config = cifar100_lt_paco()
    return changed(config, contrast="gpaco", learning_rate=0.1)


def imagenet_lt_paco() -> RunConfig:
    """ImageNet-LT, ResNet-50, PaCo for 400 epochs.

    Source: Cui et al., ICCV 2021, arXiv 2107.12028; released script ImageNetLT_train_R50. Theirs augments the first
    view by RandAugment (2 operations of strength 10) besides, which is not done here; the second view's parts begin at
    8 % of the area, here at 20 %. For ResNeXt-50 they take a temperature of 0.07 (--contrast-temperature 0.07).

    Published, all: 57.0 (ResNeXt-50 58.2), for the best epoch on the test list, as the authors say; groups are not
    given. Here nothing is chosen on test: expect less.

    Hardware: 4 GPUs. A forward pass more a step than plain training, and 400 epochs: about five times imagenet-lt.

    Command: longtail run imagenet-lt-paco --data DIR --devices 4
    """
    return changed(
        imagenet_lt(),
        **_LONG,
        contrast="paco",
        contrast_weight=0.05,
        contrast_temperature=0.2,
        contrast_dimension=128,
        contrast_queue=8192,
        learning_rate=0.02,
        weight_decay=5e-4,
    )


def imagenet_lt_gpaco() -> RunConfig:
    """ImageNet-LT, ResNet-50, GPaCo for 400 epochs.

    Source: Cui et al., 2022, arXiv 2209.12400; released script ImageNetLT_train_R50. Theirs augments both views by
    RandAugment besides, which is not done here. For ResNeXt-50: --learning-rate 0.06 --contrast-weight 0.05.

    Published, all: 58.5 (ResNeXt-50 58.9, ResNeXt-101 60.8), for the best epoch on the test list; groups are not given.
    Here nothing is chosen on test: expect less.

    Hardware: 4 GPUs. Twice the passes of plain training, and 400 epochs: about nine times imagenet-lt.

    Command: longtail run imagenet-lt-gpaco --data DIR --devices 4
    """
    return changed(imagenet_lt_paco(), contrast="gpaco", contrast_weight=0.045, learning_rate=0.04)


def places_lt_paco() -> RunConfig:
    """Places-LT, ResNet-152 from ImageNet weights, last block and classifier, PaCo for 30 epochs.

    Source: Cui et al., ICCV 2021, arXiv 2107.12028; released script PlacesLT_train_R152: torchvision's first weights,
    both views as SimCLR's, float16. Their second view's parts begin at 8 % of the area, here both views' at 20 %.

    Published, many / medium / few / all: 36.1 / 47.9 / 35.3 / 41.2, as others list it, for the best epoch on the list
    that they validate on.

    Hardware: 4 GPUs. A forward pass more a step than plain training.

    Command: longtail run places-lt-paco --data DIR --devices 4
    """
    return changed(
        places_lt(),
        contrast="paco",
        contrast_weight=0.05,
        contrast_temperature=0.2,
        contrast_dimension=128,
        contrast_queue=8192,
        batch_size=128,
        published_batch=128,
        learning_rate=0.02,
        backbone_rate=1.0,
        warmup_epochs=10.0,
        augmentation="moco",
    )


def places_lt_gpaco() -> RunConfig:
    """Places-LT, ResNet-152 from ImageNet weights, last block and classifier, GPaCo for 30 epochs.

    Source: Cui et al., 2022, arXiv 2209.12400; released script PlacesLT_train_R152. Remarks as for places-lt-paco.

    Published, all: 41.7, for the best epoch on the list that they validate on.

    Hardware: 4 GPUs. Twice the passes of plain training.

    Command: longtail run places-lt-gpaco --data DIR --devices 4
    """
    return changed(places_lt_paco(), contrast="gpaco", contrast_weight=0.02)


def inat18_paco() -> RunConfig:
    """iNaturalist 2018, ResNet-50, PaCo for 400 epochs.

    Source: Cui et al., ICCV 2021, arXiv 2107.12028; released script Inat_train_R50. Remarks as for imagenet-lt-paco.

    Published, all: 73.2 (ResNet-152 75.2), for the best epoch on the validation list, which is the test set of these
    numbers. Here a tenth of train is split off to choose on; --original-splits does as they did, and marks the result.

    Hardware: 4 GPUs. A forward pass more a step than plain training, and 400 epochs: about five times inat18.

    Command: longtail run inat18-paco --data DIR --devices 4
    """
    config = imagenet_lt_paco()
    return replace(inat18(), stage=replace(config.stage, weight_decay=1e-4))


def inat18_gpaco() -> RunConfig:
    """iNaturalist 2018, ResNet-50, GPaCo for 400 epochs.

    Source: Cui et al., 2022, arXiv 2209.12400; released script Inat_train_R50. Remarks as for inat18-paco.

    Published, all: 75.4 (ResNet-152 78.1), for the best epoch on the validation list, which is the test set of these
    numbers.

    Hardware: 8 GPUs. Twice the passes of plain training, and 400 epochs: about nine times inat18.

    Command: longtail run inat18-gpaco --data DIR --devices 8
    """
    return changed(inat18_paco(), contrast="gpaco", learning_rate=0.04)
