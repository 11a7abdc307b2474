"""What travels together through a comparison: the data, how choices are made, and who may be looked at when."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longtail.arguments import check_whole, plain_value, usual_device
from longtail.comparison.learnt_rows import as_learnt
from longtail.comparison.method_settings import MethodSettings
from longtail.comparison.problem import FeatureProblem
from longtail.comparison.sealed import SealedFeatures
from longtail.counts import GROUPS, group_of_class
from longtail.errors import InputError
from longtail.evaluation.paired_tests import Correction
from longtail.evaluation.selection import Metric, check_costs, class_weights
from longtail.features import FeatureFile
from longtail.heads.feature_transform import TRANSFORMS, TransformKind
from longtail.heads.parameters import Constraints, StrOptions, check_parameters, real, whole, words

__all__ = ["Protocol", "Rules", "SelectOn"]

SelectOn = Literal["val", "train", "test"]
ENOUGH_ROWS = 200  # of equal parts in the score; where val says less, choices look at train too, by cross-validation
MOST_FOLDED = 50_000  # rows of train, above which that would take long


@dataclass(frozen=True)
class Rules:
    """How methods are chosen and measured.

    Attributes:
        select_on: where choices such as tau are made: "val", or "train" (a held-out fifth, cross-validation); default
            val where there is one. "test" needs `i_know_test_is_spoiled`.
        i_know_test_is_spoiled: allows "test", to reproduce a publication that chose there; every table says it.
        metric: what `auto` chooses by.
        costs: of taking the row's class for the column's, shape (C, C); `auto` then chooses the lowest mean cost.
        costs_name: what they are called in the results.
        one_standard_error: `auto` takes the simplest method within one standard error of the best.
        together: `auto` may be the mean of several methods; False: the best one.
        refit: `auto` fits the chosen method again on train and val.
        cv_folds: of the cross-validation, at least 2.
        cv_repeats: how often that is repeated with other folds.
        budget: seconds that fitting may take, above 0: methods that were not named are left out where they would take
            longer, those of the least part in `auto` first; None: no limit.
        feature_transform: before every method; "auto" chooses for those that are fitted in one pass.
        many_above: a class with more training images is "many".
        few_below: a class with fewer is "few".
        correction: of p-values for the number of methods that are compared.
        curve_draws: subsamples of train to which a quick head is fitted, to say which classes gain from more images; 0:
            none.
        exhaustive: look for near rows across splits however long it takes.
    """

    select_on: SelectOn | None = None
    i_know_test_is_spoiled: bool = False
    metric: Metric = "balanced"
    costs: ArrayLike | None = None
    costs_name: str = "given"
    one_standard_error: bool = False
    together: bool = True
    refit: bool = True
    cv_folds: int = 5
    cv_repeats: int = 1
    budget: float | None = None
    feature_transform: TransformKind | Literal["auto"] = "none"
    many_above: int = 100
    few_below: int = 20
    correction: Correction = "holm"
    curve_draws: int = 0
    exhaustive: bool = False

    _constraints: ClassVar[Constraints] = {
        "select_on": [words(SelectOn), None],
        **{
            name: ["boolean"]
            for name in ("i_know_test_is_spoiled", "one_standard_error", "together", "refit", "exhaustive")
        },
        "metric": [words(Metric)],
        "cv_folds": [whole(2, 1000)],
        "cv_repeats": [whole(1, 1000)],
        "budget": [real(above=0), None],
        "feature_transform": [StrOptions({"auto", *TRANSFORMS})],
        "many_above": [whole(0)],
        "few_below": [whole(0)],
        "correction": [words(Correction)],
        "curve_draws": [whole(0)],
        "costs_name": [str],
    }

    def __post_init__(self) -> None:
        check_parameters(vars(self), self._constraints)
        for name in self._constraints:  # numbers of NumPy's kinds too
            object.__setattr__(self, name, plain_value(getattr(self, name)))
        group_of_class([1], self.many_above, self.few_below)  # checks that they go together
        if self.curve_draws == 1:
            raise InputError("curve_draws is 1; expected 0 for none, or at least 2.")


@dataclass(frozen=True)
class Protocol:
    """A problem, and how methods are fitted, chosen and measured on it.

    Attributes:
        problem: checked features.
        rules: of choices and measures.
        settings: of methods, by parameter.
        seed: of initialisation, sampling and folds.
        device: where heads compute; of "auto", a GPU where there is one.

    Raises:
        InputError: choices are to be made on a split that is not there, or on test without the word that allows it; or
            costs, a seed or settings that cannot be.
    """

    problem: FeatureProblem
    rules: Rules = field(default_factory=Rules)
    settings: MethodSettings = field(default_factory=dict)
    seed: int = 0
    device: str = "cpu"

    def __post_init__(self) -> None:
        if not isinstance(self.rules, Rules):
            raise InputError(f"`rules` is {self.rules!r:.80}; expected longtail.Rules(metric=..., ...).")
        if isinstance(self.seed, bool):
            raise InputError(f"seed is {self.seed}; expected a whole number of at least 0.")
        check_whole("seed", self.seed)
        object.__setattr__(self, "seed", int(self.seed))  # of NumPy's kinds too
        plain = {
            name: {parameter: plain_value(value) for parameter, value in one.items()}
            for name, one in self.settings.items()
        }
        object.__setattr__(self, "settings", plain)
        object.__setattr__(self, "device", usual_device(self.device))
        if self.rules.costs is not None:
            check_costs(self.rules.costs, len(self.problem.train_counts))
        _check_split(self.select_on, self.rules, self.problem)

    @property
    def select_on(self) -> SelectOn:
        """The split that choices are made on."""
        return self.rules.select_on or ("val" if "val" in self.problem.splits else "train")

    @cached_property
    def learnt(self) -> FeatureFile | SealedFeatures:
        """Training rows as heads learn from them: each as often as its weight says, with further views behind."""
        return as_learnt(self.problem.splits["train"], self.seed)

    @cached_property
    def groups(self) -> NDArray[np.str_]:
        """ "many", "medium" or "few" for each class, shape (C,)."""
        return group_of_class(self.problem.train_counts, self.rules.many_above, self.rules.few_below)

    @property
    def choose_by(self) -> dict[str, Any]:
        """What `longtail.evaluation.selection.choose` takes besides candidates and labels."""
        return {"metric": self.rules.metric, "groups": self.groups, "costs": self.rules.costs}

    @property
    def looks_at_train(self) -> bool:
        """Whether choices are made on parts of train, besides val or alone."""
        return self.select_on == "train" or (self.select_on == "val" and self._val_is_small)

    @property
    def _val_is_small(self) -> bool:
        """Whether train would add much to what val says, at a cost that can be borne.

        Not where the network's own classifier is known: its training images may be these, and their features too good.
        """
        splits = self.problem.splits
        can_be_folded = len(splits["train"].labels) <= MOST_FOLDED and bool(self.problem.train_counts.max() > 1)
        return self.problem.head is None and can_be_folded and not self.is_enough(np.asarray(splits["val"].labels))

    def row_weights(self, labels: NDArray[np.int64]) -> NDArray[np.float64]:
        """Share each class's part in the metric out to its rows; a class of few gets less, being told about by few.

        Args:
            labels: class indices, shape (N,).

        Returns:
            Weights of sum 1, shape (N,); all 0 where no row counts in the metric.
        """
        metric = self.rules.metric
        of_group = metric in GROUPS
        if not (np.isin(labels, np.flatnonzero(self.groups == metric)).any() if of_group else len(labels)):
            return np.zeros(len(labels))
        counts = np.bincount(labels, minlength=len(self.groups))
        parts = class_weights(labels, len(counts), metric, self.groups)
        weights = (parts / np.maximum(counts + (0 if metric == "all" else 1), 1))[labels]
        return np.asarray(weights / weights.sum())

    def is_enough(self, labels: NDArray[np.int64]) -> bool:
        """Return whether rows of these labels say as much as 200 of equal parts do: further ones change few choices."""
        squares = float((self.row_weights(labels) ** 2).sum())
        return squares > 0 and 1 / squares >= ENOUGH_ROWS

    def on_train(self, rows: NDArray[np.int64]) -> "Protocol":
        """Return the protocol of some training rows alone, among them rows of every class."""
        return replace(self, problem=self.problem.of_train(rows), rules=replace(self.rules, select_on="train"))

    def on(self, problem: FeatureProblem) -> "Protocol":
        """Return the same protocol for another problem, whose choices are made on the same split."""
        return replace(self, problem=problem, rules=replace(self.rules, select_on=self.select_on))


def _check_split(select_on: SelectOn, rules: Rules, problem: FeatureProblem) -> None:
    splits: Mapping[str, Any] = problem.splits
    if select_on == "test" and not rules.i_know_test_is_spoiled:
        other = "`select_on` val" if "val" in splits else "`select_on` train"
        raise InputError(
            f"choosing on the test split makes the test result worthless. Use {other}, or, to reproduce a publication "
            "that did so, `select_on` test with `i_know_test_is_spoiled`; every table will carry the mark "
            '"chosen on test".'
        )
    if select_on != "train" and select_on not in splits:
        raise InputError(
            f"`select_on` {select_on}: {splits['train'].path.parent} holds no rows of {select_on}. Use `select_on` "
            "train."
        )
