"""How images become the input of a model of others: as stored with it, or as usual for its architecture."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from longtail.backbones.model_file import ModelFile
from longtail.data.statistics import STATISTICS
from longtail.data.transforms import Preprocessing
from longtail.errors import InputError
from longtail.jobs.stage_one.images import preprocessing_for

__all__ = ["known_preprocessing"]


def known_preprocessing(
    file: ModelFile,
    architecture: str,
    *,
    image_size: int | None = None,
    mean: tuple[float, float, float] | None = None,
    std: tuple[float, float, float] | None = None,
) -> Preprocessing:
    """Say how images become the network's input: as given, as stored, as usual for the network, or as for ImageNet.

    Raises:
        InputError: sizes or deviations out of range.
    """
    if std is not None and min(std) <= 0:
        raise InputError(f"--std {std}; expected three numbers above 0.")
    size, resize, statistics = _usual(file, architecture)
    size, resize = (size, resize) if image_size is None else (image_size, None)
    found = preprocessing_for(size, file.channels, (mean or statistics[0], std or statistics[1]), "none")
    return found if resize is None or found.resident else replace(found, resize=resize)


def _usual(file: ModelFile, architecture: str) -> tuple[int, int | None, Any]:
    """Give size, shorter side before the crop (None: as usual), and mean and deviation."""
    from longtail.backbones.architecture import CIFAR_RESNETS

    library, _, name = architecture.partition(":")
    if library == "timm" and name in CIFAR_RESNETS:
        return 32, None, STATISTICS["cifar"]
    if library == "timm":
        import timm

        known: dict[str, Any] = file.config.get("pretrained_cfg") or {}
        if not known.get("mean"):
            stored = timm.get_pretrained_cfg(name)
            known = asdict(stored) if stored else {}
        if not known.get("mean"):
            return 224, None, STATISTICS["imagenet"]
        size = known.get("test_input_size") or known.get("input_size") or (3, 224, 224)
        share = known.get("test_crop_pct") or known.get("crop_pct") or 0.875
        return size[-1], round(size[-1] / share), (tuple(known["mean"]), tuple(known["std"]))
    if library == "torchvision":
        from torchvision import models

        best = models.get_model_weights(name).DEFAULT.transforms()
        return best.crop_size[0], best.resize_size[0], (tuple(best.mean), tuple(best.std))
    return _of_processor(file.path)


def _of_processor(folder: Path) -> tuple[int, int | None, Any]:
    about = folder / "preprocessor_config.json"
    known = json.loads(about.read_text(encoding="utf-8")) if about.is_file() else {}
    size = known.get("crop_size") or known.get("size") or 224
    if isinstance(size, dict):
        size = size.get("height") or size.get("shortest_edge") or 224
    mean, std = STATISTICS["imagenet"]
    statistics = (tuple(known.get("image_mean") or mean), tuple(known.get("image_std") or std))
    # a square size without a crop: the whole image is squeezed into it, which resizing its shorter side comes close to
    return int(size), None if "crop_size" in known else int(size), statistics
