"""Linear discriminant analysis with a shrunk covariance, for any prior: a linear head in closed form."""

from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

import numpy as np
import torch
from msgspec import Meta
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from longtail.errors import InputError
from longtail.heads.base import ImpliedPrior
from longtail.heads.choice import tried_values
from longtail.heads.class_scatter import class_means, within_class_scatter, without_noise
from longtail.heads.closed_form import ScoredRows, search
from longtail.heads.learned_state import CURVE, POSITIVE, Array, Learned, Plain
from longtail.heads.linear import LinearHead
from longtail.heads.parameters import AUTO, DEVICE, SHARES, Constraints, Each, real, words
from longtail.heads.row_span import in_span
from longtail.heads.standardisation import scale_note
from longtail.priors import prior_of_counts, uniform_prior

__all__ = ["SHRINKAGE_GRID", "DiscriminantSolutions", "LinearDiscriminant"]

SHRINKAGE_GRID = (0.01, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
WITHOUT_EVIDENCE = 0.5  # where every class has a single row, so that none can be left out

Weighting = Literal["rows", "classes"]


class LinearDiscriminant(LinearHead):
    """Linear discriminant analysis: classes are Gaussians of one covariance, which is shrunk towards a sphere.

    logits_c = a (x' S^-1 m_c - 1/2 (m_c' S^-1 m_c - t / n_c) + log prior_c),  t = tr(S^-1 S_0)
    S = (1 - r) S_0 + r tr(S_0) / D I,   S_0 = mean over rows, or over classes, of (x - m_y) (x - m_y)'

    The mean m_c of few rows lies too far out by a distance of expected square t / n_c, which would be held against rare
    classes; `corrected` takes it off. Where many classes have a row or two it can do harm: their means are so uncertain
    that some of them are near by chance.

    What is "auto" is chosen by leave-one-out, which has a closed form: without row i one mean moves, and the inverse
    covariance by a matrix of rank one. The weights of the other rows and tr(S_0) are kept, which moves a level of order
    1 / N. The measure is the balanced accuracy of up to 8192 left-out rows, evenly spread over the classes. Gaussians
    in many dimensions are too sure of themselves: a is the number that makes softmax(logits) fit the labels of the same
    left-out rows (or of validation) best. It changes no prediction.

    Args:
        shrinkage: r, 0 to 1; "auto" chooses.
        weighting: of the covariance: "rows" count alike, "classes" count alike, or "auto".
        prior: "uniform", "train" (the shares of the classes in training), or the share of each class, shape (C,), in
            the order of the sorted labels.
        corrected: take t / n_c off; "auto" chooses.
        calibrated: fit a; otherwise it is 1.
        grid: the shrinkages that "auto" tries.
        device: where to compute, such as "cpu" or "cuda".

    Attributes:
        shrinkage_: r in use.
        weighting_: "rows" or "classes".
        corrected_: whether t / n_c was taken off.
        prior_: share of each class, shape (C,).
        scale_: a.
        curve_: None, or what was measured at each shrinkage, under the chosen weighting and correction.
        weight_: shape (C, D).
        bias_: shape (C,).
        classes_: labels in the order of the logits, shape (C,).
        selected_on_: "val", "train-cv" (leave-one-out), "given", or "not selected" where every class has a single row.

    Raises:
        InputError: unusable features, labels, shrinkage, weighting or prior.

    Reference:
        Friedman, "Regularized Discriminant Analysis", JASA 1989, equation 18 (shrinkage); on frozen features of
        pre-trained networks: Wang, Liang, Sheng, He, Wang, Tan, "A Hard-to-Beat Baseline for Training-free CLIP-based
        Adaptation", ICLR 2024, arXiv 2402.04087, equation 4. The correction follows from E[m_c] = mu_c, cov[m_c] = S /
        n_c.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> labels = np.repeat([0, 1], [950, 50])
        >>> features = rng.normal(size=(1000, 2)) + 2 * labels[:, None]
        >>> plain, fair = (LinearDiscriminant(prior=prior).fit(features, labels) for prior in ("train", "uniform"))
        >>> rare = labels == 1
        >>> plain.score(features[rare], labels[rare]) < 0.8, fair.score(features[rare], labels[rare]) > 0.85
        (True, True)
    """

    _parameter_constraints: ClassVar[Constraints] = {
        "shrinkage": [real(0, most=1), AUTO],
        "weighting": [words(Literal[Weighting, "auto"])],
        "prior": [words(ImpliedPrior), SHARES],
        "corrected": ["boolean", AUTO],
        "calibrated": ["boolean"],
        "grid": [Each(real(0, most=1), "shrinkage")],
        "device": [DEVICE],
    }

    _learned: ClassVar[Learned] = {
        **LinearHead._learned,
        "prior_": Array(("C",), above=0),
        "weighting_": Plain(Weighting),
        "corrected_": Plain(bool),
        "shrinkage_": Plain(Annotated[float, Meta(ge=0, le=1)]),
        "curve_": CURVE,
        "scale_": POSITIVE,
    }

    def __init__(
        self,
        shrinkage: float | Literal["auto"] = "auto",
        *,
        weighting: Literal["rows", "classes", "auto"] = "auto",
        prior: Literal["uniform", "train"] | ArrayLike = "uniform",
        corrected: bool | Literal["auto"] = "auto",
        calibrated: bool = True,
        grid: tuple[float, ...] = SHRINKAGE_GRID,
        device: str = "cpu",
    ) -> None:
        self.shrinkage = shrinkage
        self.weighting = weighting
        self.prior = prior
        self.corrected = corrected
        self.calibrated = calibrated
        self.grid = grid
        self.device = device

    @property
    def implied_prior(self) -> ImpliedPrior:
        """Return the world where softmax(logits) is a probability; shares that were given count as those of train."""
        return "uniform" if isinstance(self.prior, str) and self.prior == "uniform" else "train"

    @property
    def implied_shares(self) -> NDArray[np.float64]:
        """Share of each class in the world whose probabilities softmax(logits) stands for: the prior in use."""
        return self.prior_

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        validation: tuple[ArrayLike, ArrayLike] | None = None,
    ) -> Self:
        """Estimate means and covariance; choose what is "auto".

        Args:
            X: features of the training images, shape (N, D).
            y: labels, shape (N,).
            validation: features and labels on which to choose, and to fit the scale, instead of leave-one-out.
        """
        array, codes, dtype = self._begin(X, y)
        shrinkages = tried_values(self.shrinkage, self.grid)
        weightings = get_args(Weighting) if self.weighting == "auto" else (self.weighting,)
        corrections = (True, False) if self.corrected == "auto" else (bool(self.corrected),)
        counts = torch.from_numpy(self.class_counts_).to(self.device)
        self.prior_ = self._shares()
        rows, judged, span = in_span(array, self._judged(validation), self.device)
        evidence = ScoredRows(rows, codes, judged, self.device)
        several = len(shrinkages) * len(weightings) * len(corrections) > 1
        self.selected_on_ = evidence.name if several else "given"
        if self.selected_on_ == "not selected":
            shrinkages, weightings, corrections = (WITHOUT_EVIDENCE,), weightings[:1], corrections[-1:]
        means = class_means(rows, codes, len(counts), device=self.device)
        weights = {name: _row_weights(counts, name) for name in weightings}
        stacked = torch.stack(list(weights.values()))
        within = dict(
            zip(weightings, within_class_scatter(rows, codes, means, stacked, device=self.device), strict=True)
        )
        log_prior = torch.from_numpy(np.log(self.prior_)).to(self.device)
        solutions = {
            name: DiscriminantSolutions.of(
                means, counts, weights[name], within[name], log_prior, dimension=array.shape[1], corrected=True
            )
            for name in weightings
        }
        result = search(
            [(name, corrected) for name in weightings for corrected in corrections],
            shrinkages,
            lambda key: solutions[key[0]] if key[1] else replace(solutions[key[0]], spread=0.0),
            evidence,
        )
        (self.weighting_, self.corrected_), self.shrinkage_ = result.key, result.value
        self.curve_: dict[str, Any] | None = None
        if result.curve is not None and len(shrinkages) > 1:
            self.curve_ = result.curve | {"parameter": "shrinkage"}
        world = torch.from_numpy(self.prior_).to(self.device) / counts
        self.scale_ = evidence.scale(result.solutions, self.shrinkage_, world) if self.calibrated else 1.0
        weight, bias = result.solutions.at(self.shrinkage_)
        weight = weight if span is None else span.outward(weight)
        self._set_linear((self.scale_ * weight).to(dtype), (self.scale_ * bias).to(dtype))
        self.notes_ = scale_note(array, device=self.device)
        return self

    def _shares(self) -> NDArray[np.float64]:
        counts = self.class_counts_
        if isinstance(self.prior, str):
            return prior_of_counts(counts) if self.prior == "train" else uniform_prior(len(counts))
        shares = np.asarray(self.prior)
        if shares.shape != counts.shape:
            raise InputError(f"prior has {len(shares)} numbers; expected {len(counts)}, the share of each class.")
        return prior_of_counts(shares)


def _row_weights(counts: Tensor, weighting: Weighting) -> Tensor:
    """Weigh a row of each class, of sum 1 over all rows; shape (C,)."""
    if weighting == "rows":
        return torch.full(counts.shape, 1 / int(counts.sum()), dtype=torch.float64, device=counts.device)
    return 1 / (len(counts) * counts.double())


@dataclass(frozen=True)
class DiscriminantSolutions:
    """The discriminants for every shrinkage, from one eigendecomposition S_0 = U diag(s) U'.

    Of fewer rows than features D stands for the directions that rows have a part in (`RowSpan`); there are `dimension`
    features all the same.

    Attributes:
        origin: what is subtracted first, the mean of the class means, shape (D,); it shifts the scores of all classes
            alike.
        values: s, shape (D,).
        vectors: U, shape (D, D).
        means: of the classes less the origin, in the basis U, shape (C, D).
        counts: n_c, shape (C,).
        row_weights: of a row of each class in S_0, shape (C,).
        log_prior: shape (C,).
        spread: what t is divided by n_c / spread with, 1 over the expected share of the covariance in S_0; 0 for none.
        dimension: features over which the mean variance is taken.
    """

    origin: Tensor
    values: Tensor
    vectors: Tensor
    means: Tensor
    counts: Tensor
    row_weights: Tensor
    log_prior: Tensor
    spread: float
    dimension: int

    @classmethod
    def of(
        cls,
        means: Tensor,
        counts: Tensor,
        row_weights: Tensor,
        within: Tensor,
        log_prior: Tensor,
        *,
        dimension: int,
        corrected: bool,
    ) -> Self:
        """Decompose the covariance within the classes.

        Args:
            means: of each class, shape (C, D).
            counts: rows of each class, shape (C,).
            row_weights: of a row of each class, shape (C,), of sum 1 over the rows.
            within: S_0, shape (D, D).
            log_prior: shape (C,).
            dimension: features, where `within` is of fewer directions.
            corrected: take off what few rows add to the length of a mean.
        """
        origin = means.mean(dim=0)
        values, vectors = torch.linalg.eigh(within)
        values = without_noise(values, means.square().sum(dim=1).max())
        # rows around their own mean show (n - 1) / n of the covariance
        shown = float(row_weights @ (counts - 1).double())
        spread = 1 / shown if corrected and shown > 0 else 0.0
        rotated = (means - origin) @ vectors
        return cls(origin, values, vectors, rotated, counts, row_weights, log_prior, spread, dimension)

    def inverse(self, shrinkage: float) -> Tensor:
        """Return the inverse of the shrunk covariance's eigenvalues, shape (D,)."""
        level = float(self.values.sum()) / self.dimension
        if level == 0:  # rows equal their means: nothing is known but distances
            return torch.ones_like(self.values)
        shrunk = (1 - shrinkage) * self.values + shrinkage * level
        return 1 / shrunk.clamp(min=1e-9 * float(shrunk.max()))

    def at(self, shrinkage: float) -> tuple[Tensor, Tensor]:
        """Return weight (C, D) and bias (C,) for a shrinkage."""
        weight = (self.means * self.inverse(shrinkage)) @ self.vectors.T
        return weight, self._bias(shrinkage) - weight @ self.origin

    def _bias(self, shrinkage: float) -> Tensor:
        inverse = self.inverse(shrinkage)
        lengths = self.means.square() @ inverse - self.spread * (self.values @ inverse) / self.counts
        return self.log_prior - lengths / 2

    def rotated(self, features: Tensor) -> Tensor:
        """Return features less the origin in the basis of the eigenvectors, shape (N, D)."""
        return (features - self.origin.to(features)) @ self.vectors.to(features)

    def scores(self, rotated: Tensor, shrinkage: float) -> Tensor:
        """Return the discriminants of rotated features, shape (N, C)."""
        weight = (self.means * self.inverse(shrinkage)).to(rotated)
        return torch.addmm(self._bias(shrinkage).to(rotated), rotated, weight.T)

    def left_out_scores(self, rotated: Tensor, codes: Tensor, shrinkage: float) -> Tensor:
        """Return the discriminants of training rows by what is estimated without each of them, shape (N, C).

        Without row x of class y, with d = x - m_y and n = n_y: m_y moves by -d / (n - 1), and S_0 loses k d d' with k =
        w_y n / (n - 1), so that S^-1 gains g (S^-1 d) (S^-1 d)' with g = (1 - r) k / (1 - (1 - r) k d' S^-1 d).
        """
        inverse, means = self.inverse(shrinkage).to(rotated), self.means.to(rotated)
        weight, counts = means * inverse, self.counts.to(rotated)
        deviations, columns = rotated - means[codes], codes[:, None]
        fewer = counts[codes] - 1
        share = self.row_weights.to(rotated)[codes] * (fewer + 1) / fewer
        squares = deviations.square()
        length = squares @ inverse
        scatter_share = (1 - shrinkage) * share
        gain = scatter_share / (1 - scatter_share * length).clamp(min=torch.finfo(rotated.dtype).eps)
        along = (rotated * deviations) @ inverse
        lengths = (means * weight).sum(dim=1)
        scores = rotated @ weight.T
        # d' S^-1 m_c: the second product is that of the means where those are fewer
        projected = scores - (means @ weight.T)[codes] if len(means) <= len(codes) else deviations @ weight.T
        own = projected.gather(1, columns)[:, 0]
        own_length = lengths[codes] + (length / fewer - 2 * own) / fewer
        own_score = scores.gather(1, columns)[:, 0] - along / fewer - own_length / 2 + self.log_prior.to(rotated)[codes]
        own = own - length / fewer
        own_score += gain * own * (along - own / 2)
        scores += self.log_prior.to(rotated) - lengths / 2
        scores += projected.mul_(torch.addcmul((gain * along)[:, None], gain[:, None], projected, value=-0.5))
        if self.spread:
            values = self.values.to(rotated)
            trace = values @ inverse + gain * (squares @ (values * inverse.square()))
            trace -= share * length * (1 + gain * length)
            scores.addr_(self.spread / 2 * trace, 1 / counts)
            own_score += self.spread / 2 * trace / fewer
        return scores.scatter_(1, columns, own_score[:, None])
