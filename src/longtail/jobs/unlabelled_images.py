"""Images without labels for stage 1: opened, drawn, and labelled by a network that is there already."""

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from longtail.data.source import DataSplits, ImageSource, Subset
from longtail.errors import InputError
from longtail.files.text import read_text
from longtail.jobs.options import ChangedImages, DataOptions, UnlabelledOptions

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["HELD_BACK", "open_extra", "with_pseudo_labels"]

HELD_BACK = "held-back"


def open_extra(splits: DataSplits, options: UnlabelledOptions, data: DataOptions) -> ImageSource | None:
    """Open the images without labels that the options name, but for those of a group that is measured or chosen on.

    Args:
        splits: the opened data.
        options: which images.
        data: seed of the draw from those held back; how tables are read, and what belongs together.

    Returns:
        A source whose labels are not to be looked at, or None where no images are named.

    Raises:
        InputError: nothing was held back, too little of a class, or a setting that does nothing.
    """
    from longtail.data import open_unlabelled
    from longtail.data.pseudo_labels import unlabelled_counts, unlabelled_indices

    if options.imb_unlabelled is not None and options.unlabelled != HELD_BACK:
        raise InputError("--imb-unlabelled: only of --unlabelled held-back are the true classes known.")
    if options.unlabelled is None:
        if options.teacher is not None or options.confidence > 0:
            raise InputError("--teacher and --confidence: there is nothing to label. Name images with --unlabelled.")
        return None
    if options.unlabelled != HELD_BACK:
        channels = splits.train.load(0).shape[0]
        path, source = Path(options.unlabelled), splits.record.get("source")
        table = data.table if path.is_file() else None
        is_the_same = source is not None and Path(str(source)).exists() and path.exists() and path.samefile(str(source))
        opened = open_unlabelled(
            path, channels=channels, bits=splits.record.get("bits"), table=table, all_rows=not is_the_same
        )
        return _of_other_groups(opened, splits, data)
    held_back = splits.held_back
    if held_back is None or not len(held_back):
        raise InputError("--unlabelled held-back: no image was held back. It needs a --profile; --largest leaves more.")
    held_back = _of_other_groups(held_back, splits, data)
    if options.imb_unlabelled is None:
        return held_back
    total = round(options.unlabelled_times * len(splits.train))
    counts = unlabelled_counts(len(splits.class_names), total, options.imb_unlabelled)
    true_labels = np.asarray(held_back.labels)
    return Subset(held_back, unlabelled_indices(true_labels, counts, data.split_seed))


def _of_other_groups(source: ImageSource, splits: DataSplits, data: DataOptions) -> ImageSource:
    from longtail.data.group_by import without_groups_of

    rest = without_groups_of(source, (splits.val, splits.test), data.group_by)
    if not len(rest):
        raise InputError(
            f"--unlabelled: each of the {len(source):,} images is of a group that is measured or chosen on. Expected "
            "some of other groups."
        )
    return rest


def with_pseudo_labels(
    fabric: "Fabric", splits: DataSplits, options: UnlabelledOptions, data: DataOptions, *, folder: Path, workers: int
) -> DataSplits:
    """Label the unlabelled images by their teacher, and let stage 1 learn from them too.

    The labels are written to pseudo_labels.csv in the run's folder; a run that goes on reads them from there.

    Args:
        fabric: launched.
        splits: the opened data.
        options: which images, and what labels them.
        data: the seed of the draw from the images held back, and what becomes of a run whose images have changed.
        folder: of the run.
        workers: processes that load images of more than 64 pixels.

    Returns:
        The data with `extra`; unchanged where the options name no images.

    Raises:
        InputError: images or teacher are missing, the teacher knows other classes, or no image is left.

    Reference:
        Yang, Xu, "Rethinking the Value of Labels for Improving Class-Imbalanced Learning", NeurIPS 2020, arXiv
        2006.07529, section 3: labels by argmax, no threshold, all images in one set with equal weight.
    """
    from longtail.data.source import Relabelled

    unlabelled = open_extra(splits, options, data)
    if unlabelled is None:
        return splits
    if options.teacher is None:
        raise InputError(
            "--unlabelled needs --teacher: a checkpoint (.pt), a head (.npz) or a run that says what the images show."
        )
    path = folder / "pseudo_labels.csv"
    if (folder / "checkpoints" / "last.pt").is_file() and path.is_file():
        unlabelled, labels, confidences = _read(path, unlabelled, splits.class_names, data.changed)
    else:
        labels, confidences = _labelled_by(fabric, options.teacher, unlabelled, splits, workers)
        if fabric.is_global_zero:
            _write(path, unlabelled, labels, confidences, splits.class_names)
    confident_rows = np.flatnonzero(confidences >= options.confidence)
    if not len(confident_rows):
        raise InputError(
            f"--confidence {options.confidence}: the teacher is less sure of each of the {len(labels):,} images; its "
            f"highest probability is {confidences.max(initial=0):.3f}."
        )
    extra = Relabelled(unlabelled, confident_rows, labels[confident_rows], splits.class_names)
    note = f"{len(confident_rows):,} of {len(labels):,} unlabelled images learn along, as {options.teacher} labels them"
    if options.unlabelled == HELD_BACK:
        right = float((np.asarray(unlabelled.labels)[confident_rows] == labels[confident_rows]).mean() * 100)
        note += f" ({right:.1f} % rightly; their true labels serve for this number alone)"
    counts = np.bincount(labels[confident_rows], minlength=len(splits.class_names))
    record = {**splits.record, "pseudo_label_counts": counts.tolist()}
    return replace(splits, extra=extra, notes=(*splits.notes, note), record=record)


def _labelled_by(
    fabric: "Fabric", teacher: Path, unlabelled: ImageSource, splits: DataSplits, workers: int
) -> tuple[NDArray[np.int64], NDArray[Any]]:
    from longtail.jobs.predicting.predictor import image_features, open_predictor
    from longtail.jobs.stage_one.teacher import check_same_classes
    from longtail.jobs.stage_one.trained_model import open_model

    predictor = open_predictor(teacher)
    check_same_classes("--teacher", teacher, predictor.class_names, splits.class_names)
    model = open_model(predictor.checkpoint, fabric.device)
    blocks = image_features(fabric, model, unlabelled, workers)
    probabilities = np.concatenate([predictor.head.predict_proba(features) for _, features in blocks])
    # as many digits as are written down, so that a run that goes on keeps the same images
    confidences = np.round(probabilities.max(axis=1).astype(np.float64), 6)
    return probabilities.argmax(axis=1).astype(np.int64), confidences


def _write(
    path: Path,
    source: ImageSource,
    labels: NDArray[np.int64],
    confidences: NDArray[Any],
    class_names: tuple[str, ...],
) -> None:
    from longtail.files.atomic import atomic_path

    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["input", "pseudo_label", "confidence"])
        for row, (label, confidence) in enumerate(zip(labels, confidences, strict=True)):
            writer.writerow([source.identity(row), class_names[label], f"{confidence:.6f}"])


def _read(
    path: Path, source: ImageSource, class_names: tuple[str, ...], changed: ChangedImages
) -> tuple[ImageSource, NDArray[np.int64], NDArray[Any]]:
    """Read what the teacher said of the images that are there, by their names."""
    expected = "the labels that a teacher gave, as longtail writes them"
    codes = {name: code for code, name in enumerate(class_names)}
    known: dict[str, tuple[int, float]] = {}
    lines = csv.reader(io.StringIO(read_text(path, expected=expected), newline=""), strict=True)
    try:
        for name, label, confidence in list(lines)[1:]:
            known[name] = codes[label], _share(confidence)
    except (KeyError, ValueError, csv.Error) as error:
        raise InputError(f"{path}, line {lines.line_num}: is damaged. Expected {expected}.") from error
    rows = [row for row in range(len(source)) if source.identity(row) in known]
    if changed == "ask" and not len(rows) == len(source) == len(known):
        raise InputError(
            f"{len(source) - len(rows):,} of the {len(source):,} unlabelled images are new, and "
            f"{len(known) - len(rows):,} of the {len(known):,} that {path} labels are gone. To go on with those of "
            "then, say --changed leave-out; to begin anew with all, name another --out."
        )
    labels, confidences = zip(*(known[source.identity(row)] for row in rows), strict=True) if rows else ((), ())
    return Subset(source, np.array(rows)), np.array(labels, dtype=np.int64), np.array(confidences, dtype=np.float64)


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:  # nor NaN
        raise ValueError
    return value
