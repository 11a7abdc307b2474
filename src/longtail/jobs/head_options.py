"""Options of the classifiers, of how one is chosen, and of what is said of them.

They are groups for the code and for `--help`; a person types `--metric`, in whichever group it stands.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from longtail.backbones.network_parts import Part
from longtail.evaluation.paired_tests import Correction
from longtail.evaluation.selection import Metric
from longtail.jobs.durations import seconds_of
from longtail.ranges import Range

if TYPE_CHECKING:
    from longtail.comparison import FeatureProblem, Protocol, Rules

__all__ = ["ChoiceOptions", "EvidenceOptions", "HeadOptions", "ImageOptions", "protocol_of", "rules_of"]


@dataclass(frozen=True)
class ChoiceOptions:
    """How settings such as tau are chosen, and what `auto` chooses by."""

    select_on: Literal["val", "train", "test"] | None = None
    """Split for choices; default: val, else of train."""
    i_know_test_is_spoiled: bool = False
    """Allow --select-on test; every table says it."""
    metric: Metric = "balanced"
    """Accuracy that auto chooses by."""
    costs: Path | None = None
    """CSV of C x C costs of taking the row for the column."""
    one_standard_error: bool = False
    """Simplest method within one standard error of the best."""
    refit: bool = True
    """Second fit of auto's choice, with val."""
    cv_folds: Annotated[int, Range(2, most=1000)] = 5
    """Folds of the cross-validation without a val."""
    cv_repeats: Annotated[int, Range(1, most=1000)] = 1
    """Cross-validations, each with other folds."""
    budget: str | None = None
    """Time for fitting, as 60s; longer ones are left out."""


@dataclass(frozen=True)
class ImageOptions:
    """crt from the images instead of their features, in `run`."""

    crt_from: Literal["features", "images"] = "features"
    """What cRT is trained on."""
    bn_mode: Literal["frozen", "reestimated"] = "frozen"
    """Batch norm of the backbone behind cRT."""
    crt_part: Part = "classifier"
    """What learns in cRT from images."""
    crt_backbone_rate: Annotated[float, Range(0, most=1e6)] = 0.1
    """Learning rate of the backbone, times crt's."""


@dataclass(frozen=True)
class EvidenceOptions:
    """What the report says besides."""

    correction: Correction = "holm"
    """P-values' correction."""
    label_check: Literal["quick", "full", "none"] = "quick"
    """Label check; quick: if it takes seconds."""
    learning_curve: bool = False
    """Fit parts of the data: which classes gain from more."""
    curve_draws: Annotated[int, Range(2)] = 4
    """Draws of the images for --learning-curve."""


@dataclass(frozen=True)
class HeadOptions:
    """Which classifiers are fitted on the features."""

    methods: str = "usual"
    """Methods, with commas between; usual: joint,ncm,crt,tau,la,lws,mlp; all: but dlsa; auto: a mean of unlike ones."""
    set: tuple[str, ...] = ()
    """Settings METHOD.SETTING=VALUE of `longtail methods`."""
    head: Path | None = None
    """Network's classifier: .npz with `weight` (C x D) and `bias`, or its checkpoint."""
    feature_transform: Literal["auto", "none", "centre", "l2", "centre-l2", "power", "power-l2", "standardise"] = "none"
    """Change of all features."""
    many_above: Annotated[int, Range(0)] = 100
    """Training images above which a class is many."""
    few_below: Annotated[int, Range(0)] = 20
    """Training images below which a class is few."""
    drop_nonfinite: bool = False
    """Leave rows with NaN or infinite features out."""
    choice: ChoiceOptions = field(default_factory=ChoiceOptions)
    evidence: EvidenceOptions = field(default_factory=EvidenceOptions)


def protocol_of(options: HeadOptions, problem: "FeatureProblem", *, seed: int, device: str) -> "Protocol":
    """Return the protocol that options ask for.

    Args:
        options: as they were typed.
        problem: checked features.
        seed: of initialisation, sampling and folds.
        device: where heads compute.

    Raises:
        InputError: settings that methods do not take, unusable costs, or a choice that cannot be made.
    """
    from longtail.comparison import Protocol, read_settings
    from longtail.comparison.costs_file import read_costs

    path = options.choice.costs
    costs = None if path is None else read_costs(path, len(problem.train_counts))
    return Protocol(problem, replace(rules_of(options), costs=costs), read_settings(options.set), seed, device)


def rules_of(options: HeadOptions) -> "Rules":
    """Return the rules that options ask for, without costs, which need the number of classes.

    Raises:
        InputError: rules that cannot be.
    """
    from longtail.comparison import Rules

    choice, evidence = options.choice, options.evidence
    return Rules(
        select_on=choice.select_on,
        i_know_test_is_spoiled=choice.i_know_test_is_spoiled,
        metric=choice.metric,
        costs_name=str(choice.costs),
        one_standard_error=choice.one_standard_error,
        refit=choice.refit,
        cv_folds=choice.cv_folds,
        cv_repeats=choice.cv_repeats,
        budget=None if choice.budget is None else seconds_of(choice.budget, "--budget"),
        feature_transform=options.feature_transform,
        many_above=options.many_above,
        few_below=options.few_below,
        correction=evidence.correction,
        curve_draws=evidence.curve_draws if evidence.learning_curve else 0,
        exhaustive=evidence.label_check == "full",
    )
