"""Choose between solutions in closed form by the scores of rows that they were not fitted to."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from longtail.heads.choice import choose_from_hits
from longtail.heads.left_out import fitted_scale, hits_of, rows_to_leave_out
from longtail.heads.rows import Features, chunks

__all__ = ["ScoredRows", "Solutions", "Winner", "search"]


class Solutions(Protocol):
    """The solutions for each value of one parameter, from one decomposition."""

    def rotated(self, features: Tensor) -> Tensor:
        """Return features (N, D) in the basis in which all solutions are diagonal."""
        ...

    def scores(self, rotated: Tensor, value: float) -> Tensor:
        """Return the scores of any rows, shape (N, C)."""
        ...

    def left_out_scores(self, rotated: Tensor, codes: Tensor, value: float) -> Tensor:
        """Return the scores of training rows by the solutions fitted without each of them, shape (N, C)."""
        ...


S = TypeVar("S", bound=Solutions)
K = TypeVar("K")


class ScoredRows:
    """Rows on which solutions are compared: left out of training one at a time, or of validation.

    Args:
        features: of training, shape (N, D).
        codes: class indices, shape (N,).
        validation: features and class indices to use instead of leave-one-out.
        device: where to compute.

    Attributes:
        codes: class indices of the rows, shape (N',).
        totals: rows of each class, shape (C,).
        name: "val", "train-cv", or "not selected" where no row can be left out.
    """

    def __init__(
        self,
        features: Features,
        codes: NDArray[np.int64],
        validation: tuple[Features, NDArray[np.int64]] | None,
        device: str,
    ) -> None:
        self._device = device
        self._left_out = validation is None
        if validation is None:
            rows = rows_to_leave_out(codes)
            self._features: Features = np.asarray(features[rows])
            self.codes = codes[rows]
        else:
            self._features, self.codes = validation
        self.totals = np.bincount(self.codes, minlength=int(codes.max()) + 1)
        self.name = ("train-cv" if len(self.codes) else "not selected") if validation is None else "val"

    def hits(self, solutions: Solutions, values: Sequence[float]) -> NDArray[np.int64]:
        """Count the rows of each class that the solution of each value gets right, shape (len(values), C)."""
        result = np.zeros((len(values), len(self.totals)), dtype=np.int64)
        for codes, rotated in self._walk(solutions):
            for number, value in enumerate(values):
                result[number] += hits_of(self._scores(solutions, rotated, codes, value), codes, len(self.totals))
        return result

    def scale(self, solutions: Solutions, value: float, row_weights: Tensor) -> float:
        """Fit the number that makes logits of a solution's scores; see `fitted_scale`."""
        parts = [(self._scores(solutions, rotated, codes, value), codes) for codes, rotated in self._walk(solutions)]
        if not parts:
            return 1.0
        scores, codes = (torch.cat(part) for part in zip(*parts, strict=True))
        return fitted_scale(scores, codes, row_weights)

    def _walk(self, solutions: Solutions) -> Iterator[tuple[Tensor, Tensor]]:
        truth = torch.from_numpy(self.codes).to(self._device)
        for rows, block in chunks(self._features, self._device):
            yield truth[rows], solutions.rotated(block)

    def _scores(self, solutions: Solutions, rotated: Tensor, codes: Tensor, value: float) -> Tensor:
        if self._left_out:
            return solutions.left_out_scores(rotated, codes, value)
        return solutions.scores(rotated, value)


@dataclass(frozen=True)
class Winner(Generic[S, K]):
    """What a search found.

    Attributes:
        key: of the solutions that hold the best one.
        value: of the best one among them.
        solutions: those.
        curve: what was measured at each value, as `choose_from_hits` gives it, or None for a single one.
        best_hits: rows of each class that the best value of each key gets right, shape (keys, C), or None.
    """

    key: K
    value: float
    solutions: S
    curve: dict[str, Any] | None
    best_hits: NDArray[np.int64] | None


def search(keys: Sequence[K], values: tuple[float, ...], solve: Callable[[K], S], evidence: ScoredRows) -> Winner[S, K]:
    """Find the key and value with the best balanced accuracy, the first of equals; a single one is not measured.

    Args:
        keys: for each there is one decomposition.
        values: for each there is a solution of every decomposition.
        solve: gives the solutions of a key.
        evidence: rows to compare them on.
    """
    if len(keys) * len(values) == 1:
        return Winner(keys[0], values[0], solve(keys[0]), None, None)
    best: tuple[float, Winner[S, K]] | None = None
    hits = []
    for key in keys:
        solutions = solve(key)
        result = evidence.hits(solutions, values)
        value, curve = choose_from_hits(values, result, evidence.totals)
        hits.append(result[values.index(value)])
        score = max(curve["balanced"])
        if best is None or score > best[0]:
            best = score, Winner(key, value, solutions, curve, None)
    assert best is not None
    winner = best[1]
    return Winner(winner.key, winner.value, winner.solutions, winner.curve, np.array(hits))
