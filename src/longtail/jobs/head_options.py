"""Options of the classifiers, of how one is chosen, and of what is said of them.

They are groups for the code and for `--help`; a person types `--metric`, in whichever group it stands.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from longtail.backbones.parts import Part
from longtail.evaluation.paired_tests import Correction
from longtail.evaluation.selection import Metric
from longtail.ranges import Range

if TYPE_CHECKING:
    from longtail.comparison import FeatureProblem, Protocol

__all__ = ["ChoiceOptions", "EvidenceOptions", "HeadOptions", "ImageOptions", "protocol_of"]


@dataclass(frozen=True)
class ChoiceOptions:
    """How settings such as tau are chosen, and what `auto` chooses by."""

    select_on: Literal["val", "train", "test"] | None = None
    """Where choices such as tau are made; default val where there is one, else a held-out fifth of train."""
    i_know_test_is_spoiled: bool = False
    """Allow --select-on test, to reproduce a publication that did so; every table says it."""
    metric: Metric = "balanced"
    """What auto chooses by: balanced, all, many, medium, few or worst (class)."""
    costs: Path | None = None
    """CSV of C x C numbers, without names: what it costs to take the row's class for the column's. auto then chooses
    the lowest mean cost, each class counting as --metric says."""
    one_standard_error: bool = False
    """Let auto take the simplest method that is within one standard error of the best."""
    refit: bool = True
    """Let auto fit the chosen method again on train and val; --no-refit leaves it as it is."""
    cv_folds: Annotated[int, Range(2, most=1000)] = 5
    """Of the cross-validation where there is no val."""
    cv_repeats: Annotated[int, Range(1, most=1000)] = 1
    """How often that is repeated with other folds."""


@dataclass(frozen=True)
class ImageOptions:
    """crt from the images instead of their features, in `run`."""

    crt_from: Literal["features", "images"] = "features"
    """Retrain cRT's classifier on stored features, or on augmented images behind the frozen backbone (in `run`)."""
    bn_mode: Literal["frozen", "reestimated"] = "frozen"
    """Batch-norm statistics there: as they are, or re-estimated on class-balanced batches as the original does."""
    crt_part: Part = "classifier"
    """What learns there: the classifier (cRT), or with it the last block, the last stage, or all."""
    crt_backbone_rate: Annotated[float, Range(0, most=1e6)] = 0.1
    """Learning rate there of all but the classifier, as a multiple of crt's."""


@dataclass(frozen=True)
class EvidenceOptions:
    """What the report says besides."""

    correction: Correction = "holm"
    """Of p-values for the number of methods that are compared: holm, or benjamini-hochberg, which claims more."""
    label_check: Literal["quick", "full", "none"] = "quick"
    """Look for labels worth a look, for the report: if it takes seconds, always, or not; `longtail inspect` lists all.
    """
    learning_curve: bool = False
    """Fit a quick head to an eighth, a quarter, half and all of each class's images, to say which classes gain from
    more of them."""
    curve_draws: Annotated[int, Range(2)] = 4
    """Of that: how often the images are drawn; each draw fits the head four times."""


@dataclass(frozen=True)
class HeadOptions:
    """Which classifiers are fitted on the features."""

    methods: str = "usual"
    """Some of joint, ncm, crt, tau, la, lws, mlp (usual: these), knn, ridge, lda, bsm, cb, ldam, cosine, maxnorm, marc,
    disalign, ensemble (of the others), dlsa, with commas between; or all: all but dlsa, which takes minutes, and knn
    above 50,000 training rows. With auto (alone: of all) the best one is chosen, on val or by cross-validation, and
    fitted again on train and val."""
    set: tuple[str, ...] = ()
    """Settings of methods, METHOD.SETTING=VALUE: tau.tau=0.7, crt,bsm.epochs=30, *.batch_size=64 (all that have it);
    `longtail methods` lists the methods, `longtail methods crt` its settings."""
    head: Path | None = None
    """The network's own classifier: .npz with `weight` (C x D) and `bias` (C), or the network's checkpoint (PaCo's,
    classifier-balancing's, torchvision's, ...); default: joint_head.npz beside."""
    feature_transform: Literal["auto", "none", "centre", "l2", "centre-l2", "power", "power-l2", "standardise"] = "none"
    """Of the features before every method: centred, of length 1, signed square roots, standardised; auto chooses for
    ncm, lda, ridge, knn, la and tau where auto chooses methods, and leaves the others' features as they are."""
    many_above: Annotated[int, Range(0)] = 100
    """A class with more training images is called many."""
    few_below: Annotated[int, Range(0)] = 20
    """A class with fewer training images is called few."""
    drop_nonfinite: bool = False
    """Leave rows with NaN or infinite features out instead of stopping."""
    choice: ChoiceOptions = field(default_factory=ChoiceOptions)
    images: ImageOptions = field(default_factory=ImageOptions)
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
    from longtail.comparison import Protocol, Rules, read_settings
    from longtail.comparison.costs_file import read_costs

    choice, evidence = options.choice, options.evidence
    rules = Rules(
        select_on=choice.select_on,
        i_know_test_is_spoiled=choice.i_know_test_is_spoiled,
        metric=choice.metric,
        costs=None if choice.costs is None else read_costs(choice.costs, len(problem.train_counts)),
        costs_name=str(choice.costs),
        one_standard_error=choice.one_standard_error,
        refit=choice.refit,
        cv_folds=choice.cv_folds,
        cv_repeats=choice.cv_repeats,
        feature_transform=options.feature_transform,
        many_above=options.many_above,
        few_below=options.few_below,
        correction=evidence.correction,
        curve_draws=evidence.curve_draws if evidence.learning_curve else 0,
        exhaustive=evidence.label_check == "full",
    )
    return Protocol(problem, rules, read_settings(options.set), seed, device)
