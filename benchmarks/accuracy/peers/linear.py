"""Linear classifiers of scikit-learn."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression, RidgeClassifier

from peers.rows import Rows, is_large
from peers.scales import SCALES
from peers.tuning import Candidate, Scorer, two_columns

__all__ = ["linear_discriminant", "logistic", "logistic_balanced", "ridge"]

# the inverse strength C by scale: what a row of that length asks for
INVERSE_STRENGTHS = {"root": (10.0, 100.0, 1.0), "standardised": (0.01, 0.1, 0.001), "raw": (0.1, 10.0)}
# on large sets, a fit of 10 to 20 seconds each
FEW_STRENGTHS = {"root": (10.0, 100.0), "standardised": (0.01,), "raw": ()}
ALPHAS = {"root": (0.1, 1.0, 10.0, 0.01), "standardised": (100.0, 1e3, 1e4, 10.0), "raw": (1.0, 100.0, 1e4)}
SHRINKAGES = (0.1, 0.5, 0.01, "auto")
FEW_SHRINKAGES = (0.1, 0.5)  # on large sets


def logistic(train: Rows, seed: int) -> list[Candidate]:
    """Logistic regression as it comes, and the same with the logarithm of each class's rows taken off its logits."""
    return _logistic(train, _plain_and_adjusted)


def logistic_balanced(train: Rows, seed: int) -> list[Candidate]:
    """Logistic regression with class_weight "balanced"."""
    return _logistic(train, _balanced)


def linear_discriminant(train: Rows, seed: int) -> list[Candidate]:
    """Linear discriminant analysis, all classes equally probable, by shrinkage of the covariance."""
    return [
        Candidate(f"{scale}, shrinkage {shrinkage}", partial(_fit_discriminant, scale, shrinkage))
        for scale in SCALES
        for shrinkage in (FEW_SHRINKAGES if is_large(train) else SHRINKAGES)
    ]


def ridge(train: Rows, seed: int) -> list[Candidate]:
    """Regression on the classes with class_weight "balanced", by its penalty alpha."""
    return [
        Candidate(f"{scale}, alpha {alpha:g}", partial(_fit_ridge, scale, alpha))
        for scale in SCALES
        for alpha in ALPHAS[scale]
    ]


def _logistic(train: Rows, fit: Callable[..., dict[tuple[str, str], Scorer]]) -> list[Candidate]:
    strengths = FEW_STRENGTHS if is_large(train) else INVERSE_STRENGTHS
    return [
        Candidate(f"{scale}, C {strength:g}", partial(fit, scale, strength))
        for scale in SCALES
        for strength in strengths[scale]
    ]


def _plain_and_adjusted(scale: str, strength: float, rows: Rows) -> dict[tuple[str, str], Scorer]:
    plain = _logits(scale, strength, None, rows)
    return {
        ("logreg", ""): plain,
        ("logreg-adjusted", ""): lambda features: plain(features) - np.log(rows.counts),
    }


def _balanced(scale: str, strength: float, rows: Rows) -> dict[tuple[str, str], Scorer]:
    return {("logreg-balanced", ""): _logits(scale, strength, "balanced", rows)}


def _logits(scale: str, strength: float, class_weight: str | None, rows: Rows) -> Scorer:
    change = SCALES[scale](rows)
    large = is_large(rows)
    model = LogisticRegression(
        C=strength, class_weight=class_weight, max_iter=100 if large else 300, tol=1e-3 if large else 1e-4
    )
    model.fit(change(rows.features), rows.labels)
    return lambda features: two_columns(model.decision_function(change(features)))


def _fit_discriminant(scale: str, shrinkage: float | str, rows: Rows) -> dict[tuple[str, str], Scorer]:
    change = SCALES[scale](rows)
    uniform = np.full(rows.num_classes, 1 / rows.num_classes)
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage, priors=uniform)
    model.fit(change(rows.features), rows.labels)

    def scores(features: NDArray[Any]) -> NDArray[Any]:
        return two_columns(model.decision_function(change(features)))

    return {("lda", ""): scores}


def _fit_ridge(scale: str, alpha: float, rows: Rows) -> dict[tuple[str, str], Scorer]:
    change = SCALES[scale](rows)
    model = RidgeClassifier(alpha=alpha, class_weight="balanced").fit(change(rows.features), rows.labels)
    return {("ridge", ""): lambda features: two_columns(model.decision_function(change(features)))}
