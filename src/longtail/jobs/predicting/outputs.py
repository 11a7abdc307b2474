"""Where predictions go, and in which format."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.files.text import printable
from longtail.jobs.predicting.event_file import writing_events
from longtail.jobs.predicting.formats import OUTPUT_FORMATS, About
from longtail.jobs.predicting.inputs import Inputs
from longtail.jobs.predicting.prediction_csv import PredictionReport, write_predicted

__all__ = ["Output", "output_path", "some_blocks", "write_outputs"]

Blocks = Iterator[tuple[list[str], NDArray[Any]]]
_USUAL_TOP = 5


@dataclass(frozen=True)
class Output:
    """What is written.

    Attributes:
        path: of the file or folder.
        format: "csv", or key of `OUTPUT_FORMATS`.
        class_names: C names.
        model: name and version of what predicts.
        inputs: path of the inputs, as a person named it.
        detector: file that their boxes are of: the inputs, or another.
        top: classes of each input, the most likely first; None: all of a csv, 5 elsewhere.
        by_event: whether events have predictions too.
    """

    path: Path
    format: str
    class_names: tuple[str, ...]
    model: str
    inputs: Path
    detector: Path
    top: int | None = None
    by_event: bool = False


def output_path(form: str, out: Path | None, default: Path) -> Path:
    """Return the file, or the folder, that predictions go to.

    Args:
        form: "csv", or key of `OUTPUT_FORMATS`.
        out: what a person said: a file, or a folder for it.
        default: file of "csv" where nobody said anything.

    Raises:
        InputError: a file of an ending that the format has not.

    Example:
        >>> str(output_path("coco", Path("out"), Path("predictions.csv"))).replace("\\\\", "/")
        'out/predictions.coco.json'
    """
    if form == "csv":
        return default if out is None else out if out.suffix == ".csv" else out / default
    chosen = OUTPUT_FORMATS[form]
    if out is None:
        return Path(chosen.name)
    suffix = out.suffix.lower()
    if suffix in chosen.suffixes:
        return out
    if suffix and suffix in {ending for one in OUTPUT_FORMATS.values() for ending in one.suffixes}:
        raise InputError(
            f"`out` {printable(out)}: `format` {form} is written as {chosen.title}; expected a folder, or a file that "
            f"ends in {' or '.join(filter(None, chosen.suffixes))}."
        )
    return out / chosen.name


def write_outputs(output: Output, blocks: Blocks, inputs: Inputs, report: PredictionReport) -> tuple[str, ...]:
    """Write predictions of inputs, and of events where these are asked for.

    Args:
        output: what is written, and where.
        blocks: what inputs are called, and their probabilities (B, C).
        inputs: what is predicted.
        report: counts what is written.

    Returns:
        Notes for people.

    Raises:
        InputError: what the format needs is not known of the inputs.
    """
    notes: tuple[str, ...] = ()
    names = output.class_names
    rows = inputs.described() if output.by_event or output.format != "csv" else None
    with ExitStack() as stack:
        is_beside = output.by_event and not (output.format != "csv" and OUTPUT_FORMATS[output.format].knows_events)
        if rows is not None and is_beside:
            path = output.path.with_name(f"{output.path.stem}.events.csv")
            events = stack.enter_context(writing_events(path, rows.event_words(), names, output.top))
            blocks = events.watch(blocks)
        if output.format == "csv":
            write_predicted(output.path, blocks, names, report, output.top)
        elif rows is not None:
            top = min(output.top or _USUAL_TOP, len(names))
            now = datetime.now(UTC).replace(microsecond=0)
            about = About(rows, output.inputs, output.detector, names, output.model, now, top, output.by_event)
            notes = OUTPUT_FORMATS[output.format].write(output.path, _noted(blocks, report, names), about)
        if is_beside:
            notes = (*notes, f"{events.number:,} events in {printable(path)}")
    return notes


def some_blocks(blocks: Blocks, path: Path) -> Blocks:
    """Make sure that there is a block at least."""
    rows = 0
    for names, probabilities in blocks:
        rows += len(names)
        yield names, probabilities
    if not rows:
        raise InputError(f"{path}: nothing to predict in it.")


def _noted(blocks: Blocks, report: PredictionReport, names: tuple[str, ...]) -> Blocks:
    for called, probabilities in blocks:
        report.note(called, probabilities, names)
        yield called, probabilities
