"""Sample images for the report: what rare classes look like, and what they are confused with."""

from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from longtail.comparison.predictions_file import read_predictions
from longtail.data.decode import write_png
from longtail.data.source import DataSplits, ImageSource

__all__ = ["add_examples"]

PER_CLASS = 4
LONGER_SIDE = 160


def add_examples(results: dict[str, Any], splits: DataSplits, folder: Path) -> None:
    """Save sample images as PNG and name them in `results`, in place.

    For each rare class: test images, first those that joint misses, with what joint and the recommended method make of
    them, and one training image. For each class that they are confused with: one training image. For each label worth
    a look: the image, and its near-duplicate or a training image of the class that is suggested instead.

    Args:
        results: content of results.json; needs `rare_classes`.
        splits: with the images.
        folder: of the run; images go to `examples/`.
    """
    _add_label_problems(results, splits, folder)
    if splits.test is None or not results["rare_classes"]:
        return
    labels, predictions = read_predictions(folder / "predictions" / "test.csv")
    methods = list(predictions)
    train_labels = np.asarray(splits.train.labels)
    confused: set[int] = set()
    for row in results["rare_classes"]:
        members = np.flatnonzero(labels == row["class"])
        reference = predictions[methods[0]]
        # stable: missed ones first, each in the order of the split
        members = members[np.argsort(reference[members] == row["class"], kind="stable")]
        for index in members[:PER_CLASS]:
            name = f"examples/test-{index:06d}.png"
            _save(splits.test, int(index), folder / name)
            predicted = {method: int(predictions[method][index]) for method in methods}
            row["examples"].append({"file": name, "name": splits.test.identify(int(index)), "predicted": predicted})
        row["train_example"] = _train_example(splits.train, train_labels, row["class"], folder)
        row["train_name"] = splits.train.identify(_first(train_labels, row["class"]))
        confused |= {other["class"] for result in row["confused_with"].values() for other in result}
    for number in sorted(confused):
        results["class_examples"][str(number)] = _train_example(splits.train, train_labels, number, folder)


def _add_label_problems(results: dict[str, Any], splits: DataSplits, folder: Path) -> None:
    measured = results["data"]["splits"]
    # where rows were left out, their numbers are not those of the images
    sources = {
        name: source
        for name, source in (("train", splits.train), ("val", splits.val), ("test", splits.test))
        if source is not None and measured.get(name, {}).get("images") == len(source)
    }
    train_labels = np.asarray(splits.train.labels)
    for row in (results.get("label_problems") or {"found": []})["found"]:
        if row["split"] in sources:  # images have names that their features do not know
            row["name"] = sources[row["split"]].identify(row["row"])
        if row["other_split"] in sources:
            row["other_name"] = sources[row["other_split"]].identify(row["other_row"])
        row["image"] = _split_image(sources, row["split"], row["row"], folder)
        if row["other_split"]:
            row["other_image"] = _split_image(sources, row["other_split"], row["other_row"], folder)
        else:
            suggested = results["data"]["class_names"].index(row["other_label"])
            row["other_image"] = _train_example(splits.train, train_labels, suggested, folder)


def _split_image(sources: dict[str, ImageSource], split: str, index: int, folder: Path) -> str | None:
    if split not in sources:
        return None
    name = f"examples/{split}-{index:06d}.png"
    _save(sources[split], index, folder / name)
    return name


def _train_example(train: ImageSource, labels: Any, number: int, folder: Path) -> str:
    index = _first(labels, number)
    name = f"examples/train-{index:06d}.png"
    _save(train, index, folder / name)
    return name


def _first(labels: Any, number: int) -> int:
    return int(np.flatnonzero(labels == number)[0])


def _save(source: ImageSource, index: int, path: Path) -> None:
    if not path.is_file():
        write_png(_small(source.load(index, least=2 * LONGER_SIDE)), path)


def _small(image: Tensor) -> Tensor:
    from torchvision.transforms import v2

    height, width = image.shape[1:]
    scale = LONGER_SIDE / max(height, width)
    if scale >= 1:
        return image
    size = [max(round(height * scale), 1), max(round(width * scale), 1)]
    return v2.functional.resize(image, size, antialias=True)  # type: ignore[no-any-return]
