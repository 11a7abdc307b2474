"""The classifiers of DLSA's blocks: linear or cosine, on features and on what the row's cluster holds."""

import copy
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from longtail.errors import InputError
from longtail.heads.dlsa.epoch_curve import EpochCurve
from longtail.heads.linear_training import SGDPlan, fit_by_sgd, initial_linear
from longtail.heads.rows import Features, torch_rows
from longtail.heads.standardisation import Standardisation
from longtail.losses import log_counts
from longtail.sampling import Sampler

__all__ = [
    "BlockClassifier",
    "BlockInputs",
    "ClassifierKind",
    "ClassifierPlan",
    "Validation",
    "fit_classifier",
    "hits",
]

ClassifierKind = Literal["balanced-softmax", "class-balanced", "cosine"]
COSINE_SCALE = 16.0


@dataclass(frozen=True)
class ClassifierPlan:
    """How a block's classifier looks and learns.

    Attributes:
        kind: "balanced-softmax" (linear, log class counts in the loss), "class-balanced" (linear, class-balanced
            sampling) or "cosine" (cosine similarity, plain cross-entropy).
        sgd: length and rates.
        eval_every: epochs between two measurements on validation.
        original: the released code's ways: two linear layers added, absent classes counted as 1e-6.

    Raises:
        InputError: a kind that is not there.
    """

    kind: ClassifierKind
    sgd: SGDPlan
    eval_every: int
    original: bool

    def __post_init__(self) -> None:
        if self.kind in get_args(ClassifierKind):
            return
        known = ", ".join(get_args(ClassifierKind))
        absent = {
            "m2m": "M2m is named by a config of the DLSA release but not part of it: that config trains plain balanced "
            "softmax",
            "ride": "RIDE's experts are named by configs of the DLSA release but not part of it: those configs stop "
            "with NotImplementedError",
        }.get(str(self.kind))
        raise InputError(f"classifier is {self.kind!r}{f' ({absent})' if absent else ''}; expected one of {known}.")


@dataclass(frozen=True)
class Validation:
    """Rows on which choices are made, and what each counts.

    Attributes:
        features: as they are, shape (N, D).
        codes: class indices, shape (N,).
        weights: of the rows, sum 1: alike for top-1 accuracy, by class for balanced accuracy.
    """

    features: Features
    codes: NDArray[np.int64]
    weights: NDArray[np.float64]

    @classmethod
    def of(cls, features: Features, codes: NDArray[np.int64], *, classes_alike: bool) -> "Validation":
        """Weigh rows so that classes count alike, or rows."""
        if not classes_alike:
            return cls(features, codes, np.full(len(codes), 1 / len(codes)))
        counts = np.bincount(codes)
        return cls(features, codes, 1 / (counts[codes] * (counts > 0).sum()))


@dataclass
class BlockInputs:
    """Some rows of features, each with the class shares of its cluster: built batch by batch, never as a whole.

    Attributes:
        features: shape (N, D), memory-mapped or not.
        rows: those of the block, shape (n,).
        priors: class shares of each cluster, shape (K, C); None where the classifier does not look at clusters.
        clusters: of all rows, shape (N,).
        leave_one_out: None, or (counts of the rows in each cluster plus smoothing (K,), class of each row (N,)): each
            row's own part is then taken out of its cluster's shares.
    """

    features: Features
    rows: NDArray[np.int64]
    priors: NDArray[np.float32] | None = None
    clusters: NDArray[np.int64] | None = None
    leave_one_out: tuple[NDArray[np.float64], NDArray[np.int64]] | None = None

    @property
    def dtype(self) -> Any:
        """Type of the features."""
        return self.features.dtype

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, positions: Any) -> NDArray[Any]:
        """Return features and, behind them, class shares of some rows of the block, shape (B, D) or (B, D + C)."""
        rows = self.rows[positions]
        block = np.asarray(self.features[rows])
        if self.priors is None or self.clusters is None:
            return block
        block = block.astype(np.float64 if block.dtype == np.float64 else np.float32)
        clusters = self.clusters[rows]
        shares = self.priors[clusters]
        if self.leave_one_out is not None:
            totals, codes = self.leave_one_out
            total = totals[clusters, None]
            with np.errstate(invalid="ignore", divide="ignore"):
                shares = shares * (total / (total - 1))
                shares[np.arange(len(rows)), codes[rows]] -= 1 / (total[:, 0] - 1)
            shares = np.nan_to_num(shares, nan=0.0, posinf=0.0, neginf=0.0).clip(min=0)
        return np.concatenate([block, shares.astype(block.dtype)], axis=1)


@dataclass
class BlockClassifier:
    """logits = g(x) W^T + b + s P^T, where s are the class shares of the row's cluster.

    Attributes:
        weight: W, shape (C, D).
        bias: b, shape (C,).
        prior_weight: P, shape (C, C), or None.
        cosine: g(x) = 16 x / (1 + |x|), and rows of W of length 1; else g(x) = x.
    """

    weight: Tensor
    bias: Tensor
    prior_weight: Tensor | None
    cosine: bool

    def logits(self, inputs: Tensor) -> Tensor:
        """Return the scores of features, with class shares behind them or not, shape (B, C)."""
        dimension = self.weight.shape[1]
        x, weight = inputs[:, :dimension], self.weight
        if self.cosine:
            x = COSINE_SCALE * x / (1 + x.norm(dim=1, keepdim=True))
            weight = torch.nn.functional.normalize(weight, dim=1)
        scores = torch.addmm(self.bias, x, weight.T)
        if self.prior_weight is not None:
            scores = torch.addmm(scores, inputs[:, dimension:], self.prior_weight.T)
        return scores

    def folded(self, scaling: Standardisation) -> "BlockClassifier":
        """Return the classifier on plain features that this one is on standardised ones."""
        weight, bias = scaling.folded(self.weight, self.bias)
        return replace(self, weight=weight, bias=bias)

    def parameters(self) -> list[Tensor]:
        """Return what is trained."""
        learned = [self.weight] if self.cosine else [self.weight, self.bias]
        return learned if self.prior_weight is None else [*learned, self.prior_weight]


def new_classifier(
    start: tuple[Tensor, Tensor] | None,
    *,
    num_classes: int,
    dimension: int,
    with_prior: bool,
    plan: ClassifierPlan,
    seed: int,
    dtype: torch.dtype,
    device: str,
) -> BlockClassifier:
    """Build a classifier that gives what the start gives: clusters have no say before they are learned.

    The released code instead adds two layers, at least one of them random. Both see the same gradient, so that their
    sum, which is what is kept here, moves twice as far.
    """
    cosine = plan.kind == "cosine"
    weight, bias = start if start is not None else initial_linear(num_classes, dimension, seed, dtype, device)
    weight, bias = weight.to(device, dtype).clone(), bias.to(device, dtype).clone()
    prior = torch.zeros(num_classes, num_classes, dtype=dtype, device=device) if with_prior else None
    if plan.original and not cosine:
        inputs = dimension + (num_classes if with_prior else 0)
        wide, shift = initial_linear(num_classes, inputs, seed + 1, dtype, device)
        weight, bias = weight + wide[:, :dimension], bias + shift
        prior = wide[:, dimension:].clone() if with_prior else None
    if cosine:
        bias = torch.zeros_like(bias)
    return BlockClassifier(weight, bias, prior, cosine)


def fit_classifier(
    inputs: BlockInputs,
    codes: NDArray[np.int64],
    start: tuple[Tensor, Tensor] | None,
    plan: ClassifierPlan,
    *,
    prior_counts: NDArray[np.int64],
    validation: tuple[BlockInputs, Validation] | None,
    epochs: int | None = None,
    seed: int,
    dtype: torch.dtype,
    device: str,
) -> tuple[BlockClassifier, int, EpochCurve]:
    """Train the classifier of a block, and keep the epoch that is best on validation.

    Args:
        inputs: the block's rows.
        codes: their class indices, shape (n,).
        start: weight (C, D) and bias (C,) to begin with; None draws them.
        plan: how.
        prior_counts: n_c that balanced softmax works with, shape (C,).
        validation: the block's validation rows, and what they count; None keeps the last epoch, or that of `epochs`.
        epochs: the epoch that an earlier call chose, after which training ends; 0 is the start. The learning rate goes
            by the plan's length all the same.
        seed: of initialisation and sampling.
        dtype: to compute in.
        device: where.

    Returns:
        The classifier, the epoch that it is of, and what was measured; nothing without validation.
    """
    num_classes = len(prior_counts)
    dimension = inputs.features.shape[1]
    classifier = new_classifier(
        start,
        num_classes=num_classes,
        dimension=dimension,
        with_prior=inputs.priors is not None,
        plan=plan,
        seed=seed,
        dtype=dtype,
        device=device,
    )
    length = plan.sgd.epochs if epochs is None else epochs
    curve = EpochCurve()
    snapshots: list[BlockClassifier] = []

    def look(epoch: int) -> bool:
        is_last = validation is None and epoch == length
        if is_last or (validation is not None and curve.add(epoch, hits(classifier, *validation, device=device))):
            snapshots[:] = [_frozen(classifier)]
        return is_last

    is_trained = bool(length and len(inputs))
    if not plan.original or not is_trained:
        look(0)
    if is_trained:
        if plan.original and not classifier.cosine:
            for parameter in (classifier.weight, classifier.bias):
                parameter.requires_grad_(True)
                parameter.register_hook(lambda gradient: 2 * gradient)  # type: ignore[no-untyped-call]
        offset = log_counts(torch.from_numpy(prior_counts.astype(np.float64)), floor=1e-6 if plan.original else 0.0).to(
            device, dtype
        )
        is_balanced = plan.kind == "balanced-softmax"
        fit_by_sgd(
            inputs,
            codes,
            classifier.parameters(),
            lambda rows: classifier.logits(rows) + offset if is_balanced else classifier.logits(rows),
            plan=plan.sgd,
            sampler=Sampler(
                np.unique(codes, return_inverse=True)[1],  # a class may be absent here
                strategy="class" if plan.kind == "class-balanced" else "instance",
                num_epochs=plan.sgd.epochs,
                seed=seed,
            ),
            device=device,
            after_epoch=lambda epoch: (
                look(epoch) if epoch % plan.eval_every == 0 or epoch in (length, plan.sgd.epochs) else False
            ),
        )
    epoch = curve.best() if curve.epochs else length if is_trained else 0
    return (snapshots[0] if snapshots else _frozen(classifier)), epoch, curve


@torch.no_grad()
def hits(
    classifier: BlockClassifier, inputs: BlockInputs, validation: Validation, *, device: str
) -> NDArray[np.float64]:
    """Return the weight of each validation row if it is in the block and classified right, else 0, shape (N,)."""
    result = np.zeros(len(validation.codes))
    size = 4096
    for start in range(0, len(inputs), size):
        positions = np.arange(start, min(start + size, len(inputs)))
        predicted = classifier.logits(torch_rows(inputs, positions, device)).argmax(dim=1).cpu().numpy()
        rows = inputs.rows[positions]
        result[rows] = validation.weights[rows] * (predicted == validation.codes[rows])
    return result


def _frozen(classifier: BlockClassifier) -> BlockClassifier:
    frozen = copy.copy(classifier)
    frozen.weight, frozen.bias = classifier.weight.detach().clone(), classifier.bias.detach().clone()
    frozen.prior_weight = None if classifier.prior_weight is None else classifier.prior_weight.detach().clone()
    return frozen
