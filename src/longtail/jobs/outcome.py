"""End a job: complete its results, write them, make the report, print the table."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from longtail.files.text import printable
from longtail.jobs.comparing.verdict import verdict, verdict_lines
from longtail.jobs.environment import provenance

__all__ = ["finish", "print_table", "tell"]


def finish(results: dict[str, Any], folder: Path, config: Any, *, verb: str) -> dict[str, Any]:
    """Write config.json, results.json and report.html into the run's folder.

    Args:
        results: as `compare_heads` gives them, perhaps with stage 1 and examples.
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


def tell(results: dict[str, Any], folder: Path, *, quiet: bool) -> None:
    """Print the table of a run, what it says in words, and where its report is.

    Args:
        results: as `finish` gives them.
        folder: where the run lies now.
        quiet: print the table only.
    """
    print_table(results)
    if not quiet:
        page = printable(folder / "report.html")
        print("", *verdict_lines(results["verdict"]), f"Open {page}", sep="\n")


def print_table(results: dict[str, Any]) -> None:
    """Print the methods with their accuracies on test, or on validation where there is no test split."""
    width = Console().width
    console = Console(width=max(width, 96))  # a file or pipe counts as 80 columns, which would cut the table
    split = "test" if any("test" in entry["metrics"] for entry in results["methods"].values()) else "val"
    table = Table(box=None, pad_edge=False, caption=None)
    for name in ("", "chosen on", "all", "balanced", "[95 %]", "many", "medium", "few", "time", ""):
        table.add_column(name, justify="left" if name in ("", "chosen on") else "right", no_wrap=True)
    for name, entry in results["methods"].items():
        metrics = entry["metrics"].get(split)
        if metrics is None:
            continue
        low, high = metrics["intervals"]["balanced"]
        words = {"tau": "tau = {tau:g}", "la": "tau = {tau:g}", "marc": "rho = {rho:g}", "disalign": "rho = {rho:g}"}
        words |= {"maxnorm": "d = {radius:.2g}", "dlsa": "blocks = {depth}"}
        chosen = words.get(name, "").format(**entry["params"])
        if "choice" in entry:
            chosen = f"= {entry['choice']['method']}"
        table.add_row(
            name,
            {"not selected": "-", "given": "-"}.get(entry["selected_on"], entry["selected_on"]),
            _number(metrics["all"]),
            _number(metrics["balanced"]),
            f"{low:.1f} .. {high:.1f}",
            *(_number(metrics[group]) for group in ("many", "medium", "few")),
            f"{entry['seconds']:.1f} s",
            chosen,
        )
    console.print(table)
    if split == "val":
        console.print("(measured on validation: there is no test split)")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
