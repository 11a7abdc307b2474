"""A head's calibration as a file: plain JSON in the run's folder, found by whoever predicts with that head."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from longtail.errors import InputError
from longtail.evaluation.conformal import ConformalSets
from longtail.evaluation.scaling import AGAIN, Calibrator
from longtail.evaluation.selective import AcceptanceRule
from longtail.files.atomic import write_json
from longtail.files.json_file import check_kind, read_json
from longtail.files.text import checksum_of, printable

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


class _File(TypedDict):
    format: int
    head_sha256: str
    calibrator: dict[str, Any]
    sets: dict[str, Any]
    rule: dict[str, Any]
    calibrated_on: str
    class_names: NotRequired[list[str] | None]


def calibration_path(head: Path) -> Path:
    """Return where the calibration of RUN/heads/NAME.npz lies: RUN/calibration/NAME.json."""
    return head.parent.parent / "calibration" / f"{head.stem}.json"


def write_calibration(
    stored: StoredCalibration, head: Path, path: Path, *, class_names: tuple[str, ...] | None = None
) -> None:
    """Write a calibration with the checksum of the head that it is of, whole or not at all.

    Args:
        stored: the calibration.
        head: RUN/heads/NAME.npz.
        path: of the file.
        class_names: C names in the order of the head's classes, where they are known.
    """
    write_json(
        path,
        {
            "format": FORMAT,
            "head_sha256": checksum_of(head, expected="a fitted head"),
            "class_names": None if class_names is None else list(class_names),
            "calibrator": stored.calibrator.to_json(),
            "sets": stored.sets.to_json(),
            "rule": stored.rule.to_json(),
            "calibrated_on": stored.calibrated_on,
        },
    )


def read_calibration(head: Path, class_names: tuple[str, ...] | None = None) -> StoredCalibration | None:
    """Read the calibration of a head, if it has one.

    Args:
        head: RUN/heads/NAME.npz.
        class_names: C names in the order of the head's classes, where they are known.

    Returns:
        None where the head was never calibrated.

    Raises:
        InputError: the file cannot be used, is of other classes, or the head was fitted again since.
    """
    path = calibration_path(head)
    if not path.is_file():
        return None
    content = read_json(path, dict[str, Any], expected=AGAIN)
    if content.get("format") != FORMAT:
        raise InputError(
            f"{printable(path)}: is of format {content.get('format')!r}; this longtail reads format {FORMAT}. "
            "Run `longtail calibrate` again."
        )
    checked = check_kind(content, _File, origin=printable(path), expected=AGAIN)
    try:
        result = StoredCalibration(
            Calibrator.from_json(checked["calibrator"]),
            ConformalSets.from_json(checked["sets"]),
            AcceptanceRule.from_json(checked["rule"]),
            checked["calibrated_on"],
        )
    except InputError as error:
        raise InputError(f"{printable(path)}: {error}") from error
    if len(result.calibrator.scale) != len(result.sets.thresholds):
        raise InputError(
            f"{printable(path)}: a calibrator of {len(result.calibrator.scale)} classes and sets of "
            f"{len(result.sets.thresholds)}. Expected {AGAIN}."
        )
    if checked["head_sha256"] != checksum_of(head, expected="a fitted head"):
        raise InputError(
            f"{printable(path)}: is of another {head.name}: the head was fitted again since. Run `longtail calibrate` "
            "again, or delete that file."
        )
    _check_names(path, checked.get("class_names"), class_names, len(result.calibrator.scale))
    return result


def _check_names(path: Path, stored: list[str] | None, wanted: tuple[str, ...] | None, num_classes: int) -> None:
    if wanted is None:
        return
    if len(wanted) != num_classes:
        raise InputError(
            f"{printable(path)}: is of {num_classes} classes, the head of {len(wanted)}. Run `longtail calibrate` "
            "again."
        )
    differing = [pair for pair in zip(stored or wanted, wanted, strict=False) if pair[0] != pair[1]]
    if differing or (stored is not None and len(stored) != num_classes):
        first, second = differing[0] if differing else (f"{len(stored or ())} names", f"{num_classes} classes")
        raise InputError(
            f"{printable(path)}: is of other classes ({first} where the head has {second}). Run `longtail calibrate` "
            "again."
        )
