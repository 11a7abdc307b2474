"""The demonstration: scikit-learn's handwritten digits, made long-tailed."""

from longtail.jobs.head_options import HeadOptions
from longtail.jobs.options import DataOptions, StageOneOptions
from longtail.jobs.run import RunConfig

__all__ = ["digits"]


def digits() -> RunConfig:
    """Handwritten digits, made long-tailed: real images, offline, seconds on a CPU.

    Ten classes of 8 x 8 images from scikit-learn, an exponential profile from 119 images down to 2, a small CNN. Made
    for showing the path, not a published setting: training is short, and with 40 epochs in place of 15 joint misses
    fewer of the rare digits by itself.

    Command: longtail run digits
    """
    return RunConfig(
        dataset="digits",
        data=DataOptions(profile="exp", ratio=40.0),
        stage=StageOneOptions(
            backbone="digits_cnn", epochs=15, batch_size=32, learning_rate=0.05, schedule="cosine", weight_decay=5e-4
        ),
        heads=HeadOptions(set=("crt,lws,bsm,cb,ldam,cosine.batch_size=32",)),
    )
