"""`longtail calibrate`: probabilities that mean something, sets that hold the truth, and when to ask a person."""

import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from longtail.evaluation.conformal import Score, SetKind
from longtail.evaluation.scaling import ScalingMethod
from longtail.jobs.options import OutputOptions
from longtail.ranges import Range
from longtail.typed_command import program

if TYPE_CHECKING:
    from longtail.comparison.problem import FeatureProblem
    from longtail.runs import Run

__all__ = ["CalibrateConfig", "run"]


@dataclass(frozen=True)
class CalibrateConfig:
    """Fit probabilities, sets of candidates and a reject option on val, measure them once on test, and keep them."""

    model: tyro.conf.Positional[Path]
    """Folder of a run, or a head (RUN/heads/la.npz)."""
    heads: str | None = None
    """Heads of the run, with commas between, or all; default: the one that its report recommends."""
    features: Path | None = None
    """Folder of feature files, or one file; default: what the run was fitted on."""
    method: Literal["auto"] | ScalingMethod = "auto"
    """Change of the scores; auto: by cross-validated log-loss on val, none that costs accuracy."""
    prior: str | None = None
    """Class shares where probabilities are to hold: train, uniform, or a CSV; default: as in val."""
    sets: SetKind = "group"
    """Classes or groups for which sets of candidates of `predict` hold the true class."""
    score: Score = "softmax"
    """Ranking of classes in sets; aps: larger sets where the image is hard."""
    changed: Literal["ask", "leave-out", "use"] = "ask"
    """Rows whose content is another than when the run was made."""
    alpha: Annotated[float, Range(above=0, below=1)] = 0.1
    """Share of the images whose set may miss the true class."""
    accept_accuracy: Annotated[float, Range(above=0, below=1)] = 0.95
    """Accuracy that is wanted of accepted predictions; a person gets the others."""
    split_val: Annotated[float, Range(above=0, below=1)] | None = None
    """Share of train to hold out, class by class, where there is no val."""
    many_above: Annotated[int, Range(0)] | None = None
    """Training images above which a class is many; default: as in the run, or 100."""
    few_below: Annotated[int, Range(0)] | None = None
    """Training images below which a class is few; default: as in the run, or 20."""
    runtime: OutputOptions = field(default_factory=OutputOptions)


def run(config: CalibrateConfig) -> dict[str, Any]:
    """Write RUN/calibration/{NAME.json, calibration.json}, make the report again, print tables; give the measures."""
    from longtail.counts import group_of_class
    from longtail.files.atomic import write_json
    from longtail.files.text import printable
    from longtail.jobs.calibrating.file import calibration_path, write_calibration
    from longtail.jobs.calibrating.measures import Images, Wishes, calibrate, measure_calibration
    from longtail.jobs.calibrating.scores import unseen_scores
    from longtail.jobs.calibrating.words import few_images, other_mix, print_calibration, sentences
    from longtail.jobs.predicting.predictor import check_stored_features
    from longtail.jobs.run_features import problem_of_run

    run, paths = _heads(config)
    folder, results = run.folder, run.results if run.is_measured else None
    for path in paths:
        check_stored_features(path)
    problem = problem_of_run(run, config.features, changed=config.changed)
    if not config.runtime.quiet:
        for note in (*problem.notes, *(doubt for path in paths for doubt in run.doubts_of(path))):
            print(f"note: {note}")
    thresholds = (results or {}).get("data", {}).get("group_thresholds", {})
    groups = group_of_class(
        problem.train_counts,
        thresholds.get("many_above", 100) if config.many_above is None else config.many_above,
        thresholds.get("few_below", 20) if config.few_below is None else config.few_below,
    )
    prior = _prior(config.prior, problem)
    out = config.runtime.out or folder
    mix = "the mix of classes there" if prior is None else f"the shares of {config.prior}"
    fitted = []
    for path in paths:
        head, images, doubts = unseen_scores(
            path,
            problem,
            (results or {}).get("methods", {}).get(path.stem, {}),
            split_val=config.split_val,
            seed=config.runtime.seed,
            quiet=config.runtime.quiet,
        )
        if config.prior is not None:
            doubts.append(
                f"The probabilities are of the shares of {config.prior}; sets and reject option keep to the mix of "
                f"classes in {images.name}, but for class sets, which hold for any."
            )
        wishes = Wishes(
            config.method,
            prior,
            _prior(head.implied_prior, problem),
            config.sets,
            config.score,
            config.alpha,
            config.accept_accuracy,
            config.runtime.seed,
        )
        fitted.append((path, head, wishes, doubts, calibrate(images, groups, wishes, f"{images.name}, for {mix}")))
    problem.unseal_test()  # all heads are calibrated
    test = problem.splits.get("test")
    entries = {}
    for path, head, wishes, doubts, result in fitted:
        measured = None if test is None else Images(head.logits(test.features), test.labels, "test", test.groups)
        facts = measure_calibration(result, measured, groups, wishes)
        doubts = [*few_images(facts), *doubts, *other_mix(facts)]
        facts = {**facts, "asked_for": config.prior, "implied_prior": head.implied_prior, "doubts": doubts}
        entries[path.stem] = {**facts, "sentences": sentences(path.stem, facts)}
        write_calibration(
            result.stored, path, out / "calibration" / calibration_path(path).name, class_names=problem.class_names
        )
    measures = {"schema": 1, "heads": {**_measured_before(out), **entries}}
    write_json(out / "calibration" / "calibration.json", measures)
    print_calibration(entries)
    if (out / "results.json").is_file():
        from longtail.report import write_report

        page = write_report(out)
        if not config.runtime.quiet:
            print(f"Open {page}")
    if not config.runtime.quiet:
        used = f"; `{program()} predict {shlex.quote(printable(folder))} NEW-IMAGES/` uses it" if out == folder else ""
        print(f"Kept in {printable(out / 'calibration')}{used}.")
    return {"schema": 1, "heads": entries}


def _heads(config: CalibrateConfig) -> "tuple[Run, list[Path]]":
    """Return the run, and the files of the heads that are meant."""
    from longtail.runs import Run, run_of_head

    if config.model.suffix == ".npz":
        return run_of_head(config.model), [config.model]
    run = Run(config.model)
    wanted = [word.strip() for word in (config.heads or run.recommended).split(",") if word.strip()]
    names = list(run.results["methods"]) if wanted == ["all"] else wanted
    return run, [run.head_path(name) for name in names]


def _prior(text: str | None, problem: "FeatureProblem") -> Any:
    """Turn train, uniform or a file into shares (C,); None stays None."""
    from longtail.jobs.predicting.target_prior import find_prior

    return None if text is None else find_prior(text, problem.class_names, problem.train_counts).shares


def _measured_before(folder: Path) -> dict[str, Any]:
    """Read what calibration.json says of other heads."""
    from longtail.report import read_calibrations

    return read_calibrations(folder)
