"""`--layers` and `--pool`: which layers a person names, and where features are taken for it."""

import re
from typing import Any, get_args

from longtail.backbones.blocks import Layers, layers_of
from longtail.backbones.layer_parts import LAST, LayerPart, Pool
from longtail.errors import InputError

__all__ = ["check_layers", "chosen_parts"]

_POOLS = get_args(Pool)


def check_layers(layers: str, pool: str) -> None:
    """Refuse words that name no layers of any network.

    Args:
        layers: "last", "last2", "last4", ..., or names with commas between, each with ":mean", ":max" or ":token"
            behind it if need be.
        pool: "auto", or some of mean, max and token with commas between.

    Raises:
        InputError: an empty name, or an unknown pool.

    Example:
        >>> check_layers("layer3,layer4:max,last", "auto")
        >>> check_layers("last2", "median")
        Traceback (most recent call last):
        ...
        longtail.errors.InputError: `pool='median'`; expected auto, or some of mean, max, token with commas between.
    """
    if pool != "auto" and (not pool or set(pool.split(",")) - set(_POOLS)):
        raise InputError(f"`pool={pool!r}`; expected auto, or some of {', '.join(_POOLS)} with commas between.")
    words = layers.split(",")
    if not all(re.fullmatch(rf"[\w.]+(:({'|'.join(_POOLS)}))?", word) for word in words):
        raise InputError(
            f"`layers={layers!r}`; expected last, last2, last4, ..., or names of layers with commas between, each with "
            f"{' or '.join(f':{one}' for one in _POOLS)} behind it if need be."
        )
    if len(words) > 1 and any(re.fullmatch(r"last\d+", word) for word in words):
        raise InputError(f"`layers={layers!r}`: last2, last4, ... stand alone. Name the layers, or {LAST}.")
    if layers == "last0":
        raise InputError("`layers=last0`: expected last1 or more.")


def chosen_parts(
    model: Any, layers: str, pool: str = "auto", shape: tuple[int, int, int] = (3, 224, 224)
) -> tuple[LayerPart, ...]:
    """Return where features are taken.

    Args:
        model: a backbone.
        layers: as `check_layers` takes it. "lastK" is the last K blocks, of which the features before the classifier
            stand for the last; "last" is these features alone.
        pool: of the layers without a pool of their own: "auto" is class token and mean of the patches where there is a
            class token, else the mean.
        shape: of an image: channels, height, width.

    Returns:
        In the order of the names, and of the forward pass in "lastK"; empty for "last": the features as they are.

    Raises:
        InputError: as `check_layers`; too few blocks, no such layer, or no class token.

    Example:
        >>> from longtail.backbones import create_backbone
        >>> model = create_backbone("resnet20", num_classes=2)
        >>> [part.name for part in chosen_parts(model, "last2", shape=(3, 32, 32))]
        ['layer3.1:mean', 'last']
        >>> [part.name for part in chosen_parts(model, "layer2,layer3:max", shape=(3, 32, 32))]
        ['layer2:mean', 'layer3:max']
    """
    check_layers(layers, pool)
    if layers in (LAST, "last1") and pool == "auto":
        return ()
    found = layers_of(model, shape)
    if number := re.fullmatch(r"last(\d*)", layers):
        parts = found.last_blocks(int(number[1] or 1), pool)
    else:
        parts = tuple(part for word in layers.split(",") for part in _named(found, word, pool))
    twice = next((part.name for place, part in enumerate(parts) if part in parts[:place]), None)
    if twice is not None:
        raise InputError(f"`layers={layers!r}`: {twice} stands there twice. Name it once.")
    return parts


def _named(found: Layers, word: str, pool: str) -> list[LayerPart]:
    """Return the parts of one word, such as "layer3" or "layer4:max"."""
    name, _, own = word.partition(":")
    layer = found.named(name)
    return [found.part(layer, one) for one in found.pools(layer, own or pool)]
