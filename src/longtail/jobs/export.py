"""`longtail export`: a trained network in the layout of another system, as an exported program, or as ONNX."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import tyro

from longtail.errors import InputError
from longtail.files.text import printable

if TYPE_CHECKING:
    from torch import nn

    from longtail.heads.base import Head
    from longtail.jobs.calibrating.file import StoredCalibration
    from longtail.jobs.predicting.predictor import Predictor
    from longtail.jobs.stage_one.trained_model import TrainedModel

__all__ = ["ExportConfig", "run"]

SUFFIXES = {"weights": ".pth", "torch-export": ".pt2", "onnx": ".onnx"}


@dataclass(frozen=True)
class ExportConfig:
    """Write a trained network, with a fitted head or with its own classifier, as another system reads it."""

    checkpoint: tyro.conf.Positional[Path]
    """Run or published model (folder, hf://user/name), with its head; or a checkpoint, with its classifier."""
    out: Path | None = None
    """File to write; default: model.pth, .pt2 or .onnx in the run's folder, or beside the checkpoint."""
    format: Literal["weights", "torch-export", "onnx"] = "weights"
    """Checkpoint in another's layout, or a program from images to logits and probabilities."""
    layout: Literal["classifier-balancing", "mmpretrain", "timm"] = "timm"
    """Names of the weights; timm's are torchvision's too."""
    pixels: Literal["float32", "uint8"] = "float32"
    """Images that a program takes: float32 from 0 to 1, or uint8."""
    head: Path | None = None
    """Fitted head (RUN/heads/tau.npz) in the place of the usual one; of weights, a linear one."""
    uncalibrated: bool = False
    """Leave what `longtail calibrate` found out of a program's probabilities."""


def run(config: ExportConfig) -> Path:
    """Write the file, whole or not at all."""
    from longtail.deploy import traceable
    from longtail.files.hub import fetched, hub_address
    from longtail.jobs.predicting.probabilities import how_calibrated
    from longtail.jobs.stage_one.trained_model import open_model

    if config.out is None and hub_address(config.checkpoint) is not None:
        raise InputError(f"{hub_address(config.checkpoint)}: say where the file goes: --out FILE.")
    config = replace(config, checkpoint=fetched(config.checkpoint))
    path, predictor = _opened(config)
    head = None if predictor is None else predictor.head
    whose = "its own classifier" if predictor is None else printable(predictor.path)
    suffix = SUFFIXES[config.format]
    is_run = config.checkpoint.is_dir()
    out = config.out or (config.checkpoint / f"model{suffix}" if is_run else path.with_suffix(suffix))
    if out.resolve() == path.resolve():
        raise InputError(f"--out {printable(out)}: is the checkpoint that is read. Expected another file.")
    with traceable(config.format):
        opened = open_model(path)
    if opened.is_routed:
        raise InputError(
            f"{printable(path)}: asks of each image some of its experts, which no exported program can. Export the "
            "checkpoint that it was made of, beside it; `longtail predict` takes this one."
        )
    if head is None and config.format != "weights" and opened.about["settings"].get("classifier_is_drawn"):
        raise InputError(f"{printable(path)}: its classifier is untrained. Give a fitted head with --head.")
    if head is not None and head.n_features_in_ != opened.dimension:
        raise InputError(
            f"{whose}: {type(head).__name__} does not fit; expected a head for the {opened.dimension} features of this "
            f"network, not for {head.n_features_in_}."
        )
    names = _class_names(opened.about["class_names"], () if predictor is None else predictor.class_names, whose)
    if config.format == "weights":
        _write_weights(config, opened, head, whose, out)
        print(f"{printable(out)}  (with {whose})")
        return out
    calibration = None if predictor is None or config.uncalibrated else _calibration(predictor)
    difference = _write_program(config, opened, head, names, out, calibration)
    told = how_calibrated(calibration, None)
    print(f"{printable(out)}  (with {whose}; {told}; checked: differs by at most {difference:.1e})")
    return out


def _calibration(predictor: "Predictor") -> "StoredCalibration | None":
    from longtail.jobs.predicting.probabilities import stored_calibration

    return stored_calibration(predictor.path, predictor.class_names)


def _opened(config: ExportConfig) -> "tuple[Path, Predictor | None]":
    """Return the checkpoint, and the head that comes with it; None: its own classifier."""
    from longtail.jobs.predicting.predictor import open_predictor
    from longtail.training.checkpoints import find_checkpoint

    if config.head is not None:
        return find_checkpoint(config.checkpoint), open_predictor(config.head)
    if (config.checkpoint / "results.json").is_file():
        predictor = open_predictor(config.checkpoint)
        return predictor.checkpoint, predictor
    return find_checkpoint(config.checkpoint), None


def _class_names(network: Sequence[str], head: Sequence[str], whose: str) -> list[str]:
    """Return the names of the outputs; those that are mere numbers give way to names.

    Raises:
        InputError: network and head know other classes, or the same in another order.
    """
    numbers = [str(number) for number in range(len(network))]
    if not head or list(head) in (list(network), numbers):
        return list(network)
    if list(network) == numbers and len(head) == len(network):
        return list(head)
    raise InputError(
        f"{whose}: a head for {len(head)} classes ({', '.join(head[:3])}, ...), and the network was trained on "
        f"{len(network)} ({', '.join(network[:3])}, ...). Expected the same classes in the same order."
    )


def _write_weights(config: ExportConfig, opened: "TrainedModel", head: "Head | None", whose: str, out: Path) -> None:
    import torch

    from longtail.backbones import classifier_prefix, linear_parameters
    from longtail.backbones.adapters import has_adapters
    from longtail.backbones.experts import ExpertNetwork
    from longtail.backbones.layouts import to_layout
    from longtail.files.atomic import atomic_file
    from longtail.heads.linear import LinearHead

    model = opened.model
    if has_adapters(model):
        raise InputError(
            f"{printable(opened.path)}: its adapters are branches or tokens that no other program's network has. "
            "Export what runs by itself: --format onnx or torch-export."
        )
    if isinstance(model, ExpertNetwork):
        raise InputError(
            f"{printable(opened.path)}: no other program's network has several experts. Export what runs by itself: "
            "--format onnx or torch-export."
        )
    weight, bias = linear_parameters(model)
    if opened.layers and head is not None:
        raise InputError(
            f"{whose}: is of the features of {', '.join(part.name for part in opened.layers)}, and the network's last "
            "layer sees the last of them alone. --format onnx and torch-export take it."
        )
    if opened.test_views > 1:
        raise InputError(
            f"{whose}: is of the mean over {opened.test_views} views of an image, which weights alone do not take. "
            "--format onnx and torch-export take it."
        )
    if isinstance(head, LinearHead) and head.weight_.shape == weight.shape:
        weight, bias = torch.from_numpy(head.weight_).float(), torch.from_numpy(head.bias_).float()
    elif head is not None:
        raise InputError(
            f"{whose}: {type(head).__name__} does not fit; expected a linear head with weights of shape "
            f"{tuple(weight.shape)}, such as crt, tau or lws of this network: name one with --head. --format onnx and "
            "torch-export take any head."
        )
    prefix = classifier_prefix(model)
    backbone = {name: part.contiguous() for name, part in model.state_dict().items() if not name.startswith(prefix)}
    content = to_layout(backbone, weight.contiguous(), bias.contiguous(), config.layout, classifier=prefix)
    with atomic_file(out) as stream:
        torch.save(content, stream)


def _write_program(
    config: ExportConfig,
    opened: "TrainedModel",
    head: "Head | None",
    names: list[str],
    out: Path,
    calibration: "StoredCalibration | None",
) -> float:
    import torch

    from longtail.deploy import Deployed, write_deployed
    from longtail.jobs.predicting.probabilities import how_calibrated

    model = opened.model.to(memory_format=torch.contiguous_format)
    network = model if head is None else _with_head(opened, head)
    calibrator = None if calibration is None else calibration.calibrator
    deployed = Deployed(network, opened.preprocessing, calibrator=calibrator).eval()
    return write_deployed(
        deployed,
        out,
        config.format,  # type: ignore[arg-type]
        class_names=names,
        pixels=config.pixels,
        probabilities=how_calibrated(calibration, None),
    )


def _with_head(opened: "TrainedModel", head: "Head") -> "nn.Module":
    """Put any fitted head behind a network's features, as one module."""
    from torch import Tensor, nn

    class WithHead(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = opened.model

        def forward(self, images: Tensor) -> Tensor:
            return head._chunk_logits(opened.features(images))

    return WithHead()
