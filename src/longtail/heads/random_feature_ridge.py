"""Weighted ridge regression on random cosine features: a kernel classifier in closed form, chosen by leave-one-out."""

import math
from typing import ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state
from torch import Tensor

from longtail.heads.base import Head, ImpliedPrior
from longtail.heads.choice import tried_values
from longtail.heads.feature_transform import FeatureTransform, TransformKind
from longtail.heads.learned_state import CURVE, NOT_NEGATIVE, POSITIVE, Array, Learned, Part
from longtail.heads.parameters import AUTO, DEVICE, RANDOM_STATE, Constraints, Each, real, whole, words
from longtail.heads.random_feature_search import ChosenRidge, RandomFeatureProblem
from longtail.heads.random_features import RandomFeatures
from longtail.heads.rows import CHUNK_BYTES, kept_rows
from longtail.heads.standardisation import feature_moments, unlike_note
from longtail.heads.weighted_ridge import GAMMA_GRID, PENALTY_GRID

__all__ = ["WIDTH_GRID", "RandomFeatureRidge"]

WIDTH_GRID = (1.0, 0.5, 2.0)
WITHOUT_EVIDENCE = (1.0, 1.0, 1.0)  # width, gamma and penalty where every class has a single row


class RandomFeatureRidge(Head):
    """Weighted ridge regression on random cosine features of the rows.

    phi(x) = sqrt(2 / K) cos(W t(x) / (width d) + b),  logits = a (phi(x) V + c)

    t is `input_transform`, d the root mean square distance of two rows behind it, so that a width means the same on all
    data. W is normal, b uniform in [0, 2 pi): as K grows, products of phi tend to the Gaussian kernel exp(-||t(x) -
    t(z)||^2 / (2 width^2 d^2)), and V and c, which are those of `WeightedRidge` on phi, to regression with that kernel.
    With fewer rows than features the products of rows are decomposed, which gives the same V and c.

    What is "auto" is chosen by leave-one-out in closed form, as in `WeightedRidge`: with the first 512 features gamma
    at the first width, then the width at that gamma; with all features the penalty. The scale a is fitted as there.

    Args:
        penalty: relative to the mean of the min(N, K) largest eigenvalues, above 0; "auto" chooses.
        gamma: how much rarer classes weigh more, at least 0; "auto" chooses.
        width: of the kernel, in root mean square distances of two rows, above 0; "auto" chooses.
        num_features: K.
        input_transform: t, a kind of `FeatureTransform`.
        penalties: the penalties that "auto" tries.
        gammas: the values of gamma that "auto" tries.
        widths: the widths that "auto" tries.
        random_state: seed of W and b.
        device: where to compute, such as "cpu" or "cuda".

    Attributes:
        penalty_, gamma_, width_: the values in use.
        scale_: a.
        curve_: None, or what was measured at each value of the last parameter that was chosen; `parameter` says which.
        input_transform_: t, fitted.
        frequencies_: W / (width d), shape (K, D).
        phases_: b, shape (K,).
        weight_: a V', shape (C, K).
        bias_: a c, shape (C,).
        classes_: labels in the order of the logits, shape (C,).
        selected_on_: "val", "train-cv" (leave-one-out), "given", or "not selected" where every class has a single row.

    Raises:
        InputError: unusable features, labels or parameters.

    Reference:
        Rahimi, Recht, "Random Features for Large-Scale Kernel Machines", NeurIPS 2007, algorithm 1; ridge on random
        features of frozen ones as in McDonnell, Gong, Parvaneh, Abbasnejad, van den Hengel, "RanPAC", NeurIPS 2023,
        arXiv 2307.02251, equation 5. The weights are ours.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> features = rng.normal(size=(400, 2))
        >>> labels = (np.hypot(*features.T) > 1.2).astype(int)  # a ring around a disc: no line divides them
        >>> head = RandomFeatureRidge(input_transform="none", random_state=0).fit(features, labels)
        >>> head.score(features, labels) > 0.95
        True
    """

    _parameter_constraints: ClassVar[Constraints] = {
        "penalty": [real(above=0), AUTO],
        "gamma": [real(0), AUTO],
        "width": [real(above=0), AUTO],
        "num_features": [whole(most=2**15)],
        "input_transform": [words(TransformKind)],
        "penalties": [Each(real(above=0))],
        "gammas": [Each(real(0))],
        "widths": [Each(real(above=0))],
        "random_state": [RANDOM_STATE],
        "device": [DEVICE],
    }

    _learned: ClassVar[Learned] = {
        **Head._learned,
        "penalty_": POSITIVE,
        "gamma_": NOT_NEGATIVE,
        "width_": POSITIVE,
        "scale_": POSITIVE,
        "curve_": CURVE,
        "input_transform_": Part(FeatureTransform),
        "frequencies_": Array(("K", "D")),
        "phases_": Array(("K",)),
        "weight_": Array(("C", "K")),
        "bias_": Array(("C",)),
    }

    def __init__(
        self,
        penalty: float | Literal["auto"] = "auto",
        gamma: float | Literal["auto"] = "auto",
        width: float | Literal["auto"] = "auto",
        *,
        num_features: int = 2048,
        input_transform: TransformKind = "power-l2",
        penalties: tuple[float, ...] = PENALTY_GRID,
        gammas: tuple[float, ...] = GAMMA_GRID,
        widths: tuple[float, ...] = WIDTH_GRID,
        random_state: int | np.random.RandomState | None = None,
        device: str = "cpu",
    ) -> None:
        self.penalty = penalty
        self.gamma = gamma
        self.width = width
        self.num_features = num_features
        self.input_transform = input_transform
        self.penalties = penalties
        self.gammas = gammas
        self.widths = widths
        self.random_state = random_state
        self.device = device

    @property
    def implied_prior(self) -> ImpliedPrior:
        """Return the world where softmax(logits) is a probability: by how much the weights even classes out."""
        return "uniform" if getattr(self, "gamma_", 1.0) > 0.5 else "train"

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        validation: tuple[ArrayLike, ArrayLike] | None = None,
    ) -> Self:
        """Draw the features and solve for the weights; choose what is "auto".

        Args:
            X: features of the training images, shape (N, D).
            y: labels, shape (N,).
            validation: features and labels on which to choose, and to fit the scale, instead of leave-one-out.
        """
        array, codes, dtype = self._begin(X, y)
        judged = self._judged(validation)
        self.input_transform_ = FeatureTransform(self.input_transform).fit(array)
        rows = kept_rows(self.input_transform_.rows(array))  # which are read for each width and gamma
        validated = None if judged is None else (kept_rows(self.input_transform_.rows(judged[0])), judged[1])
        moments = feature_moments(rows, device=self.device)
        distance = math.sqrt(2 * float(moments.deviation.square().sum())) or 1.0
        drawn = RandomFeatures.drawn(array.shape[1], self.num_features, check_random_state(self.random_state))
        drawn = drawn.of_width(distance).to(dtype, self.device)
        solved = self._solved(RandomFeatureProblem(rows, codes, validated, drawn, self.device))
        self.width_, self.gamma_, self.penalty_, self.curve_ = solved.width, solved.gamma, solved.penalty, solved.curve
        counts = torch.from_numpy(self.class_counts_).to(self.device)
        world = 1 / counts if self.implied_prior == "uniform" else torch.ones(len(counts), device=self.device)
        self.scale_ = solved.evidence.scale(solved.solutions, self.penalty_, world)
        weight, bias = (self.scale_ * part for part in solved.solutions.at(self.penalty_))
        parts = (solved.mapping.frequencies, solved.mapping.phases, weight, bias)
        self.frequencies_, self.phases_, self.weight_, self.bias_ = (
            np.ascontiguousarray(part.to("cpu", dtype).numpy()) for part in parts
        )
        self.notes_ = unlike_note(moments)
        return self

    def _solved(self, problem: RandomFeatureProblem) -> ChosenRidge:
        widths, gammas = tried_values(self.width, self.widths), tried_values(self.gamma, self.gammas)
        penalties = tried_values(self.penalty, self.penalties)
        if len(widths) * len(gammas) * len(penalties) == 1:
            self.selected_on_ = "given"
        elif problem.validation is not None:
            self.selected_on_ = "val"
        elif (self.class_counts_ > 1).any():
            self.selected_on_ = "train-cv"
        else:  # there is no row without which its class would still be there
            self.selected_on_ = "not selected"
            widths, gammas, penalties = ((value,) for value in WITHOUT_EVIDENCE)
        return problem.best(widths, gammas, penalties)

    def _chunk_logits(self, features: Tensor) -> Tensor:
        if torch.compiler.is_compiling():  # a program takes its images as one block
            return self._block_logits(features)
        size = max(CHUNK_BYTES // (4 * len(self.phases_)), 256)  # features may be few, and random ones many
        return torch.cat([self._block_logits(block) for block in torch.split(features, size)])

    def _block_logits(self, features: Tensor) -> Tensor:
        mapping = RandomFeatures(torch.from_numpy(self.frequencies_), torch.from_numpy(self.phases_))
        mapped = mapping.apply(self.input_transform_.apply(features))
        weight = torch.from_numpy(self.weight_).to(features)
        return torch.addmm(torch.from_numpy(self.bias_).to(features), mapped, weight.T)
