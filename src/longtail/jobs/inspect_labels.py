"""`longtail inspect`: labels worth a look, before anything is trained on them."""

import csv
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro

from longtail.evaluation.label_check import KINDS, MARGIN
from longtail.jobs.options import OutputOptions
from longtail.ranges import Range

__all__ = ["InspectConfig", "run"]


@dataclass(frozen=True)
class InspectConfig:
    """List rows that are nearly the same, in two splits or with two labels, and rows that are likely mislabelled."""

    features: tyro.conf.Positional[Path]
    """Features as `fit` takes them: a folder or one file; or the folder of a run."""
    false_share: Annotated[float, Range(above=0, below=1)] = 0.01
    """Share of the rows called nearly the same that may be so by chance."""
    most: Annotated[int, Range(0)] = 60_000
    """Rows in all up to which each is compared with each other: it takes their square."""
    margin: Annotated[float, Range(0, most=1)] = MARGIN
    """Lead in probability over the label that makes a row a likely mistake."""
    folds: Annotated[int, Range(2)] = 5
    """Parts of train in the cross-validation that judges its labels."""
    show: Annotated[int, Range(0)] = 10
    """Rows of each problem to print; the file has all."""
    runtime: OutputOptions = field(default_factory=OutputOptions)


def run(config: InspectConfig) -> Path:
    """Write label_problems.csv and print what is in it."""
    from longtail.comparison.shared_row_facts import split_rows
    from longtail.evaluation.label_check import check_labels
    from longtail.files.atomic import write_text
    from longtail.jobs.label_report import COLUMNS, named_rows
    from longtail.jobs.places import place_for, remember_source
    from longtail.jobs.run_features import problem_at

    problem = problem_at(config.features)
    problem.unseal_test()  # nothing is fitted or chosen here
    dimension = problem.splits["train"].features.shape[1]
    checked = check_labels(
        split_rows(problem),
        problem.class_names,
        sample_groups=problem.splits["train"].groups,
        false_share=config.false_share,
        margin=config.margin,
        folds=config.folds,
        seed=config.runtime.seed,
        most_comparisons=float(config.most) ** 2 * dimension,
    )
    rows = named_rows(problem, checked)
    folder = place_for("inspect", config.features, config.runtime.out)
    path = folder / "label_problems.csv"
    write_text(path, _csv(rows, COLUMNS))
    if config.runtime.out is None:
        remember_source(folder, config.features)
    _print(rows, checked.not_looked_for, config)
    if not config.runtime.quiet:
        advice = " None of this is proof: look at the rows before you change a label." if rows else ""
        print(f"\n{len(rows):,} in {path}.{advice}")
    return path


def _csv(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _print(rows: list[dict[str, Any]], not_looked_for: dict[str, str], config: InspectConfig) -> None:
    for kind in KINDS:
        if kind in not_looked_for:
            print(f"\n{kind}: not looked for, {not_looked_for[kind]} (--most {config.most:,})")
            continue
        members = [row for row in rows if row["problem"] == kind]
        if members:
            print(f"\n{kind}: {len(members):,}")
        for row in members[: config.show]:
            first = f"{row['split']} {row['id'] or row['row']} ({row['label']})"
            if row["other_split"]:
                second = f"{row['other_split']} {row['other_id'] or row['other_row']} ({row['other_label']})"
            else:
                second = f"rather {row['other_label']}"
            print(f"  {first}  {second}  {row['score']:.3f}")
