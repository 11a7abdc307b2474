"""The features that a run's heads were fitted on, opened and divided as they were then."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from longtail.embeddings import open_embeddings
from longtail.errors import InputError
from longtail.jobs.fitting.problem import FeatureProblem, check_problem

__all__ = ["problem_at", "problem_of_run", "results_of_run", "settings_of_run"]


def problem_at(path: Path, *, head: Path | None = None, drop_nonfinite: bool = False) -> FeatureProblem:
    """Open features for a study: a folder or file of them, or those of a run.

    Args:
        path: folder of feature files, one file of features, or folder of a run.
        head: the network's own classifier, where it is not beside the features.
        drop_nonfinite: leave rows with NaN out.

    Raises:
        InputError: nothing usable there.
    """
    if (path / "config.json").is_file() and not (path / "feature_train.h5").is_file():
        return problem_of_run(path, head=head, drop_nonfinite=drop_nonfinite)
    inside = path / "features"
    opened = open_embeddings(inside if inside.is_dir() else path)
    return check_problem(opened.splits, head=opened.head or head, drop_nonfinite=drop_nonfinite)


def problem_of_run(
    run: Path, features: Path | None = None, *, head: Path | None = None, drop_nonfinite: bool = False
) -> FeatureProblem:
    """Open the features of a run, be they in its own folder or what `longtail fit` was given, of whatever format.

    Args:
        run: its folder.
        features: folder or file to take in their place.
        head: the network's own classifier; default: the one that the run was given.
        drop_nonfinite: leave rows with NaN out, also where the run did not.

    Raises:
        InputError: they are not there, or cannot be used.
    """
    settings = settings_of_run(run)
    given = settings.get("features")
    inside = run / "features"
    where = features or (Path(given) if isinstance(given, str) and not inside.is_dir() else inside)
    if not where.exists():
        raise InputError(f"{where}: the features are not there. Say where they are: --features FOLDER.")
    divided = {name: settings[name] for name in ("logits", "val_fraction", "test_fraction") if name in settings}
    opened = open_embeddings(where, seed=settings.get("split_seed", 0), **divided)
    options = settings.get("heads", {})
    named = head or options.get("head")
    problem = check_problem(
        opened.splits,
        head=opened.head or (Path(named) if named else None),
        drop_nonfinite=drop_nonfinite or bool(options.get("drop_nonfinite")),
    )
    return replace(problem, notes=(*opened.notes, *problem.notes))


def results_of_run(run: Path) -> dict[str, Any]:
    """Read results.json of a run.

    Raises:
        InputError: there is none; a folder of several seeds has one in each of its runs.
    """
    path = run / "results.json"
    if path.is_file():
        results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return results
    seeds = sorted(inside.parent.name for inside in run.glob("seed-*/results.json"))
    if seeds:
        raise InputError(f"{run}: holds several runs, {', '.join(seeds)}. Name one of them: {run / seeds[0]}.")
    raise InputError(
        f"{run}: no results.json. Expected the folder of a finished run, a head (.npz) or a checkpoint (.pt)."
    )


def settings_of_run(run: Path) -> dict[str, Any]:
    """Read config.json of a run; empty where there is none."""
    path = run / "config.json"
    stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return stored
