"""How images become a network's input: decided here, whether it trains, was trained, or is somebody else's."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, NamedTuple

from longtail.data.policies.policy import Policy
from longtail.data.published import PUBLISHED
from longtail.data.source import DataSplits
from longtail.data.statistics import STATISTICS, Statistics
from longtail.data.transforms import Augmentation, Decoding, Preprocessing
from longtail.errors import InputError

__all__ = [
    "LARGE_INPUT",
    "SMALL_INPUT",
    "UsualInput",
    "choose_preprocessing",
    "configured_preprocessing",
    "preprocessing_for",
    "pretrained_preprocessing",
    "stored_preprocessing",
    "trained_preprocessing",
]

RESIDENT_SIZE = 64  # up to so many pixels, a data set fits into memory
SMALL_BY_NATURE = frozenset({"digits", "cifar10", "cifar100"})  # seen by a network as large as they are


class UsualInput(NamedTuple):
    """What networks of a kind usually see: height and width in pixels, mean and deviation of each channel."""

    size: int
    statistics: Statistics


SMALL_INPUT = UsualInput(32, STATISTICS["cifar"])
LARGE_INPUT = UsualInput(224, STATISTICS["imagenet"])


def choose_preprocessing(
    splits: DataSplits,
    *,
    image_size: int | None = None,
    augmentation: Literal["auto"] | Augmentation = "auto",
    decode: Literal["auto"] | Decoding = "auto",
) -> Preprocessing:
    """Choose size, residence and augmentation for a network that is trained on a data set.

    Args:
        splits: the opened data.
        image_size: height and width that the network sees, in pixels; default: that of the images where they are small
            by nature, else 224.
        augmentation: of training; "auto": `shift` for images of one channel, `crop-flip` up to 64 pixels, else
            `resized-crop`.
        decode: JPEGs whole or scaled; "auto": scaled.

    Returns:
        The preprocessing; mean and deviation of resident images are measured later.

    Raises:
        InputError: the size is below 8, or the augmentation is for larger images.
    """
    channels, height, width = splits.train.load(0).shape
    is_small_by_nature = splits.name.split(":")[0] in SMALL_BY_NATURE
    size = image_size or (min(height, width) if is_small_by_nature else LARGE_INPUT.size)
    resident = size <= RESIDENT_SIZE
    # a mirrored digit is no digit
    small: Augmentation = "shift" if channels == 1 else "crop-flip"
    usual: Augmentation = small if resident else "resized-crop"
    chosen = usual if augmentation == "auto" else augmentation
    if resident and chosen.startswith("resized"):
        raise InputError(
            f"`augmentation={chosen!r}` is for images of more than {RESIDENT_SIZE} pixels; "
            "expected none, shift, crop-flip, growing-crop or moco."
        )
    published = PUBLISHED.get(splits.name)
    statistics = published.statistics if published else LARGE_INPUT.statistics
    result = preprocessing_for(size, channels, statistics, chosen)
    return replace(result, decode="scaled" if decode == "auto" else decode)


def preprocessing_for(
    size: int,
    channels: int,
    statistics: Statistics,
    augmentation: Augmentation | None = None,
    *,
    resize: int | None = None,
) -> Preprocessing:
    """Return how images become a network's input at a size: small ones stay in memory, others are resized and cropped.

    Args:
        size: height and width that the network sees, in pixels.
        channels: 1 or 3.
        statistics: mean and deviation of each channel.
        augmentation: of training; default: what is usual for images of colour at that size.
        resize: shorter side before the crop, in pixels, of images that do not stay in memory; default: 8/7 of the size.

    Raises:
        InputError: the size is below 8.

    Example:
        >>> preprocessing_for(LARGE_INPUT.size, 3, LARGE_INPUT.statistics).resize
        256
    """
    if size < 8:
        raise InputError(f"`image_size={size}`; expected at least 8 pixels.")
    resident = size <= RESIDENT_SIZE
    usual: Augmentation = "crop-flip" if resident else "resized-crop"
    return Preprocessing(
        size=size,
        resize=size if resident else resize or round(size * 256 / 224),
        channels=channels,
        mean=statistics[0][:channels],
        std=statistics[1][:channels],
        augmentation=augmentation or usual,
        resident=resident,
    )


def stored_preprocessing(stored: Mapping[str, Any]) -> Preprocessing:
    """Return the preprocessing that a checkpoint holds.

    Args:
        stored: as `dataclasses.asdict` makes it, mean and deviation perhaps as lists.

    Example:
        >>> from dataclasses import asdict
        >>> preprocessing = preprocessing_for(32, 3, STATISTICS["cifar"])
        >>> stored_preprocessing(asdict(preprocessing)) == preprocessing
        True
    """
    return Preprocessing(
        size=stored["size"],
        resize=stored["resize"],
        channels=stored["channels"],
        mean=tuple(stored["mean"]),
        std=tuple(stored["std"]),
        augmentation=stored["augmentation"],
        resident=stored["resident"],
        decode=stored.get("decode", "whole"),  # of earlier versions there is no other
        squeeze=stored.get("squeeze", False),
        policy=Policy(**stored.get("policy", {})),
    )


def trained_preprocessing(
    trained: Preprocessing,
    splits: DataSplits,
    *,
    image_size: int | None = None,
    augmentation: Literal["auto"] | Augmentation = "auto",
    decode: Literal["auto"] | Decoding = "auto",
) -> Preprocessing:
    """Return how a network sees the images of a data set as it saw those that it was trained on.

    Args:
        trained: the preprocessing of its training.
        splits: the opened data.
        image_size: another size than it was trained at, in pixels: of the training, mean and deviation stay.
        augmentation: as in `choose_preprocessing`, for another size.
        decode: JPEGs whole or scaled; "auto": as in its training.

    Raises:
        InputError: as `choose_preprocessing`.
    """
    decoding = trained.decode if decode == "auto" else decode
    if image_size in (None, trained.size):
        return replace(trained, decode=decoding)
    usual = choose_preprocessing(splits, image_size=image_size, augmentation=augmentation, decode=decoding)
    return replace(usual, mean=trained.mean, std=trained.std, squeeze=trained.squeeze)


def pretrained_preprocessing(
    config: Mapping[str, Any],
    splits: DataSplits,
    *,
    image_size: int | None = None,
    augmentation: Literal["auto"] | Augmentation = "auto",
    decode: Literal["auto"] | Decoding = "auto",
) -> Preprocessing:
    """Return how a network of timm sees the images of a data set: as its configuration says, where it does.

    Args:
        config: timm's `pretrained_cfg` of the network; may be empty.
        splits: the opened data.
        image_size: height and width that the network sees, in pixels; default: the configuration's.
        augmentation: as in `choose_preprocessing`, where the configuration says nothing.
        decode: as in `choose_preprocessing`.

    Raises:
        InputError: as `choose_preprocessing`.
    """
    usual = choose_preprocessing(splits, image_size=image_size, augmentation=augmentation, decode=decode)
    return configured_preprocessing(config, usual, image_size=image_size)


def configured_preprocessing(
    config: Mapping[str, Any], usual: Preprocessing, *, image_size: int | None = None
) -> Preprocessing:
    """Return how a network of timm sees images, as its configuration says, where it does.

    Args:
        config: timm's `pretrained_cfg` of the network; may be empty. That of a network of Hugging Face also has
            `resize`, the shorter side before the crop (or None), and `squeeze`, both as `Preprocessing` has them.
        usual: where it says nothing.
        image_size: height and width that the network sees, in pixels; default: the configuration's.
    """
    if not config.get("mean") or len(config["mean"]) != usual.channels:
        return usual
    stored_size = config.get("test_input_size", config.get("input_size", (3, usual.size, usual.size)))[-1]
    size = image_size or stored_size
    resize = round(size * config["resize"] / stored_size) if config.get("resize") else None
    result = preprocessing_for(size, usual.channels, (config["mean"], config["std"]), "none", resize=resize)
    return replace(result, decode=usual.decode, squeeze=config.get("squeeze", False))
