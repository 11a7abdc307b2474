"""Where `auto.py` keeps what it measured: a folder for each set and seed, which a killed run goes on from.

peers.json holds the set's facts and a row for each peer, PEER.npy the peer's probabilities on test, auto-LABEL.json
what `longtail.compare` gave under that label.
"""

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from auto_sets.splits import DataSet
from numpy.typing import NDArray
from peers.tuning import balanced_accuracy

from longtail.files.atomic import atomic_path, write_json

__all__ = ["Place", "measured", "places"]

FEW_BELOW = 20


@dataclass(frozen=True)
class Place:
    """The folder of one set and seed."""

    folder: Path

    @classmethod
    def of(cls, results: Path, name: str, seed: int) -> "Place":
        """Return where a set's results lie."""
        return cls(results / re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") / f"seed-{seed}")

    def peers(self) -> dict[str, Any]:
        """Return what is known of the peers; nothing yet: an empty dictionary."""
        return _read(self.folder / "peers.json")

    def write_peers(self, facts: dict[str, Any]) -> None:
        """Write what is known of the peers, whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(self.folder / "peers.json", facts)

    def auto(self, label: str) -> dict[str, Any]:
        """Return what auto did under a label, or an empty dictionary."""
        return _read(self.folder / f"auto-{label}.json")

    def write_auto(self, label: str, facts: dict[str, Any]) -> None:
        """Write what auto did."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(self.folder / f"auto-{label}.json", facts)

    def latest_label(self) -> str | None:
        """Return the label that auto was measured under last."""
        files = sorted(self.folder.glob("auto-*.json"), key=lambda path: path.stat().st_mtime)
        return files[-1].stem.removeprefix("auto-") if files else None

    def probabilities(self, peer: str) -> NDArray[Any]:
        """Return a peer's probabilities on test, shape (N, C)."""
        return np.asarray(np.load(self.folder / f"{peer}.npy"), dtype=np.float32)

    def write_probabilities(self, peer: str, values: NDArray[Any]) -> None:
        """Keep a peer's probabilities on test."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with atomic_path(self.folder / f"{peer}.npy") as temporary, temporary.open("wb") as file:
            np.save(file, values.astype(np.float16))

    def take_from(self, other: "Place", peer: str) -> None:
        """Copy a peer's probabilities from the same rows under another name."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if (other.folder / f"{peer}.npy").is_file():
            shutil.copyfile(other.folder / f"{peer}.npy", self.folder / f"{peer}.npy")


def places(results: Path) -> list[Place]:
    """Return all that was begun."""
    return [Place(path.parent) for path in sorted(results.glob("*/seed-*/peers.json"))]


def measured(data: DataSet, predictions: NDArray[np.int64]) -> dict[str, float | None]:
    """Return balanced accuracy on test, mean recall of classes of fewer than 20 training rows, and top-1, in percent.

    Args:
        data: with a test split.
        predictions: class indices on test, shape (N,).
    """
    labels = data.splits["test"].labels
    rare = np.flatnonzero(data.train_counts < FEW_BELOW)
    of_rare = np.isin(labels, rare)
    return {
        "balanced": balanced_accuracy(labels, predictions),
        "rare": balanced_accuracy(labels[of_rare], predictions[of_rare]) if of_rare.any() else None,
        "all": 100 * float((predictions == labels).mean()),
    }


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.is_file() else {}
