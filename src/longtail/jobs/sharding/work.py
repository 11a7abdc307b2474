"""Take shards one after the other until all are done, whoever does them."""

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from longtail.errors import InputError
from longtail.files.claims import Claims
from longtail.files.text import counted, printable
from longtail.jobs.options import DataOptions
from longtail.jobs.sharding.inputs import Shard
from longtail.jobs.sharding.plan import Plan, features_of_shard, plan_key
from longtail.jobs.sharding.shard_features import ShardWork

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from longtail.jobs.stage_one.trained_model import TrainedModel

__all__ = ["do_shards", "shard_work"]

_LOOK_AGAIN = 1.0  # seconds, where others have all that is left


def do_shards(
    shards: Sequence[Shard], folder: Path, do: Callable[[Shard, Path], int], *, patience: float, quiet: bool = False
) -> None:
    """Do the shards that nobody has done, until all are; what others have begun is waited for.

    Args:
        shards: all of them.
        folder: of the results, which all workers see.
        do: writes the features of a shard to a path, whole or not at all, and returns the number of its rows.
        patience: seconds after which a shard whose worker gives no sign of life is done by another.
        quiet: do not say which shards were done.

    Raises:
        InputError: some cannot be done; the others are.
    """
    claims = Claims(folder / "claims", patience)
    failed: dict[str, str] = {}
    while left := [
        one for one in shards if one.name not in failed and not features_of_shard(folder, one.name).is_file()
    ]:
        done = 0
        for shard in left:
            path = features_of_shard(folder, shard.name)
            if path.is_file():
                continue
            with claims.take(shard.name) as is_ours:
                if not is_ours or path.is_file():
                    continue
                try:
                    rows = do(shard, path)
                except InputError as error:
                    failed[shard.name] = str(error)
                    continue
            done += 1
            if not quiet:
                print(f"{printable(shard.name)}: {counted(rows, 'row')}", file=sys.stderr, flush=True)
        if not done and not failed:
            time.sleep(_LOOK_AGAIN * (0.5 + os.getpid() % 50 / 100))  # not all at once
    if failed:
        name, reason = next(iter(failed.items()))
        raise InputError(
            f"{counted(len(failed), 'shard')} of {len(shards):,} could not be done, the others are. The first, "
            f"{printable(name)}: {reason} The same words do again what is missing."
        )


def shard_work(
    fabric: "Fabric", model: "TrainedModel", data: DataOptions, plan: Plan, *, workers: int, quiet: bool
) -> ShardWork:
    """Return what is done with each shard, by a network that computes as a plan says."""
    from longtail.jobs.compiled import Compile, settle_features

    attributes = {
        "data": PurePosixPath(plan["place"]).name,
        "weights": plan["weights"],
        "backbone": plan["backbone"],
        "preprocessing": plan["preprocessing"],
        "plan": plan_key(plan),
    }
    wish: Compile = "always" if plan.get("compiled") else "never"
    features_of = settle_features(fabric, model, 0, compile=wish, quiet=quiet)  # how many images come is not known
    return ShardWork(fabric, model, features_of, data, attributes, plan["dtype"], workers)
