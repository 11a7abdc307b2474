"""Write what a comparison gives into the folder of a run."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from longtail.comparison import Comparison, FeatureProblem, compare_under
from longtail.comparison.predictions_file import write_predictions
from longtail.files.text import checksum_of
from longtail.jobs.flags import as_typed
from longtail.jobs.head_options import HeadOptions, protocol_of
from longtail.jobs.launch import resolve_device
from longtail.jobs.options import HeadRuntimeOptions

__all__ = ["compared_in", "methods_on_a_line", "say_fitted", "write_comparison"]


def compared_in(
    folder: Path,
    problem: FeatureProblem,
    options: HeadOptions,
    runtime: HeadRuntimeOptions,
    *,
    title: str,
) -> dict[str, Any]:
    """Compare the wanted methods, and write heads and predictions into a folder.

    Args:
        folder: of the run, or the one that will take its place.
        problem: checked features.
        options: methods, and how they are chosen and measured.
        runtime: seed, device, and whether each method that is done is told.
        title: of the report.

    Returns:
        What results.json holds of it.

    Raises:
        InputError: an unknown method, settings that cannot be, or a choice that cannot be made.
    """
    protocol = protocol_of(options, problem, seed=runtime.seed, device=resolve_device(runtime.device))
    on_fitted = None if runtime.quiet else say_fitted
    comparison = compare_under(protocol, options.methods, on_fitted=on_fitted)
    for note in comparison.protocol.problem.notes[len(problem.notes) :]:
        if not runtime.quiet:
            print(f"  note      {as_typed(note)}", flush=True)
    return write_comparison(comparison, folder, title)


def write_comparison(comparison: Comparison, folder: Path, title: str) -> dict[str, Any]:
    """Write heads/METHOD.npz and predictions/SPLIT.csv.

    Args:
        comparison: of the run.
        folder: of the run, or the one that will take its place.
        title: of the report.

    Returns:
        What results.json holds of it, with arguments of the library named as they are typed.
    """
    paths = comparison.save_heads(folder / "heads")
    for split, file in comparison.protocol.problem.splits.items():
        if split != "train":
            predictions = {name: predicted[split] for name, predicted in comparison.predictions.items()}
            write_predictions(folder / "predictions" / f"{split}.csv", file, predictions)
    methods = {
        name: {
            **entry,
            "notes": [as_typed(note) for note in entry["notes"]],
            "head_sha256": checksum_of(paths[name], expected="a fitted head"),
        }
        for name, entry in comparison.measured["methods"].items()
    }
    return {**comparison.measured, "title": title, "methods": methods}


def say_fitted(name: str, seconds: float) -> None:
    """Print that a method is done."""
    print(f"  {name} done in {seconds:.1f} s")


@contextmanager
def methods_on_a_line(*, quiet: bool) -> Iterator[Callable[[str, float], None] | None]:
    """Tell each method as soon as it is done, all on one line of standard error.

    Args:
        quiet: show nothing.
    """
    if quiet:
        yield None
        return

    def say(text: str, end: str) -> None:
        print(text, end=end, file=sys.stderr, flush=True)

    say(f"  {'heads':<10}", "")
    try:
        yield lambda name, _: say(f"{name} done", "  ")
    finally:
        say("", "\n")
