"""Fitted heads as files: arrays and JSON in one .npz, no pickle."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.files.atomic import atomic_path
from longtail.heads.base import Head
from longtail.heads.feature_transform import FeatureTransform

__all__ = ["load_head", "save_head"]

FORMAT = 1
Part = Head | FeatureTransform
INSIDE = "/"  # between the name of an attribute that is a dict of arrays, and a key in it


def save_head(head: Head, path: Path | str) -> None:
    """Write a fitted head to an .npz file, whole or not at all.

    The file holds each learned attribute (`name_`) as an array, several where it is a dict of arrays, and class name,
    parameters and all other attributes as JSON. Heads and transforms that are attributes themselves are written in the
    same way: their arrays below the attribute's name, and their JSON inside that of the head.

    Args:
        head: a fitted head of this package, with labels that are numbers or strings.
        path: the file; ends in .npz.

    Raises:
        InputError: labels of another type.
    """
    arrays, meta = _content(head)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        text = json.dumps({"format": FORMAT, **meta}, default=_plain)
        np.savez(file, allow_pickle=False, meta=np.array(text), **arrays)


def _content(part: Part) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Give a head's arrays by name, and everything else as JSON takes it."""
    arrays: dict[str, NDArray[Any]] = {}
    plain: dict[str, Any] = {}
    parts: dict[str, Any] = {}
    for name, value in vars(part).items():
        if not name.endswith("_"):
            continue
        if isinstance(value, np.ndarray):
            if value.dtype == object:
                raise InputError(
                    f"{name} holds Python objects; expected numbers or strings. Convert the labels with astype(str)."
                )
            arrays[name] = value
        elif isinstance(value, dict) and value and all(isinstance(inner, np.ndarray) for inner in value.values()):
            arrays |= {f"{name}{INSIDE}{key}": inner for key, inner in value.items()}
        elif isinstance(value, Part):
            below, parts[name] = _content(value)
            arrays |= {f"{name}{INSIDE}{key}": inner for key, inner in below.items()}
        elif isinstance(value, list) and value and all(isinstance(inner, Part) for inner in value):
            contents = [_content(inner) for inner in value]
            parts[name] = [meta for _, meta in contents]
            for number, (below, _) in enumerate(contents):
                arrays |= {f"{name}{INSIDE}{number}{INSIDE}{key}": inner for key, inner in below.items()}
        else:
            plain[name] = value
    # a given head is an argument, not something learned: the learned arrays hold all that prediction needs
    parameters = {
        name: value
        for name, value in part.get_params(deep=False).items()
        if name not in ("head", "heads", "feature_transform", "random_state")
    }
    return arrays, {"class": type(part).__name__, "parameters": parameters, "attributes": plain, "parts": parts}


def _plain(value: Any) -> Any:
    """Turn a numpy scalar, such as a parameter out of a grid, into a number, and an array into a list."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be stored in a head's file.")


def load_head(path: Path | str) -> Head:
    """Read a head that `save_head` wrote.

    Args:
        path: .npz file.

    Returns:
        The fitted head; it predicts what the saved one did.

    Raises:
        InputError: no such file, truncated, not a head, or a head with a class or parameter that is not known here.

    Example:
        >>> import tempfile
        >>> from longtail.heads import NearestClassMean
        >>> head = NearestClassMean().fit(np.eye(2), ["a", "b"])
        >>> path = Path(tempfile.mkdtemp()) / "ncm.npz"
        >>> save_head(head, path)
        >>> load_head(path).predict(np.eye(2))
        array(['a', 'b'], dtype='<U1')
    """
    import longtail.heads as heads

    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such head. Expected a file such as RUN/heads/tau.npz.")
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            content = {name: file[name] for name in file.files}
        meta: dict[str, Any] = json.loads(str(content.pop("meta", "{}")))
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: truncated, or not a head of longtail ({error}).") from error
    if not meta:
        raise InputError(
            f"{path}: no head of longtail. Expected a file such as RUN/heads/tau.npz; `longtail predict` takes a "
            "network's checkpoint (.pt) too."
        )
    kinds = {name: kind for name in heads.__all__ if isinstance(kind := getattr(heads, name), type)}
    if meta.get("format") != FORMAT or meta.get("class") not in kinds:
        raise InputError(
            f"{path}: format {meta.get('format')}, class {meta.get('class')!r}; expected format {FORMAT} and one of "
            f"{', '.join(kinds)}."
        )
    try:
        head: Head = _restored(meta, content, kinds)
    except TypeError as error:
        raise InputError(f"{path}: written by another version of longtail ({error}). Fit the head again.") from error
    return head


def _restored(meta: dict[str, Any], content: dict[str, NDArray[Any]], kinds: dict[str, type]) -> Any:
    """Put a head together again, and before it the heads and transforms that it holds."""
    parameters = {
        name: tuple(value) if isinstance(value, list) else value for name, value in meta["parameters"].items()
    }
    if not _is_there(str(parameters.get("device", "cpu"))):
        parameters["device"] = "cpu"  # where it was fitted there was another
    head: Any = (kinds | {FeatureTransform.__name__: FeatureTransform})[meta["class"]](**parameters)
    parts = meta.get("parts", {})
    for name, part in parts.items():
        if isinstance(part, list):
            inner = [_restored(one, _below(content, f"{name}{INSIDE}{n}"), kinds) for n, one in enumerate(part)]
            setattr(head, name, inner)
        else:
            setattr(head, name, _restored(part, _below(content, name), kinds))
    for name, value in {**content, **meta["attributes"]}.items():
        name, _, key = name.partition(INSIDE)
        if name in parts:
            continue
        if key:
            head.__dict__.setdefault(name, {})[key] = value
        else:
            setattr(head, name, value)
    return head


def _is_there(device: str) -> bool:
    if device.startswith("cuda"):
        return torch.cuda.is_available()
    return device != "mps" or torch.backends.mps.is_available()


def _below(content: dict[str, NDArray[Any]], name: str) -> dict[str, NDArray[Any]]:
    start = f"{name}{INSIDE}"
    return {key.removeprefix(start): value for key, value in content.items() if key.startswith(start)}
