"""How recall grows with a class's own images, and what more of them would bring: a learning curve for each class."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longtail.arguments import as_array, as_numbers, brief, check_whole
from longtail.counts import GROUPS, check_groups, class_counts
from longtail.errors import InputError
from longtail.evaluation.sample_groups import check_sample_groups

__all__ = ["EXPONENTS", "LearningCurves", "fit_learning_curves", "rotated_subsamples"]

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

EXPONENTS = (0.1, 0.2, 0.35, 0.5, 0.75, 1.0)
SPREADS = 40  # values of a group's spread that are averaged over
INTERVAL = 1.96  # standard deviations on either side, for 95 %


@dataclass(frozen=True)
class LearningCurves:
    """What more images of each class would bring, others unchanged.

    gain_c(k) = g_c (1 - k^-b) / (1 - 2^-b) for k times as many images, b with probability `weights`, and for each b
    g_c ~ Normal(doubling_c, errors_c^2)

    Attributes:
        exponents: values of b, shape (E,).
        weights: how probable each is, of sum 1, shape (E,).
        doubling: for each, the expected gain in recall from twice as many images, percentage points, shape (E, C).
        errors: their standard deviations, shape (E, C).
        measured: whether the class's own images had a part in it; else it is its group's mean, shape (C,).
        own_share: share of the class's own measurement in the estimate, 0 to 1, the rest its group's mean, shape (C,).
        group_doubling: expected gain from doubling of an average class of each group, and the ends of its 95 %
            interval; None for an empty group.
    """

    exponents: FloatArray
    weights: FloatArray
    doubling: FloatArray
    errors: FloatArray
    measured: NDArray[np.bool_]
    own_share: FloatArray
    group_doubling: dict[str, tuple[float, float, float] | None]

    def gain(self, times: ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the expected gain in recall from `times` as many images, with the ends of its 95 % interval.

        Args:
            times: above 0, one number or shape (C,).

        Returns:
            Gain, low and high, percentage points, shape (C,) each.
        """
        more = np.broadcast_to(np.asarray(times, dtype=np.float64), self.measured.shape)
        powers = self.exponents[:, None]
        scale = (1 - more**-powers) / (1 - 2**-powers)
        means, variances = self.doubling * scale, (self.errors * scale) ** 2
        mean = self.weights @ means
        half = INTERVAL * np.sqrt(np.maximum(self.weights @ (variances + means**2) - mean**2, 0))
        return mean, mean - half, mean + half


def rotated_subsamples(
    labels: ArrayLike, fractions: tuple[float, ...], seed: int, *, sample_groups: ArrayLike | None = None
) -> list[tuple[IntArray, IntArray]]:
    """Draw subsamples in which each class keeps every fraction once, classes independently of each other.

    In subsample j class c keeps ceil(f n_c) of its rows, f = fractions[(j + s_c) mod J] with a random shift s_c: what
    happens to a class's recall is then due to its own images, the other classes being as often large as small. The
    subsamples of a class are nested.

    Args:
        labels: class indices, shape (N,).
        fractions: above 0, at most 1; J of them.
        seed: of the order of rows and of the shifts.
        sample_groups: a whole number for each row, equal for rows of one site, lesion or sequence, shape (N,): a class
            then loses one group after the other, as who has fewer images has seen fewer sites. Default: rows are
            independent.

    Returns:
        J times the row numbers, rising, and for each class the index of its fraction, shape (C,).

    Raises:
        InputError: a fraction that is out of range.

    Example:
        >>> labels = np.array([0] * 8 + [1] * 4)
        >>> parts = rotated_subsamples(labels, (0.25, 0.5, 1.0), seed=0)
        >>> [(np.bincount(labels[rows]).tolist(), levels.tolist()) for rows, levels in parts]
        [([2, 4], [0, 2]), ([4, 1], [1, 0]), ([8, 2], [2, 1])]
    """
    shares = as_numbers(fractions, "fractions")
    if shares.ndim != 1 or not len(shares) or not ((shares > 0) & (shares <= 1)).all():
        raise InputError(f"the fractions are {brief(fractions)}; expected numbers above 0 and at most 1.")
    check_whole("seed", seed)
    counts = class_counts(labels)
    classes = as_array(labels, "labels").astype(np.int64)
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(len(classes))
    together = check_sample_groups(sample_groups, len(classes))
    if together is not None:
        of_group = rng.permutation(int(together.max()) + 1)[together]
        shuffled = shuffled[np.argsort(of_group[shuffled], kind="stable")]
    ordered = shuffled[np.argsort(classes[shuffled], kind="stable")]
    place = np.empty(len(classes), dtype=np.int64)
    place[ordered] = np.arange(len(classes)) - np.repeat(np.cumsum(counts) - counts, counts)
    shifts = rng.integers(len(fractions), size=len(counts))
    parts = []
    for step in range(len(fractions)):
        levels = (step + shifts) % len(fractions)
        sizes = np.ceil(shares[levels] * counts - 1e-9).astype(np.int64)
        parts.append((np.flatnonzero(place < sizes[classes]), levels))
    return parts


def fit_learning_curves(
    hits: ArrayLike,
    fractions: ArrayLike,
    labels: ArrayLike,
    groups: NDArray[np.str_],
    exponents: tuple[float, ...] = EXPONENTS,
) -> LearningCurves:
    """Fit a saturating power law to how often each image is found with ever more training images of its class.

    recall_c(n) = a_c - g_c (n / n_c)^-b / (1 - 2^-b),  so that recall_c(2 n_c) - recall_c(n_c) = g_c

    For each image i of class c the slope g_i is found by least squares over the fractions of n_c; the same image is
    measured at each, so that how difficult it is falls out. The mean of a class's slopes is noisy where it has few
    images, and shares what was drawn with all of them. It is shrunk towards its group, whose classes are taken to
    differ normally (a hierarchical model):

    mean_c ~ Normal(g_c, s^2 / m_c + v^2 / R),  g_c ~ Normal(mu_group, t_group^2)

    m_c is the number of measured images of the class; s^2 the variance of slopes over the images of a class and v^2
    that of a class's mean over the R draws, both pooled over the group. mu and t are not known but averaged over: flat
    priors, t on a grid.

    b is the same for all classes, and few levels hardly tell it: each value counts with exp(-(e_b - min e) / (2 q)),
    e_b the squared error of the classes' mean curves, weighted by m_c, q its least value by degree of freedom.

    This assumes that the features stay as they are, that new images are like those there are, and that the law goes on
    beyond n_c: a forecast for many times the images is a guess.

    Args:
        hits: 1 where an image was found, by draw and level, else 0; NaN where a draw did not measure it; shape
            (R, M, J).
        fractions: share of its class's images that the level kept, shape (M, J) or (J,).
        labels: class of each measured image, shape (M,).
        groups: "many", "medium" or "few" for each class, shape (C,).
        exponents: values of b to try.

    Returns:
        The curves; classes without a measured image, or whose images could not be subsampled, have their group's mean.

    Raises:
        InputError: arrays of other shapes, or no group whose classes could be subsampled.

    Reference:
        Cortes, Jackel, Solla, Vapnik, Denker, "Learning Curves: Asymptotic Values and Rate of Convergence", NIPS 1993
        (the power law). Gelman, Carlin, Stern, Dunson, Vehtari, Rubin, "Bayesian Data Analysis", third edition, 2013,
        section 5.4 (the shrinkage).

    Example:
        >>> hits, labels = np.zeros((2, 40, 3)), np.repeat([0, 1], 20)
        >>> hits[:, ::5, 0] = hits[:, ::2, 1] = hits[:, ::5, 2] = hits[:, ::2, 2] = 1
        >>> curves = fit_learning_curves(hits, (0.25, 0.5, 1.0), labels, np.array(["many", "few"]), (0.1,))
        >>> curves.gain(2.0)[0].round(1).tolist(), curves.measured.tolist()
        ([18.1, 18.1], [True, True])
    """
    seen, truth = as_numbers(hits, "hits", finite=False), as_array(labels, "labels")
    if seen.ndim != 3 or truth.shape != seen.shape[1:2] or not seen.size:
        raise InputError(f"hits has shape {seen.shape}, labels {truth.shape}; expected (R, M, J) and (M,).")
    if not (np.isnan(seen) | (seen == 0) | (seen == 1)).all():
        raise InputError("hits holds other numbers than 0, 1 and NaN; expected whether each image was found.")
    groups = check_groups(groups)
    class_counts(truth, len(groups))
    levels, powers = as_numbers(fractions, "fractions"), as_numbers(exponents, "exponents")
    if levels.shape not in (seen.shape[1:], seen.shape[2:]) or not ((levels > 0) & (levels <= 1)).all():
        raise InputError(
            f"fractions have shape {levels.shape}; expected shares above 0 and at most 1, ({seen.shape[2]},) or "
            f"{seen.shape[1:]}."
        )
    if powers.ndim != 1 or not len(powers) or not (powers > 0).all():
        raise InputError(f"exponents are {brief(exponents)}; expected numbers above 0.")
    levels = np.broadcast_to(levels, seen.shape[1:])
    fits = [_fit(seen, levels, truth, groups, power) for power in powers]
    measured = fits[0].measured
    if not measured.any():
        raise InputError("no class has two images of which one could be left out: there is no learning curve.")
    left_over = np.array([fit.squares for fit in fits])
    free = max(int(measured.sum()) * (seen.shape[2] - 2) - 1, 1)
    weights = np.exp(-(left_over - left_over.min()) / (2 * max(left_over.min() / free, 1e-9)))
    weights /= weights.sum()
    by_power = np.stack([fit.centres for fit in fits])
    centres = weights @ by_power
    squares = weights @ (by_power**2 + np.stack([fit.centre_errors for fit in fits]) ** 2)
    half = INTERVAL * np.sqrt(np.maximum(squares - centres**2, 0))
    edges = np.stack([centres, centres - half, centres + half], axis=1)
    first = {group: np.flatnonzero(groups == group)[:1] for group in GROUPS}
    return LearningCurves(
        powers,
        weights,
        np.stack([fit.doubling for fit in fits]),
        np.stack([fit.errors for fit in fits]),
        measured,
        weights @ np.stack([fit.own_share for fit in fits]),
        {group: tuple(edges[members[0]].tolist()) if len(members) else None for group, members in first.items()},
    )


@dataclass(frozen=True)
class _Fit:
    """The gains for one exponent."""

    doubling: FloatArray
    errors: FloatArray
    centres: FloatArray
    centre_errors: FloatArray
    own_share: FloatArray
    measured: NDArray[np.bool_]
    squares: float


def _fit(hits: FloatArray, levels: FloatArray, labels: IntArray, groups: NDArray[np.str_], exponent: float) -> _Fit:
    slopes, curves = _slopes(hits, levels, exponent)
    by_class = _ClassSlopes.of(slopes, labels, len(groups))
    number, means, everyone = by_class.number, by_class.means, by_class.number > 0
    doubling, errors, centres, centre_errors, own_share = (np.zeros(len(groups)) for _ in range(5))
    for group in GROUPS if everyone.any() else ():
        members = groups == group
        # a group that says little of its own is judged with all classes
        judged = members & everyone if (number[members] > 1).sum() >= 3 else everyone
        noise = by_class.noise(judged)
        estimates = _shrunk(means[judged], noise[judged], means[members], np.where(everyone, noise, np.inf)[members])
        centres[members], centre_errors[members], doubling[members], errors[members], own_share[members] = estimates
    # what the law leaves over, of each class's mean curve
    rest = np.where(np.isfinite(slopes)[:, :, None], curves, 0.0).mean(axis=0)
    sums = np.stack([np.bincount(labels, weights=column, minlength=len(groups)) for column in rest.T], axis=1)
    squares = float((sums**2 / np.maximum(number, 1)[:, None]).sum())
    return _Fit(doubling, errors, centres, centre_errors, own_share, everyone, squares)


@dataclass(frozen=True)
class _ClassSlopes:
    """Gains from doubling by class, and what their noise is made of."""

    number: IntArray
    means: FloatArray
    image_squares: FloatArray
    draw_squares: FloatArray
    draws: IntArray

    @classmethod
    def of(cls, slopes: FloatArray, labels: IntArray, num_classes: int) -> "_ClassSlopes":
        measured = np.isfinite(slopes)
        often = measured.sum(axis=0)
        sums = np.where(measured, slopes, 0.0)
        is_measured = often > 0
        images, classes = sums.sum(axis=0)[is_measured] / often[is_measured], labels[is_measured]
        number = np.bincount(classes, minlength=num_classes)
        means = np.bincount(classes, weights=images, minlength=num_classes) / np.maximum(number, 1)
        squares = np.bincount(classes, weights=(images - means[classes]) ** 2, minlength=num_classes)
        seen = np.stack([np.bincount(labels, weights=row, minlength=num_classes) for row in measured])
        totals = np.stack([np.bincount(labels, weights=row, minlength=num_classes) for row in sums])
        by_draw = totals / np.maximum(seen, 1)
        draws = (seen > 0).sum(axis=0)
        centre = by_draw.sum(axis=0) / np.maximum(draws, 1)
        draw_squares = np.where(seen > 0, (by_draw - centre) ** 2, 0.0).sum(axis=0)
        return cls(number, means, squares.astype(np.float64), draw_squares, draws)

    def noise(self, judged: NDArray[np.bool_]) -> FloatArray:
        """Return the variance of each class's mean, with the variances of some classes pooled."""
        free_images = np.maximum(self.number - 1, 0)[judged].sum()
        free_draws = np.maximum(self.draws - 1, 0)[judged].sum()
        of_images = self.image_squares[judged].sum() / max(int(free_images), 1)
        of_draws = self.draw_squares[judged].sum() / max(int(free_draws), 1)
        noise: FloatArray = of_images / np.maximum(self.number, 1) + of_draws / np.maximum(self.draws, 1)
        return np.maximum(noise, 1e-6)


def _slopes(hits: FloatArray, levels: FloatArray, exponent: float) -> tuple[FloatArray, FloatArray]:
    """Return each image's gain from doubling in each draw, in points (NaN where none is), and what is left over."""
    x = -(levels**-exponent) / (1 - 2**-exponent)
    x = x - x.mean(axis=1, keepdims=True)
    y = 100 * (hits - hits.mean(axis=2, keepdims=True))
    room = (x**2).sum(axis=1)
    # x rises by exactly 1 from n_c to 2 n_c
    slopes = np.where(room > 1e-12, (x * y).sum(axis=2) / np.where(room > 1e-12, room, 1), np.nan)
    return slopes, y - slopes[:, :, None] * x


def _shrunk(
    judged: FloatArray, judged_noise: FloatArray, means: FloatArray, noise: FloatArray
) -> tuple[float, float, FloatArray, FloatArray, FloatArray]:
    """Return the mean gain of the group with its deviation, and that of each class with its deviation and own share.

    Args:
        judged: measured means that tell the group's mean and spread.
        judged_noise: their variances.
        means: of the classes to shrink.
        noise: their variances; infinite where nothing was measured.
    """
    spreads = np.linspace(0, max(2 * float(judged.std()), 1.0), SPREADS)[:, None]
    precision = 1 / (judged_noise + spreads**2)
    centres = (precision @ judged) / precision.sum(axis=1)
    centre_variances = 1 / precision.sum(axis=1)
    squares = (precision * (judged - centres[:, None]) ** 2).sum(axis=1)
    likelihood = (np.log(precision).sum(axis=1) + np.log(centre_variances) - squares) / 2
    weights = np.exp(likelihood - likelihood.max())
    weights /= weights.sum()
    class_share = spreads**2 / (spreads**2 + noise)
    gains = centres[:, None] + class_share * (means - centres[:, None])
    variances = (1 - class_share) * spreads**2 + (1 - class_share) ** 2 * centre_variances[:, None]
    gain = weights @ gains
    error = np.sqrt(np.maximum(weights @ (variances + gains**2) - gain**2, 0))
    centre = float(weights @ centres)
    centre_error = float(np.sqrt(max(weights @ (centre_variances + centres**2) - centre**2, 0.0)))
    return centre, centre_error, gain, error, weights @ class_share
