"""A head's calibration as a file: plain JSON in the run's folder, found by whoever predicts with that head."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from longtail.errors import InputError
from longtail.evaluation.conformal import ConformalSets
from longtail.evaluation.scaling import Calibrator
from longtail.evaluation.selective import AcceptanceRule
from longtail.files.atomic import write_json

__all__ = ["StoredCalibration", "calibration_path", "read_calibration", "write_calibration"]

FORMAT = 1


@dataclass(frozen=True)
class StoredCalibration:
    """What `longtail calibrate` found for one head.

    Attributes:
        calibrator: logits to calibrated logits.
        sets: thresholds of the conformal sets.
        rule: what is accepted.
        calibrated_on: in words: which images, and of which mix of classes.
    """

    calibrator: Calibrator
    sets: ConformalSets
    rule: AcceptanceRule
    calibrated_on: str


def calibration_path(head: Path) -> Path:
    """Say where the calibration of RUN/heads/NAME.npz lies: RUN/calibration/NAME.json."""
    return head.parent.parent / "calibration" / f"{head.stem}.json"


def write_calibration(stored: StoredCalibration, head: Path, path: Path) -> None:
    """Write a calibration with the checksum of the head that it is of, whole or not at all."""
    write_json(
        path,
        {
            "format": FORMAT,
            "head_sha256": _checksum(head),
            "calibrator": stored.calibrator.to_json(),
            "sets": stored.sets.to_json(),
            "rule": asdict(stored.rule),
            "calibrated_on": stored.calibrated_on,
        },
    )


def read_calibration(head: Path) -> StoredCalibration | None:
    """Read the calibration of a head, if it has one.

    Args:
        head: RUN/heads/NAME.npz.

    Returns:
        None where the head was never calibrated.

    Raises:
        InputError: the file cannot be used, or the head was fitted again since.
    """
    path = calibration_path(head)
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        found = StoredCalibration(
            Calibrator.from_json(content["calibrator"]),
            ConformalSets.from_json(content["sets"]),
            AcceptanceRule(**content["rule"]),
            str(content["calibrated_on"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: no calibration that can be used ({error}). Run `longtail calibrate` again."
        ) from error
    if content.get("format") != FORMAT or content.get("head_sha256") != _checksum(head):
        raise InputError(
            f"{path}: is of another {head.name}: the head was fitted again since. Run `longtail calibrate` again, "
            "or delete that file."
        )
    return found


def _checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
