"""What a detector found: results of MegaDetector, and of SpeciesNet in either of its layouts."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NotRequired, TypedDict

import msgspec

from longtail.data.manifests.one_image import Box
from longtail.errors import InputError
from longtail.files.json_file import check_kind, read_json
from longtail.files.text import printable

__all__ = ["DetectedImage", "Detection", "read_detections"]

_EXPECTED = "results of MegaDetector (images, detection_categories) or of SpeciesNet (predictions)"
_WHOLE_IMAGE = "0"  # SpeciesNet's classifier of whole images says so in the place of a category
_ANIMAL = "animal"


@dataclass(frozen=True)
class Detection:
    """A box that a detector found.

    Attributes:
        box: left edge, upper edge, width, height: shares of the upright image.
        category: in words: "animal", "person", "vehicle", ...
        place: among all detections of the image.
        label: the class that the results state for it; "" where they state none.
    """

    box: Box
    category: str
    place: int
    label: str = ""


@dataclass(frozen=True)
class DetectedImage:
    """An image that a detector has seen.

    Attributes:
        file: as the results have it.
        detections: as sure as was asked for, the surest first where the file has them so.
        entry: where the image stands in the file, as a JSON pointer (RFC 6901): "/images/3".
        failure: why the detector could not say anything; "" where it could.
        label: the class that the results state for the whole image; "" where they state none.
    """

    file: str
    detections: tuple[Detection, ...]
    entry: str
    failure: str = ""
    label: str = ""

    def of_animals(self) -> tuple[Detection, ...]:
        """Return the boxes of animals; where there is none, all: of people and vehicles."""
        return tuple(one for one in self.detections if one.category == _ANIMAL) or self.detections


class _Detection(TypedDict):
    category: str
    conf: float
    bbox: Annotated[list[float], msgspec.Meta(min_length=4, max_length=4)]
    label: NotRequired[str]


class _Image(TypedDict):
    file: str
    detections: NotRequired[list[_Detection] | None]
    failure: NotRequired[str | None]


class _MegaDetector(TypedDict):
    images: list[_Image]
    detection_categories: dict[str, str]


class _Prediction(TypedDict):
    filepath: str
    detections: NotRequired[list[_Detection] | None]
    failures: NotRequired[list[str] | None]
    prediction: NotRequired[str | None]


class _SpeciesNet(TypedDict):
    predictions: list[_Prediction]


def read_detections(path: Path, confidence: float) -> tuple[DetectedImage, ...]:
    """Read the results of a detector.

    Args:
        path: JSON in MegaDetector's output format (up to 1.6), or as SpeciesNet writes it.
        confidence: detections below it are left out, 0 to 1.

    Raises:
        InputError: neither of the two, an image twice, a category that is not listed, or boxes that are no shares.
    """
    if not 0 <= confidence <= 1:
        raise InputError(f"`box_confidence` is {confidence}; expected 0 to 1.")
    origin = printable(path)
    content = read_json(path, dict[str, Any], expected=_EXPECTED)
    if "predictions" in content:
        check_kind(content, _SpeciesNet, origin=origin, expected=_EXPECTED)
        images = tuple(_of_speciesnet(content, confidence, origin))
    else:
        check_kind(content, _MegaDetector, origin=origin, expected=_EXPECTED)
        images = tuple(_of_megadetector(content, confidence, origin))
    if not images:
        raise InputError(f"{origin}: no image in it. Expected {_EXPECTED}.")
    seen: dict[str, str] = {}
    for image in images:
        if image.file in seen:
            raise InputError(
                f"{origin}: {printable(image.file)} stands in it twice, at {seen[image.file]} and {image.entry}. Take "
                "one of them out."
            )
        seen[image.file] = image.entry
    return images


def _of_megadetector(content: dict[str, Any], confidence: float, origin: str) -> Iterator[DetectedImage]:
    categories: dict[str, str] = content["detection_categories"]
    for number, image in enumerate(content["images"]):
        found = image.get("detections")
        for one in found or ():
            if one["category"] not in categories:
                raise InputError(
                    f"{origin}: {printable(image['file'])} (/images/{number}) has a detection of the category "
                    f"{one['category']!r}, which is not among `detection_categories`: {', '.join(categories)}."
                )
        entry = f"/images/{number}"
        detections = _detections(found or (), confidence, f"{origin}: {entry}", categories)
        failure = image.get("failure") or ("" if found is not None else "no detections stand there")
        yield DetectedImage(image["file"], detections, entry, failure)


def _of_speciesnet(content: dict[str, Any], confidence: float, origin: str) -> Iterator[DetectedImage]:
    for number, image in enumerate(content["predictions"]):
        found, entry = image.get("detections"), f"/predictions/{number}"
        whole: dict[str, Any] = next((one for one in found or () if one["category"] == _WHOLE_IMAGE), {})
        label = image.get("prediction") or _processed(whole)
        detections = _detections(found or (), confidence, f"{origin}: {entry}", {})
        failures = image.get("failures") or []
        failure = ", ".join(failures) if "DETECTOR" in failures or found is None else ""
        yield DetectedImage(image["filepath"], detections, entry, failure, label)


def _detections(detections: Any, confidence: float, origin: str, categories: dict[str, str]) -> tuple[Detection, ...]:
    result = []
    for place, one in enumerate(detections):
        if one["conf"] < confidence or (not categories and one["category"] == _WHOLE_IMAGE):
            continue
        left, top, wide, high = map(float, one["bbox"])
        if max(map(abs, (left, top, wide, high))) > 1.5:
            raise InputError(
                f"{origin}: the box {one['bbox']} is in pixels, as it seems. Expected shares of the image's width and "
                "height: left edge, upper edge, width, height."
            )
        right, lower = min(left + wide, 1.0), min(top + high, 1.0)
        left, top = max(left, 0.0), max(top, 0.0)
        if right <= left or lower <= top:
            continue
        category = categories.get(one["category"]) or one.get("label") or one["category"]
        box = (left, top, right - left, lower - top)
        result.append(Detection(box, category.strip().lower(), place, _processed(one)))
    return tuple(result)


def _processed(detection: Any) -> str:
    """Return the class that SpeciesNet settled on for a box."""
    about = detection.get("processed_classification")
    label = about.get("class") if isinstance(about, dict) else None
    return label if isinstance(label, str) else ""
