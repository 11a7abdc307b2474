"""Further views of images, flips and crops: rows of features that stay with the row of their image."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.files.stored import StoredArray

__all__ = ["VIEW_OF", "Views", "check_view_of", "rows_with_views", "views_note", "views_of_rows", "without_views"]

VIEW_OF = "view_of"  # what the dataset is called
_LABELS = ("labels", "label")


@dataclass(frozen=True)
class Views:
    """Features of further views of the images of some rows.

    Attributes:
        features: float16 or float32, shape (M, D).
        images: row of the image that each is a view of, rising, shape (M,).
    """

    features: NDArray[Any]
    images: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.images)

    def finite(self) -> "Views":
        """Return the views without NaN or infinity."""
        good = np.isfinite(self.features).all(axis=1)
        return self if good.all() else Views(self.features[good], self.images[good])

    def take(self, rows: NDArray[np.int64]) -> "Views":
        """Return the views of some rows, which may come again; their images are numbered by the place in `rows`.

        Example:
            >>> views = Views(np.array([[0.0], [1.0], [2.0]]), np.array([1, 1, 4]))
            >>> chosen = views.take(np.array([4, 0, 1, 4]))
            >>> chosen.images.tolist(), chosen.features.ravel().tolist()
            ([0, 2, 2, 3], [2.0, 0.0, 1.0, 2.0])
        """
        first = np.searchsorted(self.images, rows)
        number = np.searchsorted(self.images, rows, side="right") - first
        ends = np.cumsum(number)
        # of each chosen row in turn its views, one after the other
        chosen = np.arange(ends[-1] if len(rows) else 0) + np.repeat(first - ends + number, number)
        return Views(self.features[chosen], np.repeat(np.arange(len(rows)), number))


def check_view_of(view_of: NDArray[Any], labels: NDArray[Any] | None, rows: int) -> int:
    """Make sure that rows of images stand first, and that each further row shows one of them.

    Args:
        view_of: the row of the image that each row shows; that of an image names itself, shape (N + M,).
        labels: of these rows, or None; a view is of the class of its image.
        rows: N + M.

    Returns:
        N, the number of images.

    Raises:
        InputError: no such rows, or a view of another class than its image.

    Example:
        >>> check_view_of(np.array([0, 1, 2, 2, 0]), np.array([0, 1, 1, 1, 0]), 5)
        3
    """
    if view_of.shape != (rows,) or view_of.dtype.kind not in "iu":
        raise InputError(
            f"`{VIEW_OF}` has shape {view_of.shape} and type {view_of.dtype}; expected a row number for each of "
            f"{rows:,} rows: which row's image it shows."
        )
    own = view_of == np.arange(rows)
    num_images = int(own.sum())
    wrong = np.flatnonzero(np.where(np.arange(rows) < num_images, ~own, (view_of < 0) | (view_of >= num_images)))
    if len(wrong):
        raise InputError(
            f"`{VIEW_OF}`: row {wrong[0]} is said to show the image of row {view_of[wrong[0]]}. Expected the rows of "
            "images first, each of which names itself, and behind them views that name one of those."
        )
    if labels is None or labels.shape != (rows,):
        return num_images
    other = np.flatnonzero(labels[view_of] != labels)
    if len(other):
        raise InputError(
            f"`{VIEW_OF}`: row {other[0]} has another class than row {view_of[other[0]]}, whose image it shows."
        )
    return num_images


def views_of_rows(features: NDArray[Any], view_of: NDArray[Any], num_images: int) -> Views:
    """Return the views behind the rows of images, in the order of these.

    Args:
        features: of all rows, shape (N + M, D).
        view_of: as `check_view_of` takes it.
        num_images: N.
    """
    images, further = view_of[num_images:].astype(np.int64), features[num_images:]
    if (np.diff(images) >= 0).all():  # what is mapped stays so
        return Views(further, images)
    order = np.argsort(images, kind="stable")
    return Views(further[order], images[order])


def without_views(
    arrays: Mapping[str, NDArray[Any] | StoredArray],
) -> tuple[dict[str, NDArray[Any] | StoredArray], Views | None]:
    """Return the arrays of a file for the rows of images alone, and the further views apart.

    Args:
        arrays: by name; where `view_of` is not among them, they are returned as they are.

    Raises:
        InputError: no `features`, or as `check_view_of`.
    """
    if VIEW_OF not in arrays:
        return dict(arrays), None
    if "features" not in arrays:
        raise InputError(f"`{VIEW_OF}` is of rows of `features`, and there are none.")
    whole = {name: array.whole() if isinstance(array, StoredArray) else array for name, array in arrays.items()}
    rows, view_of = len(whole["features"]), whole.pop(VIEW_OF)
    num_images = check_view_of(view_of, next((whole[name] for name in _LABELS if name in whole), None), rows)
    cut = {name: array[:num_images] if array.shape[:1] == (rows,) else array for name, array in whole.items()}
    return dict(cut), views_of_rows(whole["features"], view_of, num_images)


def rows_with_views(features: NDArray[Any], labels: NDArray[np.int64], views: Views) -> tuple[NDArray[Any], ...]:
    """Return features, labels and images of rows, with those of further views behind them.

    Example:
        >>> views = Views(np.array([[2.0]]), np.array([1]))
        >>> features, labels, images = rows_with_views(np.array([[0.0], [1.0]]), np.array([5, 7]), views)
        >>> features.ravel().tolist(), labels.tolist(), images.tolist()
        ([0.0, 1.0, 2.0], [5, 7, 7], [0, 1, 1])
    """
    images = np.concatenate([np.arange(len(labels)), views.images])
    return np.concatenate([np.asarray(features), views.features]), labels[images], images


def views_note(views: Views, labels: NDArray[np.int64]) -> str:
    """Return what a person should know of further views of training images.

    Example:
        >>> views_note(Views(np.ones((3, 2)), np.array([1, 1, 2])), np.array([0, 1, 1]))
        'train: 3 further views of 2 images, in 1 of 2 classes, are learnt from besides; counts are of images'
    """
    with_views = np.unique(views.images)
    classes, all_classes = (len(np.unique(one)) for one in (labels[with_views], labels))
    return (
        f"train: {len(views):,} further views of {len(with_views):,} images, in {classes} of {all_classes} classes, "
        "are learnt from besides; counts are of images"
    )
