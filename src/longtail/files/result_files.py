"""Which parts of a folder are a result's, by name and by content: all that a later result may remove there."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from longtail.errors import InputError
from longtail.files.json_file import read_json
from longtail.files.text import printable

__all__ = ["MADE_OF", "NETWORK_FILES", "is_part", "is_plain_name", "parts_of", "parts_with"]

_RESULT_FILES = (
    *("heads", "predictions", "calibration", "examples", "logs"),
    *("config.json", "results.json", "report.html", "rows.npz", "evaluation.json"),
)
MADE_OF = ".made_of"  # absolute path of what a folder's results were made of
_EXPORTED_MODELS = ("model.onnx", "model.pt2", "model.pth")
# what `run` leaves beside its results, and goes on with
NETWORK_FILES = (
    *("checkpoints", "features", "train.json", "images.npz", "metrics.csv", "splits.json", "pseudo_labels.csv", "logs"),
)
_SUMMARY = ("summary.json", "summary.md")
_OF_A_RESULT = frozenset({*_RESULT_FILES, *_EXPORTED_MODELS, *NETWORK_FILES, *_SUMMARY, MADE_OF})
# a file is a result's where it is a JSON object with one of these groups of keys
_MARKS = {
    "results.json": (("schema", "methods"),),
    "summary.json": (("schema", "methods"),),
    "config.json": (("verb",), ("runtime",), ("heads",)),  # older versions wrote no verb
}


def is_plain_name(name: str) -> bool:
    """Return whether a name can be that of nothing but an entry of the folder itself.

    Example:
        >>> [is_plain_name(name) for name in ("heads", "", ".", "..", "a/b", "a\\\\b", "C:")]
        [True, False, False, False, False, False, False]
    """
    return name not in ("", ".", "..") and not any(sign in name for sign in "/\\\0:")


def is_part(name: str, folder: Path) -> bool:
    """Return whether a result may have a part of that name: one of every result, a seed's, or the balanced model."""
    return name in _OF_A_RESULT or _is_seed(name) or name in _balanced_models(_content(folder / "results.json"))


def parts_of(folder: Path, stays: Sequence[str] = ()) -> set[str]:
    """Return the names of what an earlier result has left in a folder; nothing of it is another's.

    Args:
        folder: of a result, or any other.
        stays: patterns of names that are left out, and not looked at.

    Raises:
        InputError: it holds a file of a result's name that no result wrote, or a trained network that would go.
    """
    contents = {name: None if _matches(name, stays) else _marked(folder / name) for name in _MARKS}
    results, settings = contents["results.json"], contents["config.json"]
    names: set[str] = set()
    if results is not None:
        names.update(_RESULT_FILES, [MADE_OF], _balanced_models(results))
        if results.get("stage1") or (settings or {}).get("verb") == "run":
            names.update(NETWORK_FILES, _EXPORTED_MODELS)
        elif results.get("model") and _has_images(settings):
            names.add("features")
    if contents["summary.json"] is not None:
        names.update(_SUMMARY, [MADE_OF])
    present = {name for name in names if not _matches(name, stays) and _exists(folder / name)}
    if "checkpoints" in present:
        raise InputError(
            f"{printable(folder)}: holds a trained network (checkpoints), which a result of other features would "
            "remove. Choose another folder, or move the network away."
        )
    seeds = [path for path in folder.glob("seed-*") if not _matches(path.name, stays)]
    return present | {path.name for path in seeds if _is_seeds_result(path)}


def parts_with(folder: Path, source: Path) -> tuple[str, ...]:
    """Return the parts of a folder that a new result is made of, and that therefore stay.

    Args:
        folder: of the new result.
        source: file or folder of its features.
    """
    full, inside = folder.resolve(), source.resolve()
    if full not in inside.parents:
        return ()
    name = inside.relative_to(full).parts[0]
    return NETWORK_FILES if name == "features" else (name,)


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _is_seed(name: str) -> bool:
    return name.startswith("seed-") and name.removeprefix("seed-").isdecimal()


def _is_seeds_result(folder: Path) -> bool:
    if not _is_seed(folder.name) or folder.is_symlink() or not (folder / "results.json").exists():
        return False
    parts = parts_of(folder)
    foreign = sorted(path.name for path in folder.iterdir() if path.name not in parts)
    if foreign:
        raise _not_ours(folder / foreign[0])
    return True


def _exists(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _marked(path: Path) -> dict[str, Any] | None:
    if not _exists(path):
        return None
    content = _content(path)
    if not any(all(key in content for key in keys) for keys in _MARKS[path.name]):
        raise _not_ours(path)
    return content


def _not_ours(path: Path) -> InputError:
    return InputError(
        f"{printable(path)}: no earlier result wrote it, and a new one would remove or hide it. Expected a folder of "
        "its own for each result: choose another, or move that file away."
    )


def _content(path: Path) -> dict[str, Any]:
    """Return what a JSON file holds; nothing where it is none."""
    try:
        return read_json(path, dict[str, Any], expected="what a result wrote") if path.is_file() else {}
    except InputError:
        return {}


def _balanced_models(results: dict[str, Any]) -> tuple[str, ...]:
    """Return the names of the model that `balance` wrote, and of its programs."""
    model = results.get("model")
    name = model.get("written") if isinstance(model, dict) else None
    if not isinstance(name, str) or not is_plain_name(name):
        return ()
    return name, f"{Path(name).stem}.onnx", f"{Path(name).stem}.pt2"


def _has_images(settings: dict[str, Any] | None) -> bool:
    data = (settings or {}).get("data")
    return isinstance(data, dict) and data.get("data") is not None
