"""Several heads on the same features that decide together."""

import inspect
from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from torch import Tensor

from longtail.errors import InputError
from longtail.heads.base import Head, ImpliedPrior, check_same_classes
from longtail.heads.learned_state import POSITIVE, Array, Learned, Parts, Plain
from longtail.heads.linear_discriminant import LinearDiscriminant
from longtail.heads.nearest_neighbours import NearestNeighbours
from longtail.heads.parameters import DEVICE, Constraints, words
from longtail.heads.weighted_ridge import WeightedRidge

__all__ = ["Average", "Ensemble", "averaged", "log_prior_of"]

Average = Literal["log", "probability"]


class Ensemble(Head):
    """The mean of several heads' probabilities, all of them brought to a world in which classes are equally common.

    q_m = softmax(a_m (logits_m - log prior_m) + log prior)
    logits = a (log sum_m w_m q_m - tau log n),  or the same of  sum_m w_m log q_m

    prior_m is the one whose probabilities member m gives: uniform for most heads, the shares of train for those that do
    not balance; prior is the one that is asked for. a_m, which makes each as sure as it may be, and a are 1, and
    tau, what is still to be taken out of the log class counts, 0 where nobody has measured them.

    Args:
        heads: unfitted heads of this package; None takes `LinearDiscriminant`, `WeightedRidge` and `NearestNeighbours`,
            which need no training.
        average: "probability" takes the logarithm of mean probabilities, "log" the mean of log-probabilities.
        prior: the world to predict for: "uniform", all classes equally common, or "train".
        device: where to compute, of the heads that None stands for.

    Attributes:
        heads_: the fitted members.
        members_: their names.
        weights_: w, above 0, of sum 1, shape (M,).
        scales_: a_m, above 0, shape (M,).
        scale_: a, above 0.
        tau_: tau.
        classes_: labels in the order of the logits, shape (C,).
        selected_on_: "val" where members were chosen or made their choices on validation, else "not selected".

    Raises:
        InputError: unusable features, labels or parameters, or no member.

    Reference:
        Kittler, Hatef, Duin, Matas, "On Combining Classifiers", IEEE TPAMI 1998 (the sum rule and, of
        log-probabilities, the product rule).

    Example:
        >>> from longtail.heads import NearestClassMean
        >>> features, labels = [[1.0, 0.1], [0.9, 0.2], [0.1, 1.0], [0.0, 0.8]], ["right", "right", "up", "up"]
        >>> head = Ensemble([NearestClassMean(), LinearDiscriminant(0.5)]).fit(features, labels)
        >>> head.predict([[0.1, 0.7]]), head.members_
        (array(['up'], dtype='<U5'), ['NearestClassMean', 'LinearDiscriminant'])
    """

    _parameter_constraints: ClassVar[Constraints] = {
        "average": [words(Average)],
        "prior": [words(ImpliedPrior)],
        "device": [DEVICE],
    }

    _learned: ClassVar[Learned] = {
        **Head._learned,
        "heads_": Parts(Head, axis="M"),
        "members_": Plain(list[str]),
        "weights_": Array(("M",), above=0, before=1.0),
        "scales_": Array(("M",), above=0, before=1.0),
        "scale_": Plain(POSITIVE.kind, optional=True),
        "tau_": Plain(float, optional=True),
    }
    _predicts_by: ClassVar[tuple[str, ...]] = ("average",)

    scale_: float = 1.0
    tau_: float = 0.0

    def __init__(
        self,
        heads: Sequence[Head] | None = None,
        *,
        average: Average = "probability",
        prior: ImpliedPrior = "uniform",
        device: str = "cpu",
    ) -> None:
        self.heads = heads
        self.average = average
        self.prior = prior
        self.device = device

    @property
    def implied_prior(self) -> ImpliedPrior:
        """Return the world where softmax(logits) is a probability: the one that is asked for."""
        return self.prior

    @classmethod
    def of(
        cls,
        members: dict[str, Head],
        *,
        weights: ArrayLike | None = None,
        scales: ArrayLike | None = None,
        tau: float = 0.0,
        selected_on: str = "not selected",
        **settings: Any,
    ) -> Self:
        """Put heads together that were fitted to the same rows.

        Args:
            members: each under its name.
            weights: w_m, above 0, of any sum, shape (M,); default all the same.
            scales: a_m, above 0, shape (M,); default 1.
            tau: how much of the log class counts is taken out.
            selected_on: where the members were chosen.
            settings: parameters of the ensemble, such as average.

        Raises:
            InputError: no member, one that is not fitted or has other classes, weights or scales that are not M numbers
                above 0, or a tau that is no number.
        """
        for name, head in members.items():
            if not hasattr(head, "classes_"):
                raise InputError(f"{name} is not fitted; expected heads that are.")
        result = cls([clone(head) for head in members.values()], **settings)
        result._take(members)
        for name, head in members.items():
            check_same_classes(name, head, result)
        num_members = len(members)
        result.weights_ = _positive("weights", weights, num_members)
        result.weights_ /= result.weights_.sum()
        result.scales_ = _positive("scales", scales, num_members)
        if not isinstance(tau, int | float | np.number) or not np.isfinite(tau):
            raise InputError(f"tau is {tau!r:.80}; expected a finite number.")
        result.tau_ = float(tau)
        result.selected_on_ = selected_on
        return result

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        validation: tuple[ArrayLike, ArrayLike] | None = None,
    ) -> Self:
        """Fit all members.

        Args:
            X: features of the training images, shape (N, D).
            y: labels, shape (N,).
            validation: features and labels on which members make their choices, where they do.
        """
        array, codes, _ = self._begin(X, y)
        labels, judged = self.classes_[codes], self._judged(validation)
        members: dict[str, Head] = {}
        for head in self._unfitted():
            settings: dict[str, Any] = {}
            if judged is not None and "validation" in inspect.signature(head.fit).parameters:
                settings["validation"] = judged[0], self.classes_[judged[1]]
            name = type(head).__name__
            number = sum(known.partition(" ")[0] == name for known in members)
            members[f"{name} {number + 1}" if number else name] = head.fit(array, labels, **settings)
        self._take(members)
        self.weights_, self.scales_ = np.full(len(members), 1 / len(members)), np.ones(len(members))
        self.scale_, self.tau_ = 1.0, 0.0
        self.selected_on_ = "val" if any(head.selected_on_ == "val" for head in self.heads_) else "not selected"
        return self

    def parameters_in_use(self) -> dict[str, Any]:
        """Return the names and weights of the members, and how they are averaged."""
        weights = dict(zip(self.members_, self.weights_.round(3).tolist(), strict=True))
        rest = {"tau": round(self.tau_, 3)} if self.tau_ else {}
        return {"members": weights, "average": self.average, "prior": self.prior, **rest}

    def _unfitted(self) -> list[Head]:
        if self.heads is None:
            kinds = (LinearDiscriminant, WeightedRidge, NearestNeighbours)
            return [kind(device=self.device) for kind in kinds]
        given: Any = self.heads
        if not isinstance(given, list | tuple) or not given or not all(isinstance(head, Head) for head in given):
            raise InputError(f"heads is {given!r}; expected a list of heads of longtail, or None.")
        return [clone(head) for head in given]

    def _take(self, members: dict[str, Head]) -> None:
        if not members:
            raise InputError("an ensemble without members; expected at least one head.")
        self.heads_: list[Any] = list(members.values())
        self.members_ = list(members)
        first = self.heads_[0]
        self.notes_ = tuple(f"{name}: {note}" for name, head in members.items() for note in head.notes_)
        self.classes_, self.class_counts_, self.n_features_in_ = (
            first.classes_,
            getattr(first, "image_counts_", first.class_counts_),
            first.n_features_in_,
        )

    def _check_learned(self, sizes: dict[str, int]) -> None:
        super()._check_learned(sizes)
        if len(self.members_) != len(self.heads_):
            raise InputError(
                f"members_ has {len(self.members_)} names; expected one for each of {len(self.heads_)} heads"
            )
        self.weights_ = self.weights_ / self.weights_.sum()
        for name, head in zip(self.members_, self.heads_, strict=True):
            check_same_classes(name, head, self)
            if not head.implied_shares.all():
                raise InputError(f"class_counts_ of {name} has a 0; expected rows of every class")

    def _chunk_logits(self, features: Tensor) -> Tensor:
        members = (head._chunk_logits(features.to(head._device)).to(self.device) for head in self.heads_)
        world = 0 if self.prior == "uniform" else log_prior_of(self)
        moved = [
            scale * (scores - log_prior_of(head).to(scores)) + torch.as_tensor(world).to(scores)
            for head, scores, scale in zip(self.heads_, members, self.scales_.tolist(), strict=True)
        ]
        mean = averaged(moved, self.average, self.weights_)
        shift = self.tau_ * torch.from_numpy(np.log(self.class_counts_)) if self.tau_ else torch.zeros(())
        return self.scale_ * (mean - shift.to(mean))


def averaged(scores: Sequence[Tensor], average: Average = "probability", weights: ArrayLike | None = None) -> Tensor:
    """Average the members of an ensemble.

    Args:
        scores: logits of each member, whose softmax is a probability where classes are equally common, shape (N, C).
        average: "log" or "probability".
        weights: of the members, of sum 1, shape (M,); default all the same.

    Returns:
        Shape (N, C).

    Example:
        >>> averaged([torch.tensor([[0.0, 0.0]]), torch.tensor([[4.0, 0.0]])]).softmax(dim=1).argmax().item()
        0
    """
    members = torch.stack([torch.log_softmax(part, dim=1) for part in scores])
    shares = np.full(len(scores), 1 / len(scores)) if weights is None else np.asarray(weights)
    shape = (-1, 1, 1)
    if average == "log":
        return (torch.from_numpy(shares).to(members).view(shape) * members).sum(dim=0)
    return torch.logsumexp(members + torch.from_numpy(np.log(shares)).to(members).view(shape), dim=0)


def _positive(name: str, values: ArrayLike | None, size: int) -> NDArray[np.float64]:
    """Check M numbers above 0; ones where there are none."""
    try:
        array = np.ones(size) if values is None else np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        array = np.empty(0)
    if array.shape != (size,) or not (np.isfinite(array).all() and (array > 0).all()):
        raise InputError(f"{name} are {values!r:.80}; expected {size} numbers above 0, one a member.")
    return array


def log_prior_of(head: Head) -> Tensor:
    """Return the logarithm of the prior whose probabilities a fitted head gives, up to a constant, shape (C,).

    Example:
        >>> from longtail.heads import Joint
        >>> head = Joint(epochs=1, random_state=0).fit(np.eye(4), [0, 0, 0, 1])
        >>> log_prior_of(head).exp().tolist()
        [0.75, 0.25]
    """
    return torch.from_numpy(np.log(head.implied_shares))
