"""End a study: write study.json, study.md and its page, and print the tables."""

from pathlib import Path
from typing import Any

from longtail.environment import provenance
from longtail.files.atomic import write_json, write_text
from longtail.jobs.seeds import cell_text
from longtail.report import write_study_page

__all__ = ["finish_study"]


def finish_study(study: dict[str, Any], folder: Path, *, quiet: bool) -> dict[str, Any]:
    """Complete a study's results and write them.

    Args:
        study: `name`, `title`, `question`, `answers` (sentences), `tables`, `figures`, `notes`, `data`, and the paper
            in `source`; see docs/files.md.
        folder: of the study.
        quiet: print the tables only.

    Returns:
        The content of study.json.
    """
    study = {"schema": 1, **study, **provenance()}
    text = _markdown(study)
    write_json(folder / "study.json", study)
    write_text(folder / "study.md", text)
    page = write_study_page(folder)
    print(text)
    if not quiet:
        print(f"Open {page}")
    return study


def _markdown(study: dict[str, Any]) -> str:
    parts = [f"# {study['title']}", study["question"], *study["answers"]]
    for table in study["tables"]:
        head = ["", *table["columns"]]
        lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
        lines += [
            "| " + " | ".join([row["name"], *(cell_text(cell, table.get("digits", 1)) for cell in row["cells"])]) + " |"
            for row in table["rows"]
        ]
        parts += [f"**{table['title']}**", "\n".join(lines)]
    return "\n\n".join([*parts, *study["notes"]]) + "\n"
