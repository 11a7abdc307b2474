"""Kernel methods of scikit-learn, on root-scaled rows of length 1."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import RidgeClassifier
from sklearn.svm import SVC

from peers.rows import Rows, is_large, thinned
from peers.scales import root_unit
from peers.tuning import Candidate, Scorer, two_columns

__all__ = ["nystroem_ridge", "support_vectors"]

GAMMAS = (1.0, 3.0, 0.3)
FEW_GAMMAS = (1.0, 3.0)  # on large sets
ALPHAS = (0.01, 0.1, 1.0, 0.001)
LANDMARKS = (1000, 2000)  # a fifth of the rows between these: decomposing their kernel is what takes the time
PENALTIES = (1.0, 10.0, 100.0)
FEW_PENALTIES = (1.0, 10.0)
MOST_VECTORS = 3000  # rows that the support vector machine sees: it compares each new row with most of them


def nystroem_ridge(train: Rows, seed: int) -> list[Candidate]:
    """Balanced ridge regression on the kernel (RBF) of 1,000 to 2,000 landmarks, by gamma and alpha."""
    gammas = FEW_GAMMAS if is_large(train) else GAMMAS
    return [Candidate(f"gamma {gamma:g}", partial(_fit_nystroem, gamma, seed)) for gamma in gammas]


def support_vectors(train: Rows, seed: int) -> list[Candidate]:
    """Balanced support vector machine (RBF) on at most 3,000 rows, by C."""
    penalties = FEW_PENALTIES if is_large(train) else PENALTIES
    return [Candidate(f"C {penalty:g}", partial(_fit_vectors, penalty, seed)) for penalty in penalties]


def _fit_nystroem(gamma: float, seed: int, rows: Rows) -> dict[tuple[str, str], Scorer]:
    change = root_unit(rows)
    landmarks = min(int(np.clip(len(rows.labels) // 5, *LANDMARKS)), len(rows.labels))
    kernel = Nystroem(gamma=gamma, n_components=landmarks, random_state=seed)
    mapped = kernel.fit_transform(change(rows.features))
    seen: list[NDArray[Any]] = []  # the rows to score are the same for every alpha: mapped once

    def scores(alpha: float, features: NDArray[Any]) -> NDArray[Any]:
        if not seen:
            seen.append(kernel.transform(change(features)))
        model = RidgeClassifier(alpha=alpha, class_weight="balanced").fit(mapped, rows.labels)
        return two_columns(model.decision_function(seen[0]))

    return {("nystroem", f"alpha {alpha:g}"): partial(scores, alpha) for alpha in ALPHAS}


def _fit_vectors(penalty: float, seed: int, rows: Rows) -> dict[tuple[str, str], Scorer]:
    change = root_unit(rows)
    few = thinned(rows, MOST_VECTORS, seed)
    model = SVC(C=penalty, class_weight="balanced", cache_size=500, random_state=seed)
    model.fit(change(few.features), few.labels)
    return {("svc", ""): lambda features: two_columns(model.decision_function(change(features)))}
