"""End a job: complete its results, write them, make the report, print the table."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from longtail.comparison.method_table import measured_split, table_rows, table_text
from longtail.comparison.verdict import verdict, verdict_lines
from longtail.environment import provenance
from longtail.files.text import printable
from longtail.typed_command import next_commands

__all__ = ["finish", "print_table", "tell"]


def finish(results: dict[str, Any], folder: Path, config: Any, *, verb: str) -> dict[str, Any]:
    """Write config.json, results.json and report.html into the run's folder.

    Args:
        results: as `compared_in` returns them, perhaps with stage 1 and examples.
        folder: of the run, or the one that will take its place.
        config: the job's settings.
        verb: of `longtail`, that takes these settings.

    Returns:
        The completed results.
    """
    from longtail.files.atomic import write_json
    from longtail.jobs.stage_one.settings import plain
    from longtail.report import write_report

    results = {**results, **provenance(), "verdict": verdict(results)}
    write_json(folder / "config.json", {"verb": verb, **plain(asdict(config))})
    write_json(folder / "results.json", results)
    write_report(folder)
    return results


def tell(results: dict[str, Any], folder: Path, *, quiet: bool, new: str | None = None) -> None:
    """Print the table of a run, what it says in words, where its report is, and how it is used.

    Args:
        results: as `finish` gives them.
        folder: where the run lies now.
        quiet: print the table only.
        new: what its heads can be asked about by `predict`, such as "NEW-IMAGES/".
    """
    print_table(results)
    if not quiet:
        page = printable(folder / "report.html")
        print("", *verdict_lines(results["verdict"]), f"Open {page}", sep="\n")
        if new is not None:
            where = printable(folder)
            verbs = (["calibrate", where], ["predict", where, new])["val" not in results["data"]["splits"] :]
            print(next_commands(*verbs))


def print_table(results: dict[str, Any]) -> None:
    """Print the methods with their accuracies on test, or on validation where there is no test split."""
    print(table_text(table_rows(results)))
    if measured_split(results) == "val":
        print("(measured on validation: there is no test split)")
