"""What a network returns: scores alone, or among other things."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from longtail.errors import InputError

__all__ = ["scores_in", "select"]

Key = str | int | None


def scores_in(returned: Any) -> dict[Key, Tensor]:
    """Return all that could be the scores of a batch: tensors of two axes, by where they stand.

    Args:
        returned: a tensor (its key is None), or a dict, tuple, named tuple, dataclass or output of Hugging Face.

    Example:
        >>> import torch
        >>> list(scores_in({"logits": torch.zeros(2, 3), "features": torch.zeros(2, 4, 8, 8)}))
        ['logits']
    """
    items: dict[Key, Any]
    if isinstance(returned, Tensor):
        items = {None: returned}
    elif isinstance(returned, Mapping):
        items = dict(returned)
    elif hasattr(returned, "_asdict"):
        items = dict(returned._asdict().items())
    elif dataclasses.is_dataclass(returned):
        items = dict(vars(returned).items())
    elif isinstance(returned, tuple | list):
        items = dict(enumerate(returned))
    else:
        items = {}
    # a convolution of pooled features leaves axes of length 1
    result = {key: value.flatten(1) for key, value in items.items() if _are_scores(value)}
    return {key: result[key] for key in sorted(result, key=lambda key: key != "logits")}


def select(returned: Any, key: Key) -> Tensor:
    """Return the scores that stand under a key, shape (B, C).

    Raises:
        InputError: nothing stands there any more.
    """
    result = scores_in(returned)
    if key not in result:
        raise InputError(f"the network returns {type(returned).__name__} without scores at {key!r} now.")
    return result[key]


def _are_scores(value: Any) -> bool:
    return (
        isinstance(value, Tensor)
        and value.is_floating_point()
        and value.ndim >= 2
        and all(length == 1 for length in value.shape[2:])
    )
