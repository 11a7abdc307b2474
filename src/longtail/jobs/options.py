"""Groups of settings that several verbs share; plain values with the words that `--help` prints."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from longtail.backbones.adapters.adapted import Adapter
from longtail.backbones.network_parts import Part
from longtail.class_names import AlikeNames
from longtail.data.folder_layout import FolderLayout
from longtail.data.policies.policy import PolicyName
from longtail.data.transforms import Augmentation, Decoding
from longtail.data.views import MOST_TEST_VIEWS
from longtail.jobs.table_options import TableOptions
from longtail.losses.build import LossName
from longtail.ranges import Count, Factor, Range, Share
from longtail.sampling import Strategy
from longtail.schedules import ScheduleKind
from longtail.training.mixing import MixingName

__all__ = [
    "Count",
    "DataOptions",
    "Factor",
    "HeadRuntimeOptions",
    "LayerOptions",
    "OutputOptions",
    "PixelSize",
    "RuntimeOptions",
    "Seed",
    "Share",
    "StageOneOptions",
    "TestViews",
    "TrainViews",
    "UnlabelledOptions",
    "ViewOptions",
    "Workers",
]

# scikit-learn takes no seed of more than 32 bits, and --seeds counts up from the first
Seed = Annotated[int, Range(0, most=2**31 - 1)]
Workers = Annotated[int, Range(0, most=512)]
PixelSize = Annotated[int, Range(8, most=8192)]


@dataclass(frozen=True)
class OutputOptions:
    """Where results go, and what is random in them."""

    out: Path | None = None
    """Folder for what is written."""
    seed: Seed = 0
    """Seed of everything random but the splits of images."""
    quiet: bool = False
    """Print results and errors only."""


@dataclass(frozen=True)
class HeadRuntimeOptions(OutputOptions):
    """Where and how heads are computed."""

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Device; auto: a GPU where there is one."""
    threads: Annotated[int, Range(1, most=1024)] | None = None
    """Threads of each process on a CPU; default: OMP_NUM_THREADS, or the fastest number."""


@dataclass(frozen=True)
class RuntimeOptions(HeadRuntimeOptions):
    """Where and how to compute."""

    devices: Annotated[int, Range(1, most=1024)] = 1
    """Processes, one a device; torchrun, SLURM set it."""
    timeout: Annotated[float, Range(above=0, most=1e6)] = 10.0
    """Minutes of silence after which a process is lost."""
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Network's arithmetic; auto: bfloat16 where possible."""


# what becomes of a run whose images are others than they were
ChangedImages = Literal["ask", "leave-out"]


@dataclass(frozen=True)
class DataOptions(TableOptions):
    """Which images, and how they are split."""

    data: Path | None = None
    """Folder of images or of CIFAR's files, table or list of images, or image pack."""
    profile: Literal["auto", "none", "exp", "step", "pareto"] = "auto"
    """Class counts to cut train to; auto: exp for digits and CIFAR."""
    ratio: Annotated[float, Range(1)] | None = None
    """Largest over smallest class of --profile; default: digits 40, CIFAR 100."""
    largest: Count | None = None
    """Images of --profile's largest class; default: all."""
    val_fraction: Share = 0.1
    """Share of train for a missing val split; 0: none."""
    test_fraction: Share = 0.2
    """Share of all images for a missing test split."""
    split_seed: Seed = 0
    """Seed of --profile's choice and of the splits."""
    download: bool = False
    """Fetch CIFAR's files where they are missing."""
    skip_bad: bool = False
    """Leave unreadable images out and name them; else: stop."""
    lists: Path | None = None
    """Folder of ImageNet-LT's, Places-LT's or iNaturalist's lists; default: in --data."""
    original_splits: bool = False
    """iNaturalist 2018: choose on test, as its papers do."""
    other_counts: bool = False
    """Take lists whose counts are not the published ones."""
    layout: FolderLayout = "auto"
    """Kind of sub-folders; auto: ask if unclear."""
    alike_names: AlikeNames = "ask"
    """Classes alike but for case, blanks or marks."""
    changed: ChangedImages = "ask"
    """Images that changed since a run: ask stops, leave-out takes those of then."""
    bits: Annotated[int, Range(1, most=32)] | None = None
    """Bits of grey images of more than 8: white is 2^bits - 1; default: as the file says."""


@dataclass(frozen=True)
class UnlabelledOptions:
    """Images without labels that stage 1 learns from besides."""

    unlabelled: str | None = None
    """Image, folder or pack; or held-back, by --profile."""
    imb_unlabelled: Annotated[float, Range(1)] | None = None
    """Ratio to cut held-back images to; default: all."""
    unlabelled_times: Annotated[float, Range(above=0)] = 5.0
    """Held-back images drawn, times the labelled ones."""
    teacher: Path | None = None
    """Checkpoint, head or run that labels them; {seed} in it stands for the seed."""
    confidence: Annotated[float, Range(0, most=1)] = 0.0
    """Least probability of a teacher's class."""


@dataclass(frozen=True)
class LayerOptions:
    """Which layers' features are taken."""

    layers: str = "last"
    """last, last2, last4, ... blocks; or names a,b,c."""
    pool: str = "auto"
    """Pooling of a layer: mean, max, token, or a,b."""


# how many views of an image
TrainViews = Annotated[int, Range(1, most=64)]
TestViews = Annotated[int, Range(1, most=MOST_TEST_VIEWS)]


@dataclass(frozen=True)
class ViewOptions:
    """Flips and crops of images, whose features are taken besides."""

    views: TrainViews = 1
    """Most views of a training image of a rare class."""
    test_views: TestViews = 1
    """Views of other images, averaged in features."""


@dataclass(frozen=True)
class StageOneOptions:
    """How the representation is learnt."""

    backbone: str = "auto"
    """resnet20 to 110, digits_cnn, one of timm, hf:FOLDER; auto: by --init, else by image size."""
    backbone_set: tuple[str, ...] = ()
    """Arguments NAME=VALUE that the backbone is built with."""
    pretrained: bool = False
    """Start from timm's weights for the backbone."""
    init: Path | None = None
    """Checkpoint or run of ours whose backbone to start from; {seed} in it stands for the seed."""
    frozen: bool = False
    """Train no backbone; fit heads on its features."""
    weights: Path | None = None
    """File of others' weights of the backbone, with --frozen."""
    train_part: Part = "all"
    """What learns."""
    adapter: Literal["none"] | Adapter = "none"
    """Few parameters that learn in place of the backbone: lora, residual (ConvNets), adaptformer, prompts (ViTs)."""
    adapter_width: Count = 8
    """Rank, width or tokens of each --adapter."""
    backbone_rate: Factor = 1.0
    """Backbone's learning rate, times --learning-rate."""
    hold_statistics: bool = False
    """Keep batch-norm statistics of what does not learn."""
    representation: Strategy = "instance"
    """Sampling of images."""
    run_length: Count = 1
    """Images in a row of a class in class sampling."""
    repeat_threshold: Annotated[float, Range(above=0, most=1)] = 0.01
    """Share below which repeat-factor repeats."""
    loss: LossName = "cross-entropy"
    """Loss of stage 1."""
    focal_gamma: Factor = 2.0
    """Exponent gamma of --loss focal."""
    loss_tau: Factor = 1.0
    """Tau of --loss logit-adjusted; 1: balanced softmax."""
    ldam_margin: Factor = 0.5
    """Margin of the rarest class, for ldam and ride."""
    ldam_scale: Annotated[float, Range(above=0)] = 30.0
    """Scale of the cosines in --loss ldam."""
    loss_smoothing: Share = 0.98
    """Smoothing d of --loss over-smoothed."""
    head_smoothing: Share = 0.4
    """Label-aware smoothing of the largest class."""
    tail_smoothing: Share = 0.1
    """Label-aware smoothing of the smallest class."""
    classifier: Literal["linear", "cosine", "class-means"] = "linear"
    """Classifier; class-means: cosine, from the class means of the features that the network begins with."""
    classifier_scale: Annotated[float, Range(above=0)] = 25.0
    """Scale of the cosines of --classifier."""
    contrast: Literal["none", "paco", "gpaco", "bcl", "proco"] = "none"
    """Supervised contrast between views beside a balanced softmax, in place of --loss."""
    contrast_weight: Factor | None = None
    """Weight of contrast; default: paco, gpaco 0.05, up to 64 pixels 0.01; bcl 0.35, proco 1."""
    contrast_temperature: Annotated[float, Range(above=0)] | None = None
    """Temperature of contrast; default: by method and image size, 0.05 to 0.2."""
    contrast_dimension: Annotated[int, Range(2, most=2**16)] | None = None
    """Numbers that are compared for each view; default: by method and image size, 32 to 1024."""
    contrast_queue: Annotated[int, Range(1, most=2**24)] | None = None
    """Keys that paco and gpaco remember; default: 8192, up to 64 pixels 1024."""
    contrast_momentum: Share | None = None
    """Share paco's key encoder keeps; default: 0.999."""
    contrast_classifier: Literal["cosine", "linear"] = "cosine"
    """Classifier of bcl and proco; that of paco and gpaco is linear."""
    contrast_view: Augmentation = "moco"
    """Random changes of the views beside the first, whose are --augmentation."""
    experts: Literal["none", "ride", "sade"] = "none"
    """Several experts in one network, and the loss that sets them apart, in place of --loss."""
    num_experts: Annotated[int, Range(1, most=16)] = 3
    """Experts; sade has three."""
    experts_diversity: Factor | None = None
    """Weight of the diversity of ride; default: 0.2, up to 64 pixels 0.45."""
    experts_temperature: Share | None = None
    """Share of the class sizes in ride's temperatures; default: 0.02, up to 64 pixels 0.05."""
    experts_from: Share = 0.8
    """Share of epochs before ride weighs classes."""
    experts_tau: Factor = 2.0
    """How far sade's third expert favours rare classes."""
    distill_from: Path | None = None
    """Run whose answers are learnt, too; {seed}: the seed."""
    distill_weight: Factor = 1.0
    """Weight of these answers in the loss."""
    distill_temperature: Annotated[float, Range(above=0)] = 1.5
    """Temperature at which they are compared."""
    reweight: bool = False
    """Weigh classes in the loss by 1 / effective number."""
    beta: Share = 0.9999
    """Decay rate beta of the effective number."""
    rebalance_twice: bool = False
    """Allow two rebalancings of stage 1 at once."""
    rebalance_from: Share = 0.0
    """Share of epochs before rebalancing; DRW: 0.8."""
    epochs: Count = 90
    """Passes over the training images."""
    batch_size: Count = 128
    """Images of a step, over all processes."""
    accumulate: Count = 1
    """Parts of a step's batch, one by one to save memory."""
    learning_rate: Annotated[float, Range(above=0)] = 0.1
    """Learning rate after the warm-up."""
    published_batch: Count | None = None
    """Batch size to scale --learning-rate from."""
    momentum: Share = 0.9
    """Momentum of stochastic gradient descent."""
    nesterov: bool = False
    """Momentum as Nesterov has it."""
    weight_decay: Factor = 5e-4
    """Factor of the weights added to the gradient."""
    schedule: ScheduleKind = "cosine-epoch"
    """Course of the learning rate."""
    step_gamma: Annotated[float, Range(above=0, most=1)] = 0.1
    """Factor at each fall of --schedule step."""
    step_at: tuple[Share, ...] = (0.8, 0.9)
    """Shares of the epochs at which --schedule step falls."""
    warmup_epochs: Factor = 0.0
    """Epochs over which the learning rate rises first."""
    image_size: PixelSize | None = None
    """Height and width of the network's images; default: digits 8, CIFAR 32, others 224."""
    augmentation: Literal["auto"] | Augmentation = "auto"
    """Random changes of images."""
    policy: PolicyName = "none"
    """Random operations after --augmentation."""
    policy_operations: Annotated[int, Range(1, most=16)] = 2
    """Operations of randaugment."""
    policy_magnitude: Annotated[float, Range(0, most=10)] = 9.0
    """Magnitude of randaugment, up to 10."""
    policy_spread: Annotated[float, Range(0, most=10)] = 0.5
    """Standard deviation of --policy-magnitude."""
    erasing: Annotated[float, Range(0, most=1)] = 0.0
    """Probability that a random part is hidden."""
    cutout: Annotated[int, Range(0, most=8192)] = 0
    """Pixels of the side of a hidden square; 0: none."""
    mix: Literal["none"] | MixingName = "none"
    """Mixtures of two images."""
    mix_alpha: Annotated[float, Range(above=0)] = 1.0
    """Alpha of the Beta distribution of shares."""
    mix_probability: Annotated[float, Range(0, most=1)] | None = None
    """Share of mixed batches; default: 1, with boxes 0.5."""
    remix_ratio: Annotated[float, Range(1)] = 3.0
    """Ratio of counts to take the rarer label alone."""
    remix_threshold: Annotated[float, Range(0, most=1)] = 0.5
    """Share of the commoner image below which it is."""
    ema: Share = 0.0
    """Decay of the weights' moving average; 0: none."""
    sam: Factor = 0.0
    """Radius of sharpness-aware minimisation; 0: none."""
    classifier_radius: Annotated[float, Range(above=0)] | None = None
    """Greatest length of the classifier's weights."""
    decode: Literal["auto"] | Decoding = "auto"
    """JPEGs whole, or scaled where enough is left."""
    workers: Workers = 2
    """Processes that load images of more than 64 pixels."""
    save_every: Factor = 30.0
    """Seconds between checkpoints inside an epoch."""
    use: Literal["last", "best"] = "last"
    """Epoch of the weights; best: on validation."""
    sync_bn: bool = False
    """Batch-norm statistics over all processes, on GPUs."""
    compile: bool = False
    """Compile the network: minutes first, then faster steps."""
