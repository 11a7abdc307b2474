"""Class counts: long-tailed profiles, measures of imbalance, many / medium / few groups."""

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longtail.arguments import as_array, brief, check_whole
from longtail.errors import InputError

__all__ = [
    "GROUPS",
    "GROUP_WORDS",
    "PROFILES",
    "check_class_counts",
    "check_groups",
    "class_counts",
    "exponential_counts",
    "gini",
    "group_of_class",
    "imbalance_ratio",
    "pareto_counts",
    "step_counts",
]

IntArray = NDArray[np.int64]

MOST = 2**53  # images of a class: beyond, floating-point numbers skip whole ones

GROUPS = ("many", "medium", "few")
# what a person calls their classes
GROUP_WORDS = {"many": "common classes", "medium": "classes of medium size", "few": "rare classes"}


def class_counts(labels: ArrayLike, num_classes: int | None = None, *, name: str = "labels") -> IntArray:
    """Count the images of each class.

    Args:
        labels: class indices 0 .. C-1, shape (N,).
        num_classes: C; the largest label plus one where it is not given.
        name: what the indices are called in messages.

    Returns:
        n_c for each class, shape (C,).

    Raises:
        InputError: labels that are no list of whole numbers, or one that lies outside 0 .. C-1.

    Example:
        >>> class_counts([0, 0, 2], num_classes=4)
        array([2, 0, 1, 0])
    """
    if num_classes is not None:
        check_whole("num_classes", num_classes)
    labels = as_array(labels, name)
    if labels.ndim != 1 or (labels.size and labels.dtype.kind not in "iub"):
        raise InputError(
            f"{name} have shape {labels.shape} and type {labels.dtype}; expected whole numbers, one class index a row."
        )
    if labels.size == 0:
        return np.zeros(num_classes or 0, dtype=np.int64)
    lowest, highest = int(labels.min()), int(labels.max())
    if lowest < 0 or (num_classes is not None and highest >= num_classes):
        bound = "C-1" if num_classes is None else str(num_classes - 1)
        most = highest + 1 if num_classes is None else num_classes
        row = int(np.flatnonzero((labels < 0) | (labels >= most))[0])
        raise InputError(
            f"{name.removesuffix('s')} {labels[row]} of row {row} is out of range: expected {name} from 0 to {bound}. "
            "Number the classes from 0 without gaps, or state the right number of classes."
        )
    return np.bincount(labels, minlength=num_classes or 0).astype(np.int64)


def check_class_counts(counts: ArrayLike, name: str = "class_counts") -> NDArray[Any]:
    """Make sure that these are numbers of images, one a class.

    Args:
        counts: n_c, shape (C,), C at least 1.
        name: what they are called in messages.

    Returns:
        The counts as an array of numbers.

    Raises:
        InputError: no list of numbers, no class, or a number that is negative, NaN or infinite.

    Example:
        >>> check_class_counts([30, -2])
        Traceback (most recent call last):
        ...
        longtail.errors.InputError: class_counts: class 1 has -2 images; expected a finite number of at least 0.
    """
    values = as_array(counts, name)
    if values.ndim != 1 or values.dtype.kind not in "iuf" or not len(values):
        raise InputError(
            f"{name} have shape {values.shape} and type {values.dtype}; expected one number of images a class, "
            "at least one."
        )
    bad = np.flatnonzero(~np.isfinite(values) | (values < 0))
    if len(bad):
        raise InputError(f"{name}: class {bad[0]} has {values[bad[0]]} images; expected a finite number of at least 0.")
    return values


def exponential_counts(num_classes: int, largest: int, ratio: float) -> IntArray:
    """Return the counts of the exponential profile, the usual one of CIFAR-LT.

    n_c = floor(n_max * ratio^(-c / (C - 1)))

    Args:
        num_classes: C, at least 1.
        largest: n_max, the images of class 0.
        ratio: n_max / n_min, at least 1.

    Returns:
        Counts in falling order, shape (C,), each at least 1.

    Raises:
        InputError: a number is out of its range.

    Reference:
        Cui, Jia, Lin, Song, Belongie, "Class-Balanced Loss Based on Effective Number of Samples", CVPR 2019,
        arXiv 1901.05555, section 5.1.

    Example:
        >>> exponential_counts(10, 5000, 100).tolist()
        [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]
    """
    _check_profile(num_classes, largest, ratio)
    exponents = np.arange(num_classes) / max(num_classes - 1, 1)
    return _whole(largest * ratio**-exponents)


def step_counts(num_classes: int, largest: int, ratio: float, head_fraction: float = 0.5) -> IntArray:
    """Return the counts of the step profile: head classes at n_max, all others at n_max / ratio.

    Args:
        num_classes: C, at least 1.
        largest: n_max, the images of a head class.
        ratio: n_max / n_min, at least 1.
        head_fraction: share of the classes that stay at n_max, 0 to 1; one at least.

    Returns:
        Counts in falling order, shape (C,), each at least 1.

    Raises:
        InputError: a number is out of its range.

    Reference:
        Buda, Maki, Mazurowski, "A systematic study of the class imbalance problem in convolutional neural
        networks", 2018, arXiv 1710.05381, section 3.1.

    Example:
        >>> step_counts(4, 5000, 100).tolist()
        [5000, 5000, 50, 50]
    """
    _check_profile(num_classes, largest, ratio)
    if not _is_number(head_fraction, 0) or head_fraction > 1:
        raise InputError(f"head_fraction is {head_fraction}; expected a share from 0 to 1.")
    is_head = np.arange(num_classes) < max(round(num_classes * head_fraction), 1)
    return _whole(np.where(is_head, float(largest), largest / ratio))


def pareto_counts(num_classes: int, largest: int, ratio: float) -> IntArray:
    """Return the counts of the Pareto profile: size falls as a power of the rank.

    n_c = floor(n_max * (c + 1)^(-1 / a)) with the shape a = ln C / ln ratio, so that the last class has n_max / ratio.

    Args:
        num_classes: C, at least 1.
        largest: n_max, the images of class 0.
        ratio: n_max / n_min, at least 1.

    Returns:
        Counts in falling order, shape (C,), each at least 1.

    Raises:
        InputError: a number is out of its range.

    Reference:
        Liu, Miao, Zhan, Wang, Gong, Yu, "Large-Scale Long-Tailed Recognition in an Open World", CVPR 2019,
        arXiv 1904.05160, section 4 (ImageNet-LT was drawn from a Pareto distribution).

    Example:
        >>> pareto_counts(8, 1000, 8).tolist()
        [1000, 500, 333, 250, 200, 166, 142, 125]
    """
    _check_profile(num_classes, largest, ratio)
    exponent = np.log(ratio) / np.log(num_classes) if num_classes > 1 else 0.0
    return _whole(largest * (np.arange(num_classes) + 1.0) ** -exponent)


PROFILES = {"exp": exponential_counts, "step": step_counts, "pareto": pareto_counts}


def imbalance_ratio(counts: ArrayLike) -> float:
    """Return the ratio of the largest to the smallest class, max n_c / min n_c; infinite where a class is empty.

    Example:
        >>> imbalance_ratio([100, 50, 2])
        50.0
    """
    counts = check_class_counts(counts)
    smallest = counts.min()
    return float(counts.max() / smallest) if smallest > 0 else float("inf")


def gini(counts: ArrayLike) -> float:
    """Measure how unevenly images are spread over classes: 0 for equal classes, towards 1 for one that holds all.

    G = sum_i (2i - C - 1) n_(i) / (C sum n), with n_(1) <= ... <= n_(C)

    Reference:
        Yang, Jiang, Song, Guo, "A Survey on Long-Tailed Visual Recognition", IJCV 2022, arXiv 2205.13775, section 3.

    Example:
        >>> gini([5, 5, 5])
        0.0
        >>> round(gini([0, 0, 9]), 3)
        0.667
    """
    ordered = np.sort(check_class_counts(counts).astype(np.float64))
    total = ordered.sum()
    if total == 0:
        return 0.0
    ranks = 2 * np.arange(1, len(ordered) + 1) - len(ordered) - 1
    return float((ranks * ordered).sum() / (len(ordered) * total))


def group_of_class(train_counts: ArrayLike, many_above: int = 100, few_below: int = 20) -> NDArray[np.str_]:
    """Return the group of each class by its number of TRAINING images.

    many: n_c > many_above; few: n_c < few_below; medium: all others, both bounds included.

    Args:
        train_counts: n_c, shape (C,).
        many_above: a class with more images than this is "many".
        few_below: a class with fewer images than this is "few".

    Returns:
        "many", "medium" or "few" for each class, shape (C,).

    Raises:
        InputError: counts or thresholds that are none, or few_below exceeds many_above + 1, so that a class would be in
            two groups.

    Reference:
        Liu et al., "Large-Scale Long-Tailed Recognition in an Open World", CVPR 2019, arXiv 1904.05160, section 4.

    Example:
        >>> group_of_class([101, 100, 20, 19]).tolist()
        ['many', 'medium', 'medium', 'few']
    """
    for name, value in {"many_above": many_above, "few_below": few_below}.items():
        if not _is_number(value, 0):
            raise InputError(f"{name} is {brief(value)}; expected a number of images of at least 0.")
    if few_below > many_above + 1:
        raise InputError(
            f"`few_below` {few_below} exceeds `many_above` {many_above} + 1: a class would be in two groups. "
            "Lower `few_below` or raise `many_above`."
        )
    counts = check_class_counts(train_counts, "train_counts")
    return np.where(counts > many_above, "many", np.where(counts < few_below, "few", "medium"))


def check_groups(groups: ArrayLike, num_classes: int | None = None) -> NDArray[np.str_]:
    """Make sure that these are the groups of classes.

    Args:
        groups: "many", "medium" or "few" for each class, shape (C,).
        num_classes: C; default: any.

    Returns:
        The groups, shape (C,).

    Raises:
        InputError: another number of classes, or a group of another name.

    Example:
        >>> check_groups(["many", "few"], 2).tolist()
        ['many', 'few']
    """
    names = as_array(groups, "groups")
    wanted = len(names) if num_classes is None and names.ndim == 1 else num_classes
    if names.shape != (wanted,) or not np.isin(names, GROUPS).all():
        raise InputError(
            f"groups are {brief(groups)}; expected {', '.join(GROUPS[:-1])} or {GROUPS[-1]} for each of the "
            f"{'C' if num_classes is None else num_classes} classes."
        )
    return names


def _check_profile(num_classes: int, largest: int, ratio: float) -> None:
    check_whole("num_classes", num_classes, 1)
    for name, value in {"largest": largest, "ratio": ratio}.items():
        if not _is_number(value, 1):
            raise InputError(f"{name} is {brief(value)}; expected at least 1, and finite.")


def _is_number(value: Any, least: float) -> bool:
    return isinstance(value, Real) and least <= float(value) <= MOST


def _whole(counts: NDArray[np.float64]) -> IntArray:
    # 1e-9: 500 * 10^-1 may come out as 49.999...; a class never vanishes from a profile
    return np.maximum(np.floor(counts * (1 + 1e-12) + 1e-9), 1).astype(np.int64)
