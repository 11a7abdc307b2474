"""Random rows with classes and groups, and what may be said of how they are split."""

import numpy as np
from hypothesis import strategies as st

SHAPES = ("plain", "ties", "giants", "single rows", "one class a group")


def drawn_rows(num_groups, num_classes, shape, seed):
    """Labels and groups of rows; classes are long-tailed, and most groups hold several."""
    rng = np.random.default_rng(seed)
    chances = np.arange(1, num_classes + 1.0) ** -rng.uniform(0, 2)
    most = 1 if shape in ("single rows", "one class a group") else rng.integers(1, 6)
    palettes = rng.choice(num_classes, size=(num_groups, most), p=chances / chances.sum())
    sizes = {
        "plain": rng.integers(1, 12, size=num_groups),
        "ties": np.full(num_groups, most),
        "giants": np.minimum(rng.pareto(0.8, size=num_groups) + 1, 3000).astype(int),
        "single rows": np.ones(num_groups, dtype=int),
        "one class a group": rng.integers(1, 12, size=num_groups),
    }[shape]
    groups = np.repeat(np.arange(num_groups), sizes)
    turns = np.arange(len(groups)) if shape == "ties" else rng.integers(most, size=len(groups))
    labels = palettes[groups, turns % most]
    order = rng.permutation(len(groups))
    return labels[order], groups[order]


# sizes of which small ones are as usual as large ones
_SIZES = st.floats(0, np.log(400)).map(lambda logarithm: round(np.exp(logarithm)))
tables = st.builds(drawn_rows, _SIZES, st.integers(1, 60), st.sampled_from(SHAPES), st.integers(0, 2**32 - 1))


def groups_of(labels, groups):
    """The set of groups of each class that has rows."""
    return {int(label): set(groups[labels == label].tolist()) for label in np.unique(labels)}


def distance_of(labels, shares_of_rows, wishes):
    """The distance that is made small, from where each row is (numbers of parts), class by class."""
    parts = range(len(wishes))
    by_class = [[(shares_of_rows[labels == c] == s).mean() for s in parts] for c in np.unique(labels)]
    rows = [(shares_of_rows == s).mean() for s in parts]
    return np.abs(np.array(rows) - wishes).sum() + np.abs(np.array(by_class) - wishes).sum(axis=1).mean()
