"""preprocessor_config.json: how Hugging Face prepares the images of a network."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypedDict

import msgspec

from longtail.data.preprocessing_choice import LARGE_INPUT
from longtail.data.statistics import Statistics
from longtail.errors import InputError
from longtail.files.json_file import read_json
from longtail.files.text import printable

__all__ = ["ProcessorConfig", "read_processor", "square_side"]

Pixels = Annotated[int, msgspec.Meta(ge=8, le=8192)]
Share = Annotated[float, msgspec.Meta(gt=0, le=1)]
Numbers = list[Annotated[float, msgspec.Meta(ge=-1000, le=1000)]]


_NAMES = ("image_mean", "image_std")


class _Size(TypedDict, total=False):
    height: Pixels | None
    width: Pixels | None
    shortest_edge: Pixels | None


class _Stored(TypedDict, total=False):
    """What is asked of preprocessor_config.json; all else may stand there too."""

    size: Pixels | _Size | None
    crop_size: Pixels | _Size | None
    crop_pct: Share | None
    image_mean: Numbers | None
    image_std: Numbers | None
    do_normalize: bool | None
    do_rescale: bool | None
    do_center_crop: bool | None
    rescale_factor: float | None
    rescale_offset: bool | None


class ProcessorConfig(NamedTuple):
    """How a network's images are prepared.

    Attributes:
        size: height and width that it sees, in pixels.
        resize: shorter side before the crop, in pixels; None where nothing says it.
        squeeze: the whole image is resized to a square, whatever its shape, and nothing is cropped.
        statistics: mean and deviation of each channel when black is 0 and white is 1.
        source: where that stands.
    """

    size: int
    resize: int | None
    squeeze: bool
    statistics: Statistics
    source: str


def read_processor(folder: Path, config: Any) -> ProcessorConfig:
    """Return what preprocessor_config.json says, and else what the network's own settings say.

    Args:
        folder: of the model.
        config: the network's settings, with `image_size` where it has one.

    Raises:
        InputError: settings of other kinds, images that are no squares, or pixels that are multiplied by 0.
    """
    path = folder / "preprocessor_config.json"
    source = printable(path)
    if not path.is_file():
        pixels = getattr(config, "image_size", None) or LARGE_INPUT.size
        size = square_side(pixels if isinstance(pixels, list | tuple) else [pixels, pixels], source)
        about = "as for ImageNet: there is no preprocessor_config.json"
        return ProcessorConfig(size, None, False, LARGE_INPUT.statistics, about)
    known: Mapping[str, Any] = read_json(path, _Stored, expected="how images are prepared, as Hugging Face writes it")
    whole, crop = _side(known.get("size"), source), _side(known.get("crop_size"), source)
    if known.get("do_center_crop") is False:
        crop = None
    if crop is None and whole is not None and known.get("crop_pct") and whole < 384:  # as ConvNeXt's reads it
        whole, crop = int(whole / known["crop_pct"]), whole
    sides: Any = known.get("size")
    squeeze = crop is None and isinstance(sides, dict) and not sides.get("shortest_edge")
    size = crop or whole or LARGE_INPUT.size
    return ProcessorConfig(size, whole or crop, squeeze, _statistics(known, source), source)


def _statistics(known: Mapping[str, Any], source: str) -> Statistics:
    """Return mean and deviation for pixels from 0 to 1, whatever they are multiplied by before they are normalised."""
    mean, std = (tuple(known.get(name) or usual) for name, usual in zip(_NAMES, LARGE_INPUT.statistics, strict=True))
    if known.get("do_normalize") is False:
        mean, std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    # (s x + o - m) / d = (x - (m - o) / s) / (d / s)
    factor = known.get("rescale_factor")
    scale = 255.0 if known.get("do_rescale") is False else 255 * (1 / 255 if factor is None else factor)
    if not 1e-6 < scale < 1e6:
        raise InputError(f"{source}: pixels are multiplied by {factor}. Expected a factor such as 1/255.")
    if abs(scale - 1) < 1e-3 and not known.get("rescale_offset"):
        return mean, std
    offset = -1.0 if known.get("rescale_offset") else 0.0
    folded: Any = tuple((m - offset) / scale for m in mean), tuple(d / scale for d in std)
    return folded  # type: ignore[no-any-return]


def _side(size: Any, source: str) -> int | None:
    """Return one side of a square, however it is written."""
    if not isinstance(size, dict):
        return size if isinstance(size, int) else None
    if size.get("shortest_edge"):
        return int(size["shortest_edge"])
    sides = [size.get("height"), size.get("width")]
    return square_side(sides, source) if all(sides) else None


def square_side(sides: Any, source: str) -> int:
    """Return the side of a square.

    Args:
        sides: height and width, in pixels.
        source: where they stand, for the message.

    Raises:
        InputError: no square.
    """
    if len(sides) != 2 or sides[0] != sides[1] or not isinstance(sides[0], int):
        raise InputError(
            f"{source}: images of {' x '.join(map(str, sides))} pixels. Expected a square; `image_size` says it "
            "otherwise, or extract the features yourself."
        )
    return int(sides[0])
