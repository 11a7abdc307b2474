"""`longtail run RECIPE`: images in, classifiers and a report out."""

import sys
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import tyro

from longtail.errors import InputError
from longtail.files.result_files import NETWORK_FILES
from longtail.jobs.head_options import HeadOptions, ImageOptions
from longtail.jobs.options import (
    DataOptions,
    LayerOptions,
    RuntimeOptions,
    StageOneOptions,
    UnlabelledOptions,
    ViewOptions,
)
from longtail.jobs.run_logs import Loggers
from longtail.ranges import Count

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from longtail.comparison.comparison import Comparison
    from longtail.comparison.problem import FeatureProblem
    from longtail.data.source import DataSplits
    from longtail.jobs.stage_one.trained_model import TrainedModel
    from longtail.loggers import RunLog

__all__ = ["STAYS", "RunConfig", "data_of", "for_seed", "of_seed", "run", "run_folder", "run_seeds", "seed_folder"]

# a second comparison replaces all that comes of the heads; the network stays, and what belongs to several seeds
STAYS = (*NETWORK_FILES, "seed-*", "summary.*")


@dataclass(frozen=True)
class RunConfig:
    """The whole path: data, stage 1, features, heads, report."""

    dataset: tyro.conf.Suppress[str] = "folder"
    recipe: tyro.conf.Suppress[str | None] = None
    """Name of the recipe that the settings began with, for config.json; its settings are all in here."""
    recipe_set: tyro.conf.Suppress[tuple[str, ...]] = ()
    """Words of --set that the recipe brought along; where they do nothing, nobody is told."""
    data: DataOptions = field(default_factory=DataOptions)
    stage: StageOneOptions = field(default_factory=StageOneOptions)
    layers: LayerOptions = field(default_factory=LayerOptions)
    views: ViewOptions = field(default_factory=ViewOptions)
    unlabelled: UnlabelledOptions = field(default_factory=UnlabelledOptions)
    heads: HeadOptions = field(default_factory=HeadOptions)
    images: ImageOptions = field(default_factory=ImageOptions)
    runtime: RuntimeOptions = field(default_factory=RuntimeOptions)
    seeds: Count = 1
    """Runs with the seeds --seed, --seed + 1, ..."""
    export: tuple[Literal["torch-export", "onnx"], ...] = ()
    """Programs to write of network and head."""
    logger: Loggers = ()
    """Loggers to use."""
    dry_run: bool = False
    """What would be done and how long; nothing is written."""
    quick: bool = False
    """Two minutes to see that it works; no real run."""


def run(config: RunConfig, *, table: bool = True) -> Path:
    """Carry out a recipe; what an earlier call with the same settings finished is not done again.

    Args:
        config: as it was typed.
        table: print the results of each seed.
    """
    from longtail.jobs import export
    from longtail.jobs.dry_run.whole_run import forecast_run
    from longtail.jobs.launch import launch, resolve_device
    from longtail.jobs.quick import quick_splits, quick_stage
    from longtail.jobs.run_checks import check_seeds, checked
    from longtail.jobs.seeds import summarize
    from longtail.jobs.stage_one.images import open_splits, with_signs

    config = checked(config)
    folder = run_folder(config)
    splits = with_signs(open_splits(*data_of(config), quiet=config.runtime.quiet))
    if config.quick:
        config = replace(config, stage=quick_stage(config.stage))
        splits = quick_splits(splits, config.stage, resolve_device(config.runtime.device))
    if config.seeds > 1:
        check_seeds(config, splits, folder)
    fabric = launch(config.runtime)
    if config.dry_run:
        forecast = forecast_run(fabric, config, splits, folder)
        if fabric.is_global_zero:
            print(forecast.text())
        return folder
    results = run_seeds(fabric, config, splits, folder, table=table)
    if fabric.is_global_zero:
        for seed in range(config.runtime.seed, config.runtime.seed + config.seeds):
            for kind in config.export:
                export.run(export.ExportConfig(seed_folder(config, folder, seed), format=kind))
    if fabric.is_global_zero and config.seeds > 1:
        summarize(results, folder, config.heads.evidence.correction)
    return folder


def run_folder(config: RunConfig) -> Path:
    """Return where the run's files go."""
    name = config.dataset if config.dataset != "folder" else Path(data_of(config)[0]).resolve().stem
    return config.runtime.out or Path("runs") / (f"{name}-quick" if config.quick else name)


def run_seeds(
    fabric: "Fabric", config: RunConfig, splits: "DataSplits", folder: Path, *, table: bool = True
) -> list[dict[str, Any]]:
    """Carry out the run with each of its seeds.

    Args:
        fabric: launched.
        config: checked.
        splits: the opened data.
        folder: for the files; with several seeds each gets a folder of its own in it.
        table: print the results of each seed.

    Returns:
        The results of each seed; on other processes than the first, empty ones.
    """
    from longtail.jobs.run_logs import log_of

    first = config.runtime.seed
    results = []
    for seed in range(first, first + config.seeds):
        seed_config, place = of_seed(config, folder, seed)
        group = None if config.seeds == 1 else folder.name
        with log_of(seed_config, place, is_first=fabric.is_global_zero, group=group) as log:
            results.append(_run_one(fabric, seed_config, splits, place, log, table=table))
    return results


def of_seed(config: RunConfig, folder: Path, seed: int) -> tuple[RunConfig, Path]:
    """Return the run of one seed, which is what config.json repeats, and its folder."""
    place = seed_folder(config, folder, seed)
    # config.json names the folder where the same words would not lead there
    out = config.runtime.out if place == run_folder(config) else place
    runtime = replace(config.runtime, seed=seed, out=out)
    stage = _paths_of_seed(config.stage, ("init", "distill_from"), seed)
    unlabelled = _paths_of_seed(config.unlabelled, ("teacher",), seed)
    return replace(config, runtime=runtime, stage=stage, unlabelled=unlabelled, seeds=1), place


def _paths_of_seed(options: Any, names: tuple[str, ...], seed: int) -> Any:
    """Put the seed into those of the named paths that are given."""
    given = {name: path for name in names if (path := getattr(options, name)) is not None}
    return replace(options, **{name: for_seed(path, seed) for name, path in given.items()})


def seed_folder(config: RunConfig, folder: Path, seed: int) -> Path:
    """Return where the files of one seed go: into the run's folder where there is one seed only."""
    return folder if config.seeds == 1 else folder / f"seed-{seed}"


def for_seed(path: Path, seed: int) -> Path:
    """Put the seed in the place of "{seed}" in a path.

    Example:
        >>> for_seed(Path("pre/seed-{seed}/last.pt"), 2).as_posix()
        'pre/seed-2/last.pt'
    """
    return Path(str(path).replace("{seed}", str(seed)))


def data_of(config: RunConfig) -> tuple[str, DataOptions]:
    """Return the data's name or path, and the settings to open it with.

    Raises:
        InputError: a folder without its path.
    """
    if config.dataset != "folder":
        return config.dataset, config.data
    if config.data.data is None:
        raise InputError(
            "run folder needs --data: a folder with a sub-folder for each class, a list file or an image pack."
        )
    path = config.data.data
    # the root of a list's images is the list's own folder; for a folder or pack `data` says nothing more
    return str(path), replace(config.data, data=None)


def _run_one(
    fabric: "Fabric", config: RunConfig, splits: "DataSplits", folder: Path, log: "RunLog", *, table: bool
) -> dict[str, Any]:
    from longtail.backbones.costs import network_cost
    from longtail.comparison import compare_under
    from longtail.comparison.method_names import wanted_methods
    from longtail.comparison.problem import check_problem
    from longtail.features import open_feature_folder
    from longtail.files.replacement import replacing
    from longtail.jobs.extraction import Extraction, extract_splits
    from longtail.jobs.head_options import protocol_of
    from longtail.jobs.idle_notes import with_idle_settings
    from longtail.jobs.launch import resolve_device
    from longtail.jobs.outcome import tell
    from longtail.jobs.run_checks import check_begun_run
    from longtail.jobs.stage_one.frozen import take_backbone
    from longtail.jobs.stage_one.images import described
    from longtail.jobs.stage_one.known_images import remember_images
    from longtail.jobs.stage_one.retrain import RetrainingOptions, retrain_from_images
    from longtail.jobs.stage_one.trained_model import open_model
    from longtail.jobs.stage_one.training_facts import training_facts
    from longtail.jobs.train import TrainConfig, train_stage_one
    from longtail.jobs.written_comparison import methods_on_a_line
    from longtail.training.checkpoints import find_checkpoint

    runtime, stage, (dataset, data) = config.runtime, config.stage, data_of(config)
    splits, settings = check_begun_run(config, splits, folder)
    placed = replace(runtime, out=folder)  # the run itself remembers no folder that was not named
    _say(fabric, runtime, "data", "; ".join([described(splits), *splits.notes]))
    if stage.frozen:
        stage_facts = take_backbone(fabric, splits, stage, config.layers, settings, folder)
        model = open_model(find_checkpoint(folder), fabric.device)
        if fabric.is_global_zero:
            remember_images(splits, folder)
    else:
        training = TrainConfig(dataset, data, stage, config.unlabelled, placed)
        thresholds = config.heads.many_above, config.heads.few_below
        state = train_stage_one(fabric, splits, training, log, thresholds=thresholds)
        model = open_model(find_checkpoint(folder, stage.use), fabric.device)
        stage_facts = training_facts(stage, state, splits)
    _say(fabric, runtime, "stage 1", f"{model.about['backbone']}, {stage_facts['sentence']}")
    features = folder / "features"
    extraction = Extraction(stage.workers, quiet=runtime.quiet, views=config.views.views, seed=runtime.seed)
    extract_splits(fabric, model, splits, features, extraction)
    problem = check_problem(open_feature_folder(features), drop_nonfinite=config.heads.drop_nonfinite)
    _say(fabric, runtime, "features", f"{', '.join(problem.splits)} x {model.dimension}-d{_of_layers(model)}")
    problem = with_idle_settings(
        problem,
        config.heads,
        quiet=runtime.quiet or not fabric.is_global_zero,
        unasked=config.recipe_set,
        from_images=config.images.crt_from == "images",
    )
    ready: dict[str, Any] = {}
    if config.images.crt_from == "images" and "crt" in wanted_methods(config.heads.methods):
        options = RetrainingOptions(stage, config.heads, config.images, runtime)
        ready["crt"] = retrain_from_images(fabric, model, splits, options, folder / "checkpoints" / "crt")
    if not fabric.is_global_zero:
        fabric.barrier()
        return {}
    facts = {
        "backbone": model.about["backbone"],
        **({"layers": [part.name for part in model.layers]} if model.layers else {}),
        **({} if config.views == ViewOptions() else asdict(config.views)),
        **{name: value for name, value in stage_facts.items() if name != "sentence"},
        **network_cost(model.model, model.image_shape)._asdict(),
    }
    with replacing(folder, stays=STAYS) as new:
        # from Python nothing is printed; who repeats the run by --config wants to see the verdict
        written = config if table else replace(config, runtime=replace(runtime, quiet=False))
        protocol = protocol_of(config.heads, problem, seed=runtime.seed, device=resolve_device(runtime.device))
        with methods_on_a_line(quiet=runtime.quiet) as on_fitted:
            comparison = compare_under(protocol, config.heads.methods, ready=ready, on_fitted=on_fitted)
        results = _written(written, splits, problem, comparison, new, facts)
    log.results(results, folder)
    if table:
        tell(results, folder, quiet=runtime.quiet, new="NEW-IMAGES/")
    fabric.barrier()
    return results


def _written(
    config: RunConfig,
    splits: "DataSplits",
    problem: "FeatureProblem",
    comparison: "Comparison",
    folder: Path,
    stage_facts: dict[str, Any],
) -> dict[str, Any]:
    """Write all that comes of the heads into a folder."""
    from longtail.data.parts import DATA_NAMES
    from longtail.data.source import has_boxes
    from longtail.jobs.class_examples import add_examples
    from longtail.jobs.label_report import quick_label_problems
    from longtail.jobs.outcome import finish
    from longtail.jobs.quick import quick_sentence
    from longtail.jobs.written_comparison import write_comparison

    title = config.dataset if config.dataset != "folder" else splits.name
    results = write_comparison(comparison, folder, title)
    results["data"]["notes"] = list(dict.fromkeys((*splits.notes, *results["data"]["notes"])))
    if splits.record.get("source") not in DATA_NAMES and "together" not in results["data"]:
        results["data"]["split_by"] = "images"
    if has_boxes(splits.train):
        results["data"]["boxes"] = True
    results["stage1"] = stage_facts
    if config.quick:
        results["title"] += " (quick run)"
        trained = "" if config.stage.frozen else f"{config.stage.epochs} epochs, "
        results["quick"] = quick_sentence(f"{trained}{len(splits.train):,} training images")
    results["label_problems"] = quick_label_problems(problem, config.heads.evidence.label_check, config.runtime.seed)
    add_examples(results, splits, folder)
    return finish(results, folder, config, verb="run")


def _of_layers(model: "TrainedModel") -> str:
    return f" of {', '.join(part.name for part in model.layers)}" if model.layers else ""


def _say(fabric: "Fabric", runtime: RuntimeOptions, what: str, text: str) -> None:
    if fabric.is_global_zero and not runtime.quiet:
        print(f"  {what:<10}{text}", file=sys.stderr, flush=True)
