"""What a detector said of images whose boxes are classified: kept when the classes are written beside it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from longtail.files.json_file import read_json

__all__ = ["Detections", "OfImage"]

_NEAR = 1e-3  # of the image, between edges of one box that two programs rounded
_PASSED_ON = ("detector", "detection_completion_time", "detector_metadata")


@dataclass
class OfImage:
    """The detections of one image that are still to be found."""

    rest: list[dict[str, Any]]

    def take(self, box: list[float]) -> dict[str, Any] | None:
        """Return the detection with this box, and forget it; None where there is none."""
        for at, detection in enumerate(self.rest):
            theirs = detection.get("bbox") or []
            if len(theirs) == 4 and all(abs(ours - other) <= _NEAR for ours, other in zip(box, theirs, strict=True)):
                return self.rest.pop(at)
        return None


@dataclass(frozen=True)
class Detections:
    """Results of MegaDetector; or none, where the boxes come from elsewhere.

    Attributes:
        entries: of the images, by file.
        categories: of what is detected, by id.
        info: what is known of the detector.
    """

    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    categories: dict[str, str] = field(default_factory=lambda: {"1": "animal"})
    info: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, path: Path) -> "Detections":
        """Read results of MegaDetector; of any other file there are none."""
        if path.suffix.lower() != ".json" or not path.is_file():
            return cls()
        content = read_json(path, dict[str, Any], expected="results of MegaDetector")
        categories, images = content.get("detection_categories"), content.get("images")
        if not isinstance(categories, dict) or not isinstance(images, list):
            return cls()
        info = content.get("info")
        known = {name: info[name] for name in _PASSED_ON if name in info} if isinstance(info, dict) else {}
        entries = {str(entry["file"]): entry for entry in images if isinstance(entry, dict) and "file" in entry}
        return cls(entries, {str(key): str(name) for key, name in categories.items()}, known)

    @property
    def usual(self) -> str:
        """The category of a box that it does not know: animal, or its first."""
        return next(
            (key for key, name in self.categories.items() if name == "animal"), next(iter(self.categories), "1")
        )

    def is_empty(self, file: str) -> bool:
        """Return whether it looked at an image and found nothing, however unsure."""
        return self.entries.get(file, {}).get("detections") == []

    def of_file(self, file: str) -> OfImage:
        """Return the detections of an image, none where it does not know it."""
        found = self.entries.get(file, {}).get("detections")
        return OfImage([dict(one) for one in found if isinstance(one, dict)] if isinstance(found, list) else [])
