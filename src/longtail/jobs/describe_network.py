"""`longtail describe --backbone NAME`: what a network costs, how it sees images, and which layers it has."""

from typing import Any

from longtail.errors import InputError
from longtail.files.text import printable

__all__ = ["describe_network", "network_lines"]

_SMALL = {"digits_cnn": (1, 8)}  # channels and pixels of those that see small images
_CIFAR_PIXELS = 32


def describe_network(
    name: str, words: tuple[str, ...], *, image_size: int | None = None, num_classes: int = 1000
) -> dict[str, Any]:
    """Build a network and count.

    Args:
        name: as `create_backbone` takes it.
        words: arguments of it, as --backbone-set has them.
        image_size: height and width of its images, in pixels; default: those that it was made for.
        num_classes: C, of its classifier.

    Returns:
        JSON-ready facts: parameters, multiply-adds, features, blocks, and where it says so, mean and deviation.

    Raises:
        InputError: no such network, or it sees no images of that size.
    """
    from longtail.backbones import classifier_of, create_backbone
    from longtail.backbones.architecture import CIFAR_RESNETS
    from longtail.backbones.arguments import read_arguments
    from longtail.backbones.blocks import layers_of
    from longtail.backbones.costs import network_cost
    from longtail.jobs.flags import naming_flags

    channels, usual = _SMALL.get(name, (3, _CIFAR_PIXELS if name in CIFAR_RESNETS else 224))
    with naming_flags():
        arguments = read_arguments(words)
        model: Any = create_backbone(name, num_classes=num_classes, in_chans=channels, arguments=arguments)
    config = getattr(model, "pretrained_cfg", None) or {}
    size = image_size or (config.get("input_size") or (channels, usual, usual))[-1]
    shape = (channels, size, size)
    try:
        cost, layers = network_cost(model, shape), layers_of(model, shape)
    # a network stumbles over a size in every way there is
    except Exception as error:
        reason = str(error).strip().split("\n")[0][:160] or type(error).__name__
        raise InputError(
            f"{printable(name)} cannot be run on images of {size} pixels ({reason}). Name another --image-size, or say "
            "with --backbone-set for which it is built."
        ) from error
    return {
        "name": name,
        "arguments": arguments,
        "parameters": cost.parameters,
        "multiply_adds": cost.multiply_adds,
        "num_classes": num_classes,
        "image_size": size,
        "channels": channels,
        "dimension": classifier_of(model).in_features,
        "blocks": [{"layer": block, "width": layers.seen[block].width} for block in layers.blocks],
        "mean": list(config["mean"]) if config.get("mean") else None,
        "std": list(config["std"]) if config.get("std") else None,
    }


def network_lines(facts: dict[str, Any]) -> list[str]:
    """Return what is printed of a network.

    Args:
        facts: as `describe_network` returns them.
    """
    shown = printable(facts["name"])
    indent = " " * (len(shown) + 3)
    work, size = facts["multiply_adds"], facts["image_size"]
    blocks = facts["blocks"]
    lines = [
        f"{shown}   {_in_units(facts['parameters'])} parameters with a classifier of {facts['num_classes']:,} classes, "
        f"{_in_units(work)} multiply-adds for an image of {size} x {size} pixels",
        f"{indent}a multiply-add counts once, as fvcore, MMPretrain and papers count FLOPs; torch counts two: "
        f"{_in_units(2 * work)}",
        f"{indent}{facts['dimension']:,} features before the classifier",
    ]
    if blocks:
        named = ", ".join(f"{block['layer']} ({block['width']:,})" for block in blocks[-8:])
        lines.append(
            f"{indent}{len(blocks)} blocks for --layers{', the last of them' if len(blocks) > 8 else ''}: {named}"
        )
    return lines


def _in_units(number: int) -> str:
    return f"{number / 1e9:.2f} G" if number >= 1e8 else f"{number / 1e6:.2f} M"
