"""cRT: train the linear classifier again, on class-balanced samples."""

from typing import ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state

from longtail.heads.balancing import check_balanced_once
from longtail.heads.base import ImpliedPrior
from longtail.heads.learned_state import LOSSES, Learned, Plain
from longtail.heads.linear import LinearHead
from longtail.heads.linear_fit import LayerPlan, Solver, idle_for_solver, train_layer
from longtail.heads.linear_training import (
    SAMPLING_CONSTRAINTS,
    SGD_CONSTRAINTS,
    Reweighting,
    enough_epochs,
    idle_for_sampling,
    plan_of,
    rows_sampler,
)
from longtail.heads.parameters import AUTO, Constraints, real, whole, words
from longtail.heads.precision import Precision
from longtail.heads.standardisation import AutoOrNot
from longtail.losses import LossName, prior_of_loss
from longtail.sampling import Strategy
from longtail.schedules import ScheduleKind

__all__ = ["ClassifierRetraining"]

# usually, and the fewest steps in all; cosines learn more slowly, since their scale is fixed, and so do small gradients
EPOCHS = 10, 80
EPOCHS_OF = {"ldam": (20, 1000), "over-smoothed": (30, 1000)}


class ClassifierRetraining(LinearHead):
    """Classifier re-training (cRT): a new linear layer, trained on samples in which every class comes equally often.

    logits = x W^T + b; the class of each sample is drawn with probability 1 / C, an image of it in turn.

    With sampling="instance", and a loss that knows the counts or weights, it is the classifier of that loss on fixed
    features: balanced softmax, class-balanced (effective number) weights, or LDAM with deferred weights.

    The defaults are the paper's, but for features of mean 0 and deviation 1: stochastic gradient descent from a random
    layer, 10 epochs (30 on iNaturalist), cosine schedule by epochs, runs of 4 images a class as in the released code.
    `standardise=False` is the paper's whole.

    Args:
        solver: "sgd" descends step by step, "lbfgs" finds the optimum over all rows, each weighed as it would be drawn;
            "auto" takes the second with sampling="instance", for cross-entropy, balanced softmax and logit adjustment.
        standardise: learn on features of mean 0 and deviation 1, and fold both into the result, so that neither size
            nor unit of a feature matters; False learns on them as they are. "auto": True, but for "ldam", whose cosines
            are of features as they are, unless their units are unlike or their mean is far from 0.
        penalty: of "lbfgs", at least 0: penalty D / (2 N) ||W||^2 is added to the mean loss.
        epochs: of "sgd", passes of N draws; "auto": 10, or as many as give 80 steps; of "ldam" 20 or 1000 steps, of
            "over-smoothed" 30 or 1000.
        batch_size: of "sgd", images a step.
        learning_rate: of "sgd", at the start.
        momentum: of "sgd", 0 to below 1.
        weight_decay: of "sgd", at least 0.
        schedule: of "sgd": "cosine-epoch" (the paper), "cosine-epoch-shifted" (its code on a recent torch), "cosine",
            "step" or "constant".
        sampling: of the training rows, as in `longtail.sampling.Sampler`; "class" is the paper's.
        repeat_threshold: of "repeat-factor" sampling.
        run_length: consecutive images each time a class is visited.
        random_state: seed of initialisation and sampling.
        device: where to compute, such as "cpu" or "cuda".
        precision: of the matrix products, "float32" or "bfloat16": 8 significant bits, faster where the processor or
            GPU computes in it. Weights and loss stay float32; float64 features are computed in float64 in any case.
        loss: "cross-entropy", "focal", "balanced-softmax", "logit-adjusted", "ldam", "over-smoothed" or "label-aware",
            as in `longtail.losses`.
        reweight: weigh the classes in the loss by the inverse of their effective number of images.
        beta: of the effective number, 0 to below 1.
        rebalance_from: share of the epochs before which all classes weigh alike (deferred re-weighting), 0 to below 1.
        balance_twice: allow two of class-balanced sampling, weights, and a loss that knows the counts, which together
            overshoot.

    Attributes:
        weight_: shape (C, D).
        bias_: shape (C,).
        classes_: labels in the order of the logits, shape (C,).
        losses_: of "sgd" the mean loss of each epoch, of "lbfgs" the penalised loss after each step.
        converged_: whether the training ended near its optimum; `notes_` says what is wrong where it did not.
        selected_on_: "not selected".

    Raises:
        InputError: unusable features, labels or parameters, a share of the epochs with nothing to defer, or classes
            that are balanced twice.

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

    _parameter_constraints: ClassVar[Constraints] = {
        **SGD_CONSTRAINTS,
        **SAMPLING_CONSTRAINTS,
        "epochs": [whole(), AUTO],
        "solver": [words(Solver)],
        "standardise": ["boolean", AUTO],
        "penalty": [real(0)],
        "loss": [words(LossName)],
        "reweight": ["boolean"],
        "beta": [real(0, below=1)],
        "rebalance_from": [real(0, below=1)],
        "balance_twice": ["boolean"],
    }

    _learned: ClassVar[Learned] = {
        **LinearHead._learned,
        "losses_": LOSSES,
        "converged_": Plain(bool, optional=True),
    }

    def __init__(
        self,
        *,
        solver: Solver = "auto",
        standardise: AutoOrNot = "auto",
        penalty: float = 0.12,
        epochs: int | Literal["auto"] = "auto",
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
        balance_twice: bool = False,
    ) -> None:
        self.solver = solver
        self.standardise = standardise
        self.penalty = penalty
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
        self.balance_twice = balance_twice

    @property
    def implied_prior(self) -> ImpliedPrior:
        """Return the world where softmax(logits) is a probability: by loss, weights and sampling."""
        if self.reweight and self.beta > 0:
            return "uniform"
        return prior_of_loss(self.loss, "train" if self.sampling == "instance" else "uniform")

    def idle_parameters(self, num_classes: int, num_features: int) -> dict[str, str]:
        """Return the parameters that have no part: of the other solver, other samplings, or weights that are not."""
        beta = {} if self.reweight else {"beta": "reweight is False"}
        return {**beta, **idle_for_sampling(self), **idle_for_solver(self, num_classes, num_features)}

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learn the classifier from features X (N, D) and labels y (N,)."""
        array, codes, _ = self._begin(X, y)
        check_balanced_once(
            self.loss, self.sampling, reweight=self.reweight and self.beta > 0, balance_twice=self.balance_twice
        )
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        epochs = enough_epochs(self, len(codes), *EPOCHS_OF.get(self.loss, EPOCHS))
        plan = LayerPlan(
            self.loss,
            self.solver,
            self.standardise,
            self.penalty,
            plan_of(self, self.schedule, epochs),
            seed,
            Reweighting(self.beta if self.reweight else None, self.rebalance_from),
            self.precision,
            self.device,
        )
        self._take_layer(train_layer(array, codes, self.sampling, rows_sampler(self, codes, epochs, seed), plan))
        self.selected_on_ = "not selected"
        return self
