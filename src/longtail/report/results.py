"""Read results.json, and make sure that it is what its types say and that its parts fit together."""

from collections.abc import Iterator, Sized
from pathlib import Path
from typing import Any

from longtail.errors import InputError
from longtail.files.json_file import check_kind, read_json
from longtail.report.schema import Results

__all__ = ["SCHEMA", "read_results"]

SCHEMA = 2

EXPECTED = "the results.json of a run; carry out the run again"
ABSENT: dict[str, Any] = {
    "stage1": None,
    "comparisons": None,
    "learning_curve": None,
    "shared_rows": None,
    "label_problems": None,
    "rare_classes": [],
    "confusion": {},
    "class_examples": {},
    "environment": {},
}


def read_results(path: Path | str) -> dict[str, Any]:
    """Read the results of a run.

    Args:
        path: results.json, or the folder of the run that holds it.

    Returns:
        The content, with the optional parts that are absent put in as empty.

    Raises:
        InputError: no such file, not JSON, a newer schema, a part that is missing or of another kind, or parts that do
            not fit together.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "results.json"
    if not path.is_file():
        raise InputError(_missing(path))
    content = read_json(path, dict[str, Any], expected=EXPECTED)
    schema = content.get("schema")
    if type(schema) is not int or not 1 <= schema <= SCHEMA:
        raise InputError(
            f"{path}: schema {schema!r}; this longtail reads schemas up to {SCHEMA}. "
            "Make the report with the longtail that wrote the results, or a newer one."
        )
    check_kind(content, Results, origin=str(path), expected=EXPECTED)
    results = {**ABSENT, **content}
    num_classes = len(results["data"]["class_names"])
    for where, values, wanted in _lengths(results, num_classes):
        if values is not None and len(values) != wanted:
            raise InputError(f"{path}: '{where}' holds {len(values)} values; expected {wanted}. {_fresh()}")
    for where, number in _classes(results):
        if number >= num_classes:
            raise InputError(f"{path}: '{where}' is of class {number}; there are {num_classes} classes. {_fresh()}")
    for where, name in _methods(results):
        if name is not None and name not in results["methods"]:
            named = ", ".join(list(results["methods"])[:10])
            raise InputError(f"{path}: '{where}' is {name!r}; expected one of the methods {named}. {_fresh()}")
    return results


def _fresh() -> str:
    return f"Expected {EXPECTED}."


def _missing(path: Path) -> str:
    inside = sorted(result.parent.name for result in path.parent.glob("*/results.json"))
    if inside:
        return f"{path.parent} holds no results.json, but its folders do. Name one: {', '.join(inside[:10])}."
    return f"{path}: no such file; expected the folder of a finished run, such as runs/digits."


def _lengths(results: dict[str, Any], num_classes: int) -> Iterator[tuple[str, Sized | None, int]]:
    """Name each list with the length that it has to have."""
    for key in ("train_counts", "group_of_class"):
        yield f"data.{key}", results["data"][key], num_classes
    for name, confusion in results["confusion"].items():
        yield f"confusion.{name}.matrix", confusion["matrix"], num_classes
        for row in confusion["matrix"] or ():
            yield f"confusion.{name}.matrix", row, num_classes
    for name, entry in results["methods"].items():
        yield f"methods.{name}.weight_norms", entry.get("weight_norms"), num_classes
        for split, metrics in entry["metrics"].items():
            for key in ("per_class", "per_class_images", "per_class_precision"):
                yield f"methods.{name}.metrics.{split}.{key}", metrics.get(key), num_classes
        curve = entry.get("curve")
        for metric, values in (curve["metrics"] if curve else {}).items():
            yield f"methods.{name}.curve.metrics.{metric}", values, len(curve["grid"])
        for number, block in enumerate((entry.get("dlsa") or {"blocks": []})["blocks"]):
            where = f"methods.{name}.dlsa.blocks[{number}]"
            yield f"{where}.cluster_purity", block["cluster_purity"], len(block["cluster_sizes"])
            for group in ("many", "medium", "few"):
                likelihood = block["likelihood"]
                yield f"{where}.likelihood.{group}", likelihood[group], len(likelihood["edges"]) - 1


def _classes(results: dict[str, Any]) -> Iterator[tuple[str, int]]:
    """Name each place that gives the number of a class."""
    for row in (results["learning_curve"] or {"classes": []})["classes"]:
        yield "learning_curve.classes", row["class"]
    for method, confusion in results["confusion"].items():
        for row in confusion["most"]:
            yield f"confusion.{method}.most", max(row["class"], row["predicted"])
    for row in results["rare_classes"]:
        yield "rare_classes", row["class"]
        for others in row["confused_with"].values():
            yield from (("rare_classes.confused_with", other["class"]) for other in others)
        for example in row.get("examples", []):
            yield from (("rare_classes.examples", number) for number in example["predicted"].values())


def _methods(results: dict[str, Any]) -> Iterator[tuple[str, str | None]]:
    """Name each place that gives the name of a method."""
    yield "verdict.best", results["verdict"].get("best")
    for number, pair in enumerate((results["comparisons"] or {"pairs": []})["pairs"]):
        yield f"comparisons.pairs[{number}].method", pair["method"]
        yield f"comparisons.pairs[{number}].baseline", pair["baseline"]
