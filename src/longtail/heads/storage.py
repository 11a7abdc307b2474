"""Fitted heads as files: arrays and JSON in one .npz, no pickle."""

import json
import re
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.files.arrays import read_npz
from longtail.files.atomic import atomic_file
from longtail.files.json_file import check_kind, parse_json
from longtail.files.text import printable
from longtail.heads.base import Head
from longtail.heads.feature_transform import FeatureTransform
from longtail.heads.learned_state import Array, check_learned
from longtail.heads.parameters import DEVICE, check_parameters

__all__ = ["load_head", "save_head"]

FORMAT = 1
MOST_NESTED = 16  # heads inside heads
Part = Head | FeatureTransform
INSIDE = "/"  # between the name of an attribute that is a dict of arrays, and a key in it
EXPECTED = "a head that longtail stored, such as RUN/heads/tau.npz"
# a given head is an argument, not something learned: the learned arrays hold all that prediction needs
NOT_STORED = ("head", "heads", "teacher", "feature_transform", "random_state")

Stored = TypedDict(
    "Stored",
    {
        "class": str,
        "parameters": dict[str, Any],
        "attributes": dict[str, Any],
        "parts": NotRequired[dict[str, Any]],  # the first heads had none
    },
)


def save_head(head: Head, path: Path | str) -> None:
    """Write a fitted head to an .npz file, whole or not at all.

    The file holds each learned attribute (`name_`) that the class declares as an array, several where it is a dict of
    arrays, and class name, parameters and all other attributes as JSON. Heads and transforms that are attributes
    themselves are written in the same way: their arrays below the attribute's name, and their JSON inside that of the
    head.

    Args:
        head: a fitted head of this package, with labels that are numbers or strings.
        path: the file; ends in .npz.

    Raises:
        InputError: no head, labels of another type, or a head that could not be read again.
    """
    given: tuple[Any, Any] = head, path
    if not isinstance(given[0], Head):
        swapped = " `path` is the head: write save_head(head, path)." if isinstance(given[1], Head) else ""
        raise InputError(f"`head` is {type(head).__name__}; expected a fitted head of longtail.{swapped}")
    arrays, stored = _content(head)
    text = json.dumps({"format": FORMAT, **stored}, default=_plain)
    try:
        _restored(json.loads(text), arrays)
    except InputError as error:
        raise InputError(f"this {type(head).__name__} cannot be stored: {error}") from error
    with atomic_file(path) as file:
        np.savez(file, allow_pickle=False, meta=np.array(text), **arrays)


def _content(part: Part) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return a head's arrays by name, and everything else as JSON takes it."""
    arrays: dict[str, NDArray[Any]] = {}
    plain: dict[str, Any] = {}
    parts: dict[str, Any] = {}
    state = vars(part)
    for name in (name for name in part._learned if name in state):
        value = state[name]
        if isinstance(value, np.ndarray):
            arrays[name] = _storable(name, value, part)
        elif isinstance(value, dict) and value and all(isinstance(inner, np.ndarray) for inner in value.values()):
            arrays |= {f"{name}{INSIDE}{key}": inner for key, inner in value.items()}
        elif isinstance(value, Part):
            below, parts[name] = _content(value)
            arrays |= {f"{name}{INSIDE}{key}": inner for key, inner in below.items()}
        elif isinstance(value, list) and value and all(isinstance(inner, Part) for inner in value):
            contents = [_content(inner) for inner in value]
            parts[name] = [stored for _, stored in contents]
            for number, (below, _) in enumerate(contents):
                arrays |= {f"{name}{INSIDE}{number}{INSIDE}{key}": inner for key, inner in below.items()}
        else:
            plain[name] = value
    parameters = {name: value for name, value in part.get_params(deep=False).items() if name not in NOT_STORED}
    return arrays, {"class": type(part).__name__, "parameters": parameters, "attributes": plain, "parts": parts}


def _storable(name: str, value: NDArray[Any], part: Part) -> NDArray[Any]:
    declared = part._learned[name]
    if isinstance(declared, Array) and declared.kind == "U":
        value = value.astype(str)  # scikit-learn keeps the names of columns as objects
    if value.dtype == object:
        raise InputError(
            f"{name} holds Python objects; expected numbers or strings. Convert the labels with astype(str)."
        )
    return np.asarray(value, order="C")


def _plain(value: Any) -> Any:
    """Turn a numpy scalar, such as a parameter out of a grid, into a number, and an array into a list."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise InputError(f"a {type(value).__name__} cannot be stored in a head's file; expected numbers and words.")


def load_head(path: Path | str) -> Head:
    """Read a head that `save_head` wrote, and check that it can predict.

    Args:
        path: .npz file.

    Returns:
        The fitted head; it predicts what the saved one did.

    Raises:
        InputError: no such file, damaged, not a head, or one of which a class, parameter or learned attribute is
            unknown, missing, or not what the class needs.

    Example:
        >>> import tempfile
        >>> from longtail.heads import NearestClassMean
        >>> head = NearestClassMean().fit(np.eye(2), ["a", "b"])
        >>> path = Path(tempfile.mkdtemp()) / "ncm.npz"
        >>> save_head(head, path)
        >>> load_head(path).predict(np.eye(2))
        array(['a', 'b'], dtype='<U1')
    """
    arrays = read_npz(Path(path), expected=EXPECTED)
    text = arrays.pop("meta", None)
    where = printable(path)
    if text is None or text.shape or text.dtype.kind != "U":
        raise InputError(
            f"{where}: no head of longtail. Expected {EXPECTED}; `longtail predict` takes a network's checkpoint "
            "(.pt) too."
        )
    stored = parse_json(str(text), dict[str, Any], origin=where, expected=EXPECTED)
    if stored.get("format") != FORMAT or stored.get("class") not in list(_classes()):
        raise InputError(
            f"{where}: format {stored.get('format')!r:.40}, class {stored.get('class')!r:.80}; expected format "
            f"{FORMAT} and one of {', '.join(_classes())}."
        )
    try:
        head: Head = _restored(stored, arrays)
    except InputError as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise InputError(
            f"{where}: {reason}. The file is damaged or of another version: fit the head again."
        ) from error
    return head


def _classes() -> dict[str, type[Any]]:
    """Return the classes that a file may name."""
    import longtail.heads as heads

    return {name: kind for name in heads.__all__ if isinstance(kind := getattr(heads, name), type)}


def _restored(stored: Any, arrays: dict[str, NDArray[Any]], nested: int = 0) -> Any:
    """Put a head together again, and before it the heads and transforms that it holds."""
    if nested > MOST_NESTED:
        raise InputError(f"it has heads inside heads {nested} times; expected at most {MOST_NESTED}")
    check_kind(stored, Stored, origin="meta", expected="class, parameters, attributes and parts of a head")
    classes = _classes() | {FeatureTransform.__name__: FeatureTransform}
    if stored["class"] not in classes:
        raise InputError(f"it holds a {stored['class']!r:.80}; expected one of {', '.join(classes)}")
    values: dict[str, Any] = dict(stored["attributes"])
    parts = stored.get("parts", {})
    for name, part in parts.items():
        if isinstance(part, list):
            values[name] = [_inside(f"{name}{INSIDE}{n}", one, arrays, nested) for n, one in enumerate(part)]
        else:
            values[name] = _inside(name, part, arrays, nested)
    for path, array in arrays.items():
        name, is_inside, _ = path.partition(INSIDE)
        if name not in parts:
            values[name] = _below(arrays, name) if is_inside else array
    kind = classes[stored["class"]]
    head: Any = kind(**_parameters(kind, stored["parameters"]))
    width = values.get("n_features_in_")
    checked, sizes = check_learned(values, kind._learned, width if isinstance(width, int) else 0)
    vars(head).update(checked)
    head._check_learned(sizes)
    return head


def _inside(name: str, stored: Any, arrays: dict[str, NDArray[Any]], nested: int) -> Any:
    """Put together what another head holds."""
    try:
        return _restored(stored, _below(arrays, name), nested + 1)
    except InputError as error:
        raise InputError(f"in {name[:80]}: {error}") from error


def _parameters(kind: type[Any], stored: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters of a head as its constructor takes them."""
    known = kind().get_params(deep=False).keys() - set(NOT_STORED)
    for name in sorted(stored.keys() - known):
        raise InputError(f"it has a parameter {name!r:.80}; expected {', '.join(sorted(known))}")
    for name in kind._predicts_by:
        if name not in stored:
            raise InputError(f"it lacks the parameter {name}")
    parameters = {name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()}
    device = parameters.get("device")
    if isinstance(device, str) and re.fullmatch(r"(cuda|mps)(:\d+)?", device) and not DEVICE.is_satisfied_by(device):
        parameters["device"] = "cpu"  # where it was fitted there was another
    check_parameters(parameters, kind._parameter_constraints)
    return parameters


def _below(arrays: dict[str, NDArray[Any]], name: str) -> dict[str, NDArray[Any]]:
    start = f"{name}{INSIDE}"
    return {key.removeprefix(start): value for key, value in arrays.items() if key.startswith(start)}
