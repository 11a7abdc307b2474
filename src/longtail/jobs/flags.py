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
    *("format", "image_column", "label_column", "split_column", "group_column", "event_column", "group_by"),
    "weight_column",
    *("box_columns", "box_file", "box_confidence", "drop_labels", "label_status", "unlabelled", "id_column"),
    *("event_by", "by_event", "event_labels"),
    "feature_transform",
    "budget",
    *("backbone_set", "layers", "pool"),
)
# where a flag is not the argument with dashes
_FLAGS = {name: name.replace("_", "-") for name in _ARGUMENTS} | {
    "root": "data",
    "seed": "split-seed",
    "dataset": "data",
    "padding": "box-padding",
    "square": "box-square",
    "several": "several-labels",
}


def as_typed(message: str, *, root: str = "data", form: str = "format") -> str:
    """Write arguments of the library as the command line has them.

    Args:
        message: names arguments as `skip_bad=True`, `layout='classes'` or `root`, between backquotes.
        root: flag of the folder that paths are relative to.
        form: flag of the format of a table.

    Example:
        >>> as_typed("leave such images out with `skip_bad=True`, or say `layout='classes'`; `features` stay.")
        'leave such images out with --skip-bad, or say --layout classes; `features` stay.'
        >>> as_typed("cifar10 needs `root`: the folder of torchvision's files.")
        "cifar10 needs --data: the folder of torchvision's files."
    """
    return with_flags(message, _FLAGS | {"root": root, "format": form})


@contextmanager
def naming_flags(*, root: str = "data", form: str = "format") -> Iterator[None]:
    """Let errors of the library leave in the words that a person types; `root` and `form` as of `as_typed`."""
    try:
        yield
    except InputError as error:
        raise InputError(as_typed(str(error), root=root, form=form)) from error
