"""Which settings of a run go together, and with what lies in its folder already."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longtail.errors import InputError
from longtail.jobs.run import STAYS, RunConfig, data_of, of_seed

if TYPE_CHECKING:
    from longtail.data.source import DataSplits

__all__ = ["check_begun_run", "check_seeds", "checked"]


def checked(config: RunConfig) -> RunConfig:
    """Refuse settings that do not go together before they cost a training, and spell out what others imply.

    Raises:
        InputError: an unknown method, ONNX that is not installed, a part of the backbone that is to learn from
            stored features, a loss that does nothing, two rebalancings at once, or a choice that cannot be made.
    """
    from longtail.comparison import read_settings, wanted_methods
    from longtail.files.text import printable
    from longtail.jobs.head_options import rules_of
    from longtail.jobs.stage_one.contrast import check_contrast
    from longtail.jobs.stage_one.frozen import check_feature_options
    from longtail.jobs.stage_one.objective import check_rebalanced_once
    from longtail.jobs.stage_one.switches import check_switches
    from longtail.loggers import check_loggers

    wanted_methods(config.heads.methods)
    check_loggers(config.logger)
    if config.heads.head is not None:
        raise InputError("--head: a run compares with the classifier that it trains. Leave it out, or use `fit`.")
    rules, costs = rules_of(config.heads), config.heads.choice.costs
    if rules.select_on == "test" and not rules.i_know_test_is_spoiled and not config.data.original_splits:
        raise InputError(
            "--select-on test: choosing on the test split makes the test result worthless. Choose on val or train, or "
            "add --i-know-test-is-spoiled to reproduce a publication that did so; every table will say it."
        )
    if costs is not None and not costs.is_file():
        raise InputError(f"--costs {printable(costs)}: no such file.")
    settings = read_settings(config.heads.set)
    check_rebalanced_once(config.stage)
    check_contrast(config.stage)
    check_switches(config.stage)
    if "onnx" in config.export:
        from longtail.deploy import require_onnx

        require_onnx()
    if (config.stage.weights is not None) and not config.stage.frozen:
        raise InputError(
            "--weights: is for --frozen. To go on training from others' weights: `longtail import`, --init."
        )
    check_feature_options(config.layers, config.views, config.stage, crt_from=config.images.crt_from)
    if config.dataset == "digits" and config.data.data is not None:
        raise InputError("`data`: digits are scikit-learn's own images. Leave it out, or take the recipe folder.")
    if config.stage.frozen and config.unlabelled.unlabelled is not None:
        raise InputError("--unlabelled: nothing is trained with --frozen. Leave one of them out.")
    if config.stage.frozen and config.stage.compile:
        raise InputError(
            "--compile: compiles a training, and with --frozen there is none. Leave it out; where many images come on "
            "a CPU, the network is compiled by itself."
        )
    if config.images.crt_part != "classifier" and config.images.crt_from != "images":
        raise InputError(f"--crt-part {config.images.crt_part} needs --crt-from images: stored features cannot learn.")
    loss = settings.get("crt", {}).get("loss", "cross-entropy")
    if config.images.crt_from == "images" and loss != "cross-entropy":
        raise InputError(
            f"--set crt.loss={loss}: with --crt-from images, cRT is trained by cross-entropy. Leave one of them out."
        )
    if config.data.original_splits:
        # the published numbers were chosen on what is test here; every table says it
        choice = replace(config.heads.choice, select_on="test", i_know_test_is_spoiled=True)
        config = replace(config, heads=replace(config.heads, choice=choice))
    return config


def check_begun_run(config: RunConfig, splits: "DataSplits", folder: Path) -> "tuple[DataSplits, dict[str, Any]]":
    """Refuse what a seed's folder does not allow, before it costs a training.

    Args:
        config: checked, of one seed.
        splits: the opened data.
        folder: of the seed.

    Returns:
        The images as a run in the folder divided them, and the settings that its network is known by.

    Raises:
        InputError: a file of somebody else, other settings or other images than those of the run there, or a backbone
            that cannot be taken.
    """
    from longtail.files.result_files import parts_of
    from longtail.jobs.stage_one.frozen import check_backbone
    from longtail.jobs.stage_one.known_images import as_known
    from longtail.jobs.stage_one.settings import check_begun, training_settings

    (dataset, data), stage, seed = data_of(config), config.stage, config.runtime.seed
    parts_of(folder, STAYS)
    if stage.frozen:  # a network that does not learn looks at other images without harm
        return splits, check_backbone(stage, (dataset, data), (config.layers, config.views, seed), folder)
    settings = training_settings(dataset, data, stage, config.unlabelled, seed)
    check_begun(folder / "train.json", settings)
    return as_known(splits, folder, data.changed), settings


def check_seeds(config: RunConfig, splits: "DataSplits", folder: Path) -> None:
    """Refuse what the folder of any seed does not allow, or a checkpoint that it lacks, before the first one trains.

    Args:
        config: checked, of all seeds.
        splits: the opened data.
        folder: of all seeds.

    Raises:
        InputError: as `check_begun_run`, or a checkpoint to start from, or to learn from, that cannot be read.
    """
    from longtail.jobs.stage_one.teacher import about_teacher
    from longtail.training.checkpoints import load_checkpoint

    first = config.runtime.seed
    seeds = [of_seed(config, folder, seed) for seed in range(first, first + config.seeds)]
    for path in {of_one.stage.init for of_one, _ in seeds}:
        if path is not None:
            load_checkpoint(path)
    for of_one, place in seeds:
        about_teacher(of_one.stage)
        check_begun_run(of_one, splits, place)
