"""`longtail fit`: heads on feature files, compared under one protocol."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tyro

from longtail.jobs.options import HeadOptions, RuntimeOptions

__all__ = ["FitConfig", "run"]


@dataclass(frozen=True)
class FitConfig:
    """Fit classifiers on a folder of feature_{train,val,test}.h5 and compare them."""

    features: tyro.conf.Positional[Path]
    """Folder with feature_train.h5 and, if there are, feature_val.h5 and feature_test.h5."""
    heads: HeadOptions = field(default_factory=HeadOptions)
    runtime: RuntimeOptions = field(default_factory=RuntimeOptions)


def run(config: FitConfig) -> dict[str, Any]:
    """Fit, measure, write heads, predictions, results.json and the report; print the table."""
    from longtail.errors import InputError
    from longtail.features import open_feature_folder
    from longtail.jobs.comparison import compare_heads
    from longtail.jobs.feature_problem import check_problem
    from longtail.jobs.launch import resolve_device
    from longtail.jobs.outcome import finish

    if config.heads.crt_from == "images":
        raise InputError(
            "--crt-from images needs the images and the network, not only features. "
            "Use `longtail run ... --crt-from images`."
        )
    folder = config.runtime.out or Path("runs") / f"fit-{config.features.resolve().name}"
    problem = check_problem(
        open_feature_folder(config.features),
        head=config.heads.head,
        drop_nonfinite=config.heads.drop_nonfinite,
    )
    results = compare_heads(
        problem,
        config.heads,
        title=config.features.resolve().name,
        seed=config.runtime.seed,
        device=resolve_device(config.runtime.device),
        folder=folder,
        quiet=config.runtime.quiet,
    )
    return finish(results, folder, config, quiet=config.runtime.quiet)
