"""Published settings of RIDE and SADE: three experts in one network."""

from typing import Any

from longtail.jobs.run import RunConfig
from longtail.recipes.changed import changed
from longtail.recipes.cifar_lt import cifar10_lt, cifar100_lt
from longtail.recipes.decoupling import imagenet_lt, inat18

__all__ = [
    "cifar10_lt_ride",
    "cifar10_lt_sade",
    "cifar100_lt_ride",
    "cifar100_lt_sade",
    "imagenet_lt_ride",
    "imagenet_lt_sade",
    "inat18_ride",
    "inat18_sade",
]

# 200 epochs, a warm-up of 5, falls at 160 and 180; the rest of cifar10-lt and cifar100-lt is the same
_CIFAR: dict[str, Any] = {"nesterov": True, "weight_decay": 5e-4, "schedule": "step"}
# 100 epochs, a warm-up of 5, a tenth of the rate from 60 and from 80 on
_LARGE: dict[str, Any] = {
    "nesterov": True,
    "weight_decay": 2e-4,
    "schedule": "step",
    "step_at": (0.6, 0.8),
    "epochs": 100,
    "warmup_epochs": 5.0,
}
_RIDE: dict[str, Any] = {"experts": "ride", "experts_from": 0.8}
_RIDE_CIFAR: dict[str, Any] = {**_CIFAR, **_RIDE, "experts_diversity": 0.45, "experts_temperature": 0.05}
_RIDE_LARGE: dict[str, Any] = {**_LARGE, **_RIDE, "experts_diversity": 0.2}


def cifar100_lt_ride() -> RunConfig:
    """CIFAR-100, exponential profile of ratio 100, ResNet-32 with three experts, RIDE for 200 epochs.

    Source: Wang, Lian, Miao, Liu, Yu, "Long-tailed Recognition by Routing Diverse Distribution-Aware Experts", ICLR
    2021, arXiv 2010.01809; released configuration imbalance_cifar100_ride, without its routing; its
    distillation is in docs/methods/ride.md. Its learning rate falls to a hundredth at 160 epochs and again at 180. The
    released files differ in the weight of the diversity, 0.45 or 0.2.

    Published, many / medium / few / all, with routing: 67.0 / 49.9 / 25.7 / 48.6 (distilled from six experts 67.6 /
    50.9 / 25.2 / 49.0), for the best epoch on the test set. Theirs trains on all of train; here a tenth is for
    validation.

    Hardware: one GPU. An image costs 1.5 times the multiply-adds of cifar100-lt.

    Command: longtail run cifar100-lt-ride --data DIR --download
    """
    return changed(cifar100_lt(), **_RIDE_CIFAR, step_gamma=0.01)


def cifar10_lt_ride() -> RunConfig:
    """CIFAR-10, exponential profile of ratio 100, ResNet-32 with three experts, RIDE for 200 epochs.

    Source: the settings of cifar100-lt-ride; none were released for CIFAR-10, and no number is known to us.

    Command: longtail run cifar10-lt-ride --data DIR --download
    """
    return changed(cifar10_lt(), **_RIDE_CIFAR, step_gamma=0.01)


def imagenet_lt_ride() -> RunConfig:
    """ImageNet-LT, ResNeXt-50 with three experts, RIDE for 100 epochs.

    Source: Wang et al., ICLR 2021, arXiv 2010.01809; released configuration imagenet_lt_resnext50_ride, without its
    routing; `--distill-from` is its distillation.

    Published, many / medium / few / all, with routing: 67.0 / 52.2 / 36.0 / 55.7 (four experts, distilled from six:
    68.3 / 53.5 / 35.9 / 56.8). The epoch is the best on the validation list.

    Hardware: 8 GPUs. An image costs 1.4 times the multiply-adds of imagenet-lt.

    Command: longtail run imagenet-lt-ride --data DIR --devices 8
    """
    batch = {"batch_size": 256, "published_batch": 256, "learning_rate": 0.1}
    return changed(imagenet_lt(), **_RIDE_LARGE, **batch, experts_temperature=0.02)


def inat18_ride() -> RunConfig:
    """iNaturalist 2018, ResNet-50 with three experts, RIDE for 100 epochs.

    Source: Wang et al., ICLR 2021, arXiv 2010.01809; released configuration iNaturalist_resnet50_ride, without its
    routing; `--distill-from` is its distillation.

    Published, many / medium / few / all, with routing: 70.2 / 71.2 / 71.6 / 71.2 (four experts, distilled from six:
    70.9 / 72.5 / 73.1 / 72.6), for the best epoch on the validation list, which is the test set of these numbers. Here
    a tenth of train is split off to choose on; --original-splits does as they did, and marks the result.

    Hardware: 8 GPUs. An image costs 1.4 times the multiply-adds of inat18.

    Command: longtail run inat18-ride --data DIR --devices 8
    """
    return changed(inat18(), **_RIDE_LARGE, experts_temperature=0.015)


def cifar100_lt_sade() -> RunConfig:
    """CIFAR-100, exponential profile of ratio 100, ResNet-32 with three experts, SADE for 200 epochs.

    Source: Zhang, Hooi, Hong, Feng, "Self-Supervised Aggregation of Diverse Experts for Test-Agnostic Long-Tailed
    Recognition", NeurIPS 2022, arXiv 2107.09249; released configuration config_cifar100_ir100. Its second part mixes
    the experts anew for images without labels: longtail predict RUN NEW --aggregate experts.

    Published, all: 49.8 on the balanced test set, where the experts count alike; groups are not given. The epoch is the
    best on the test set. Theirs trains on all of train; here a tenth is for validation.

    Hardware: one GPU. An image costs 1.5 times the multiply-adds of cifar100-lt.

    Command: longtail run cifar100-lt-sade --data DIR --download
    """
    return changed(cifar100_lt(), **_CIFAR, experts="sade", experts_tau=2.0)


def cifar10_lt_sade() -> RunConfig:
    """CIFAR-10, exponential profile of ratio 100, ResNet-32 with three experts, SADE for 200 epochs.

    Source: the settings of cifar100-lt-sade; none were released for CIFAR-10, and no number is known to us.

    Command: longtail run cifar10-lt-sade --data DIR --download
    """
    return changed(cifar10_lt(), **_CIFAR, experts="sade", experts_tau=2.0)


def imagenet_lt_sade() -> RunConfig:
    """ImageNet-LT, ResNeXt-50 with three experts, SADE for 180 epochs.

    Source: Zhang et al., NeurIPS 2022, arXiv 2107.09249; released configuration imagenet_lt_resnext50_sade.

    Published, all: 58.8 on the balanced test set, where the experts count alike; groups are not given.

    Hardware: 2 GPUs. An image costs 1.4 times the multiply-adds of imagenet-lt.

    Command: longtail run imagenet-lt-sade --data DIR --devices 2
    """
    return changed(
        imagenet_lt(),
        experts="sade",
        experts_tau=2.0,
        nesterov=True,
        weight_decay=5e-4,
        epochs=180,
        batch_size=64,
        published_batch=64,
        learning_rate=0.025,
    )


def inat18_sade() -> RunConfig:
    """iNaturalist 2018, ResNet-50 with three experts, SADE for 100 epochs.

    Source: Zhang et al., NeurIPS 2022, arXiv 2107.09249; released configuration iNaturalist_resnet50_sade.

    Published, all: 72.9, for the validation list, which is the test set of this number. Here a tenth of train is split
    off to choose on; --original-splits does as they did, and marks the result.

    Hardware: 4 GPUs. An image costs 1.4 times the multiply-adds of inat18.

    Command: longtail run inat18-sade --data DIR --devices 4
    """
    return changed(inat18(), **_LARGE, experts="sade", experts_tau=1.0)
