"""Which width of the kernel, class weights and penalty a regression on random features takes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from longtail.heads.choice import choose_from_hits
from longtail.heads.closed_form import ScoredRows, search
from longtail.heads.random_features import RandomFeatureRows, RandomFeatures
from longtail.heads.ridge_solutions import RidgeSolutions, class_size_weights, ridge_by_gamma
from longtail.heads.rows import Features, torch_rows

__all__ = ["SEARCH_FEATURES", "FoundRidge", "RandomFeatureProblem"]

SEARCH_FEATURES = 512  # by which width and gamma are chosen: a decomposition takes the cube of it


@dataclass(frozen=True)
class FoundRidge:
    """The solutions that were chosen.

    Attributes:
        mapping: the random features that they are for.
        solutions: for every penalty.
        width, gamma, penalty: the values that were chosen.
        curve: what was measured at each value of the last parameter that was open, or None.
        evidence: the rows that it was measured on.
    """

    mapping: RandomFeatures
    solutions: RidgeSolutions
    width: float
    gamma: float
    penalty: float
    curve: dict[str, Any] | None
    evidence: ScoredRows


@dataclass(frozen=True)
class RandomFeatureProblem:
    """Rows to regress on, and rows to choose by.

    Attributes:
        rows: shape (N, D).
        codes: class indices, shape (N,).
        validation: features and class indices to use instead of leave-one-out.
        drawn: random features for a width of 1.
        device: where to compute.
    """

    rows: Features
    codes: NDArray[np.int64]
    validation: tuple[Features, NDArray[np.int64]] | None
    drawn: RandomFeatures
    device: str

    def solver(self, mapping: RandomFeatures, gammas: tuple[float, ...]) -> Callable[[float], RidgeSolutions]:
        """Return what gives the solutions for a gamma: from products of features, or of rows where they are fewer."""
        features = RandomFeatureRows(self.rows, mapping)
        if len(self.codes) >= len(mapping.phases):
            return ridge_by_gamma(features, self.codes, gammas, device=self.device)
        rows = torch_rows(features, slice(None), self.device).double()
        codes = torch.from_numpy(self.codes).to(self.device)
        counts = torch.bincount(codes)
        return lambda gamma: RidgeSolutions.in_span(rows, codes, counts, class_size_weights(counts, gamma))

    def best(self, widths: tuple[float, ...], gammas: tuple[float, ...], penalties: tuple[float, ...]) -> FoundRidge:
        """Choose by balanced accuracy, the first of equals.

        With the first 512 features gamma is chosen at the first width, and the width at that gamma; the penalty with
        all features.
        """
        curve: dict[str, Any] | None = None
        width, gamma = widths[0], gammas[0]
        if len(widths) * len(gammas) > 1:
            width, gamma, curve = self._width_and_gamma(widths, gammas, penalties)
        mapping = self.drawn.of_width(width)
        evidence = self._evidence(mapping)
        result = search((gamma,), penalties, self.solver(mapping, (gamma,)), evidence)
        if result.curve is not None:
            curve = result.curve | {"parameter": "penalty"}
        return FoundRidge(mapping, result.solutions, width, gamma, result.value, curve, evidence)

    def _width_and_gamma(
        self, widths: tuple[float, ...], gammas: tuple[float, ...], penalties: tuple[float, ...]
    ) -> tuple[float, float, dict[str, Any]]:
        few, hits = self.drawn.first(SEARCH_FEATURES), []
        curve: dict[str, Any] = {}
        for width in widths:
            mapping = few.of_width(width)
            evidence = self._evidence(mapping)
            result = search(gammas, penalties, self.solver(mapping, gammas), evidence)
            if result.best_hits is None:
                hits.append(evidence.hits(result.solutions, penalties)[0])
            else:
                hits.append(result.best_hits[gammas.index(result.key)])
                curve = choose_from_hits(gammas, result.best_hits, evidence.totals)[1] | {"parameter": "gamma"}
            gammas = (result.key,)
        if len(widths) == 1:
            return widths[0], gammas[0], curve
        best, curve = choose_from_hits(widths, np.array(hits), evidence.totals)
        return best, gammas[0], curve | {"parameter": "width"}

    def _evidence(self, mapping: RandomFeatures) -> ScoredRows:
        judged: Any = self.validation
        if judged is not None:
            judged = RandomFeatureRows(judged[0], mapping), judged[1]
        features: Any = RandomFeatureRows(self.rows, mapping)
        return ScoredRows(features, self.codes, judged, self.device)
