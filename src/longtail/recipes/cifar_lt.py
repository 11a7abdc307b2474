"""CIFAR-10-LT and CIFAR-100-LT."""

from longtail.jobs.head_options import HeadOptions
from longtail.jobs.options import DataOptions, StageOneOptions
from longtail.jobs.run import RunConfig

__all__ = ["cifar10_lt", "cifar100_lt"]

# the setting that the long-tailed CIFAR literature shares: ResNet-32, 200 epochs, batch 128, learning rate 0.1 with a
# warm-up of 5 epochs, weight decay 2e-4; cosine as in the decoupling paper
_STAGE = StageOneOptions(
    backbone="resnet32",
    epochs=200,
    batch_size=128,
    learning_rate=0.1,
    weight_decay=2e-4,
    schedule="cosine-epoch",
    warmup_epochs=5.0,
)
_HEADS = ("crt,lws,bsm,cb,ldam,cosine.batch_size=128", "crt,lws,bsm,cb,ldam,cosine.learning_rate=0.1")


def cifar10_lt() -> RunConfig:
    """CIFAR-10, exponential profile of ratio 100, ResNet-32, 200 epochs.

    Source: Cao, Wei, Gaidon, Arechiga, Ma, "Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss",
    NeurIPS 2019, arXiv 1906.07413 (profile, network, batch, rate, decay); Kang et al., ICLR 2020, arXiv 1910.09217
    (cosine, decoupled heads). A tenth of train is split off for validation, class by class, so that nothing is chosen
    on test; released code commonly trains on that tenth too and keeps its best epoch on test. The usual bounds of the
    groups (100 and 20) would call eight of the ten classes many and none few; here they are 1000 and 200: 3, 4 and 3.

    Command: longtail run cifar10-lt --data DIR --download
    """
    return RunConfig(
        dataset="cifar10",
        data=DataOptions(profile="exp", ratio=100.0),
        stage=_STAGE,
        heads=HeadOptions(
            many_above=1000,
            few_below=200,
            set=_HEADS,
        ),
    )


def cifar100_lt() -> RunConfig:
    """CIFAR-100, exponential profile of ratio 100, ResNet-32, 200 epochs.

    Source and remarks as for cifar10-lt.

    Command: longtail run cifar100-lt --data DIR --download
    """
    return RunConfig(
        dataset="cifar100",
        data=DataOptions(profile="exp", ratio=100.0),
        stage=_STAGE,
        heads=HeadOptions(set=_HEADS),
    )
