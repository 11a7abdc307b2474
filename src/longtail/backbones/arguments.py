"""`--backbone-set NAME=VALUE`: what a network is built with besides its name."""

import json
from collections.abc import Iterable
from typing import Any

from longtail.errors import InputError

__all__ = ["read_arguments"]

_WORDS = {"true": True, "false": False, "none": None, "null": None}


def read_arguments(words: Iterable[str]) -> dict[str, Any]:
    """Read arguments as a person types them; the later of two words about one thing holds.

    Args:
        words: such as "depth_multiplier=0.75"; the value is a number, true, false, none, a list or dict as JSON has
            them, or else a word.

    Raises:
        InputError: no such words.

    Example:
        >>> read_arguments(["depth_multiplier=0.75", "img_size=96", "act_layer=gelu", "widths=[8, 16]", "bias=false"])
        {'depth_multiplier': 0.75, 'img_size': 96, 'act_layer': 'gelu', 'widths': [8, 16], 'bias': False}
    """
    result: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not (equals and name.isidentifier() and text.strip()):
            raise InputError(f"`backbone_set` {word!r}: expected NAME=VALUE, such as depth_multiplier=0.75.")
        result[name] = _value(text.strip())
    return result


def _value(text: str) -> Any:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
