"""What a comparison of runs says, in sentences."""

from collections.abc import Mapping, Sequence
from typing import Any

from longtail.across_runs.measured_run import MeasuredRun
from longtail.across_runs.same_rows import SharedRows
from longtail.counts import GROUP_WORDS
from longtail.report.evidence import decided

__all__ = ["answers_of", "notes_of", "signed"]

IN_WORDS = {"balanced": "mean over classes", **GROUP_WORDS}


def answers_of(content: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each run: what it gains or loses against the first, or that it is of other data.

    Args:
        content: of a comparison, without its answers.
    """
    runs = {one["letter"]: one for one in content["runs"]}
    first = content["runs"][0]
    sentences = []
    for pair in content["differences"]:
        one = runs[pair["method"]]
        parts = [
            _part(name, first["metrics"][name]["value"], one["metrics"][name]["value"], pair["metrics"][name], content)
            for name in IN_WORDS
            if pair["metrics"][name] is not None
        ]
        sentences.append(
            f"{one['letter']} ({one['method']}) against {first['letter']} ({first['method']}), on the same "
            f"{content['rows']:,} {content['split']} rows: {'; '.join(parts)}."
        )
    for one in content["runs"]:
        if one["apart"] is not None:
            sentences.append(
                f"{one['letter']} is of other data than {first['letter']}: {one['apart']}. Its numbers are of its own "
                f"{one['rows']:,} rows; how much of a difference is that of the data cannot be said, so there is no "
                "test."
            )
    return sentences


def _part(name: str, before: float, after: float, difference: Mapping[str, Any], content: Mapping[str, Any]) -> str:
    if not difference["difference"]:
        return f"{IN_WORDS[name]} {after:.1f} % in both"
    word = decided(dict(difference), content["level"]).replace("not shown", "may be chance")
    low, high = (signed(limit) for limit in difference["interval"])
    points = f"{signed(difference['difference'])} points, 95 % interval [{low}, {high}], {word}"
    return f"{IN_WORDS[name]} from {before:.1f} to {after:.1f} % ({points})"


def signed(value: float) -> str:
    """Return a number of points with its sign.

    Example:
        >>> signed(1.25), signed(-0.04)
        ('+1.2', '0.0')
    """
    return "0.0" if abs(value) < 0.05 else f"{value:+.1f}"


def notes_of(opened: Sequence[MeasuredRun], shared: Mapping[str, SharedRows], content: Mapping[str, Any]) -> list[str]:
    """Return what is to be known of the comparison."""
    first, notes = opened[0], [note for one in shared.values() for note in one.notes]
    paired = [one for one in opened[1:] if shared[one.letter].apart is None]
    if paired and content["rows"] < len(first.rows.labels):
        notes.append(
            f"{content['rows']:,} of the {len(first.rows.labels):,} {first.split} rows of {first.letter} are in all of "
            "them: everything but the table of all methods is of these."
        )
    notes += [f"{one.letter}: {one.run.results['quick']}" for one in opened if one.run.results.get("quick")]
    for one in paired:
        notes += _training_notes(first, one)
    number = len(content["differences"])
    if number > 1:
        notes.append(f"p and intervals are corrected for {number} comparisons ({content['correction']}).")
    if paired:
        notes.append(
            "Intervals and tests are about other rows of these classes, not about another training with another seed."
        )
    notes.append(
        "A run that is picked by its result on test looks better than it is: pick by validation, and report test once."
        if first.split == "test"
        else "There is no test split: what was chosen on validation looks somewhat better here than it is."
    )
    return notes


def _training_notes(first: MeasuredRun, one: MeasuredRun) -> list[str]:
    notes, mine, theirs = [], first.data, one.data
    counts = dict(zip(mine["class_names"], mine["train_counts"], strict=True))
    others = dict(zip(theirs["class_names"], theirs["train_counts"], strict=True))
    if counts != others:
        notes.append(
            f"{one.letter} learnt from other rows than {first.letter}: {sum(others.values()):,} against "
            f"{sum(counts.values()):,}."
        )
    groups = dict(zip(mine["class_names"], mine["group_of_class"], strict=True))
    if groups != dict(zip(theirs["class_names"], theirs["group_of_class"], strict=True)):
        notes.append(f"Many, medium and few are those of {first.letter}; {one.letter} has other groups.")
    return notes
