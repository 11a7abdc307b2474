"""Which rebalancing of stage 1 helps, alone and after self-supervised pre-training, under each classifier?"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

from longtail.errors import InputError
from longtail.jobs.options import StageOneOptions
from longtail.jobs.run import RunConfig
from longtail.jobs.stage_one.pretrain_options import PretrainOptions, Task
from longtail.ranges import Count
from longtail.studies.opening import OpenStudy, open_study
from longtail.studies.side_by_side import gain_text, run_variants, values_of

__all__ = ["RULES", "RebalancingConfig", "run"]

# as the released code of the unified perspective trains them; deferred rules begin at 80 % of the epochs
RULES: dict[str, dict[str, Any]] = {
    "ce": {},
    "rs": {"representation": "effective-number"},
    "rw": {"reweight": True},
    "drw": {"reweight": True, "rebalance_from": 0.8},
    "drs": {"representation": "effective-number", "rebalance_from": 0.8},
    "ldam": {"loss": "ldam"},
    "ldam-drw": {"loss": "ldam", "reweight": True, "rebalance_from": 0.8},
    "focal": {"loss": "focal", "focal_gamma": 1.0},
    "balanced-softmax": {"loss": "balanced-softmax"},
    "logit-adjusted": {"loss": "logit-adjusted"},
}


@dataclass(frozen=True)
class RebalancingConfig:
    """Train with each rule, fit every classifier on each, and compare: the unified perspective's table 1.

    Rules: ce (none), rs and rw (images drawn, or classes weighed, by the inverse of the effective number), drs and drw
    (the same in the last fifth of the epochs), ldam, ldam-drw, focal (gamma 1), balanced-softmax, logit-adjusted
    (--loss-tau). With --pretraining each is trained from self-supervised weights as well.
    """

    run: RunConfig = field(default_factory=RunConfig)
    rules: str = "ce,rs,rw,drw,ldam-drw"
    """Rules of rebalancing, with commas between."""
    pretraining: str = "none"
    """Weights that each rule starts from, with commas between: none, rotation, moco, simsiam."""
    pretrain_epochs: Count | None = None
    """Epochs of --pretraining; default: as many as --epochs."""


def run(config: RebalancingConfig) -> dict[str, Any]:
    """Carry out the study; runs that an earlier call finished are not done again."""
    rules = _chosen(config.rules, tuple(RULES), "--rules", "rule")
    tasks = _chosen(config.pretraining, ("none", *get_args(Task)), "--pretraining", "pre-training")
    stage = config.run.stage
    if stage.loss != "cross-entropy" or stage.reweight or stage.representation != "instance" or stage.rebalance_from:
        raise InputError("--loss, --reweight, --representation and --rebalance-from are set by the --rules here.")
    for name in ("contrast", "experts"):
        if (method := getattr(stage, name)) != "none":
            raise InputError(f"--{name} {method} has a loss of its own, and the --rules here set it. Leave it out.")
    if stage.focal_gamma != StageOneOptions().focal_gamma:
        raise InputError(
            "--focal-gamma: the rule focal has 1, as the released code. Others: `longtail run --loss focal`."
        )
    if stage.init is not None and tasks != ["none"]:
        raise InputError("--init: what a training starts from is set by --pretraining here. Leave one of them out.")
    opened = open_study("rebalancing", config.run)
    variants = {}
    for task in tasks:
        init = stage.init if task == "none" else _pretrained(opened, task, config.pretrain_epochs or stage.epochs)
        for rule in rules:
            variants[_name(rule, task)] = {"stage": replace(stage, init=init, **RULES[rule])}
    return run_variants(
        opened,
        variants,
        base=next(iter(variants)),
        words={
            "title": "which rebalancing of stage 1, under which classifier?",
            "question": "Does rebalancing while the network is trained help, and does it still once the classifier is?"
            + (" What does self-supervised pre-training add?" if len(tasks) > 1 else ""),
            "source": "unified perspective",
        },
        more_answers=lambda results: _gains(results, rules, tasks),
    )


def _chosen(text: str, known: tuple[str, ...], option: str, what: str) -> list[str]:
    names = list(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise InputError(
            f"{option} {text!r}: {f'no {what} {unknown[0]!r}' if unknown else 'names none'}. Expected some of "
            f"{', '.join(known)}."
        )
    return names


def _name(rule: str, task: str) -> str:
    return rule if task == "none" else f"{rule}+{task}"


def _pretrained(opened: OpenStudy, task: Any, epochs: int) -> Path:
    """Pre-train with each seed; give the path of the weights, with {seed} for the seed."""
    from longtail.jobs.pretrain import PretrainConfig, divide_for_pretraining, pretrain
    from longtail.jobs.run import data_of, for_seed
    from longtail.jobs.stage_one.settings import check_begun

    run = opened.config
    options = PretrainOptions(
        task=task,
        backbone=run.stage.backbone,
        epochs=epochs,
        image_size=run.stage.image_size,
        workers=run.stage.workers,
    )
    folder: Path = opened.folder / "pretrained" / task / "seed-{seed}"
    for seed in range(run.runtime.seed, run.runtime.seed + run.seeds):
        runtime = replace(run.runtime, seed=seed, out=for_seed(folder, seed))
        config = PretrainConfig(*data_of(run), options, runtime=runtime)
        check_begun(config.record, config.settings_of_data)
        pretrain(opened.fabric, divide_for_pretraining(opened.splits, config), config)
    return folder / "checkpoints" / "last.pt"


def _gains(results: dict[str, list[dict[str, Any]]], rules: list[str], tasks: list[str]) -> list[str]:
    """Say for each pre-training what it adds to each rule, under the network's own classifier."""
    if "none" not in tasks or "joint" not in next(iter(results.values()))[0]["methods"]:
        return []
    sentences = []
    for task in tasks:
        if task != "none":
            scores = {name: values_of(runs, "joint", "balanced") for name, runs in results.items()}
            gains = [f"{rule} {gain_text(scores[_name(rule, task)], scores[rule])}" for rule in rules]
            sentences.append(f"Points that {task} pre-training adds, joint, balanced accuracy: {'; '.join(gains)}.")
    return sentences
