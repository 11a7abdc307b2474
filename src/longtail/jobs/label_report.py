"""Labels worth a look, with the names that a person knows the rows by."""

from dataclasses import asdict
from typing import Any

from longtail.comparison.problem import FeatureProblem
from longtail.comparison.row_names import row_id, row_name, row_number
from longtail.comparison.shared_row_facts import split_rows
from longtail.evaluation.label_check import KINDS, LabelCheck, check_labels

__all__ = ["COLUMNS", "named_rows", "quick_label_problems"]

QUICK_COMPARISONS = 2e11  # rows^2 x D up to which rows are compared beside a fit: seconds
QUICK_FITTING = 2e10  # rows x D x max(D, C) up to which train is cross-validated beside a fit
MOST_SHOWN = 12

COLUMNS = ("problem", "split", "row", "id", "label", "other_split", "other_row", "other_id", "other_label", "score")


def quick_label_problems(problem: FeatureProblem, check: str, seed: int) -> dict[str, Any] | None:
    """Return the labels most worth a look, for the report, as far as they are found in seconds.

    What is looked for is counted as `longtail inspect` counts it.

    Args:
        problem: checked features, unsealed.
        check: "quick": look if it takes seconds; "full": however long it takes; "none".
        seed: of the cross-validation.

    Returns:
        None, or {"totals": {KIND: number}, "not_looked_for": ["KIND (reason)", ...], "found": [the most doubtful of
        each kind]}.
    """
    if check == "none":
        return None
    is_quick = check != "full"
    checked = check_labels(
        split_rows(problem),
        problem.class_names,
        sample_groups=problem.splits["train"].groups,
        seed=seed,
        most_comparisons=QUICK_COMPARISONS if is_quick else None,
        most_fitting=QUICK_FITTING if is_quick else None,
    )
    by_kind = {kind: [result for result in checked.problems if result.problem == kind] for kind in KINDS}
    shown = [result for members in by_kind.values() for result in members[: MOST_SHOWN // len(KINDS)]]
    return {
        "totals": {kind: len(members) for kind, members in by_kind.items() if members},
        "not_looked_for": [f"{kind} ({reason})" for kind, reason in checked.not_looked_for.items()],
        "found": [
            {
                **{key: "" if value is None else value for key, value in asdict(result).items()},
                "name": row_name(problem.splits[result.split], result.row),
                "other_name": ""
                if result.other_split is None or result.other_row is None
                else row_name(problem.splits[result.other_split], result.other_row),
            }
            for result in shown
        ],
    }


def named_rows(problem: FeatureProblem, checked: LabelCheck) -> list[dict[str, Any]]:
    """Return the problems as rows of `COLUMNS`, with the row numbers and ids of the person's own files."""
    rows = []
    for result in checked.problems:
        row: dict[str, Any] = {
            **{key: "" if value is None else value for key, value in asdict(result).items()},
            "row": row_number(problem.splits[result.split], result.row),
            "id": row_id(problem.splits[result.split], result.row),
            "other_id": "",
        }
        if result.other_split is not None and result.other_row is not None:
            other = problem.splits[result.other_split]
            row |= {"other_row": row_number(other, result.other_row), "other_id": row_id(other, result.other_row)}
        rows.append(row)
    return rows
