"""Groups of settings that several verbs share; plain values with the words that `--help` prints."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from longtail.backbones.parts import Part
from longtail.class_names import AlikeNames
from longtail.data.folder_layout import FolderLayout
from longtail.data.transforms import Augmentation
from longtail.features.columns import ColumnChoice
from longtail.losses.build import LossName
from longtail.ranges import Count, Factor, Range, Share
from longtail.sampling import Strategy
from longtail.schedules import ScheduleKind

__all__ = [
    "ColumnOptions",
    "Count",
    "DataOptions",
    "Factor",
    "PixelSize",
    "RuntimeOptions",
    "Seed",
    "Share",
    "StageOneOptions",
    "UnlabelledOptions",
    "Workers",
]

# scikit-learn takes no seed of more than 32 bits, and --seeds counts up from the first
Seed = Annotated[int, Range(0, most=2**31 - 1)]
Workers = Annotated[int, Range(0, most=512)]
PixelSize = Annotated[int, Range(8, most=8192)]


@dataclass(frozen=True)
class RuntimeOptions:
    """Where and how to compute."""

    out: Path | None = None
    """Folder for what is written."""
    seed: Seed = 0
    """Seed of everything random."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where to compute; auto takes a GPU where there is one."""
    devices: Annotated[int, Range(1, most=1024)] = 1
    """Processes, one a device; torchrun and SLURM set it themselves."""
    threads: Annotated[int, Range(1, most=1024)] | None = None
    """Threads of each process on a CPU; default: OMP_NUM_THREADS, else those that are fastest now, or with which a run
    that goes on began. Results are the same to the bit for the same number alone."""
    timeout: Annotated[float, Range(above=0, most=1e6)] = 10.0
    """Of several processes: minutes without a sign of life after which one is given up, and all end."""
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Of the network's arithmetic; auto is bfloat16 where the processor computes in it, else float32."""
    quiet: bool = False
    """Print results and errors only."""


@dataclass(frozen=True)
class ColumnOptions:
    """What the columns of a table (.csv, .tsv, .parquet) are."""

    label_column: str | None = None
    """Name of the column with the class; default: label, labels, target, targets, class or y, where one is there."""
    id_column: str | None = None
    """Name of the column that names the rows, none for none; default: id, path, file, image and the like."""
    split_column: str | None = None
    """Name of the column that says train, val or test, none for none; default: split or subset."""
    drop_columns: tuple[str, ...] = ()
    """Names of columns of numbers that are no features."""
    keep_columns: tuple[str, ...] = ()
    """Names of columns that are features, though they look like numbers of something: ids, counters, codes."""
    alike_names: AlikeNames = "ask"
    """Of labels that differ in case, blanks, "_", "-" or Unicode form only: keep them apart, or merge them; ask: stop
    and list them."""

    @property
    def choice(self) -> ColumnChoice:
        """The same as the readers of tables take it."""
        return ColumnChoice(**vars(self))


# what becomes of a run whose images are others than they were
ChangedImages = Literal["ask", "leave-out"]


@dataclass(frozen=True)
class DataOptions:
    """Which images, and how they are split."""

    data: Path | None = None
    """Folder of images, image pack, or folder with torchvision's CIFAR files or with a list's images."""
    profile: Literal["auto", "none", "exp", "step", "pareto"] = "auto"
    """Make train long-tailed: exponential, step or Pareto counts; auto: exp for digits and CIFAR, none for others."""
    ratio: Annotated[float, Range(1)] | None = None
    """Largest class over smallest class of that profile; default: 40 for digits, 100 for CIFAR."""
    largest: Count | None = None
    """Images of that profile's largest class; default: as many as there are."""
    val_fraction: Share = 0.1
    """Share of train to split off for validation, class by class, where there is no validation split; 0 for none."""
    test_fraction: Share = 0.2
    """Share to split off for testing where there is no test split."""
    split_seed: Seed = 0
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
    layout: FolderLayout = "auto"
    """Of a folder: classes: each sub-folder is a class, whatever it looks like; splits: each sub-folder of train/
    (val/, test/) is. auto: stop where they look like something else: images and masks, or one for each camera."""
    alike_names: AlikeNames = "ask"
    """Of classes whose names differ in case, blanks, "_", "-" or Unicode form only: keep them apart, or merge them;
    ask: stop and list them."""
    changed: ChangedImages = "ask"
    """Of a folder that holds a trained run already, where images came, went or changed since: leave-out goes on with
    those of then, divided as then; ask: stop and name them."""
    bits: Annotated[int, Range(1, most=32)] | None = None
    """Of grey images of more than 8 bits, such as a camera's 10, 12 or 14 in 16: white is 2^bits - 1. Default: as each
    file states it; where none does, stop and ask."""


@dataclass(frozen=True)
class UnlabelledOptions:
    """Images without labels that stage 1 learns from besides."""

    unlabelled: str | None = None
    """Image, folder or image pack; or held-back: the training images that --profile left out."""
    imb_unlabelled: Annotated[float, Range(1)] | None = None
    """Of held-back: draw them with an exponential profile of this ratio, by their true classes; default: take all."""
    unlabelled_times: Annotated[float, Range(above=0)] = 5.0
    """Of --imb-unlabelled: that many times as many as there are training images with labels."""
    teacher: Path | None = None
    """What labels them: a checkpoint (.pt) with its own classifier, a head (RUN/heads/crt.npz), or a run and its best
    head. Of a run with several --seeds, {seed} in it stands for the seed."""
    confidence: Annotated[float, Range(0, most=1)] = 0.0
    """Leave images out whose most likely class has a smaller probability, 0 to 1."""


@dataclass(frozen=True)
class StageOneOptions:
    """How the representation is learnt."""

    backbone: str = "auto"
    """resnet20/32/44/56/110 (small images), digits_cnn, any model of timm; auto: that of --init, else digits_cnn up to
    16 pixels, resnet32 up to 64, resnet18 above."""
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
    backbone_rate: Factor = 1.0
    """Learning rate of all but the classifier, as a multiple of --learning-rate."""
    hold_statistics: bool = False
    """Keep the batch-norm statistics of what does not learn as they are."""
    representation: Strategy = "instance"
    """What training sees how often: every image alike, every class alike, in between (square-root, repeat-factor,
    effective-number), or from one to the other (progressive)."""
    run_length: Count = 1
    """Consecutive images each time class-balanced sampling visits a class; the decoupling paper's code takes 4."""
    repeat_threshold: Annotated[float, Range(above=0, most=1)] = 0.01
    """Share of the images below which repeat-factor sampling repeats a class."""
    loss: LossName = "cross-entropy"
    """cross-entropy, focal, balanced-softmax, logit-adjusted, or ldam (with a classifier of directions)."""
    focal_gamma: Factor = 2.0
    """Of focal; the unified-perspective code takes 1."""
    loss_tau: Factor = 1.0
    """Of logit-adjusted; 1 is balanced softmax."""
    ldam_margin: Factor = 0.5
    """Of ldam: the margin of the rarest class."""
    ldam_scale: Annotated[float, Range(above=0)] = 30.0
    """Of ldam."""
    reweight: bool = False
    """Weigh classes in the loss by the inverse of their effective number of images."""
    beta: Share = 0.9999
    """Of the effective number, in weights and in sampling."""
    rebalance_twice: bool = False
    """Allow two rebalancings at once, such as --reweight with --representation class, which together favour rare
    classes more than either means to."""
    rebalance_from: Share = 0.0
    """Share of the epochs before which nothing is rebalanced, neither by --reweight nor by --representation: 0.8 with
    --reweight is DRW as published."""
    epochs: Count = 90
    """Passes over the training images."""
    batch_size: Count = 128
    """Images of one step, over all processes and accumulated parts."""
    accumulate: Count = 1
    """Parts that a step's batch is computed in, one after another, to save memory."""
    learning_rate: Annotated[float, Range(above=0)] = 0.1
    """At the start, after the warm-up."""
    published_batch: Count | None = None
    """Batch size that --learning-rate was published for: another --batch-size scales the rate in proportion."""
    momentum: Share = 0.9
    """Of stochastic gradient descent."""
    weight_decay: Factor = 5e-4
    """Added to the gradient as weight_decay x weight."""
    schedule: ScheduleKind = "cosine-epoch"
    """How the learning rate falls."""
    step_gamma: Annotated[float, Range(above=0, most=1)] = 0.1
    """Of the schedule `step`: the factor at 80 and 90 % of the epochs."""
    warmup_epochs: Factor = 0.0
    """Epochs over which it rises first."""
    image_size: PixelSize | None = None
    """Height and width that the network sees; up to 64 are kept in memory. Default: digits 8, CIFAR 32, others 224."""
    augmentation: Literal["auto"] | Augmentation = "auto"
    """What training adds; auto: shift for digits, crop-flip up to 64 pixels, else resized-crop."""
    workers: Workers = 2
    """Processes that load images of more than 64 pixels."""
    save_every: Factor = 30.0
    """Seconds between checkpoints inside an epoch."""
    use: Literal["last", "best"] = "last"
    """Which weights the features come from: of the last epoch, or of the epoch best on validation."""
    sync_bn: bool = False
    """Batch-norm statistics over all processes instead of each one's own part of the batch; on GPUs."""
    compile: bool = False
    """Compile the network with torch.compile: minutes at the start, faster steps."""
