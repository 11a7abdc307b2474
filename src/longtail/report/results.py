"""Read results.json and make sure that it holds what the page needs."""

import json
from pathlib import Path
from typing import Any

from longtail.errors import InputError

__all__ = ["SCHEMA", "read_results"]

SCHEMA = 1

_TOP = ("schema", "title", "data", "methods", "verdict")
_DATA = ("name", "class_names", "train_counts", "group_of_class", "group_thresholds", "splits")
_METHOD = ("params", "selected_on", "seconds", "metrics")
_METRICS = ("all", "balanced", "many", "medium", "few", "per_class")


def read_results(path: Path | str) -> dict[str, Any]:
    """Read the results of a run.

    Args:
        path: results.json, or the folder of the run that holds it.

    Returns:
        The content, with the optional parts that are absent put in as empty.

    Raises:
        InputError: no such file, not JSON, a newer schema, or a part that the page needs is missing.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "results.json"
    results = _load(path)
    _need(path, results, "", _TOP)
    schema = results["schema"]
    if not isinstance(schema, int) or schema < 1 or schema > SCHEMA:
        raise InputError(
            f"{path}: schema {schema!r}; this longtail reads schema {SCHEMA}. "
            "Make the report with the longtail that wrote the results, or a newer one."
        )
    _need(path, results["data"], "data.", _DATA)
    _need(path, results["data"]["group_thresholds"], "data.group_thresholds.", ("many_above", "few_below"))
    num_classes = len(results["data"]["class_names"])
    for key in ("train_counts", "group_of_class"):
        _same_length(path, f"data.{key}", results["data"][key], num_classes)
    if not isinstance(results["methods"], dict) or not results["methods"]:
        raise InputError(f"{path}: 'methods' is empty; expected one entry a method. Fit again: `longtail fit`.")
    for name, entry in results["methods"].items():
        _need(path, entry, f"methods.{name}.", _METHOD)
        for split, metrics in entry["metrics"].items():
            where = f"methods.{name}.metrics.{split}."
            _need(path, metrics, where, _METRICS)
            _same_length(path, f"{where}per_class", metrics["per_class"], num_classes)
    absent: dict[str, Any] = {
        "stage1": None,
        "comparisons": None,
        "learning_curve": None,
        "label_problems": None,
        "rare_classes": [],
        "class_examples": {},
        "environment": {},
    }
    return {**absent, **results}


def _load(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(_missing(path)) from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is not text; expected the results.json of a run.") from None
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(
            f"{path} is not JSON (line {error.lineno}: {error.msg}); expected the results.json of a run. "
            "Carry out the run again."
        ) from None


def _missing(path: Path) -> str:
    inside = sorted(found.parent.name for found in path.parent.glob("*/results.json"))
    if inside:
        return f"{path.parent} holds no results.json, but its folders do. Name one: {', '.join(inside[:10])}."
    return f"{path}: no such file; expected the folder of a finished run, such as runs/digits."


def _need(path: Path, part: Any, where: str, keys: tuple[str, ...]) -> None:
    if not isinstance(part, dict):
        raise InputError(f"{path}: {where.rstrip('.') or 'the content'} is no JSON object. Carry out the run again.")
    for key in keys:
        if key not in part:
            raise InputError(f"{path}: '{where}{key}' is missing; expected the results.json of a run.")


def _same_length(path: Path, where: str, values: Any, num_classes: int) -> None:
    if not isinstance(values, list) or len(values) != num_classes:
        came = f"{len(values)} values" if isinstance(values, list) else f"a {type(values).__name__}"
        raise InputError(f"{path}: '{where}' holds {came}; expected one for each of the {num_classes} classes.")
