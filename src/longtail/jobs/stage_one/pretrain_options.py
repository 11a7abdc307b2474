"""The settings of self-supervised pre-training, and what they are where nobody gave them."""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from longtail.data.policies.policy import PolicyName
from longtail.data.transforms import Augmentation, Decoding
from longtail.errors import InputError
from longtail.jobs.options import Count, Factor, PixelSize, Share, StageOneOptions, Workers
from longtail.ranges import Range
from longtail.schedules import ScheduleKind

__all__ = ["PretrainOptions", "Task", "resolve", "stage_of"]

Task = Literal["rotation", "moco", "simsiam"]


@dataclass(frozen=True)
class PretrainOptions:
    """What is learnt without labels, and how."""

    task: Task = "rotation"
    """Task without labels: the angle of a turned image (rotation), or its other view."""
    backbone: str = "auto"
    """resnet20 to 110, digits_cnn, one of timm, hf:FOLDER; auto: by --init, else by image size."""
    backbone_set: tuple[str, ...] = ()
    """Arguments NAME=VALUE that the backbone is built with."""
    pretrained: bool = False
    """Start from timm's weights for the backbone."""
    init: Path | None = None
    """Checkpoint or run of ours whose backbone to start from."""
    epochs: Count = 200
    """Passes over the training images."""
    batch_size: Annotated[int, Range(2)] | None = None
    """Images of a step, over all processes; default: 256, rotation of up to 64 pixels 128."""
    learning_rate: Annotated[float, Range(above=0)] | None = None
    """Learning rate after the warm-up; default: by --task and image size, 0.03 to 0.1."""
    momentum: Share = 0.9
    """Momentum of stochastic gradient descent."""
    weight_decay: Factor | None = None
    """Weight decay; default: 1e-4, up to 64 pixels 5e-4, rotation 2e-4."""
    schedule: ScheduleKind = "cosine"
    """Course of the learning rate."""
    warmup_epochs: Factor = 0.0
    """Epochs over which the learning rate rises first."""
    queue: Annotated[int, Range(1, most=2**24)] | None = None
    """Keys that moco tells an image from; default: 65536, up to 64 pixels 4096."""
    key_momentum: Share | None = None
    """Share that moco's key encoder keeps at a step; default: 0.999, up to 64 pixels 0.99."""
    temperature: Annotated[float, Range(above=0)] | None = None
    """Temperature of moco's softmax; default: 0.2, up to 64 pixels 0.1."""
    dimension: Annotated[int, Range(1, most=2**16)] | None = None
    """Numbers that are compared for each view; default: moco 128, simsiam 2048."""
    bottleneck: Annotated[int, Range(1, most=2**16)] | None = None
    """Width of simsiam's predictor; default: 512."""
    predictor_decays: bool = False
    """Let the learning rate of simsiam's predictor fall too."""
    image_size: PixelSize | None = None
    """Height and width of the network's images; default: digits 8, CIFAR 32, others 224."""
    augmentation: Literal["auto"] | Augmentation = "auto"
    """Random changes of images; auto: by task, data and size."""
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
    ema: Share = 0.0
    """Decay of the weights' moving average; 0: none."""
    decode: Literal["auto"] | Decoding = "auto"
    """JPEGs whole, or scaled where enough is left."""
    monitor: Literal["knn", "none"] = "knn"
    """Check of val by nearest training images after each epoch, which chooses best.pt."""
    neighbours: Count = 20
    """Training images that vote in --monitor knn."""
    monitor_images: Count = 20_000
    """Training images that --monitor knn looks through, at most."""
    sync_bn: bool = False
    """Batch-norm statistics over all processes, on GPUs; not for moco."""
    workers: Workers = 2
    """Processes that load images of more than 64 pixels."""
    save_every: Factor = 30.0
    """Seconds between checkpoints inside an epoch."""


_OF_TASK: dict[str, dict[str, dict[str, Any]]] = {
    "rotation": {
        "large": {"batch_size": 256, "learning_rate": 0.1, "weight_decay": 1e-4},
        # Yang and Xu's released code
        "small": {"batch_size": 128, "learning_rate": 0.1, "weight_decay": 2e-4},
    },
    "moco": {
        "large": {
            **{"batch_size": 256, "learning_rate": 0.03, "weight_decay": 1e-4},
            **{"queue": 65536, "key_momentum": 0.999, "temperature": 0.2, "dimension": 128},
        },
        # the authors' CIFAR demonstration, its rate of 0.06 for 512 images scaled to the batch
        "small": {
            **{"batch_size": 256, "learning_rate": 0.03, "weight_decay": 5e-4},
            **{"queue": 4096, "key_momentum": 0.99, "temperature": 0.1, "dimension": 128},
        },
    },
    "simsiam": {
        "large": {
            **{"batch_size": 256, "learning_rate": 0.05, "weight_decay": 1e-4},
            **{"dimension": 2048, "bottleneck": 512},
        },
        # Chen and He, appendix D
        "small": {
            **{"batch_size": 256, "learning_rate": 0.03, "weight_decay": 5e-4},
            **{"dimension": 2048, "bottleneck": 512},
        },
    },
}


def resolve(options: PretrainOptions, *, is_small: bool, num_images: int) -> PretrainOptions:
    """Fill in what was not given.

    Args:
        options: as given.
        is_small: whether the images have up to 64 pixels and stay in memory.
        num_images: N of train.

    Returns:
        Options in which None stands only where a setting does not belong to the task.

    Raises:
        InputError: a setting that does nothing for the task, or fewer images than a batch.
    """
    usual = dict(_OF_TASK[options.task]["small" if is_small else "large"])
    every = {name for kinds in _OF_TASK.values() for name in kinds["large"]}
    idle = [name for name in every - usual.keys() if getattr(options, name) is not None]
    if options.predictor_decays and options.task != "simsiam":
        idle.append("predictor_decays")
    if options.sync_bn and options.task == "moco":
        raise InputError("--sync-bn: moco shuffles its batches across processes instead. Leave it out.")
    if idle:
        raise InputError(f"--{min(idle).replace('_', '-')} does nothing for --task {options.task}. Leave it out.")
    if options.augmentation == "none" and options.task != "rotation":
        raise InputError(f"--augmentation none: the two views that {options.task} compares would be the same image.")
    batch_size = usual["batch_size"] if options.batch_size is None else options.batch_size
    if not 2 <= batch_size <= num_images:
        raise InputError(
            f"--batch-size {batch_size}: train has {num_images} images. Expected 2 to {num_images} images a batch."
        )
    if options.task == "moco":
        # a queue longer than the data set would hold the other view of the image itself
        usual["queue"] = max(min(usual["queue"], num_images) // batch_size, 1) * batch_size
    missing = {name: value for name, value in usual.items() if getattr(options, name) is None}
    return replace(options, **missing)


def stage_of(options: PretrainOptions) -> StageOneOptions:
    """Return the settings that pre-training shares with stage 1."""
    shared = {field.name for field in fields(StageOneOptions)} & {field.name for field in fields(PretrainOptions)}
    stage = StageOneOptions(**{name: getattr(options, name) for name in shared if getattr(options, name) is not None})
    if options.augmentation == "auto" and options.task != "rotation":
        return replace(stage, augmentation="moco")
    return stage
