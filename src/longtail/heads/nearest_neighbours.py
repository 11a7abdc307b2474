"""k-NN: the most similar training images vote, those of rare classes with more weight."""

import itertools
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import torch
from msgspec import Meta
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from longtail.heads.base import Head, ImpliedPrior
from longtail.heads.choice import choose_from_hits
from longtail.heads.learned_state import CURVE, NOT_NEGATIVE, POSITIVE, WHOLE, Array, Learned, Plain
from longtail.heads.left_out import rows_to_leave_out
from longtail.heads.nearest_rows import Similarity, class_votes, nearest_rows
from longtail.heads.parameters import AUTO, DEVICE, Constraints, real, whole, words
from longtail.heads.rounded_search import pays_to_round, rounded_nearest
from longtail.heads.rows import chunks, torch_rows
from longtail.heads.standardisation import scale_note

__all__ = ["NearestNeighbours"]

NEIGHBOUR_GRID = (1, 5, 10, 20, 50, 100)
TEMPERATURE_GRID = (0.01, 0.03, 0.1, 0.3)
GAMMA_GRID = (0.0, 0.25, 0.5, 0.75, 1.0)
WITHOUT_EVIDENCE = (1, 0.1, 1.0)  # where every class has a single row, so that none can be left out
PAIR_ROWS = 512  # whose neighbours are compared with each other at once
MOST_LEFT_OUT, MOST_PRODUCTS = 4096, 10**11  # rows; rows times N times D, which is a few seconds of one core


class NearestNeighbours(Head):
    """Weighted k-NN: the k most similar training rows vote for their classes.

    v_c = n_c^-gamma sum over the k nearest i of class c of exp(s_i / T)
    logits_c = log((v_c / sum_j v_j + 1 / (k C)) / (1 + 1 / k))

    s_i is the cosine of both rows, or minus their squared distance over its mean in training. The k-th part of a
    vote, which all classes share, keeps logits finite.

    What is "auto" is chosen by leave-one-out: each of up to 4096 training rows, evenly spread over the classes, is
    classified by all others; the measure is balanced accuracy. Nothing is trained, but all training rows are kept, and
    every prediction compares with all of them.

    Args:
        neighbours: k, at least 1; all rows vote where there are fewer. "auto" chooses.
        temperature: T, above 0; "auto" chooses.
        gamma: how much more a vote for a rare class counts, at least 0: with 1 classes count alike, with 0 rows.
            "auto" chooses.
        metric: "cosine" or "l2".
        device: where to compute, such as "cpu" or "cuda".

    Attributes:
        neighbours_, temperature_, gamma_: the values in use.
        curve_: None, or what was measured at each gamma with the best of the others.
        rows_: the training features as they came, shape (N, D).
        codes_: their class indices, shape (N,).
        length_: what squared distances are divided by; 1 for cosine.
        classes_: labels in the order of the logits, shape (C,).
        selected_on_: "val", "train-cv" (leave-one-out), "given", or "not selected" where every class has a single row.

    Raises:
        InputError: unusable features, labels or parameters.

    Reference:
        Wu, Xiong, Yu, Lin, "Unsupervised Feature Learning via Non-Parametric Instance Discrimination", CVPR 2018, arXiv
        1805.01978, section 3.4 (gamma = 0). The weight of a class is ours.

    Example:
        >>> features = np.array([[1.0, 0.0], [0.9, 0.1], [0.8, 0.2], [0.0, 1.0]])
        >>> head = NearestNeighbours(neighbours=1, temperature=0.1, gamma=0.0).fit(features, ["a", "a", "a", "b"])
        >>> head.predict([[0.1, 2.0]])
        array(['b'], dtype='<U1')
    """

    _parameter_constraints: ClassVar[Constraints] = {
        "neighbours": [whole(), AUTO],
        "temperature": [real(above=0), AUTO],
        "gamma": [real(0), AUTO],
        "metric": [words(Similarity)],
        "device": [DEVICE],
    }

    _learned: ClassVar[Learned] = {
        **Head._learned,
        "class_counts_": Array(("C",), WHOLE, above=0),
        "rows_": Array(("N", "D")),
        "codes_": Array(("N",), WHOLE, least=0, below="C"),
        "length_": POSITIVE,
        "neighbours_": Plain(Annotated[int, Meta(ge=1, le=2**31 - 1)]),
        "temperature_": POSITIVE,
        "gamma_": NOT_NEGATIVE,
        "curve_": CURVE,
    }
    _predicts_by: ClassVar[tuple[str, ...]] = ("metric",)

    def __init__(
        self,
        neighbours: int | Literal["auto"] = "auto",
        *,
        temperature: float | Literal["auto"] = "auto",
        gamma: float | Literal["auto"] = "auto",
        metric: Similarity = "cosine",
        device: str = "cpu",
    ) -> None:
        self.neighbours = neighbours
        self.temperature = temperature
        self.gamma = gamma
        self.metric = metric
        self.device = device

    @property
    def implied_prior(self) -> ImpliedPrior:
        """Return the world where softmax(logits) is a probability: by how much the votes even classes out."""
        return "uniform" if getattr(self, "gamma_", 1.0) > 0.5 else "train"

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        validation: tuple[ArrayLike, ArrayLike] | None = None,
    ) -> Self:
        """Keep the rows; choose what is "auto".

        Args:
            X: features of the training images, shape (N, D).
            y: labels, shape (N,).
            validation: features and labels on which to choose instead of leave-one-out.
        """
        array, self.codes_, _ = self._begin(X, y)
        grids = self._grids()
        self.rows_ = np.array(array)
        self.length_ = 1.0 if self.metric == "cosine" else _mean_squared_distance(array)
        self.curve_: dict[str, Any] | None = None
        self.selected_on_ = "given"
        values: tuple[Any, Any, Any] = (grids[0][0], grids[1][0], grids[2][0])
        judged = self._judged(validation)
        if np.prod([len(grid) for grid in grids]) > 1:
            if judged is None:
                most = min(max(MOST_PRODUCTS // array.size, 256), MOST_LEFT_OUT)
                left_out: NDArray[np.int64] | None = rows_to_leave_out(self.codes_, most)
                result, truth = array[left_out], self.codes_[left_out]
                self.selected_on_ = "train-cv" if len(truth) else "not selected"
            else:
                (result, truth), left_out = judged, None
                self.selected_on_ = "val"
            values = self._choose(grids, result, truth, left_out) if len(truth) else WITHOUT_EVIDENCE
        self.neighbours_, self.temperature_, self.gamma_ = values
        self.notes_ = scale_note(array, device=self.device)
        return self

    def _grids(self) -> tuple[tuple[int, ...], tuple[float, ...], tuple[float, ...]]:
        return (
            NEIGHBOUR_GRID if self.neighbours == "auto" else (int(self.neighbours),),
            TEMPERATURE_GRID if self.temperature == "auto" else (float(self.temperature),),
            GAMMA_GRID if self.gamma == "auto" else (float(self.gamma),),
        )

    def _nearest(self, features: Tensor, k: int, left_out: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return similarities and class indices of the k nearest training rows, both (M, k)."""
        if features.dtype == torch.float32 and pays_to_round(len(self.rows_), k, features.device):
            nearest, rows = rounded_nearest(features, self.rows_, k, metric=self.metric, left_out=left_out)
        else:
            blocks = ((rows, block.to(features)) for rows, block in chunks(self.rows_, self.device))
            nearest, rows = nearest_rows(features, blocks, k, metric=self.metric, left_out=left_out)
        return nearest / self.length_, torch.from_numpy(self.codes_).to(self.device)[rows]

    def _choose(
        self,
        grids: tuple[tuple[int, ...], tuple[float, ...], tuple[float, ...]],
        features: NDArray[Any],
        truth: NDArray[np.int64],
        left_out: NDArray[np.int64] | None,
    ) -> tuple[int, float, float]:
        num_classes = len(self.classes_)
        totals = np.bincount(truth, minlength=num_classes)
        combinations = list(itertools.product(*grids))
        hits = np.zeros((len(combinations), num_classes), dtype=np.int64)
        counts = torch.from_numpy(self.class_counts_).to(self.device)
        targets = torch.from_numpy(truth).to(self.device)
        numbers = None if left_out is None else torch.from_numpy(left_out).to(self.device)
        for rows, block in chunks(features, self.device):
            nearest, labels = self._nearest(block, max(grids[0]), None if numbers is None else numbers[rows])
            here = targets[rows]
            left = counts[labels].to(nearest)
            if left_out is not None:  # its class has one row fewer where a row is left out
                left -= (labels == here[:, None]).to(left)
            hits += _hits(nearest, labels, left.clamp(min=1), here, combinations, num_classes)
        result = choose_from_hits(tuple(float(number) for number in range(len(combinations))), hits, totals)[1]
        balanced = np.array(result["balanced"])
        best: tuple[int, float, float] = combinations[int(balanced.argmax())]
        if len(grids[2]) > 1:
            by_gamma = [[n for n, (_, _, gamma) in enumerate(combinations) if gamma == value] for value in grids[2]]
            winners = [numbers_of[int(balanced[numbers_of].argmax())] for numbers_of in by_gamma]
            self.curve_ = choose_from_hits(grids[2], hits[winners], totals)[1] | {"parameter": "gamma"}
        return best

    def _chunk_logits(self, features: Tensor) -> Tensor:
        k, num_classes = min(int(self.neighbours_), len(self.rows_)), len(self.classes_)
        nearest, labels = self._nearest(features, k)
        counts = torch.from_numpy(self.class_counts_).to(features)
        votes = class_votes(nearest, labels, (counts / counts.min()) ** -self.gamma_, self.temperature_)
        shares = votes / votes.sum(dim=1, keepdim=True).clamp(min=torch.finfo(votes.dtype).tiny)
        return torch.log((shares + 1 / (k * num_classes)) / (1 + 1 / k))


def _hits(
    nearest: Tensor,
    labels: Tensor,
    counts: Tensor,
    truth: Tensor,
    combinations: list[tuple[int, float, float]],
    num_classes: int,
) -> NDArray[np.int64]:
    """Count the rows of each class that each (k, T, gamma) gets right, shape (len(combinations), C).

    Votes are summed over pairs of neighbours of one class instead of over all classes: there may be thousands.
    """
    hits = np.zeros((len(combinations), num_classes), dtype=np.int64)
    relative = counts / counts.min()  # no power of it overflows
    for start in range(0, len(nearest), PAIR_ROWS):
        part = slice(start, start + PAIR_ROWS)
        alike = (labels[part, :, None] == labels[part, None, :]).to(nearest)
        falling, factors = nearest[part] - nearest[part, :1], {}
        for number, (k, temperature, gamma) in enumerate(combinations):
            if (temperature, gamma) not in factors:
                factors[temperature, gamma] = torch.exp(falling / temperature) * relative[part] ** -gamma
            votes = (alike[:, :k, :k] @ factors[temperature, gamma][:, :k, None])[:, :, 0]
            predicted = labels[part, :k].gather(1, votes.argmax(dim=1, keepdim=True))[:, 0]
            result = truth[part][predicted == truth[part]]
            hits[number] += torch.bincount(result, minlength=num_classes).cpu().numpy()
    return hits


def _mean_squared_distance(features: NDArray[Any]) -> float:
    """Return the mean squared distance of two rows: twice the sum of the features' variances."""
    total = torch.zeros(features.shape[1], dtype=torch.float64)
    squares = 0.0
    first = torch_rows(features, slice(0, 1)).double()
    for _, block in chunks(features):
        moved = block.double() - first  # near the rows, so that squares of large means do not cancel
        total += moved.sum(dim=0)
        squares += float(moved.square().sum())
    return 2 * (squares / len(features) - float((total / len(features)).square().sum())) or 1.0
