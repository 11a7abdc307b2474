"""A linear layer that learns from the labels, and from what a better classifier says of the same rows."""

import inspect
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from longtail.heads.base import Head
from longtail.heads.likelihood_path import LikelihoodPath
from longtail.heads.logistic import PENALTIES, Judged, Logistic
from longtail.heads.multilayer import MultilayerPerceptron
from longtail.heads.parameters import Constraints, real
from longtail.heads.rows import Features
from longtail.heads.soft_targets import SoftTargets

__all__ = ["Distilled"]

SHARED = ("penalty", "scale", "penalties", "tolerance", "random_state", "device")  # parameters that `Logistic` has too


class Distilled(Logistic):
    """A linear layer that learns from its labels and from a teacher, which need not be linear.

    logits_c = a (w_c . x + b_c - log(n_c / N)),  W and b minimise
    mean_i(-sum_c t_ic log softmax(W x_i + b)_c) + penalty v / 2 ||W||^2,  v the mean variance of a feature
    t_ic = (1 - alpha) [c = y_i] + alpha q_ic,  q_i the teacher's probabilities in a world like train

    Rows count alike, and the log shares are taken out of the optimum: its softmax is then of a world in which all
    classes are equally common, as with `Logistic`, which it is with alpha = 0. Penalty and a are chosen as there. The
    32 most probable classes of a row are kept, so that what the teacher says needs less memory than the features do.

    The teacher is fitted once, and says of the rows it was fitted to what it learnt of them. Answers by
    cross-validation, of networks that had not seen the row, are worse where it matters: a network without a third of
    five rows does not know their class (see the card for both). Without validation it is fitted a second time, without
    the fifth that the penalty is chosen on.

    Args:
        teacher: an unfitted head of this package; None takes `MultilayerPerceptron`.
        alpha: share of the teacher in the targets, 0 to 1.
        penalty: above 0; "auto" chooses.
        scale: a, above 0; "auto" fits it to the same rows. It changes no prediction.
        penalties: those that "auto" tries.
        tolerance: how near the optimum the final layer is, see `maximise_likelihood`.
        random_state: seed of the usual teacher, and of the fifth of train that is held out without validation.
        device: where to compute, such as "cpu" or "cuda".

    Attributes:
        penalty_: the penalty in use.
        weighting_, tau_: "rows" and 1, as of `Logistic`.
        scale_: a.
        curve_: None, or what was measured at each penalty.
        weight_: a W, shape (C, D).
        bias_: shape (C,).
        classes_: labels in the order of the logits, shape (C,).
        losses_: the penalised loss after each step of the final fit.
        converged_: whether it ended within the tolerance.
        selected_on_: "val", "train-cv" (held out of training), "given", or "not selected" where every class has a
            single row.

    Raises:
        InputError: unusable features, labels or parameters, or a teacher that is no head.

    Reference:
        Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network", arXiv 1503.02531, section 2 (soft targets
        and labels). The world of the targets and the choice are ours.

    Example:
        >>> from longtail.heads import LinearDiscriminant
        >>> rng = np.random.default_rng(0)
        >>> labels = np.repeat([0, 1], [190, 10])
        >>> features = rng.normal(size=(200, 2)) + 3 * labels[:, None]
        >>> head = Distilled(LinearDiscriminant(0.1), random_state=0).fit(features, labels)
        >>> head.predict([[0.0, 0.0], [3.0, 3.0]]).tolist(), head.weight_.shape
        ([0, 1], (2, 2))
    """

    _parameter_constraints: ClassVar[Constraints] = {
        "teacher": [Head, None],
        "alpha": [real(0, most=1)],
        **{name: Logistic._parameter_constraints[name] for name in SHARED},
    }

    # of the parameters of `Logistic` these are no matter of choice
    weighting = "rows"
    tau = 1.0
    taus = (1.0,)
    standardise = "auto"

    def __init__(
        self,
        teacher: Head | None = None,
        *,
        alpha: float = 0.5,
        penalty: float | Literal["auto"] = "auto",
        scale: float | Literal["auto"] = "auto",
        penalties: tuple[float, ...] = PENALTIES,
        tolerance: float = 1e-5,
        random_state: int | np.random.RandomState | None = None,
        device: str = "cpu",
    ) -> None:
        self.teacher = teacher
        self.alpha = alpha
        self.penalty = penalty
        self.scale = scale
        self.penalties = penalties
        self.tolerance = tolerance
        self.random_state = random_state
        self.device = device

    def parameters_in_use(self) -> dict[str, Any]:
        """Return the parameters, with the teacher's kind in its place."""
        teacher = MultilayerPerceptron if self.teacher is None else type(self.teacher)
        return {**super().parameters_in_use(), "teacher": teacher.__name__}

    def _path(self, features: Features, codes: NDArray[np.int64], judged: Judged | None, seed: int) -> LikelihoodPath:
        """Return rows with the targets that a teacher of these rows gives them; it makes its choices on `judged`."""
        targets = SoftTargets.of_labels(codes, len(self.classes_))
        self.notes_ = ()
        if self.alpha:
            teacher = self._fitted_teacher(features, codes, judged, seed)
            self.notes_ = tuple(f"teacher: {note}" for note in teacher.notes_)
            start = 0
            for scores in teacher._chunk_scores(features, "train"):
                targets.mix(np.arange(start, start + len(scores)), scores, float(self.alpha))
                start += len(scores)
        return LikelihoodPath.of(features, codes, device=self.device, targets=targets)

    def _fitted_teacher(self, features: Features, codes: NDArray[np.int64], judged: Judged | None, seed: int) -> Head:
        usual = MultilayerPerceptron(random_state=seed, device=self.device)
        teacher: Any = usual if self.teacher is None else clone(self.teacher)
        settings: dict[str, Any] = {}
        if judged is not None and "validation" in inspect.signature(teacher.fit).parameters:
            settings["validation"] = judged
        fitted: Head = teacher.fit(features, codes, **settings)
        return fitted
