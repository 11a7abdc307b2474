"""Exports of Label Studio: what annotators chose for each image, as JSON, JSON_MIN, CSV or TSV."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from longtail.data.foreign_label_files import class_column
from longtail.data.manifests.columns import read_word_table
from longtail.data.manifests.label_studio_images import files_of_tasks
from longtail.data.manifests.rows import ManifestChoice, Rows
from longtail.data.manifests.several_files import files_of
from longtail.errors import InputError
from longtail.files.json_file import parse_json, read_json
from longtail.files.text import counted, printable

__all__ = ["LABEL_STUDIO_KINDS", "read_label_studio"]

LABEL_STUDIO_KINDS = ("an export of Label Studio",)
_EXPECTED = "an export of Label Studio as JSON, JSON_MIN or CSV"
# what is said of an annotation, and no label
_OF_EXPORTS = frozenset(
    (
        *("id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time", "agreement", "history"),
        *("completed_by", "was_cancelled", "inner_id", "project"),
    )
)


@dataclass(frozen=True)
class _Vote:
    """What one annotator chose for one task; nothing where the task was passed over or has no annotator yet."""

    task: str
    fields: Mapping[str, str]
    choices: Mapping[str, tuple[str, ...]]
    is_settled: bool = False


def read_label_studio(path: Path, choice: ManifestChoice) -> Rows:
    """Read an export of Label Studio.

    Where annotators differ, the class that more than half chose counts; without one the image is unlabelled.

    Args:
        path: of the file, or a folder that holds it.
        choice: `label_column` is the name of the tag of choices, where there are several; `image_column`,
            `group_column`, `event_column` and `split_column` are fields of a task's data.

    Raises:
        InputError: no export, no choices in it, or a field that is not there or cannot be told.
    """
    files = files_of(path, LABEL_STUDIO_KINDS, (".json", ".csv", ".tsv"), _EXPECTED)
    if len(files) > 1:
        raise InputError(
            f"{printable(path)}: holds {files[0].name} and {files[1].name}. Name the export that is meant."
        )
    path = files[0]
    votes, origin = _votes(path), printable(path)
    image = choice.image_column or _image_field(votes, origin)
    label = choice.label_column or _label_field(votes, image, origin)
    _check_field(votes, image, "image_column", origin)
    of_task: dict[str, list[_Vote]] = defaultdict(list)
    for vote in votes:
        of_task[vote.task].append(vote)
    agreed = {
        task: _agreed([vote for vote in each if vote.choices.get(label)], label) for task, each in of_task.items()
    }
    tasks = [task for task, labels in agreed.items() for _ in labels or ("",)]
    fields = {task: each[0].fields for task, each in of_task.items()}

    def column(name: str | None, argument: str) -> list[str] | None:
        if name in (None, "none"):
            return None
        _check_field(votes, name, argument, origin)
        return [fields[task].get(name, "") for task in tasks]

    return Rows(
        images=files_of_tasks([fields[task].get(image, "") for task in tasks], choice.root or path.parent),
        labels=[name for labels in agreed.values() for name in labels or ("",)],
        root=path.parent,
        splits=column(choice.split_column, "split_column"),
        groups=column(choice.group_column, "group_column"),
        grouped_by=choice.group_column or "",
        events=column(choice.event_column, "event_column"),
        ids=tasks,
        notes=_notes(of_task, agreed, label, origin),
    )


def _votes(path: Path) -> list[_Vote]:
    if path.suffix.lower() in (".csv", ".tsv"):
        table = read_word_table(path)
        return [
            _of_flat(dict(zip(table.names, cells, strict=True)), f"line {line}")
            for line, cells in zip(table.lines, zip(*table.columns.values(), strict=True), strict=True)
        ]
    tasks = read_json(path, list[dict[str, Any]], expected=_EXPECTED)
    votes: list[_Vote] = []
    for number, task in enumerate(tasks, start=1):
        if isinstance(task.get("data"), dict):
            votes += _of_task(task, f"{printable(path)}: entry {number}")
        else:
            votes.append(_of_flat(task, f"entry {number}"))
    if not votes:
        raise InputError(f"{printable(path)}: holds no task. Expected {_EXPECTED}.")
    return votes


def _of_task(task: Mapping[str, Any], origin: str) -> list[_Vote]:
    """Return what annotators said of a task in JSON."""
    number, fields = str(task.get("id", origin)), _words(task["data"])
    annotations = task.get("annotations") or task.get("completions") or []
    if not isinstance(annotations, list) or not all(isinstance(each, dict) for each in annotations):
        raise InputError(f"{origin}: its annotations are no list of objects. Expected {_EXPECTED}.")
    votes = []
    for annotation in annotations:
        if annotation.get("was_cancelled"):
            continue
        choices: dict[str, tuple[str, ...]] = {}
        for result in annotation.get("result") or ():
            if isinstance(result, dict) and result.get("type") == "choices" and isinstance(result.get("value"), dict):
                choices[str(result.get("from_name", "choice"))] = _names(result["value"].get("choices"))
        votes.append(_Vote(number, fields, choices, bool(annotation.get("ground_truth"))))
    return votes or [_Vote(number, fields, {})]


def _of_flat(row: Mapping[str, Any], place: str) -> _Vote:
    """Return what one annotator said of a task, by a row of JSON_MIN or CSV: each field may be the choice."""
    fields = _words(row)
    choices = {name: _names(value) for name, value in row.items() if name not in _OF_EXPORTS and value}
    return _Vote(fields.get("id") or place, fields, choices)


def _words(values: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else "" if value is None else str(value) for name, value in values.items()
    }


def _names(value: Any) -> tuple[str, ...]:
    """Return the choices that stand in a field: a word, a list, or an object that holds a list."""
    if isinstance(value, str) and value[:1] == "{":
        try:
            value = parse_json(value, dict[str, Any], origin="", expected="")
        except InputError:  # a name that begins so
            return (value,)
    if isinstance(value, dict):
        value = value.get("choices", ())
    if isinstance(value, str):
        return (value,) if value else ()
    return tuple(sorted(str(name) for name in value)) if isinstance(value, list | tuple) else ()


def _image_field(votes: Sequence[_Vote], origin: str) -> str:
    names = list(dict.fromkeys(name for vote in votes[:100] for name in vote.fields))
    usual = next((name for name in ("image", "img", "photo", "url", "file") if name in names), None)
    telling = next((name for name in names if _LOOKS_LIKE_ONE.search(votes[0].fields.get(name, ""))), None)
    if usual or telling:
        return usual or telling or ""
    raise InputError(
        f"{origin}: which field names the image cannot be told. Say it: `image_column`: {', '.join(names)}."
    )


_LOOKS_LIKE_ONE = re.compile(r"\.(jpe?g|png|tiff?|bmp|webp|gif)($|\?)", re.IGNORECASE)


def _label_field(votes: Sequence[_Vote], image: str, origin: str) -> str:
    names = list(dict.fromkeys(name for vote in votes for name, chosen in vote.choices.items() if chosen))
    names = [name for name in names if name != image]
    usual = next((name for name in names if name in ("choice", "choices")), None) or class_column(names)
    if len(names) == 1 or usual is not None:
        return usual or names[0]
    if not names:
        raise InputError(f"{origin}: holds no choices of an annotator. Expected images that were given classes.")
    raise InputError(f"{origin}: choices stand in {', '.join(names)}. Say which are the classes: `label_column`.")


def _check_field(votes: Sequence[_Vote], name: str | None, argument: str, origin: str) -> None:
    if not any(name in vote.fields for vote in votes):
        there = ", ".join(dict.fromkeys(field for vote in votes[:100] for field in vote.fields))
        raise InputError(f"{origin}: no task has a field {name!r} (`{argument}`). Fields: {there}.")


def _agreed(votes: Sequence[_Vote], label: str) -> tuple[str, ...]:
    """Return the labels that more than half of the annotators gave, or those of a ground truth."""
    votes = [vote for vote in votes if vote.is_settled] or votes
    if not votes:
        return ()
    chosen, number = Counter(vote.choices[label] for vote in votes).most_common(1)[0]
    return chosen if 2 * number > len(votes) else ()


def _notes(
    of_task: Mapping[str, Sequence[_Vote]], agreed: Mapping[str, tuple[str, ...]], label: str, origin: str
) -> tuple[str, ...]:
    differ = [
        task
        for task, votes in of_task.items()
        if len({vote.choices[label] for vote in votes if vote.choices.get(label)}) > 1
    ]
    if not differ:
        return ()
    without = sum(1 for task in differ if not agreed[task])
    return (
        f"{origin}: annotators differ in {counted(len(differ), 'image')}: {len(differ) - without:,} have the class "
        f"that more than half chose, {without:,} are unlabelled",
    )
