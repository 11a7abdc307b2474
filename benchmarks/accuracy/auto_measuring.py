"""Peers, their mean, and `longtail.compare` on one set and seed."""

import time
from pathlib import Path
from typing import Any

import numpy as np
from auto_results import Place, measured, places
from auto_sets.splits import DataSet
from peers import FAMILIES
from peers.rows import Rows
from peers.tuning import Family, LeftOut, tune

import longtail
from longtail.comparison.opened_problem import check_opened
from longtail.features import splits_of_arrays

__all__ = ["measure_auto", "measure_peers"]

MEMBERS = 3


def measure_peers(data: DataSet, seed: int, results: Path) -> None:
    """Tune and measure the peers that are not there yet, and the mean of the best three.

    Peers of the same rows under another name are taken from there.

    Args:
        data: with train, test and perhaps val.
        seed: of everything drawn.
        results: folder of all results.
    """
    place = Place.of(results, data.name, seed)
    known = place.peers()
    if known.get("fingerprint") != data.fingerprint:
        known = {"fingerprint": data.fingerprint, "peers": {}, **_facts(data, seed)}
    for names, family in FAMILIES.items():
        if all(name in known["peers"] for name in names):
            continue
        found = _of_twin(place, names, data.fingerprint, results) or _of_family(place, data, seed, family)
        if "" in found:  # the family as a whole
            found = dict.fromkeys(names, found[""])
        known["peers"] |= found
        known["mean_of_three"] = None
        place.write_peers(known)
        print(
            f"  {data.name}, seed {seed}: " + "; ".join(f"{name} {_told(row)}" for name, row in found.items()),
            flush=True,
        )
    if known.get("mean_of_three") is None:
        known["mean_of_three"] = _mean_of_three(data, place, known["peers"])
        place.write_peers(known)


def measure_auto(data: DataSet, seed: int) -> dict[str, Any]:
    """Let `longtail.compare` choose, and measure its choice and every method that it chose from.

    Returns:
        The chosen method, measures of auto, balanced accuracy on test by method, seconds of CPU; or the error.
    """
    started = time.process_time()
    try:
        opened = splits_of_arrays({name: (split.features, split.labels) for name, split in data.splits.items()})
        comparison = longtail.compare(check_opened(opened, head=data.head), "auto", seed=seed)
    except Exception as error:  # whatever it is, it is a result: the other sets are measured all the same
        return {"error": f"{type(error).__name__}: {error}"}
    seconds = time.process_time() - started
    numbers = np.array(comparison.class_names).astype(np.int64)
    found = {name: measured(data, numbers[predicted["test"]]) for name, predicted in comparison.predictions.items()}
    entries = comparison.results["methods"]
    return {
        **found.pop("auto"),
        "method": entries["auto"]["choice"]["method"],
        "members": list(getattr(comparison.heads["auto"], "members_", [])),
        "chosen_on": entries["auto"]["choice"]["on"],
        "seconds": round(seconds, 2),
        "methods": {name: row["balanced"] for name, row in found.items()},
        "method_seconds": {name: entries[name]["seconds"] for name in entries},
    }


def _of_family(place: Place, data: DataSet, seed: int, family: Family) -> dict[str, dict[str, Any]]:
    """Tune and measure the peers of one family; under "" why all of them are left out."""
    rows = {name: Rows(split.features, split.labels, data.num_classes) for name, split in data.splits.items()}
    try:
        tuned = tune(family, rows["train"], rows.get("val"), rows["test"].features, seed)
    except LeftOut as problem:
        return {"": {"left_out": str(problem)}}
    for name, one in tuned.items():
        place.write_probabilities(name, one.probabilities)
    return {
        name: {
            **measured(data, one.scores.argmax(axis=1)),
            "validation": one.validation,
            "settings": one.settings,
            "seconds": round(one.seconds, 2),
        }
        for name, one in tuned.items()
    }


def _of_twin(place: Place, names: tuple[str, ...], fingerprint: str, results: Path) -> dict[str, dict[str, Any]]:
    """Return peers that were measured on the same rows with the same seed; none where there are none."""
    for other in places(results):
        known = other.peers()
        same = known["fingerprint"] == fingerprint and other.folder.name == place.folder.name
        if same and all(name in known["peers"] for name in names):
            for name in names:
                place.take_from(other, name)
            return {name: known["peers"][name] for name in names}
    return {}


def _facts(data: DataSet, seed: int) -> dict[str, Any]:
    counts = data.train_counts
    return {
        "set": data.name,
        "seed": seed,
        "rows": {name: len(split.labels) for name, split in data.splits.items()},
        "classes": data.num_classes,
        "features": data.splits["train"].features.shape[1],
        "largest": int(counts.max()),
        "smallest": int(counts.min()),
    }


def _mean_of_three(data: DataSet, place: Place, peers: dict[str, Any]) -> dict[str, Any]:
    """Average the probabilities of the three peers that were best on validation, the first of equals."""
    there = [name for name, row in peers.items() if "left_out" not in row]
    chosen = sorted(there, key=lambda name: -peers[name]["validation"])[:MEMBERS]
    mean = np.mean([place.probabilities(name) for name in chosen], axis=0)
    return {**measured(data, mean.argmax(axis=1)), "members": chosen}


def _told(row: dict[str, Any]) -> str:
    if "left_out" in row:
        return f"left out: {row['left_out']}"
    return f"{row['balanced']:.1f} (validation {row['validation']:.1f}, {row['settings']}, {row['seconds']:.0f} s)"
