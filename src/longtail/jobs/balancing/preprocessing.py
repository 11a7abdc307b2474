"""How images become the input of a model of others: as stored with it, or as usual for its architecture."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, TypedDict

import msgspec

from longtail.backbones.model_file import ModelFile
from longtail.data.preprocessing_choice import LARGE_INPUT, SMALL_INPUT, preprocessing_for
from longtail.data.processor_config import read_processor, square_side
from longtail.data.statistics import Statistics
from longtail.data.transforms import Preprocessing
from longtail.errors import InputError
from longtail.files.json_file import check_kind
from longtail.files.text import printable
from longtail.jobs.balancing.network import Network
from longtail.jobs.flags import naming_flags

__all__ = ["known_preprocessing"]

Share = Annotated[float, msgspec.Meta(gt=0, le=1)]
Numbers = list[Annotated[float, msgspec.Meta(ge=-100, le=100)]]


class _Configured(TypedDict, total=False):
    """What is asked of timm's configuration of a network."""

    input_size: list[int] | None
    test_input_size: list[int] | None
    crop_pct: Share | None
    test_crop_pct: Share | None
    mean: Numbers | None
    std: Numbers | None


@dataclass(frozen=True)
class _Usual:
    """Size, shorter side before the crop (None: as usual here), mean and deviation, and where that stands."""

    size: int
    resize: int | None
    statistics: Statistics
    source: str


def known_preprocessing(
    file: ModelFile,
    network: Network,
    *,
    image_size: int | None = None,
    mean: tuple[float, float, float] | None = None,
    std: tuple[float, float, float] | None = None,
) -> tuple[Preprocessing, str]:
    """Return how images become the network's input, and who says so.

    As given, as stored with the model, as usual for the network, or as for ImageNet, in this order.

    Args:
        file: the opened model.
        network: of its weights.
        image_size: given by the user, in pixels.
        mean: given by the user, of each channel, on the scale 0 to 1.
        std: given by the user.

    Raises:
        InputError: sizes or deviations out of range, other channels than 1 or 3, or settings of other kinds.
    """
    if network.channels not in (1, 3):
        raise InputError(
            f"{printable(file.path)}: its network sees images of {network.channels} channels; expected 1 or 3. "
            "Extract the features yourself and give them with --features."
        )
    if std is not None and min(std) <= 0:
        raise InputError(f"--std {std}; expected three numbers above 0.")
    with naming_flags():
        usual = _usual(file, network)
    statistics = mean or usual.statistics[0], std or usual.statistics[1]
    if min(map(len, statistics)) < network.channels or min(statistics[1]) <= 0:
        raise InputError(
            f"{usual.source}: mean {statistics[0]} and deviation {statistics[1]} of images of {network.channels} "
            "channels. Expected a number each, the deviations above 0; --mean and --std say it otherwise."
        )
    size, resize = (usual.size, usual.resize) if image_size is None else (image_size, None)
    with naming_flags():
        result = preprocessing_for(size, network.channels, statistics, "none", resize=resize)
    given = [
        f"--{name}" for name, value in (("image-size", image_size), ("mean", mean), ("std", std)) if value is not None
    ]
    words = f"{', '.join(given)}; else {usual.source}" if given else usual.source
    return result, words


def _usual(file: ModelFile, network: Network) -> _Usual:
    from longtail.backbones.architecture import CIFAR_RESNETS

    library, _, name = network.architecture.partition(":")
    if library == "timm" and name in CIFAR_RESNETS:
        return _Usual(SMALL_INPUT.size, None, SMALL_INPUT.statistics, "as usual for CIFAR")
    if library == "timm":
        return _of_timm(file, name)
    if library == "torchvision":
        from torchvision import models

        best = models.get_model_weights(name).DEFAULT.transforms()
        statistics = tuple(best.mean), tuple(best.std)
        return _Usual(best.crop_size[0], best.resize_size[0], statistics, f"as torchvision has it for {name}")
    stored = read_processor(file.path, getattr(network.model, "config", None))
    # squeezing an image into a square is what resizing its shorter side comes close to
    return _Usual(stored.size, stored.resize, stored.statistics, stored.source)


def _of_timm(file: ModelFile, name: str) -> _Usual:
    import timm

    known: Mapping[str, Any] = file.config.get("pretrained_cfg") or {}
    source = printable(file.path / "config.json")
    if not known.get("mean"):
        stored = timm.get_pretrained_cfg(name)
        known, source = (asdict(stored) if stored else {}), f"as timm has it for {name}"
    if not known.get("mean"):
        return _Usual(LARGE_INPUT.size, None, LARGE_INPUT.statistics, "as for ImageNet: nothing is stored with it")
    plain: dict[str, Any] = {key: list(value) if isinstance(value, tuple) else value for key, value in known.items()}
    check_kind(plain, _Configured, origin=source, expected="a configuration of timm")
    sizes = plain.get("test_input_size") or plain.get("input_size") or [3, LARGE_INPUT.size, LARGE_INPUT.size]
    size = square_side(sizes[-2:], source)
    share = plain.get("test_crop_pct") or plain.get("crop_pct") or 0.875
    mean, std = plain["mean"], plain.get("std") or LARGE_INPUT.statistics[1]
    return _Usual(size, round(size / share), (tuple(mean), tuple(std)), source)
