"""Settings of the classifiers, of how one is chosen, and of what is said of them.

They are groups for the code and for `--help`; a person types `--tau`, in whichever group it stands.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from longtail.backbones.parts import Part
from longtail.evaluation.paired_tests import Correction
from longtail.evaluation.selection import Metric
from longtail.losses.build import LossName
from longtail.ranges import Count, Factor, Range, Share
from longtail.sampling import Strategy
from longtail.schedules import ScheduleKind

__all__ = [
    "ChoiceOptions",
    "DLSAOptions",
    "EvidenceOptions",
    "HeadOptions",
    "HeadTrainingOptions",
    "ImageOptions",
    "MethodOptions",
]


@dataclass(frozen=True)
class DLSAOptions:
    """How dlsa builds its flow filters and their classifiers."""

    dlsa_published: str | None = None
    """Settings of a configuration that the authors released, such as imagenet-paco; the options below then do
    nothing."""
    dlsa_depth: Count = 1
    """Blocks at most; how many are used is chosen where tau is chosen."""
    dlsa_clusters: Count = 100
    """Clusters of each flow's mixture."""
    dlsa_proportion: Annotated[float, Range(above=0, below=1)] = 0.3
    """Share of the training rows that reach a block which it takes."""
    dlsa_flow_epochs: Count = 20
    """Epochs of each flow."""
    dlsa_flow_batch_size: Count = 256
    """Pairs of images a step of a flow."""
    dlsa_flow_learning_rate: Factor = 0.2
    """Of the flows."""
    dlsa_flow_momentum: Share = 0.9
    """Of the flows."""
    dlsa_epochs: Count = 30
    """Of each block's classifier."""
    dlsa_learning_rate: Factor | None = None
    """Of the classifiers; default: 0.1 or 0.01, chosen where tau is chosen."""
    dlsa_classifier: str = "balanced-softmax"
    """Of the blocks: balanced-softmax, class-balanced or cosine."""
    dlsa_precision: Literal["float32", "bfloat16"] = "float32"
    """Of the flows' matrix products."""
    dlsa_always: bool = False
    """Use all blocks even where validation says that they do not help."""


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
class HeadTrainingOptions:
    """How the classifiers that learn step by step are trained."""

    crt_epochs: Count = 10
    """Epochs of crt."""
    lws_epochs: Annotated[int, Range(0)] = 5
    """Epochs of lws."""
    head_learning_rate: Annotated[float, Range(above=0)] = 0.2
    """Of crt and lws."""
    head_schedule: ScheduleKind = "cosine-epoch"
    """Of crt and lws: how the learning rate falls."""
    head_batch_size: Count = 512
    """Of crt and lws."""
    head_precision: Literal["float32", "bfloat16"] = "float32"
    """Of the matrix products of crt, lws and mlp; bfloat16 is faster where the processor or GPU computes in it."""
    head_weight_decay: Factor = 5e-4
    """Of crt and lws."""
    head_sampling: Strategy = "class"
    """Sampling of crt and lws; repeat-factor is what the MMPretrain version of the paper calls class-balanced."""
    head_repeat_threshold: Annotated[float, Range(above=0, most=1)] = 0.01
    """Of repeat-factor sampling there."""
    head_loss: LossName = "cross-entropy"
    """Of crt: cross-entropy, focal, balanced-softmax, logit-adjusted or ldam."""
    ldam_epochs: Count = 20
    """Epochs of ldam; its classes are weighed in the last fifth."""
    rebalanced_weight_decay: Factor = 5e-3
    """Of bsm and cb: their losses learn few rare images by heart where it is small."""
    mlp_members: Count = 1
    """Networks of mlp that vote."""


@dataclass(frozen=True)
class MethodOptions:
    """Settings of single methods; most are chosen where they are not given."""

    tau: Annotated[float, Range(0, most=100)] | None = None
    """Exponent of tau; default: chosen."""
    keep_bias: bool = False
    """Let tau keep the bias."""
    la_tau: Annotated[float, Range(0, most=100)] | None = None
    """Factor of la; default: chosen."""
    ncm_transform: Literal["un", "l2n", "cl2n"] = "cl2n"
    """Features of ncm: as they are, of length 1, or centred and of length 1."""
    ncm_metric: Literal["l2", "cosine", "dot"] = "l2"
    """How ncm compares."""
    knn_neighbours: Count | None = None
    """Training images that vote in knn; default: chosen."""
    knn_gamma: Factor | None = None
    """Of knn: how much more a vote for a rarer class counts, 0 rows alike, 1 classes alike; default: chosen."""
    knn_metric: Literal["cosine", "l2"] = "cosine"
    """How knn compares."""
    ridge_penalty: Annotated[float, Range(above=0)] | None = None
    """Penalty of ridge, relative to the mean eigenvalue of the features' scatter; default: chosen."""
    ridge_gamma: Factor | None = None
    """Of ridge: how much rarer classes weigh more, 0 rows alike, 1 classes alike; default: chosen."""
    lda_shrinkage: Annotated[float, Range(0, most=1)] | None = None
    """Of lda: how far the covariance is shrunk to a sphere, 0 to 1; default: chosen."""
    lda_weighting: Literal["rows", "classes", "auto"] = "auto"
    """Whether rows or classes count alike in lda's covariance; auto: chosen."""
    lda_prior: Literal["uniform", "train"] = "uniform"
    """How common lda takes the classes to be."""
    cosine_scale: Annotated[float, Range(above=0)] = 25.0
    """What cosine multiplies its cosines with."""
    max_norm: Annotated[float, Range(above=0)] | None = None
    """Of maxnorm: the length that no weight vector exceeds; default: chosen, with its weight decay."""
    rho: Annotated[float, Range(0, most=100)] | None = None
    """Of marc and disalign: 0 for a loss that counts images alike, 1 for one that counts classes alike, or more;
    default: chosen."""


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
    """Learning rate there of all but the classifier, as a multiple of --head-learning-rate."""


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
    training: HeadTrainingOptions = field(default_factory=HeadTrainingOptions)
    own: MethodOptions = field(default_factory=MethodOptions)
    images: ImageOptions = field(default_factory=ImageOptions)
    evidence: EvidenceOptions = field(default_factory=EvidenceOptions)
    dlsa: DLSAOptions = field(default_factory=DLSAOptions)
