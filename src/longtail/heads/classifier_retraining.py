"""cRT: train the linear classifier again, on class-balanced samples."""

from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state

from longtail.heads.base import ImpliedPrior
from longtail.heads.linear import LinearHead
from longtail.heads.linear_training import Precision, Reweighting, fit_linear, initial_linear, plan_of, rows_sampler
from longtail.losses import LossName, prior_of_loss
from longtail.sampling import Strategy
from longtail.schedules import ScheduleKind

__all__ = ["ClassifierRetraining"]


class ClassifierRetraining(LinearHead):
    """Classifier re-training (cRT): a new linear layer, trained on samples in which every class comes equally often.

    logits = x W^T + b; the class of each sample is drawn with probability 1 / C, an image of it in turn.

    With sampling="instance", and a loss that knows the counts or weights, it is the classifier of that loss on fixed
    features: balanced softmax, class-balanced (effective number) weights, or LDAM with deferred weights.

    The defaults are the paper's: stochastic gradient descent from a random layer, 10 epochs (30 on iNaturalist), cosine
    schedule by epochs, runs of 4 images a class as in the released code.

    Args:
        epochs: passes of N draws.
        batch_size: images a step.
        learning_rate: at the start.
        momentum: 0 to 1.
        weight_decay: at least 0.
        schedule: "cosine-epoch" (the paper), "cosine-epoch-shifted" (its code on a recent torch), "cosine", "constant".
        sampling: of the training rows, as in `longtail.sampling.Sampler`; "class" is the paper's.
        repeat_threshold: of "repeat-factor" sampling.
        run_length: consecutive images each time a class is visited.
        random_state: seed of initialisation and sampling.
        device: where to compute, such as "cpu" or "cuda".
        precision: of the matrix products, "float32" or "bfloat16": 8 significant bits, faster where the processor or
            GPU computes in it. Weights and loss stay float32; float64 features are computed in float64 in any case.
        loss: "cross-entropy", "focal", "balanced-softmax", "logit-adjusted" or "ldam", as in `longtail.losses`.
        reweight: weigh the classes in the loss by the inverse of their effective number of images. It rebalances, as
            class-balanced sampling and the losses that know the counts do: together they overshoot.
        beta: of the effective number, 0 to below 1.
        rebalance_from: share of the epochs before which all classes weigh alike (deferred re-weighting), 0 to below 1.

    Attributes:
        weight_: shape (C, D).
        bias_: shape (C,).
        classes_: labels in the order of the logits, shape (C,).
        losses_: mean loss of each epoch.
        selected_on_: "not selected".

    Raises:
        InputError: unusable features, labels, precision or loss, or a share of the epochs with nothing to defer.

    Reference:
        Kang et al., "Decoupling Representation and Classifier for Long-Tailed Recognition", ICLR 2020, arXiv
        1910.09217, section 4.1. Weights: Cui et al., CVPR 2019, arXiv 1901.05555; deferred: Cao et al., NeurIPS 2019,
        arXiv 1906.07413.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> labels = np.repeat(["common", "rare"], [90, 10])
        >>> features = rng.normal(size=(100, 4)) + 3 * (labels == "rare")[:, None]
        >>> ClassifierRetraining(random_state=0).fit(features, labels).predict(features[-2:])
        array(['rare', 'rare'], dtype='<U6')
    """

    def __init__(
        self,
        *,
        epochs: int = 10,
        batch_size: int = 512,
        learning_rate: float = 0.2,
        momentum: float = 0.9,
        weight_decay: float = 5e-4,
        schedule: ScheduleKind = "cosine-epoch",
        sampling: Strategy = "class",
        repeat_threshold: float = 0.01,
        run_length: int = 4,
        random_state: int | np.random.RandomState | None = None,
        device: str = "cpu",
        precision: Precision = "float32",
        loss: LossName = "cross-entropy",
        reweight: bool = False,
        beta: float = 0.9999,
        rebalance_from: float = 0.0,
    ) -> None:
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.sampling = sampling
        self.repeat_threshold = repeat_threshold
        self.run_length = run_length
        self.random_state = random_state
        self.device = device
        self.precision = precision
        self.loss = loss
        self.reweight = reweight
        self.beta = beta
        self.rebalance_from = rebalance_from

    @property
    def implied_prior(self) -> ImpliedPrior:
        """Say in which world softmax(logits) would be a probability: by loss, weights and sampling."""
        if self.reweight and self.beta > 0:
            return "uniform"
        return prior_of_loss(self.loss, "train" if self.sampling == "instance" else "uniform")

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learn the classifier from features X (N, D) and labels y (N,)."""
        array, codes, dtype = self._begin(X, y)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        weight, bias = initial_linear(len(self.classes_), array.shape[1], seed, dtype, self.device)
        plan = plan_of(self, self.schedule)
        self.losses_ = fit_linear(
            array,
            codes,
            weight,
            bias,
            loss=self.loss,
            plan=plan,
            sampler=rows_sampler(self, codes, seed),
            reweighting=Reweighting(self.beta if self.reweight else None, self.rebalance_from),
            device=self.device,
        )
        self._set_linear(weight, bias)
        self.selected_on_ = "not selected"
        return self
