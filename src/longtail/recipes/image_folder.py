"""Your own images."""

from longtail.jobs.head_options import HeadOptions
from longtail.jobs.options import DataOptions, StageOneOptions
from longtail.jobs.run import RunConfig

__all__ = ["folder"]


def folder() -> RunConfig:
    """Your own images: a folder with a sub-folder for each class, a list file, or an image pack.

    Nothing is made long-tailed. Test and validation splits are split off where the folder has none.

    Command: longtail run folder --data photos/ --backbone resnet50 --pretrained
    """
    return RunConfig(
        dataset="folder",
        data=DataOptions(),
        stage=StageOneOptions(
            backbone="auto",
            epochs=30,
            batch_size=64,
            learning_rate=0.05,
            schedule="cosine",
            warmup_epochs=1.0,
        ),
        heads=HeadOptions(),
    )
