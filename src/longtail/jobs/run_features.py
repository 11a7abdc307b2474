"""The features that a run's heads were fitted on, opened and divided as they were then."""

from pathlib import Path

from longtail.comparison.opened_problem import check_opened
from longtail.comparison.problem import FeatureProblem
from longtail.features import Changed, open_features
from longtail.runs import Run

__all__ = ["problem_at", "problem_of_run"]


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
        return problem_of_run(Run(path), head=head, drop_nonfinite=drop_nonfinite)
    inside = path / "features"
    opened = open_features(inside if inside.is_dir() else path)
    return check_opened(opened, head=head, drop_nonfinite=drop_nonfinite)


def problem_of_run(
    run: Run,
    features: Path | None = None,
    *,
    head: Path | None = None,
    drop_nonfinite: bool = False,
    changed: Changed = "ask",
) -> FeatureProblem:
    """Open the features of a run, be they in its own folder or what `longtail fit` was given, of whatever format.

    Args:
        run: opened.
        features: folder or file where they are now; default: where they were.
        head: the network's own classifier; default: the one that the run was given.
        drop_nonfinite: leave rows with NaN out, also where the run did not.
        changed: what becomes of rows that are another than they were.

    Raises:
        InputError: they are not there, cannot be used, or are others than they were.
    """
    options = run.group("heads")
    opened = run.open_features(features, changed=changed)
    named = head or options.get("head")
    leave_out = drop_nonfinite or bool(options.get("drop_nonfinite"))
    return check_opened(opened, head=Path(str(named)) if named else None, drop_nonfinite=leave_out)
