"""`longtail fit`: heads on feature files, compared under one protocol."""

import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from longtail.files.result_files import parts_with
from longtail.files.text import printable
from longtail.jobs.column_options import ColumnOptions
from longtail.jobs.head_options import HeadOptions
from longtail.jobs.options import HeadRuntimeOptions, Seed, Share
from longtail.jobs.run_logs import Loggers
from longtail.ranges import Count
from longtail.waiting import told_if_slow

if TYPE_CHECKING:
    from longtail.comparison.problem import FeatureProblem
    from longtail.features import FeatureSplits

__all__ = ["FitConfig", "run"]


@dataclass(frozen=True)
class FitConfig:
    """Fit classifiers on features, or on the logits of a classifier, and compare them."""

    features: tyro.conf.Positional[Path]
    """Folder with feature_train.h5, _val, _test (or train.npz, ...), or one file with labels (.csv, .npz, ...)."""
    logits: bool = False
    """Take the values as logits, one a class."""
    val_fraction: Share = 0.1
    """Share of train for validation, where one file names no val; 0: none."""
    test_fraction: Share = 0.2
    """Share of one file's rows for testing, where it names no test."""
    split_seed: Seed = 0
    """Seed of the splits of one file."""
    columns: ColumnOptions = field(default_factory=ColumnOptions)
    heads: HeadOptions = field(default_factory=HeadOptions)
    runtime: HeadRuntimeOptions = field(default_factory=HeadRuntimeOptions)
    seeds: Count = 1
    """Fits with the seeds --seed, --seed + 1, ..."""
    logger: Loggers = ()
    """Loggers to use."""
    dry_run: bool = False
    """What would be done and how long; nothing is written."""
    quick: bool = False
    """Two minutes to see that it works; no real run."""


def run(config: FitConfig) -> dict[str, Any]:
    """Fit, measure, write heads, predictions, results.json and the report; print the table; give the first results."""
    from longtail.comparison.opened_problem import check_opened
    from longtail.features import open_features
    from longtail.files.replacement import replacing
    from longtail.jobs.idle_notes import with_idle_settings
    from longtail.jobs.outcome import tell
    from longtail.jobs.pace import settle_threads_of_heads
    from longtail.jobs.places import place_for, remember_source
    from longtail.jobs.quick import few_rows
    from longtail.jobs.run_logs import log_results
    from longtail.jobs.seeds import summarize
    from longtail.loggers import check_loggers

    check_loggers(config.logger)
    settle_threads_of_heads(config.runtime.threads)
    folder = place_for("fit-quick" if config.quick else "fit", config.features, config.runtime.out)
    with told_if_slow(f"reading {printable(config.features)}", quiet=config.runtime.quiet):
        opened = open_features(config.features, _reading(config))
    problem = check_opened(opened, head=config.heads.head, drop_nonfinite=config.heads.drop_nonfinite)
    if config.quick:
        problem = few_rows(problem)
    problem = with_idle_settings(problem, config.heads, quiet=True)  # told with all else of the data
    if not config.runtime.quiet:
        _say_data(problem, opened)
    if config.dry_run:
        print(_forecast(config, problem, folder))
        return {}
    with replacing(folder, stays=parts_with(folder, config.features)) as new:
        runs = _runs(config, problem, opened, new, folder)
        remember_source(new, config.features)
        if len(runs) > 1:
            summarize(runs, new, config.heads.evidence.correction)
    for result in runs:
        alone = len(runs) == 1
        place, group = (folder, None) if alone else (folder / f"seed-{result['seed']}", folder.name)
        log_results(replace(config, runtime=replace(config.runtime, seed=result["seed"])), place, result, group=group)
    if len(runs) == 1:
        tell(runs[0], folder, quiet=config.runtime.quiet, new="NEW-FEATURES")
    return runs[0]


def _forecast(config: FitConfig, problem: "FeatureProblem", folder: Path) -> str:
    """Return in words what would be done."""
    from longtail.jobs.dry_run.forecast import Forecast
    from longtail.jobs.dry_run.heads import forecast_heads

    forecast = Forecast(times=config.seeds)
    sizes = ", ".join(f"{len(part.features):,} {split}" for split, part in problem.splits.items())
    forecast.say("reads", f"{printable(config.features)}: {len(problem.class_names)} classes, rows: {sizes}")
    forecast_heads(forecast, problem, config.heads, config.runtime)
    forecast.writes(folder, dict.fromkeys(("results.json", "report.html", "heads", "predictions"), 0.0))
    return forecast.text()


def _reading(config: FitConfig) -> Any:
    from longtail.features import Reading

    return Reading(config.logits, config.val_fraction, config.test_fraction, config.split_seed, config.columns.choice)


def _runs(
    config: FitConfig, problem: "FeatureProblem", opened: "FeatureSplits", new: Path, place: Path
) -> list[dict[str, Any]]:
    """Fit with each seed, into folders of their own where there are several; `new` will take the place of `place`."""
    from longtail.identity import write_identities
    from longtail.jobs.label_report import quick_label_problems
    from longtail.jobs.outcome import finish, print_table
    from longtail.jobs.quick import quick_sentence
    from longtail.jobs.written_comparison import compared_in
    from longtail.runs import ROWS

    runs: list[dict[str, Any]] = []
    for seed in range(config.runtime.seed, config.runtime.seed + config.seeds):
        folder, seed_config = new, config
        if config.seeds > 1:  # what is written with each seed repeats that seed alone
            folder = new / f"seed-{seed}"
            runtime = replace(config.runtime, seed=seed, out=place / folder.name)
            seed_config = replace(config, runtime=runtime, seeds=1)
        title = config.features.resolve().stem
        results = compared_in(folder, problem, config.heads, seed_config.runtime, title=title)
        results["label_problems"] = (
            runs[0]["label_problems"]
            if runs
            else quick_label_problems(problem, config.heads.evidence.label_check, config.runtime.seed)
        )
        if opened.kind != "features":
            results["data"]["values"] = opened.kind
        if config.quick:
            results["title"] += " (quick run)"
            results["quick"] = quick_sentence(f"{len(problem.splits['train'].labels):,} training rows")
        write_identities(folder / ROWS, opened.rows)
        runs.append(finish(results, folder, seed_config, verb="fit"))
        if config.seeds > 1:
            print_table(runs[-1])
    return runs


def _say_data(problem: "FeatureProblem", opened: "FeatureSplits") -> None:
    """Say what was read, before anything is fitted to it: which columns, classes and rows."""
    from longtail.counts import imbalance_ratio
    from longtail.jobs.flags import as_typed

    train = problem.splits["train"]
    columns, names = train.features.shape[1], problem.feature_names
    what = f"{columns} {'features' if opened.kind == 'features' else opened.kind}"
    if names is not None:
        what += f" ({', '.join(names[:6])}{', ...' if columns > 6 else ''})"
    sizes = ", ".join(f"{len(file.features):,} {split}" for split, file in problem.splits.items())
    counts = problem.train_counts
    print(
        f"  data      {what}; {len(counts)} classes ({', '.join(problem.class_names[:6])}"
        f"{', ...' if len(counts) > 6 else ''}); rows: {sizes}; train from {counts.max():,} down to {counts.min():,} a "
        f"class (ratio {imbalance_ratio(counts):,.0f})",
        *(f"  note      {as_typed(note)}" for note in problem.notes),
        sep="\n",
        file=sys.stderr,
        flush=True,
    )
