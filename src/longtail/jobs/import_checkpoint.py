"""`longtail import`: other people's checkpoints in."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import tyro

from longtail.data.list_file import read_names
from longtail.data.statistics import STATISTICS
from longtail.data.transforms import Decoding
from longtail.errors import InputError
from longtail.files.text import printable
from longtail.jobs.options import PixelSize
from longtail.ranges import Count
from longtail.typed_command import say_next

if TYPE_CHECKING:
    from longtail.backbones.foreign import ForeignWeights

__all__ = ["ImportConfig", "run"]


@dataclass(frozen=True)
class ImportConfig:
    """Make a checkpoint of ours out of one of classifier-balancing, MMPretrain, torchvision, timm or a CIFAR ResNet."""

    checkpoint: tyro.conf.Positional[Path]
    """File (.pth, .pt, .tar, .safetensors, ...); code in it is not run."""
    out: Path | None = None
    """File to write; default: beside it, ending in .longtail.pt."""
    backbone: str = "auto"
    """Name of the network; auto: ResNets and ResNeXts by the shapes of their weights."""
    num_classes: Count | None = None
    """Number of classes of a new classifier, to be trained, where the file has none."""
    class_names: Path | None = None
    """Text file with a class name a line, in the order of the labels; default: 0, 1, 2, ..."""
    image_size: PixelSize | None = None
    """Height and width of the network's images; default: 224, CIFAR ResNets 32."""
    statistics: Literal["auto", "imagenet", "inaturalist", "cifar"] = "auto"
    """Mean and deviation of its preprocessing; auto: imagenet, CIFAR ResNets cifar."""
    mean: tuple[float, float, float] | None = None
    """Mean of each channel in its preprocessing, 0 to 1, in place of --statistics."""
    std: tuple[float, float, float] | None = None
    """Deviation of each channel in its preprocessing, in place of --statistics."""
    decode: Decoding = "whole"
    """JPEGs whole, as their own code does, or scaled where enough is left."""


def run(config: ImportConfig) -> Path:
    """Read, recognise, check by building the network, and write."""
    import torch

    from longtail.backbones import classifier_prefix, create_backbone
    from longtail.backbones.architecture import CIFAR_RESNETS, recognise
    from longtail.backbones.foreign import read_foreign
    from longtail.training.checkpoints import load_weights, save_checkpoint

    out = config.out or config.checkpoint.with_suffix(".longtail.pt")
    if out.resolve() == config.checkpoint.resolve():
        raise InputError(f"--out {printable(out)}: is the checkpoint that is read. Expected another file.")
    origin = printable(config.checkpoint)
    result = read_foreign(config.checkpoint)
    recognised, seen = recognise(result.backbone)
    backbone = recognised if config.backbone == "auto" else config.backbone
    if backbone is None:
        raise InputError(f"{origin}: {seen}: no network that is known here. Name it with --backbone.")
    num_classes = _num_classes(config, result)
    names = _class_names(config.class_names, num_classes)
    preprocessing = _preprocessing(config, is_small=recognised in CIFAR_RESNETS)
    torch.manual_seed(0)
    model = create_backbone(backbone, num_classes=num_classes)
    prefix = classifier_prefix(model)
    classifier = {name: tensor for name, tensor in model.state_dict().items() if name.startswith(prefix)}
    if result.classifier is not None:
        classifier |= {f"{prefix}weight": result.classifier[0], f"{prefix}bias": result.classifier[1]}
    else:
        result.notes.append(f"a new classifier for {num_classes} classes was drawn: train it before it is used")
    load_weights(model, {**result.backbone, **classifier}, origin)
    about = {
        "backbone": backbone,
        "class_names": names,
        "preprocessing": preprocessing,
        "settings": {
            "dataset": None,
            "data": {},
            "imported": origin,
            "layout": result.layout,
            "classifier_is_drawn": result.classifier is None,
        },
    }
    task = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    save_checkpoint({"task": task, "optimizer": {}, "precision": {}, "state": {}, "about": about}, out)
    _tell(result, f"{origin}: {result.layout}, {backbone}, {num_classes} classes")
    print(printable(out))
    say_next(["extract", printable(out), "DATA"])
    return out


def _tell(foreign: "ForeignWeights", what: str) -> None:
    print(what)
    print(f"  taken    {len(foreign.backbone) + 2 * (foreign.classifier is not None)} tensors")
    for reason in dict.fromkeys(foreign.ignored.values()):
        keys = [key for key, why in foreign.ignored.items() if why == reason]
        print(f"  ignored  {', '.join(keys[:4])}{f' and {len(keys) - 4} more' if len(keys) > 4 else ''}: {reason}")
    for note in foreign.notes:
        print(f"  note     {note}")


def _num_classes(config: ImportConfig, foreign: "ForeignWeights") -> int:
    given = config.num_classes
    if foreign.classifier is not None:
        stored = len(foreign.classifier[1])
        if given not in (None, stored):
            raise InputError(
                f"--num-classes {given}: the classifier in {printable(config.checkpoint)} has {stored}. Leave the "
                "option out."
            )
        return stored
    if given is None or given < 1:
        others = [f"{name} is {reason}" for name, reason in foreign.ignored.items() if "not a linear" in reason]
        detail = f" ({others[0]})" if others else ""
        why = f"holds no linear classifier{detail}" if given is None else f"cannot have {given} classes"
        raise InputError(
            f"{printable(config.checkpoint)}: {why}. Say for how many classes one is to be drawn: --num-classes C, at "
            "least 1."
        )
    return given


def _class_names(path: Path | None, num_classes: int) -> list[str]:
    if path is None:
        return [str(c) for c in range(num_classes)]
    return read_names(path, num_classes, f"the classifier has {num_classes} classes")


def _preprocessing(config: ImportConfig, *, is_small: bool) -> dict[str, Any]:
    from longtail.data.preprocessing_choice import LARGE_INPUT, SMALL_INPUT, preprocessing_for

    usual = SMALL_INPUT if is_small else LARGE_INPUT
    size = usual.size if config.image_size is None else config.image_size
    if config.std is not None and min(config.std) <= 0:
        raise InputError(f"--std {config.std}; expected three numbers above 0.")
    mean, std = usual.statistics if config.statistics == "auto" else STATISTICS[config.statistics]
    plain = preprocessing_for(size, 3, (config.mean or mean, config.std or std))
    return asdict(replace(plain, decode=config.decode))
