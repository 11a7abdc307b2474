"""Nearest neighbours, a network with a hidden layer, boosted trees."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier

from peers.rows import Rows, is_large, resampled, thinned
from peers.scales import SCALES, root_unit
from peers.tuning import Candidate, LeftOut, Scorer

__all__ = ["boosted_trees", "nearest_neighbours", "neural_network"]

NEIGHBOURS = (10, 3, 30)
FLOOR = 1e-6  # of probabilities, before their logarithm
HIDDEN = 256
NETWORKS = (("standardised", 1.0), ("standardised", 10.0), ("root", 1.0))
FEW_NETWORKS = NETWORKS[:2]  # on large sets
MOST_DRAWN = 30_000
STEPS = 600  # of the network at 200 rows each, but 10 passes at least
ROUNDS = (40, 20, 10)
LEAVES = 15
TREE_ROWS = 500_000  # rows of all trees of a round: of C trees each sees this / C at most


def nearest_neighbours(train: Rows, seed: int) -> list[Candidate]:
    """Votes of the k nearest rows, weighed by nearness, also divided by each class's rows."""
    fitting = [k for k in NEIGHBOURS if k <= len(train.labels)]
    return [Candidate(f"k {k}", partial(_fit_neighbours, k)) for k in fitting]


def neural_network(train: Rows, seed: int) -> list[Candidate]:
    """One hidden layer of 256 on rows of which every class is drawn equally often, by the penalty alpha."""
    return [
        Candidate(f"{scale}, alpha {penalty:g}", partial(_fit_network, scale, penalty, seed))
        for scale, penalty in (FEW_NETWORKS if is_large(train) else NETWORKS)
    ]


def boosted_trees(train: Rows, seed: int) -> list[Candidate]:
    """LightGBM with class_weight "balanced", by its rounds; fewer rows where there are many classes.

    Raises:
        LeftOut: it is not installed.
    """
    try:
        import lightgbm  # noqa: F401
    except ImportError as error:
        raise LeftOut("lightgbm is not installed") from error
    return [Candidate("15 leaves, a tenth of the columns a tree", partial(_fit_trees, seed))]


def _fit_neighbours(k: int, rows: Rows) -> dict[tuple[str, str], Scorer]:
    change = root_unit(rows)
    model = KNeighborsClassifier(min(k, len(rows.labels)), weights="distance", algorithm="brute")
    model.fit(change(rows.features), rows.labels)
    seen: list[NDArray[Any]] = []

    def votes(features: NDArray[Any]) -> NDArray[Any]:
        if not seen:
            seen.append(model.predict_proba(change(features)))
        return seen[0]

    def divided(features: NDArray[Any]) -> NDArray[Any]:
        shares = votes(features) / rows.counts
        return np.log(shares / shares.sum(axis=1, keepdims=True) + FLOOR)

    return {("knn", "votes by class size"): divided, ("knn", ""): lambda features: np.log(votes(features) + FLOOR)}


def _fit_network(scale: str, penalty: float, seed: int, rows: Rows) -> dict[tuple[str, str], Scorer]:
    change = SCALES[scale](rows)
    drawn = resampled(rows, MOST_DRAWN, seed)
    batch = min(200, len(drawn.labels))
    passes = int(np.clip(STEPS * batch / len(drawn.labels), 10, 200))
    model = MLPClassifier((HIDDEN,), alpha=penalty, batch_size=batch, max_iter=passes, random_state=seed)
    model.fit(change(drawn.features), drawn.labels)
    return {("mlp", ""): lambda features: np.log(model.predict_proba(change(features)) + FLOOR)}


def _fit_trees(seed: int, rows: Rows) -> dict[tuple[str, str], Scorer]:
    from lightgbm import LGBMClassifier

    few = thinned(rows, TREE_ROWS // rows.num_classes, seed)
    model = LGBMClassifier(
        n_estimators=max(ROUNDS),
        num_leaves=LEAVES,
        min_child_samples=5,
        reg_lambda=10.0,  # balanced weights of rare classes make steps wild without it
        colsample_bytree=max(0.1, min(1.0, 16 / rows.features.shape[1])),
        class_weight="balanced",
        max_bin=63,
        random_state=seed,
        n_jobs=1,
        verbose=-1,
    )
    model.fit(few.features, few.labels)

    def scores(rounds: int, features: NDArray[Any]) -> NDArray[Any]:
        return np.log(model.predict_proba(features, num_iteration=rounds) + FLOOR)

    return {("lightgbm", f"{rounds} rounds"): partial(scores, rounds) for rounds in ROUNDS}
