"""`longtail fit`: heads on feature files, compared under one protocol."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import tyro

from longtail.jobs.fitting.head_options import HeadOptions
from longtail.jobs.options import RuntimeOptions

__all__ = ["FitConfig", "run"]


@dataclass(frozen=True)
class FitConfig:
    """Fit classifiers on features, or on the logits of a classifier, and compare them."""

    features: tyro.conf.Positional[Path]
    """Folder with feature_train.h5 and, if there are, feature_val.h5 and feature_test.h5; or train.npz, val.csv, ...;
    or one file (.h5, .npz, .npy, .csv, .tsv, .parquet) with labels, perhaps with a column `split`."""
    logits: bool = False
    """The values are logits, one a class; a file that calls them `logits` needs no such word."""
    val_fraction: float = 0.1
    """Of one file without such rows: share of train to split off for validation, class by class; 0 for none."""
    test_fraction: float = 0.2
    """The same for testing."""
    split_seed: int = 0
    """Of these splits."""
    heads: HeadOptions = field(default_factory=HeadOptions)
    runtime: RuntimeOptions = field(default_factory=RuntimeOptions)
    seeds: int = 1
    """Fits that are compared, with the seeds --seed, --seed + 1, ...; each in a folder of its own."""


def run(config: FitConfig) -> dict[str, Any]:
    """Fit, measure, write heads, predictions, results.json and the report; print the table; give the first results."""
    from longtail.embeddings import open_embeddings
    from longtail.errors import InputError
    from longtail.jobs.comparing.comparison import compare_heads
    from longtail.jobs.fitting.problem import check_problem
    from longtail.jobs.inspect_labels import quick_label_problems
    from longtail.jobs.launch import resolve_device
    from longtail.jobs.outcome import finish
    from longtail.jobs.pace import settle_threads_of_heads
    from longtail.jobs.seeds import summarize

    settle_threads_of_heads(config.runtime.threads)
    if config.heads.images.crt_from == "images" or config.heads.images.crt_part != "classifier":
        raise InputError(
            "--crt-from images, and --crt-part, need the images and the network, not only features. "
            "Use `longtail run ... --crt-from images`."
        )
    folder = config.runtime.out or Path("runs") / f"fit-{config.features.resolve().stem}"
    opened = open_embeddings(
        config.features,
        logits=config.logits,
        val_fraction=config.val_fraction,
        test_fraction=config.test_fraction,
        seed=config.split_seed,
    )
    if opened.head is not None and config.heads.head is not None:
        raise InputError("--head: logits are the classifier's own already. Leave it out.")
    problem = check_problem(
        opened.splits, head=opened.head or config.heads.head, drop_nonfinite=config.heads.drop_nonfinite
    )
    problem = replace(problem, notes=(*opened.notes, *problem.notes))
    runs: list[dict[str, Any]] = []
    for seed in range(config.runtime.seed, config.runtime.seed + max(config.seeds, 1)):
        seed_folder = folder if config.seeds <= 1 else folder / f"seed-{seed}"
        results = compare_heads(
            problem,
            config.heads,
            title=config.features.resolve().stem,
            seed=seed,
            device=resolve_device(config.runtime.device),
            folder=seed_folder,
            quiet=config.runtime.quiet,
        )
        results["label_problems"] = (
            runs[0]["label_problems"]
            if runs
            else quick_label_problems(problem, config.heads.evidence.label_check, config.runtime.seed)
        )
        runs.append(finish(results, seed_folder, config, quiet=config.runtime.quiet))
    if len(runs) > 1:
        summarize(runs, folder, config.heads.evidence.correction)
    return runs[0]
