"""Groups of settings that several verbs share; plain values with the words that `--help` prints."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from longtail.backbones.parts import Part
from longtail.data.transforms import Augmentation
from longtail.evaluation.paired_tests import Correction
from longtail.evaluation.selection import Metric
from longtail.losses.build import LossName
from longtail.sampling import Strategy
from longtail.schedules import ScheduleKind

__all__ = [
    "DLSAOptions",
    "DataOptions",
    "HeadOptions",
    "RuntimeOptions",
    "StageOneOptions",
    "UnlabelledOptions",
]


@dataclass(frozen=True)
class RuntimeOptions:
    """Where and how to compute."""

    out: Path | None = None
    """Folder for what is written."""
    seed: int = 0
    """Seed of everything random."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where to compute; auto takes a GPU where there is one."""
    devices: int = 1
    """Processes, one a device; torchrun and SLURM set it themselves."""
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Of the network's arithmetic; auto is bfloat16 where the processor computes in it, else float32."""
    quiet: bool = False
    """Print results and errors only."""


@dataclass(frozen=True)
class DataOptions:
    """Which images, and how they are split."""

    data: Path | None = None
    """Folder of images, image pack, or folder with torchvision's CIFAR files or with a list's images."""
    profile: Literal["auto", "none", "exp", "step", "pareto"] = "auto"
    """Make train long-tailed: exponential, step or Pareto counts; auto: exp for digits and CIFAR, none for others."""
    ratio: float | None = None
    """Largest class over smallest class of that profile; default: 40 for digits, 100 for CIFAR."""
    largest: int | None = None
    """Images of that profile's largest class; default: as many as there are."""
    val_fraction: float = 0.1
    """Share of train to split off for validation, class by class, where there is no validation split; 0 for none."""
    test_fraction: float = 0.2
    """Share to split off for testing where there is no test split."""
    split_seed: int = 0
    """Seed of the long-tailed choice and of the splits; the run's own seed leaves them alone."""
    download: bool = False
    """Fetch CIFAR's files where they are missing."""
    skip_bad: bool = False
    """Leave unreadable images out, and name them, instead of stopping."""
    lists: Path | None = None
    """Folder with the lists of ImageNet-LT, Places-LT or iNaturalist 2018; default: looked for in --data."""
    original_splits: bool = False
    """iNaturalist 2018: choose on the test images, as the published numbers were; every table says it."""
    other_counts: bool = False
    """Take lists whose class counts are not the published ones."""


@dataclass(frozen=True)
class UnlabelledOptions:
    """Images without labels that stage 1 learns from besides."""

    unlabelled: str | None = None
    """Image, folder or image pack; or held-back: the training images that --profile left out."""
    imb_unlabelled: float | None = None
    """Of held-back: draw them with an exponential profile of this ratio, by their true classes; default: take all."""
    unlabelled_times: float = 5.0
    """Of --imb-unlabelled: that many times as many as there are training images with labels."""
    teacher: Path | None = None
    """What labels them: a checkpoint (.pt) with its own classifier, a head (RUN/heads/crt.npz), or a run and its best
    head. Of a run with several --seeds, {seed} in it stands for the seed."""
    confidence: float = 0.0
    """Leave images out whose most likely class has a smaller probability, 0 to 1."""


@dataclass(frozen=True)
class StageOneOptions:
    """How the representation is learnt."""

    backbone: str = "auto"
    """resnet20/32/44/56/110 (small images), digits_cnn, any model of timm; auto: digits_cnn, resnet32 or resnet18."""
    pretrained: bool = False
    """Start from timm's weights for that backbone."""
    init: Path | None = None
    """Checkpoint of ours (`longtail pretrain` makes one, `longtail import` one of others') to start from: its backbone,
    not its classifier. Of a run with several --seeds, {seed} in it stands for the seed."""
    frozen: bool = False
    """Train nothing: take the backbone as it is, from --pretrained, --weights or --init, and fit classifiers on its
    features; in `run`."""
    weights: Path | None = None
    """Of --frozen: a file of others' weights for that backbone (timm, torchvision, MMPretrain, ...)."""
    train_part: Part = "all"
    """What learns: all, the last stage or last block with the classifier, or the classifier alone."""
    backbone_rate: float = 1.0
    """Learning rate of all but the classifier, as a multiple of --learning-rate."""
    hold_statistics: bool = False
    """Keep the batch-norm statistics of what does not learn as they are."""
    representation: Strategy = "instance"
    """What training sees how often: every image alike, every class alike, in between (square-root, repeat-factor,
    effective-number), or from one to the other (progressive)."""
    run_length: int = 1
    """Consecutive images each time class-balanced sampling visits a class; the decoupling paper's code takes 4."""
    repeat_threshold: float = 0.01
    """Share of the images below which repeat-factor sampling repeats a class."""
    loss: LossName = "cross-entropy"
    """cross-entropy, focal, balanced-softmax, logit-adjusted, or ldam (with a classifier of directions)."""
    focal_gamma: float = 2.0
    """Of focal; the unified-perspective code takes 1."""
    loss_tau: float = 1.0
    """Of logit-adjusted; 1 is balanced softmax."""
    ldam_margin: float = 0.5
    """Of ldam: the margin of the rarest class."""
    ldam_scale: float = 30.0
    """Of ldam."""
    reweight: bool = False
    """Weigh classes in the loss by the inverse of their effective number of images."""
    beta: float = 0.9999
    """Of the effective number, in weights and in sampling."""
    rebalance_from: float = 0.0
    """Share of the epochs before which nothing is rebalanced, neither by --reweight nor by --representation: 0.8 with
    --reweight is DRW as published."""
    epochs: int = 90
    """Passes over the training images."""
    batch_size: int = 128
    """Images of one step, over all processes and accumulated parts."""
    accumulate: int = 1
    """Parts that a step's batch is computed in, one after another, to save memory."""
    learning_rate: float = 0.1
    """At the start, after the warm-up."""
    published_batch: int | None = None
    """Batch size that --learning-rate was published for: another --batch-size scales the rate in proportion."""
    momentum: float = 0.9
    """Of stochastic gradient descent."""
    weight_decay: float = 5e-4
    """Added to the gradient as weight_decay x weight."""
    schedule: ScheduleKind = "cosine-epoch"
    """How the learning rate falls."""
    step_gamma: float = 0.1
    """Of the schedule `step`: the factor at 80 and 90 % of the epochs."""
    warmup_epochs: float = 0.0
    """Epochs over which it rises first."""
    image_size: int | None = None
    """Height and width that the network sees; up to 64 are kept in memory. Default: digits 8, CIFAR 32, others 224."""
    augmentation: Literal["auto"] | Augmentation = "auto"
    """What training adds; auto: shift for digits, crop-flip up to 64 pixels, else resized-crop."""
    workers: int = 2
    """Processes that load images of more than 64 pixels."""
    save_every: float = 30.0
    """Seconds between checkpoints inside an epoch."""
    use: Literal["last", "best"] = "last"
    """Which weights the features come from: of the last epoch, or of the epoch best on validation."""
    sync_bn: bool = False
    """Batch-norm statistics over all processes instead of each one's own part of the batch; on GPUs."""
    compile: bool = False
    """Compile the network with torch.compile: minutes at the start, faster steps."""


@dataclass(frozen=True)
class DLSAOptions:
    """How dlsa builds its flow filters and their classifiers."""

    dlsa_published: str | None = None
    """Settings of a configuration that the authors released, such as imagenet-paco; the options below then do
    nothing."""
    dlsa_depth: int = 1
    """Blocks at most; how many are used is chosen where tau is chosen."""
    dlsa_clusters: int = 100
    """Clusters of each flow's mixture."""
    dlsa_proportion: float = 0.3
    """Share of the training rows that reach a block which it takes."""
    dlsa_flow_epochs: int = 20
    """Epochs of each flow."""
    dlsa_flow_batch_size: int = 256
    """Pairs of images a step of a flow."""
    dlsa_flow_learning_rate: float = 0.2
    """Of the flows."""
    dlsa_flow_momentum: float = 0.9
    """Of the flows."""
    dlsa_epochs: int = 30
    """Of each block's classifier."""
    dlsa_learning_rate: float | None = None
    """Of the classifiers; default: 0.1 or 0.01, chosen where tau is chosen."""
    dlsa_classifier: str = "balanced-softmax"
    """Of the blocks: balanced-softmax, class-balanced or cosine."""
    dlsa_precision: Literal["float32", "bfloat16"] = "float32"
    """Of the flows' matrix products."""
    dlsa_always: bool = False
    """Use all blocks even where validation says that they do not help."""


@dataclass(frozen=True)
class HeadOptions:
    """Which classifiers are fitted on the features, and how they are compared."""

    methods: str = "usual"
    """Some of joint, ncm, crt, tau, la, lws, mlp (usual: these), knn, ridge, lda, bsm, cb, ldam, cosine, maxnorm, marc,
    disalign, ensemble (of the others), dlsa, with commas between; or all: all but dlsa, which takes minutes, and knn
    above 50,000 training rows. With auto (alone: of all) the best one is chosen, on val or by cross-validation, and
    fitted again on train and val."""
    metric: Metric = "balanced"
    """What auto chooses by: balanced, all, many, medium, few or worst (class)."""
    costs: Path | None = None
    """CSV of C x C numbers, without names: what it costs to take the row's class for the column's. auto then chooses
    the lowest mean cost, each class counting as --metric says."""
    one_standard_error: bool = False
    """Let auto take the simplest method that is within one standard error of the best."""
    refit: bool = True
    """Let auto fit the chosen method again on train and val; --no-refit leaves it as it is."""
    cv_folds: int = 5
    """Of the cross-validation where there is no val."""
    cv_repeats: int = 1
    """How often that is repeated with other folds."""
    head: Path | None = None
    """The network's own classifier: .npz with `weight` (C x D) and `bias` (C), or the network's checkpoint (PaCo's,
    classifier-balancing's, torchvision's, ...); default: joint_head.npz beside."""
    select_on: Literal["val", "train", "test"] | None = None
    """Where choices such as tau are made; default val where there is one, else a held-out fifth of train."""
    i_know_test_is_spoiled: bool = False
    """Allow --select-on test, to reproduce a publication that did so; every table says it."""
    many_above: int = 100
    """A class with more training images is called many."""
    few_below: int = 20
    """A class with fewer training images is called few."""
    drop_nonfinite: bool = False
    """Leave rows with NaN or infinite features out instead of stopping."""
    crt_from: Literal["features", "images"] = "features"
    """Retrain cRT's classifier on stored features, or on augmented images behind the frozen backbone (in `run`)."""
    bn_mode: Literal["frozen", "reestimated"] = "frozen"
    """Batch-norm statistics there: as they are, or re-estimated on class-balanced batches as the original does."""
    crt_part: Part = "classifier"
    """What learns there: the classifier (cRT), or with it the last block, the last stage, or all."""
    crt_backbone_rate: float = 0.1
    """Learning rate there of all but the classifier, as a multiple of --head-learning-rate."""
    head_sampling: Strategy = "class"
    """Sampling of crt and lws; repeat-factor is what the MMPretrain version of the paper calls class-balanced."""
    head_loss: LossName = "cross-entropy"
    """Of crt: cross-entropy, focal, balanced-softmax, logit-adjusted or ldam."""
    head_repeat_threshold: float = 0.01
    """Of repeat-factor sampling there."""
    tau: float | None = None
    """Exponent of tau; default: chosen."""
    la_tau: float | None = None
    """Factor of la; default: chosen."""
    keep_bias: bool = False
    """Let tau keep the bias."""
    feature_transform: Literal["auto", "none", "centre", "l2", "centre-l2", "power", "power-l2", "standardise"] = "none"
    """Of the features before every method: centred, of length 1, signed square roots, standardised; auto chooses for
    ncm, lda, ridge, knn, la and tau where auto chooses methods, and leaves the others' features as they are."""
    ridge_penalty: float | None = None
    """Penalty of ridge, relative to the mean eigenvalue of the features' scatter; default: chosen."""
    ridge_gamma: float | None = None
    """Of ridge: how much rarer classes weigh more, 0 rows alike, 1 classes alike; default: chosen."""
    lda_shrinkage: float | None = None
    """Of lda: how far the covariance is shrunk to a sphere, 0 to 1; default: chosen."""
    lda_weighting: Literal["rows", "classes", "auto"] = "auto"
    """Whether rows or classes count alike in lda's covariance; auto: chosen."""
    lda_prior: Literal["uniform", "train"] = "uniform"
    """How common lda takes the classes to be."""
    knn_neighbours: int | None = None
    """Training images that vote in knn; default: chosen."""
    knn_gamma: float | None = None
    """Of knn: how much more a vote for a rarer class counts, 0 rows alike, 1 classes alike; default: chosen."""
    knn_metric: Literal["cosine", "l2"] = "cosine"
    """How knn compares."""
    ncm_transform: Literal["un", "l2n", "cl2n"] = "cl2n"
    """Features of ncm: as they are, of length 1, or centred and of length 1."""
    ncm_metric: Literal["l2", "cosine", "dot"] = "l2"
    """How ncm compares."""
    crt_epochs: int = 10
    """Epochs of crt."""
    lws_epochs: int = 5
    """Epochs of lws."""
    head_learning_rate: float = 0.2
    """Of crt and lws."""
    head_schedule: ScheduleKind = "cosine-epoch"
    """Of crt and lws: how the learning rate falls."""
    head_batch_size: int = 512
    """Of crt and lws."""
    head_precision: Literal["float32", "bfloat16"] = "float32"
    """Of the matrix products of crt, lws and mlp; bfloat16 is faster where the processor or GPU computes in it."""
    head_weight_decay: float = 5e-4
    """Of crt and lws."""
    rebalanced_weight_decay: float = 5e-3
    """Of bsm and cb: their losses learn few rare images by heart where it is small."""
    ldam_epochs: int = 20
    """Epochs of ldam; its classes are weighed in the last fifth."""
    cosine_scale: float = 25.0
    """What cosine multiplies its cosines with."""
    max_norm: float | None = None
    """Of maxnorm: the length that no weight vector exceeds; default: chosen, with its weight decay."""
    rho: float | None = None
    """Of marc and disalign: 0 for a loss that counts images alike, 1 for one that counts classes alike, or more;
    default: chosen."""
    learning_curve: bool = False
    """Fit a quick head to an eighth, a quarter, half and all of each class's images, to say which classes gain from
    more of them."""
    curve_draws: int = 4
    """Of that: how often the images are drawn; each draw fits the head four times."""
    label_check: Literal["quick", "full", "none"] = "quick"
    """Look for labels worth a look, for the report: if it takes seconds, always, or not; `longtail inspect` lists all.
    """
    correction: Correction = "holm"
    """Of p-values for the number of methods that are compared: holm, or benjamini-hochberg, which claims more."""
    mlp_members: int = 1
    """Networks of mlp that vote."""
    dlsa: DLSAOptions = field(default_factory=DLSAOptions)
