"""Joint: the classifier as it comes out of ordinary training."""

from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state
from torch import Tensor

from longtail.heads.base import ImpliedPrior
from longtail.heads.linear import LinearHead, LinearParameters, check_linear
from longtail.heads.linear_training import Precision, fit_linear, initial_linear, plan_of
from longtail.losses import LossName, prior_of_loss
from longtail.sampling import Sampler

__all__ = ["Joint"]


class Joint(LinearHead):
    """The linear classifier that was trained together with the features, or one trained on them in the same way.

    logits = x W^T + b, trained by cross-entropy on instance-balanced samples: every image counts the same, so common
    classes rule. It is what the other methods start from and are compared with.

    Args:
        head: weight (C, D) and bias (C,) of the network's own classifier, taken as they are; None trains one.
        epochs: passes over the data.
        batch_size: images a step.
        learning_rate: at the start; falls to 0 by a cosine.
        momentum: 0 to 1.
        weight_decay: at least 0.
        random_state: seed of initialisation and sampling.
        device: where to compute, such as "cpu" or "cuda".
        precision: of the matrix products, "float32" or "bfloat16": 8 significant bits, faster where the processor or
            GPU computes in it. Weights and loss stay float32; float64 features are computed in float64 in any case.
        loss: "cross-entropy", "focal", "balanced-softmax", "logit-adjusted" or "ldam", as in `longtail.losses`.
        head_prior: world that the probabilities of a given head mean, "train" or "uniform" (it was trained with class
            weights, balanced samples or balanced softmax); None: what the loss says.

    Attributes:
        weight_: shape (C, D).
        bias_: shape (C,).
        classes_: labels in the order of the logits, shape (C,).
        losses_: mean loss of each epoch; empty for a given head.
        selected_on_: "given" or "not selected".

    Raises:
        InputError: unusable features, labels, head, precision or loss.

    Reference:
        Kang, Xie, Rohrbach, Yan, Gordo, Feng, Kalantidis, "Decoupling Representation and Classifier for Long-Tailed
        Recognition", ICLR 2020, arXiv 1910.09217, section 3.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> labels = np.repeat([0, 1], [90, 10])
        >>> features = rng.normal(size=(100, 4)) + 3 * labels[:, None]
        >>> Joint(random_state=0).fit(features, labels).score(features, labels) > 0.9
        True
    """

    def __init__(
        self,
        head: LinearParameters | None = None,
        *,
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
        """Say in which world softmax(logits) would be a probability: by the loss, or as it was given."""
        return self.head_prior or prior_of_loss(self.loss, "train")

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learn the classifier from features X (N, D) and labels y (N,), or take over the given one."""
        array, codes, dtype = self._begin(X, y)
        num_classes, dimension = len(self.classes_), array.shape[1]
        self.losses_: list[float] = []
        if self.head is not None:
            self.weight_, self.bias_ = check_linear(self.head, num_classes, dimension)
            self.selected_on_ = "given"
            return self
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        weight, bias = initial_linear(num_classes, dimension, seed, dtype, self.device)
        plan = plan_of(self, "cosine")
        self.losses_ = fit_linear(
            array,
            codes,
            weight,
            bias,
            loss=self.loss,
            plan=plan,
            sampler=Sampler(codes, strategy="instance", seed=seed),
            device=self.device,
        )
        self._set_linear(weight, bias)
        self.selected_on_ = "not selected"
        return self


def linear_or_joint(
    head: LinearParameters | None,
    features: ArrayLike,
    labels: ArrayLike,
    *,
    random_state: int | np.random.RandomState | None,
    device: str,
    precision: Precision = "float32",
) -> LinearParameters:
    """Give the trained head that a method starts from: the given one, or a `Joint` fitted here."""
    joint = Joint(head, random_state=random_state, device=device, precision=precision).fit(features, labels)
    return joint.weight_, joint.bias_


def starting_tensors(
    head: LinearParameters | None,
    features: NDArray[Any],
    labels: ArrayLike,
    *,
    random_state: int,
    device: str,
    precision: Precision = "float32",
) -> tuple[Tensor, Tensor]:
    """Give copies of the trained head's weight (C, D) and bias (C,), of the type that its features are computed in."""
    parts = linear_or_joint(head, features, labels, random_state=random_state, device=device, precision=precision)
    dtype = torch.float64 if features.dtype == np.float64 else torch.float32
    weight, bias = (torch.from_numpy(np.array(part)).to(device, dtype) for part in parts)
    return weight, bias
