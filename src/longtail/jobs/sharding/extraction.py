"""`longtail extract --shards`: one of any number of workers, which join by being started with the same words."""

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longtail.errors import InputError
from longtail.jobs.options import DataOptions, RuntimeOptions
from longtail.jobs.sharding.inputs import Shard, named_shards
from longtail.jobs.sharding.plan import Plan, agreed_plan
from longtail.jobs.sharding.shard_features import write_shard
from longtail.jobs.sharding.work import do_shards, shard_work
from longtail.typed_command import program

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from longtail.jobs.stage_one.trained_model import TrainedModel

__all__ = ["ShardedExtraction", "extract_shards"]


@dataclass(frozen=True)
class ShardedExtraction:
    """What a person said of the work on shards.

    Attributes:
        shards: files, folders, patterns or addresses.
        open_network: gives the network on a device.
        data: how shards are read.
        runtime: where and how to compute; `out` is the folder of all results.
        dtype: of the stored features.
        workers: processes that load images.
        patience: seconds after which a shard whose worker gives no sign of life is done by another.
        is_compiled: compile the network.
    """

    shards: tuple[str, ...]
    open_network: Callable[[Any], "TrainedModel"]
    data: DataOptions
    runtime: RuntimeOptions
    dtype: str
    workers: int
    patience: float
    is_compiled: bool = False


def extract_shards(wanted: ShardedExtraction) -> Path:
    """Take part in the extraction of all shards, until all are done.

    Raises:
        InputError: the folder was begun with other settings, or shards that cannot be read; the others are done.
    """
    from longtail.jobs.processes import processes, start_others

    folder = wanted.runtime.out
    if folder is None:
        raise InputError("--shards needs --out: the folder that all workers share.")
    shards = named_shards(wanted.shards)
    world = processes(os.environ, wanted.runtime.devices)
    others = start_others(world.local) if world.started_by == "nobody" and world.number > 1 else []
    try:
        _work(wanted, shards, folder, world.local)
        for other in others:
            other.wait()
    finally:
        for other in others:
            if other.poll() is None:
                other.terminate()
                other.wait()
    return folder


def _work(wanted: ShardedExtraction, shards: tuple[Shard, ...], folder: Path, local: int) -> None:
    import torch

    from longtail.jobs.compiled import settle_features
    from longtail.jobs.launch import launch_alone
    from longtail.jobs.stage_one.trained_model import write_joint_head

    runtime = wanted.runtime
    fabric = launch_alone(runtime)
    model = wanted.open_network(fabric.device)
    has_classifier = not model.about["settings"].get("classifier_is_drawn")
    plan = _plan(wanted, shards, fabric, model, local)
    given = [
        name
        for name, is_given in (("precision", runtime.precision != "auto"), ("threads", runtime.threads))
        if is_given
    ]
    if wanted.is_compiled:  # before anybody else is bound to it
        settle_features(fabric, model, 0, compile="always", quiet=runtime.quiet)
    plan = agreed_plan(folder, plan, given)
    if plan["threads"]:
        torch.set_num_threads(plan["threads"])
    if runtime.precision == "auto":  # named from here on: nothing is tried again
        fabric = launch_alone(replace(runtime, precision=plan["precision"]))  # type: ignore[arg-type]
    if has_classifier and not (folder / "joint_head.npz").is_file():
        write_joint_head(folder / "joint_head.npz", model, model.about["class_names"])
    work = shard_work(fabric, model, wanted.data, plan, workers=wanted.workers, quiet=runtime.quiet)
    do_shards(
        shards,
        folder,
        lambda shard, path: write_shard(shard, path, work),
        patience=wanted.patience,
        quiet=runtime.quiet,
    )
    if not runtime.quiet:
        print(f"{folder}: all {len(shards):,} shards are done. `{program()} merge {folder} --out FEATURES` joins them.")


def _plan(
    wanted: ShardedExtraction, shards: tuple[Shard, ...], fabric: "Fabric", model: "TrainedModel", local: int
) -> Plan:
    import torch

    from longtail.jobs.launch import has_chosen_precision, resolve_precision
    from longtail.jobs.precision import TOLERANCE, rounding_error
    from longtail.jobs.stage_one.settings import plain
    from longtail.threads import asked_threads
    from longtail.training.checkpoints import weights_fingerprint

    precision = resolve_precision(wanted.runtime.precision, fabric.device.type)
    if has_chosen_precision(fabric) and precision != "float32" and rounding_error(fabric, model) > TOLERANCE:
        precision = "float32"
    threads = asked_threads(os.environ) or max(torch.get_num_threads() // local, 1)
    about, first = model.about, shards[0]
    place = first.address[: -len(first.name)].rstrip("/")
    facts = Plan(
        shards=[one.name for one in shards],
        place=place,
        weights=weights_fingerprint(model.model.state_dict()),
        backbone=about["backbone"],
        preprocessing=dict(about["preprocessing"]),
        classes=[] if about["settings"].get("classifier_is_drawn") else list(about["class_names"]),
        data=_reading(wanted.data, plain),
        dtype=wanted.dtype,
        device=fabric.device.type,
        precision=precision,
        threads=threads if fabric.device.type == "cpu" else 0,
    )
    # plans without a compiled network are those of earlier versions
    return {**facts, "compiled": True} if wanted.is_compiled else facts


# what of the settings of data means anything where shards are read
_READ = (
    *("format", "image_column", "label_column", "split_column", "group_column", "event_column", "several_labels"),
    *("drop_labels", "skip_bad", "alike_names", "bits"),
)


def _reading(data: DataOptions, plain: Callable[[Any], Any]) -> dict[str, Any]:
    """Return the settings by which shards are read; refuse those that mean nothing there."""
    given, usual = asdict(data), asdict(DataOptions())
    other = [name for name in given if name not in _READ and given[name] != usual[name]]
    if other:
        flag = other[0].replace("_", "-")
        raise InputError(f"--{flag} means nothing with --shards: each shard is read as it is. Leave it out.")
    settings: dict[str, Any] = plain({name: given[name] for name in _READ})
    return settings
