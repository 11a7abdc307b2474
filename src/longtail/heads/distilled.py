"""A linear layer that learns from the labels, and from what a better classifier says of the same rows."""

import inspect
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils import check_random_state

from longtail.heads.balanced_log_loss import JudgedRows
from longtail.heads.base import Head
from longtail.heads.choice import Evidence, evidence_for, tried_values
from longtail.heads.convergence import not_reached
from longtail.heads.learned_state import CURVE, LOSSES, NOT_NEGATIVE, POSITIVE, Learned, Plain
from longtail.heads.likelihood_path import LikelihoodPath
from longtail.heads.linear import LinearHead
from longtail.heads.logistic import ON_THE_WAY, PENALTIES, WITHOUT_EVIDENCE
from longtail.heads.logistic_choice import Grid, Trial, search
from longtail.heads.multilayer import MultilayerPerceptron
from longtail.heads.parameters import AUTO, DEVICE, RANDOM_STATE, Constraints, Each, real
from longtail.heads.rows import Features
from longtail.heads.soft_targets import SoftTargets
from longtail.priors import prior_of_counts

__all__ = ["Distilled"]

Judged = tuple[NDArray[Any], NDArray[np.int64]]


class Distilled(LinearHead):
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
        "penalty": [real(above=0), AUTO],
        "scale": [real(above=0), AUTO],
        "penalties": [Each(real(above=0), "penalty")],
        "tolerance": [real(above=0, below=1)],
        "random_state": [RANDOM_STATE],
        "device": [DEVICE],
    }

    _learned: ClassVar[Learned] = {
        **LinearHead._learned,
        "penalty_": NOT_NEGATIVE,
        "scale_": POSITIVE,
        "curve_": CURVE,
        "losses_": LOSSES,
        "converged_": Plain(bool, optional=True),
    }

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

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        validation: tuple[ArrayLike, ArrayLike] | None = None,
    ) -> Self:
        """Fit the teacher, then the layer to what it says; choose what is "auto".

        Args:
            X: features of the training images, shape (N, D).
            y: labels, shape (N,).
            validation: features and labels on which to choose; the teacher makes its choices there too.
        """
        array, codes, _ = self._begin(X, y)
        judged = self._judged(validation)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        path = self._path(array, codes, judged, seed)
        notes = self.notes_
        choice = self._chosen(path, array, judged, seed)
        start = None if choice is None else choice.layer
        solution = path.solve(self.penalty_, "rows", start=start, tolerance=self.tolerance)
        self.losses_, self.converged_ = solution.losses, solution.converged
        late = () if self.converged_ else (not_reached(len(self.losses_), self.penalty_),)
        self.notes_ = (*notes, *late)
        log_shares = torch.from_numpy(np.log(prior_of_counts(self.class_counts_)))
        bias = (solution.bias.double() - log_shares).to(solution.bias)
        self._set_linear(self.scale_ * solution.weight, self.scale_ * bias)
        return self

    def parameters_in_use(self) -> dict[str, Any]:
        """Return the parameters, with the teacher's kind in its place."""
        teacher = MultilayerPerceptron if self.teacher is None else type(self.teacher)
        return {**super().parameters_in_use(), "teacher": teacher.__name__}

    def _path(self, features: Features, codes: NDArray[np.int64], judged: Judged | None, seed: int) -> LikelihoodPath:
        """Return rows with the targets that a teacher of these rows gives them."""
        targets = SoftTargets.of_labels(codes, len(self.classes_))
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

    def _chosen(self, path: LikelihoodPath, features: Features, judged: Judged | None, seed: int) -> Trial | None:
        """Set what is in use; return what was found on judged rows, or None where nothing was looked for."""
        grid = Grid(tried_values(self.penalty, self.penalties), ("rows",), (1.0,))
        self.curve_: dict[str, Any] | None = None
        self.penalty_, self.selected_on_ = grid.penalties[0], "given"
        self.scale_ = 1.0 if self.scale == "auto" else float(self.scale)
        if not grid.is_open and self.scale != "auto":
            return None
        evidence: Evidence = evidence_for(features, path.codes, judged, seed)
        if not len(evidence.judged_codes):
            self.selected_on_ = "not selected" if grid.is_open else "given"
            self.penalty_ = WITHOUT_EVIDENCE if self.penalty == "auto" else self.penalty_
            return None
        if judged is None:
            path = self._path(evidence.features, evidence.codes, None, seed)
        rows = JudgedRows(evidence, self.class_counts_, self.device)
        choice = search(path, grid, rows, max(ON_THE_WAY, self.tolerance))
        self.penalty_ = choice.penalty
        self.scale_ = choice.scale if self.scale == "auto" else self.scale_
        if grid.is_open:
            self.selected_on_, self.curve_ = evidence.selected_on, choice.curve
        return choice
