"""Messages of the library, which name arguments, in the words that a person types."""

from collections.abc import Iterator
from contextlib import contextmanager

from longtail.errors import InputError, with_flags

__all__ = ["as_typed", "naming_flags"]

_ARGUMENTS = (
    *(
        "root",
        "dataset",
        "profile",
        "ratio",
        "largest",
        "val_fraction",
        "test_fraction",
        "seed",
        "skip_bad",
        "download",
    ),
    *("lists", "original_splits", "other_counts", "layout", "alike_names", "bits", "image_size", "augmentation"),
    "feature_transform",
    "budget",
)
# where a flag is not the argument with dashes
_FLAGS = {name: name.replace("_", "-") for name in _ARGUMENTS} | {
    "root": "data",
    "seed": "split-seed",
    "dataset": "data",
}


def as_typed(message: str) -> str:
    """Write arguments of the library as the command line has them.

    Args:
        message: names arguments as `skip_bad=True`, `layout='classes'` or `root`, between backquotes.

    Example:
        >>> as_typed("leave such images out with `skip_bad=True`, or say `layout='classes'`; `features` stay.")
        'leave such images out with --skip-bad, or say --layout classes; `features` stay.'
        >>> as_typed("cifar10 needs `root`: the folder of torchvision's files.")
        "cifar10 needs --data: the folder of torchvision's files."
    """
    return with_flags(message, _FLAGS)


@contextmanager
def naming_flags() -> Iterator[None]:
    """Let errors of the library leave in the words that a person types."""
    try:
        yield
    except InputError as error:
        raise InputError(as_typed(str(error))) from error
