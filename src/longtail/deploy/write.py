"""Write a deployed network, read it back, and keep it only where it gives the same logits."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Literal, get_args

import torch
from torch import Tensor

from longtail.deploy.onnx_file import run_onnx, save_onnx
from longtail.deploy.program_file import run_program, save_program
from longtail.deploy.self_contained import Deployed, Pixels, example_images
from longtail.errors import InputError, LongtailError
from longtail.files.atomic import atomic_file

__all__ = ["KINDS", "TOLERANCE", "Kind", "write_deployed"]

Kind = Literal["torch-export", "onnx"]
KINDS: tuple[str, ...] = get_args(Kind)
Run = Callable[[Path, Tensor], tuple[Tensor, Tensor]]
_FACTS = ("size", "resize", "channels", "mean", "std", "decode", "squeeze")
_SCALED = (
    ". The features that its head was fitted on are of JPEGs decoded at 1/2, 1/4 or 1/8 (libjpeg's scale) where that "
    "leaves a shorter side of at least 2 * resize; decoded whole, such images have slightly other features"
)
TOLERANCE = 1e-4  # of probabilities, and of logits as a share of the largest where that is above 1


def write_deployed(
    model: Deployed,
    path: Path,
    kind: Kind,
    *,
    class_names: Sequence[str],
    pixels: Pixels = "float32",
    probabilities: str = "softmax of the scores, not calibrated",
) -> float:
    """Write a network as an exported program or as ONNX, with any number of images a batch.

    What is written is run on images of noise, in batches of another size than it was traced with, and refused where its
    probabilities, or its logits as a share of the largest one, differ by more than 1e-4.

    Args:
        model: in evaluation mode, on the CPU, in float32.
        path: file to write: .pt2 or .onnx.
        kind: "torch-export" or "onnx".
        class_names: C names, which are stored with the preprocessing.
        pixels: what it takes, "float32" from 0 to 1 or "uint8".
        probabilities: what they are, in words, which are stored too.

    Returns:
        The largest of these differences.

    Raises:
        InputError: onnx is not installed, or the ending does not go with the kind.
        LongtailError: the network cannot be exported, or gives other logits then; no file is written.
    """
    endings = {"torch-export": ".pt2", "onnx": ".onnx"}
    if path.suffix != endings[kind]:
        raise InputError(f"{path}: expected a file that ends in {endings[kind]} for {kind}.")
    about = {
        "class_names": json.dumps(list(class_names), ensure_ascii=False),
        "probabilities": json.dumps(probabilities),
        "preprocessing": json.dumps(
            {
                **{name: asdict(model.preprocessing)[name] for name in _FACTS},
                "pixels": "uint8, 0 to 255" if pixels == "uint8" else "float32, 0 to 1",
                "inside": "mean and std",
                "interpolation": "bilinear",
                "antialias": True,
                "outside": "decode to RGB (grey: to one channel), uint8, turned as EXIF says; then "
                "torchvision.transforms.v2.Resize("
                + (
                    "[size, size], antialias=True) of the whole image"
                    if model.preprocessing.squeeze
                    else "resize, antialias=True) of its shorter side and v2.CenterCrop(size)"
                )
                + "; then scale to what `pixels` says"
                + (_SCALED if model.preprocessing.decode == "scaled" else ""),
            }
        ),
    }
    example = example_images(model.preprocessing, pixels, 2)
    save, execute = (save_onnx, run_onnx) if kind == "onnx" else (save_program, run_program)
    with atomic_file(path) as stream:
        save(model, example, stream, about)
        stream.check()
        difference = max(_difference(model, execute, Path(stream.name), pixels, count) for count in (1, 3))
        if not difference <= TOLERANCE:
            raise LongtailError(
                f"{path}: not written: the exported network's logits or probabilities differ from its own by "
                f"{difference:.1e}, more than {TOLERANCE:g}."
            )
    return difference


def _difference(model: Deployed, execute: Run, path: Path, pixels: Pixels, count: int) -> float:
    images = example_images(model.preprocessing, pixels, count, seed=1 + count)
    with torch.inference_mode():
        expected = model(images)
    result = execute(path, images)
    # images of noise may have logits in the hundreds, of which float32 keeps seven digits
    return max(
        float((theirs - ours).abs().max() / ours.abs().max().clamp(min=1))
        for theirs, ours in zip(result, expected, strict=True)
    )
