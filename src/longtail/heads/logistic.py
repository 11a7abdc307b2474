"""Logistic regression at its optimum, the class counts taken out of it, everything chosen by log loss."""

from dataclasses import replace
from typing import Any, ClassVar, Literal, Self, get_args

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state

from longtail.heads.balanced_log_loss import JudgedRows
from longtail.heads.base import ImpliedPrior
from longtail.heads.choice import evidence_for, tried_values
from longtail.heads.convergence import not_reached
from longtail.heads.learned_state import CURVE, LOSSES, NOT_NEGATIVE, POSITIVE, Learned, Plain
from longtail.heads.likelihood_path import LikelihoodPath, Weighting
from longtail.heads.linear import LinearHead
from longtail.heads.logistic_choice import Grid, Trial, search
from longtail.heads.parameters import AUTO, DEVICE, RANDOM_STATE, Constraints, Each, real, words
from longtail.heads.rows import Features
from longtail.heads.standardisation import AutoOrNot
from longtail.priors import prior_of_counts

__all__ = ["PENALTIES", "TAUS", "Judged", "Logistic"]

Judged = tuple[NDArray[Any], NDArray[np.int64]]  # features and class indices

PENALTIES = (1.0, 0.3, 0.1, 0.03, 0.01, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5)
TAUS = (1.0, 0.75, 1.25, 1.5)  # of equals the first, where all classes have as many rows
WITHOUT_EVIDENCE = 0.1  # penalty where every class has a single row, so that none can be held out
ON_THE_WAY = 3e-4  # tolerance of the solutions that are only compared


class Logistic(LinearHead):
    """Logistic regression at its optimum, adjusted for classes that are equally common, and calibrated.

    logits_c = a (w_c . x + b_c - tau log(n_c / N)),  W and b minimise
    mean_i(-log softmax(W x_i + b)_y_i) + penalty v / 2 ||W||^2,  v the mean variance of a feature

    The bias is not penalised. v makes the penalty relative to the features' scale: features times 1000 give the same
    logits. It is one number for all features, as for `WeightedRidge`, which on features of networks is better than each
    one's own; where their units are unlike each has its own. The mean over rows makes the layer that of any number of
    copies of them: `C` of scikit-learn's `LogisticRegression` is 1 / (penalty v N).

    Rows that count alike learn probabilities of a world like train, out of which tau takes the counts: tau = 1 is
    Bayes' rule. Where each class counts the same instead (weighting="classes"), softmax(W x + b) is of a world with
    equally common classes already: nothing is left to be taken out, and tau has no part.

    What is "auto" is chosen together, by the log loss of rows that were not learnt from, each class counting the same,
    after the best single a. It goes from strong penalties to weak ones, each solution the start of the next, and ends
    where two in a row are worse than the best. A log loss says of every row how nearly it was right, a balanced
    accuracy only whether, which of one row a class is a coin: see the card for what both choose.

    Args:
        penalty: above 0; "auto" chooses.
        weighting: in the likelihood "rows" count alike, or "classes" do; "auto" tries both, in twice the time.
        tau: how much of the log share is taken out, at least 0; "auto" chooses, which wins nothing on average, and goes
            wrong where the rarest classes have no row to judge by.
        standardise: give each feature its own v, which is to learn on features of deviation 1; "auto": where the
            deviation of one is more than 10 times the median.
        scale: a, above 0; "auto" fits it to the same rows. It changes no prediction.
        penalties: those that "auto" tries.
        taus: the values of tau that "auto" tries; of equals the first.
        tolerance: how near the optimum the final layer is, see `maximise_likelihood`.
        random_state: seed of the fifth of train that is held out where there is no validation.
        device: where to compute, such as "cpu" or "cuda".

    Attributes:
        penalty_: the penalty in use.
        weighting_: "rows" or "classes".
        tau_: the tau in use; 0 with "classes".
        scale_: a.
        curve_: None, or what was measured at each penalty with its best tau, under the chosen weighting.
        weight_: a W, shape (C, D).
        bias_: shape (C,).
        classes_: labels in the order of the logits, shape (C,).
        losses_: the penalised loss after each step of the final fit.
        converged_: whether it ended within the tolerance.
        selected_on_: "val", "train-cv" (held out of training), "given", or "not selected" where every class has a
            single row.

    Raises:
        InputError: unusable features, labels or parameters.

    Reference:
        Menon, Jayasumana, Rawat, Jain, Veit, Kumar, "Long-tail learning via logit adjustment", ICLR 2021, arXiv
        2007.07314, equation 9 (tau). The choice is ours.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> labels = np.repeat([0, 1], [950, 50])
        >>> features = rng.normal(size=(1000, 2)) + 2 * labels[:, None]
        >>> plain, fair = (Logistic(tau=tau, random_state=0).fit(features, labels) for tau in (0.0, 1.0))
        >>> rare = labels == 1
        >>> plain.score(features[rare], labels[rare]) < 0.8, fair.score(features[rare], labels[rare]) > 0.85
        (True, True)
    """

    _parameter_constraints: ClassVar[Constraints] = {
        "penalty": [real(above=0), AUTO],
        "weighting": [words(Literal[Weighting, "auto"])],
        "tau": [real(0, most=100), AUTO],
        "standardise": ["boolean", AUTO],
        "scale": [real(above=0), AUTO],
        "penalties": [Each(real(above=0))],
        "taus": [Each(real(0, most=100))],
        "tolerance": [real(above=0, below=1)],
        "random_state": [RANDOM_STATE],
        "device": [DEVICE],
    }

    _learned: ClassVar[Learned] = {
        **LinearHead._learned,
        "penalty_": NOT_NEGATIVE,
        "weighting_": Plain(Weighting),
        "tau_": NOT_NEGATIVE,
        "scale_": POSITIVE,
        "curve_": CURVE,
        "losses_": LOSSES,
        "converged_": Plain(bool, optional=True),
    }

    def __init__(
        self,
        penalty: float | Literal["auto"] = "auto",
        *,
        weighting: Literal["rows", "classes", "auto"] = "rows",
        tau: float | Literal["auto"] = 1.0,
        standardise: AutoOrNot = "auto",
        scale: float | Literal["auto"] = "auto",
        penalties: tuple[float, ...] = PENALTIES,
        taus: tuple[float, ...] = TAUS,
        tolerance: float = 1e-5,
        random_state: int | np.random.RandomState | None = None,
        device: str = "cpu",
    ) -> None:
        self.penalty = penalty
        self.weighting = weighting
        self.tau = tau
        self.standardise = standardise
        self.scale = scale
        self.penalties = penalties
        self.taus = taus
        self.tolerance = tolerance
        self.random_state = random_state
        self.device = device

    @property
    def implied_prior(self) -> ImpliedPrior:
        """Return the world where softmax(logits) is a probability: as in train where no counts are taken out."""
        return "uniform" if getattr(self, "weighting_", "rows") == "classes" or getattr(self, "tau_", 1.0) else "train"

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        validation: tuple[ArrayLike, ArrayLike] | None = None,
    ) -> Self:
        """Find the optimum; choose what is "auto".

        Args:
            X: features of the training images, shape (N, D).
            y: labels, shape (N,).
            validation: features and labels on which to choose, and to fit the scale.
        """
        array, codes, _ = self._begin(X, y)
        judged, seed = self._judged(validation), int(check_random_state(self.random_state).randint(2**31 - 1))
        path = self._path(array, codes, judged, seed)
        notes = self.notes_
        choice = self._chosen(path, array, judged, seed)
        start = path.nearby(self.penalty_, self.weighting_, self._on_the_way) if choice is None else choice.layer
        self.scale_ = float(1.0 if choice is None else choice.scale) if self.scale == "auto" else float(self.scale)
        solution = path.solve(self.penalty_, self.weighting_, start=start, tolerance=self.tolerance)
        self.losses_, self.converged_ = solution.losses, solution.converged
        shift = self.tau_ * torch.from_numpy(np.log(prior_of_counts(self.class_counts_)))
        bias = (solution.bias.double() - shift).to(solution.bias)
        self._set_linear(self.scale_ * solution.weight, self.scale_ * bias)
        late = () if self.converged_ else (not_reached(len(self.losses_), self.penalty_),)
        self.notes_ = (*notes, *late)
        return self

    def _path(self, features: Features, codes: NDArray[np.int64], judged: Judged | None, seed: int) -> LikelihoodPath:
        """Return rows as they are learnt from; what is to be said of them goes to `notes_`.

        Args:
            features: shape (N, D).
            codes: class indices, shape (N,).
            judged: rows that are chosen on; None: they are not known, or a part of train.
            seed: of what is drawn.
        """
        del judged, seed
        self.notes_ = ()
        return LikelihoodPath.of(features, codes, standardise=self.standardise, device=self.device)

    @property
    def _on_the_way(self) -> float:
        """Tolerance of solutions that others go on from."""
        return max(ON_THE_WAY, self.tolerance)

    @property
    def _grid(self) -> Grid:
        """What is tried, each value once."""
        return Grid(
            tried_values(self.penalty, self.penalties),
            get_args(Weighting) if self.weighting == "auto" else (self.weighting,),
            tried_values(self.tau, self.taus),
        )

    def _chosen(self, path: LikelihoodPath, features: Features, judged: Judged | None, seed: int) -> Trial | None:
        """Set what is in use; return what was found on judged rows, or None where nothing was looked for."""
        grid, codes = self._grid, path.codes
        self.curve_: dict[str, Any] | None = None
        self.penalty_, self.weighting_ = grid.penalties[0], grid.weightings[0]
        self.tau_ = grid.taus_of(self.weighting_)[0]
        self.selected_on_ = "given"
        if not grid.is_open and self.scale != "auto":
            return None
        evidence = evidence_for(features, codes, judged, seed)
        if not len(evidence.judged_codes):
            self.selected_on_ = "not selected" if grid.is_open else "given"
            self.penalty_ = WITHOUT_EVIDENCE if self.penalty == "auto" else self.penalty_
            return None
        if judged is None:
            path = self._path(evidence.features, evidence.codes, None, seed)
        rows = JudgedRows(evidence, self.class_counts_, self.device)
        choice = search(path.on_the_way(), grid, rows, self._on_the_way)
        self.penalty_, self.weighting_, self.tau_ = choice.penalty, choice.weighting, choice.tau
        if grid.is_open:
            self.selected_on_, self.curve_ = evidence.selected_on, choice.curve
        if self.implied_prior == "train":
            choice = replace(choice, scale=rows.log_loss(rows.scores(*choice.layer), by_class=False)[1])
        return choice
