"""The names of a model's classes, in whichever form they are stored with it."""

import re
from collections.abc import Mapping
from typing import Any

from longtail.errors import InputError

__all__ = ["class_names_in"]

# in Hugging Face's and timm's config.json, and beside the weights in checkpoints: by number, or in order
_KEYS = ("id2label", "label_names", "class_names", "classes", "idx_to_class", "class_to_idx", "label2id", "names")
_DRAWN = re.compile(r"LABEL_\d+")


def class_names_in(content: Mapping[str, Any], num_classes: int, origin: str) -> list[str] | None:
    """Return the names of the outputs in their order.

    Args:
        content: config.json, or what stands beside weights: names as a list, by number, or numbers by name.
        num_classes: outputs of the model.
        origin: of the content, for messages.

    Returns:
        C names; None where there are none, or only those that Hugging Face makes up (LABEL_0, ...).

    Raises:
        InputError: other than one name an output, or one twice.

    Example:
        >>> class_names_in({"id2label": {"1": "bee", "0": "ant"}}, 2, "config.json")
        ['ant', 'bee']
        >>> class_names_in({"class_to_idx": {"bee": 1, "ant": 0}}, 2, "a.pt")
        ['ant', 'bee']
    """
    about = content.get("about")
    for part in (content, about if isinstance(about, Mapping) else {}):
        for key in _KEYS:
            by_number = _by_number(part.get(key))
            if by_number is None or all(_DRAWN.fullmatch(name) for name in by_number.values()):
                continue
            if sorted(by_number) != list(range(num_classes)):
                raise InputError(
                    f"{origin}: {key} names {len(by_number)} classes, and the last layer has {num_classes} outputs. "
                    "Expected one name an output; --class-names FILE says it otherwise."
                )
            names = [by_number[number] for number in range(num_classes)]
            twice = next((name for name in names if names.count(name) > 1), None)
            if twice is not None:
                raise InputError(
                    f"{origin}: {key} has {twice!r} twice. Expected one name a class; --class-names FILE says it "
                    "otherwise."
                )
            return names
    return None


def _by_number(names: Any) -> dict[int, str] | None:
    """Return names by their numbers; None where it is something else."""
    if isinstance(names, list | tuple):
        return (
            dict(enumerate(map(str, names))) if names and all(isinstance(name, str | int) for name in names) else None
        )
    if not isinstance(names, Mapping) or not names:
        return None
    if all(_is_number(key) for key in names) and all(isinstance(name, str | int | float) for name in names.values()):
        return {int(key): str(name) for key, name in names.items()}
    if all(isinstance(key, str) for key in names) and all(_is_number(number) for number in names.values()):
        return {int(number): name for name, number in names.items()}
    return None


def _is_number(value: Any) -> bool:
    return (isinstance(value, int) and not isinstance(value, bool)) or (
        isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 10
    )
