"""Published settings of BCL and ProCo."""

from dataclasses import replace
from typing import Any

from longtail.jobs.run import RunConfig
from longtail.recipes.changed import changed
from longtail.recipes.cifar_lt import cifar10_lt, cifar100_lt
from longtail.recipes.decoupling import imagenet_lt, inat18

__all__ = [
    "cifar10_lt_proco",
    "cifar100_lt_proco",
    "imagenet_lt_bcl",
    "imagenet_lt_proco",
    "inat18_bcl",
    "inat18_proco",
]

# 90 epochs of 256 images, cosine by epoch, without a warm-up
_STAGE: dict[str, Any] = {
    "contrast_temperature": 0.07,
    "contrast_dimension": 1024,
    "backbone": "resnet50",
    "epochs": 90,
    "batch_size": 256,
    "published_batch": 256,
    "learning_rate": 0.1,
    "augmentation": "resized-crop-jitter",
}
_CIFAR_PROCO: dict[str, Any] = {
    "contrast": "proco",
    "contrast_weight": 1.0,
    "contrast_temperature": 0.1,
    "contrast_dimension": 128,
    "contrast_classifier": "linear",
    "batch_size": 256,
    "learning_rate": 0.3,
    "schedule": "step",
}


def imagenet_lt_bcl() -> RunConfig:
    """ImageNet-LT, ResNet-50, balanced contrastive learning for 90 epochs.

    Source: Zhu, Wang, Chen, Chen, Jiang, "Balanced Contrastive Learning for Long-Tailed Visual Recognition", CVPR 2022,
    arXiv 2207.09052, its released command. Theirs augments the first view by RandAugment besides, which is not done
    here; the other views are not blurred and their parts begin at 8 % of the area, here they are and begin at 20 %.

    Published, all, ResNeXt-50 (--backbone resnext50_32x4d): 57.2, with RandAugment on all views 57.8; groups are not
    given. The epoch is the best on the validation list.

    Hardware: 4 GPUs, each of which sees the prototypes and the features of all; here those of its own part of the
    batch. Three times the passes of imagenet-lt.

    Command: longtail run imagenet-lt-bcl --data DIR --devices 4
    """
    return changed(imagenet_lt(), **_STAGE, contrast="bcl", contrast_weight=0.35, weight_decay=5e-4)


def inat18_bcl() -> RunConfig:
    """iNaturalist 2018, ResNet-50, balanced contrastive learning for 100 epochs.

    Source: Zhu et al., CVPR 2022, arXiv 2207.09052. Remarks as for imagenet-lt-bcl.

    Published: a number of the released code is not known to us. Theirs chooses the epoch on the validation list, which
    is their test set; here a tenth of train is split off.

    Hardware: 4 GPUs. Three times the passes of inat18.

    Command: longtail run inat18-bcl --data DIR --devices 4
    """
    stage = replace(imagenet_lt_bcl().stage, epochs=100, learning_rate=0.2, weight_decay=1e-4)
    return replace(inat18(), stage=stage)


def imagenet_lt_proco() -> RunConfig:
    """ImageNet-LT, ResNet-50, probabilistic contrastive learning for 90 epochs.

    Source: Du, Wang, Song, Huang, "Probabilistic Contrastive Learning for Long-Tailed Visual Recognition", TPAMI 2024,
    arXiv 2403.06726; released script ProCo_ImageNetLT_R50_90epochs. Views as for imagenet-lt-bcl.

    Published, all: 57.3 (180 epochs 57.8; ResNeXt-50 58.0), groups are not given. The epoch is the best on the
    validation list.

    Hardware: 8 GPUs, 32 images on each. Three times the passes of imagenet-lt.

    Command: longtail run imagenet-lt-proco --data DIR --devices 8
    """
    return changed(imagenet_lt(), **_STAGE, contrast="proco", contrast_weight=1.0, weight_decay=5e-4)


def inat18_proco() -> RunConfig:
    """iNaturalist 2018, ResNet-50, probabilistic contrastive learning for 90 epochs.

    Source: Du et al., TPAMI 2024, arXiv 2403.06726; released script ProCo_inat_R50_90epochs.

    Published, all: 73.5, for the best epoch on the validation list, which is the test set of this number. Here a tenth
    of train is split off to choose on; --original-splits does as they did, and marks the result.

    Hardware: 8 GPUs, 32 images on each. Three times the passes of inat18.

    Command: longtail run inat18-proco --data DIR --devices 8
    """
    return replace(inat18(), stage=replace(imagenet_lt_proco().stage, learning_rate=0.2, weight_decay=1e-4))


def cifar100_lt_proco() -> RunConfig:
    """CIFAR-100, exponential profile of ratio 100, ResNet-32, ProCo for 200 epochs.

    Source: Du et al., TPAMI 2024, arXiv 2403.06726; released script ProCo_CIFAR, whose classifier is linear. Theirs
    augments the first view by AutoAugment and Cutout besides, which is not done here, and trains on all of train; here
    a tenth of it is for validation.

    Published, all: 52.8, with 400 epochs (--epochs 400 --warmup-epochs 10) 54.2, for the best epoch on the test set;
    groups are not given.

    Hardware: one GPU. Three times the passes of cifar100-lt.

    Command: longtail run cifar100-lt-proco --data DIR --download
    """
    return changed(cifar100_lt(), **_CIFAR_PROCO)


def cifar10_lt_proco() -> RunConfig:
    """CIFAR-10, exponential profile of ratio 100, ResNet-32, ProCo for 200 epochs.

    Source and remarks as for cifar100-lt-proco.

    Published, all: 85.9, for the best epoch on the test set; groups are not given.

    Hardware: one GPU. Three times the passes of cifar10-lt.

    Command: longtail run cifar10-lt-proco --data DIR --download
    """
    return changed(cifar10_lt(), **_CIFAR_PROCO)
