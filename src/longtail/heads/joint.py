"""Joint: the classifier as it comes out of ordinary training."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state
from torch import Tensor

from longtail.heads.base import ImpliedPrior
from longtail.heads.learned_state import LOSSES, Learned, Plain
from longtail.heads.linear import LinearHead, LinearParameters, check_linear
from longtail.heads.linear_fit import LayerPlan, Solver, idle_for_solver, train_layer
from longtail.heads.linear_training import SGD_CONSTRAINTS, plan_of
from longtail.heads.parameters import AUTO, Constraints, real, words
from longtail.heads.precision import Precision
from longtail.heads.rows import compute_dtype
from longtail.heads.standardisation import AutoOrNot
from longtail.losses import LossName, prior_of_loss
from longtail.sampling import Sampler

__all__ = ["Joint", "LinearStart", "linear_or_joint"]


class Joint(LinearHead):
    """The linear classifier that was trained together with the features, or one trained on them in the same way.

    logits = x W^T + b, trained by cross-entropy on instance-balanced samples: every image counts the same, so common
    classes rule. It is what the other methods start from and are compared with.

    Without a given head it is the optimum of the penalised likelihood on features of mean 0 and deviation 1, and so
    depends on neither size nor unit of a feature: what rare classes it misses, no linear layer finds that counts images
    alike. `solver="sgd", standardise=False` is the training of the paper.

    Args:
        head: weight (C, D) and bias (C,) of the network's own classifier, taken as they are; None trains one.
        solver: "lbfgs" finds the optimum over all rows, "sgd" descends step by step; "auto" takes the first for
            cross-entropy, balanced softmax and logit adjustment, where the layer has at most 4 million weights.
        standardise: learn on features of mean 0 and deviation 1, and fold both into the result, so that neither size
            nor unit of a feature matters; False learns on them as they are. "auto": True, but for "ldam", whose cosines
            are of features as they are, unless their units are unlike or their mean is far from 0.
        penalty: of "lbfgs", at least 0: penalty D / (2 N) ||W||^2 is added to the mean loss. 0.04 takes the logits of a
            typical row to have a standard deviation of 5 before anything is seen.
        epochs: of "sgd", passes over the data.
        batch_size: of "sgd", images a step.
        learning_rate: of "sgd", at the start; falls to 0 by a cosine.
        momentum: of "sgd", 0 to below 1.
        weight_decay: of "sgd", at least 0.
        random_state: of "sgd", seed of initialisation and sampling.
        device: where to compute, such as "cpu" or "cuda".
        precision: of the matrix products, "float32" or "bfloat16": 8 significant bits, faster where the processor or
            GPU computes in it. Weights and loss stay float32; float64 features are computed in float64 in any case.
        loss: "cross-entropy", "focal", "balanced-softmax", "logit-adjusted", "ldam", "over-smoothed" or "label-aware",
            as in `longtail.losses`.
        head_prior: world that the probabilities of a given head mean, "train" or "uniform" (it was trained with class
            weights, balanced samples or balanced softmax); None: what the loss says.

    Attributes:
        weight_: shape (C, D).
        bias_: shape (C,).
        classes_: labels in the order of the logits, shape (C,).
        losses_: of "lbfgs" the penalised loss after each step, of "sgd" the mean loss of each epoch; empty for a given
            head.
        converged_: whether the training ended near its optimum; `notes_` says what is wrong where it did not.
        selected_on_: "given" or "not selected".

    Raises:
        InputError: unusable features, labels, head or parameters.

    Reference:
        Kang, Xie, Rohrbach, Yan, Gordo, Feng, Kalantidis, "Decoupling Representation and Classifier for Long-Tailed
        Recognition", ICLR 2020, arXiv 1910.09217, section 3.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> labels = np.repeat([0, 1], [90, 10])
        >>> features = rng.normal(size=(100, 4)) + 3 * labels[:, None]
        >>> head = Joint().fit(features, labels)
        >>> head.score(features, labels) > 0.9, head.converged_
        (True, True)
    """

    _parameter_constraints: ClassVar[Constraints] = {
        **SGD_CONSTRAINTS,
        "solver": [words(Solver)],
        "standardise": ["boolean", AUTO],
        "penalty": [real(0)],
        "loss": [words(LossName)],
        "head_prior": [words(ImpliedPrior), None],
    }

    _learned: ClassVar[Learned] = {
        **LinearHead._learned,
        "losses_": LOSSES,
        "converged_": Plain(bool, optional=True),
    }

    def __init__(
        self,
        head: LinearParameters | None = None,
        *,
        solver: Solver = "auto",
        standardise: AutoOrNot = "auto",
        penalty: float = 0.04,
        epochs: int = 30,
        batch_size: int = 512,
        learning_rate: float = 0.2,
        momentum: float = 0.9,
        weight_decay: float = 5e-4,
        random_state: int | np.random.RandomState | None = None,
        device: str = "cpu",
        precision: Precision = "float32",
        loss: LossName = "cross-entropy",
        head_prior: ImpliedPrior | None = None,
    ) -> None:
        self.head = head
        self.solver = solver
        self.standardise = standardise
        self.penalty = penalty
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.random_state = random_state
        self.device = device
        self.precision = precision
        self.loss = loss
        self.head_prior = head_prior

    @property
    def implied_prior(self) -> ImpliedPrior:
        """Return the world where softmax(logits) is a probability: by the loss, or as it was given."""
        return self.head_prior or prior_of_loss(self.loss, "train")

    def parameters_in_use(self) -> dict[str, Any]:
        """Return the parameters that had a part: of a classifier that was given, none."""
        return {} if self.selected_on_ == "given" else super().parameters_in_use()

    def idle_parameters(self, num_classes: int, num_features: int) -> dict[str, str]:
        """Return the parameters that have no part: of the other solver, or all but `loss` where the head is given."""
        if self.head is not None:
            names = [name for name in self._parameter_constraints if hasattr(self, name) and name != "loss"]
            return dict.fromkeys(names, "the network's own classifier is taken as it is")
        return idle_for_solver(self, num_classes, num_features)

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learn the classifier from features X (N, D) and labels y (N,), or take over the given one."""
        array, codes, _ = self._begin(X, y)
        self.losses_: list[float] = []
        self.converged_ = True
        if self.head is not None:
            self.weight_, self.bias_ = check_linear(self.head, len(self.classes_), array.shape[1])
            self.selected_on_ = "given"
            return self
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        plan = LayerPlan(
            self.loss,
            self.solver,
            self.standardise,
            self.penalty,
            plan_of(self, "cosine"),
            seed,
            precision=self.precision,
            device=self.device,
        )
        self._take_layer(train_layer(array, codes, "instance", Sampler(codes, strategy="instance", seed=seed), plan))
        self.selected_on_ = "not selected"
        return self


@dataclass(frozen=True)
class LinearStart:
    """The trained layer that a method starts from.

    Attributes:
        weight: shape (C, D).
        bias: shape (C,).
        notes: what a person should know of it.
    """

    weight: NDArray[Any]
    bias: NDArray[Any]
    notes: tuple[str, ...]

    def tensors(self, features: Any, device: str) -> tuple[Tensor, Tensor]:
        """Return copies, of the type that the features are computed in."""
        dtype = compute_dtype(features)
        weight, bias = (torch.from_numpy(np.array(part)).to(device, dtype) for part in (self.weight, self.bias))
        return weight, bias


def linear_or_joint(
    head: LinearParameters | None,
    features: Any,
    codes: NDArray[np.int64],
    *,
    random_state: int,
    device: str,
    precision: Precision = "float32",
) -> LinearStart:
    """Return the trained layer that a method starts from: the given one, or a `Joint` that is fitted here.

    Args:
        head: weight (C, D) and bias (C,), or None.
        features: shape (N, D), memory-mapped or not.
        codes: class indices, shape (N,).
        random_state: seed, where the layer is too large for all rows at once.
        device: where to compute.
        precision: of the matrix products.
    """
    joint = Joint(head, random_state=random_state, device=device, precision=precision).fit(features, codes)
    return LinearStart(joint.weight_, joint.bias_, tuple(f"of the head that it starts from: {n}" for n in joint.notes_))
