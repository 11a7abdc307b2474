"""From the images of all splits to feature files, by a trained network."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from longtail.data.source import DataSplits, events_of, groups_of, weights_of
from longtail.errors import InputError
from longtail.features import SPLITS
from longtail.jobs.compiled import Compile, settle_features

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from longtail.data.source import ImageSource
    from longtail.data.views import ViewRows
    from longtail.jobs.stage_one.trained_model import TrainedModel

__all__ = ["Extraction", "extract_splits"]


@dataclass(frozen=True)
class Extraction:
    """How features are extracted.

    Attributes:
        workers: processes that load images.
        dtype: of the stored features, "float32" or "float16".
        quiet: show no progress.
        views: of a training image of a rare class, at most.
        seed: of their draws.
        compile: whether the network is.
    """

    workers: int
    dtype: str = "float32"
    quiet: bool = False
    views: int = 1
    seed: int = 0
    compile: Compile = "auto"

    def rows(self, split: str, labels: NDArray[np.int64], size: int) -> "ViewRows | None":
        """Return which rows of a split are further views; None where there are none."""
        from longtail.data.views import ViewRows

        rows = ViewRows.drawn(labels, self.views, seed=self.seed, size=size) if split == "train" else None
        return rows if rows is not None and len(rows.view_of) > len(labels) else None

    def about(self, split: str, model: "TrainedModel") -> dict[str, int]:
        """Return what a feature file says of views."""
        drawn = {"views": self.views, "view_seed": self.seed} if split == "train" and self.views > 1 else {}
        return {**drawn, **({"test_views": model.test_views} if model.test_views > 1 else {})}


def extract_splits(
    fabric: "Fabric", model: "TrainedModel", splits: DataSplits, folder: Path, extraction: Extraction
) -> None:
    """Write the features of every split, and the classifier as joint_head.npz, with the prior that it means.

    A file that holds the features of these images by these weights already is left as it is, unless a person has named
    another precision, or said whether to compile, or files of other splits are computed otherwise now.
    """
    from longtail.data.fingerprint import identities
    from longtail.jobs.pace import Work, settle_threads
    from longtail.jobs.stage_one.images import prepare
    from longtail.jobs.stage_one.trained_model import write_joint_head
    from longtail.training.extraction import FeatureLayout, extract_features
    from longtail.training.unfinished import threads_begun_with

    head = folder / "joint_head.npz"
    is_new, quiet = not head.is_file(), extraction.quiet
    sources = {split: source for split in SPLITS if (source := getattr(splits, split)) is not None and len(source)}
    wanted = _attributes(model, splits, sources, extraction)
    paths = {split: folder / f"feature_{split}.h5" for split in sources}
    shapes = {split: (len(source), model.dimension) for split, source in sources.items()}
    held = {split: _computed(paths[split], wanted[split], shapes[split], extraction.dtype) for split in sources}
    if not all(
        computed is not None and _is_as_named(computed, fabric, extraction.compile) for computed in held.values()
    ):
        num_images = sum(map(len, sources.values()))
        begun = next((threads for path in paths.values() if (threads := threads_begun_with(path))), None)
        settle_threads(fabric, Work.of_features(model, num_images), began_with=begun, quiet=quiet)
        settled = settle_features(fabric, model, num_images, compile=extraction.compile, quiet=quiet)
        for split, source in sources.items():
            if (computed := held[split]) in ("", settled.how):  # earlier versions did not say
                continue
            is_new = True
            if computed is not None and fabric.is_global_zero and not quiet:
                print(f"{paths[split].name} was computed in {computed}: again, in {settled.how}", file=sys.stderr)
            images = prepare(source, model.preprocessing, fabric.device)
            rows = extraction.rows(split, images.labels, model.preprocessing.size)
            layout = FeatureLayout(
                paths[split],
                images.labels,
                model.dimension,
                extraction.dtype,
                {**wanted[split], "computed": settled.how},
                identities(source),
                beside_labels(source),
            )
            extract_features(
                fabric,
                settled,
                images.batches(fabric, model.preprocessing, workers=extraction.workers, views=rows),
                layout if rows is None else layout.with_views(rows.view_of),
                quiet=quiet,
            )
    if fabric.is_global_zero and (model.layers or model.about["settings"].get("classifier_is_drawn")):
        # untrained, or of other features, and so no head to start from
        head.unlink(missing_ok=True)
    elif fabric.is_global_zero and is_new:
        write_joint_head(head, model, splits.class_names)
    fabric.barrier()


def _attributes(
    model: "TrainedModel", splits: DataSplits, sources: "dict[str, ImageSource]", extraction: Extraction
) -> dict[str, dict[str, Any]]:
    """Return what the feature file of each split says of where its features come from."""
    from longtail.features.feature_parts import written_parts
    from longtail.training.checkpoints import weights_fingerprint

    shared = {
        "data": splits.name,
        "class_names": list(splits.class_names),
        "weights": weights_fingerprint(model.model.state_dict()),
        "backbone": model.about["backbone"],
        "preprocessing": model.about["preprocessing"],
        **({"parts": written_parts((part.name, part.width) for part in model.layers)} if model.layers else {}),
    }
    return {
        split: {"split": split, "images": _images_key(source), **shared, **extraction.about(split, model)}
        for split, source in sources.items()
    }


def beside_labels(source: "ImageSource") -> dict[str, list[str] | list[float]]:
    """Return the names of what each image belongs to, and its weight, as feature files have them."""
    parts = {"groups": groups_of(source), "events": events_of(source)}
    result: dict[str, list[str] | list[float]] = {what: one.words for what, one in parts.items() if one is not None}
    weights = weights_of(source)
    return result if weights is None else {**result, "weights": weights.tolist()}


def _images_key(source: "ImageSource") -> str:
    """Return the SHA-256 of which images these are: names, labels and, of files, size and time of the last change.

    What has no file of its own, a row of a pack or an image in memory, is known by its content.
    """
    import hashlib

    result = hashlib.sha256()
    for row, label in enumerate(np.asarray(source.labels).tolist()):
        status = source.status(row)
        mark = source.fingerprint(row).hex() if status is None else f"{status.st_size}\0{status.st_mtime_ns}"
        result.update(f"{source.identity(row)}\0{label}\0{mark}\n".encode("utf-8", "surrogateescape"))
    for what, values in beside_labels(source).items():
        result.update("\0".join([what, *map(str, values)]).encode("utf-8", "surrogateescape"))
    return result.hexdigest()


def _computed(path: Path, attributes: dict[str, Any], shape: tuple[int, int], dtype: str) -> str | None:
    """Return how the features in a file were computed, "" where it does not say; None: it holds others, or none."""
    from longtail.features import open_feature_file

    if not path.is_file():
        return None
    try:
        file = open_feature_file(path)
    except InputError:
        return None
    # files of earlier versions do not say which images they are of
    stored = {"images": attributes["images"]} | file.attributes
    attributes = dict.fromkeys(("parts", "views", "view_seed", "test_views")) | attributes
    same = all(_stored(value) == stored.get(name) for name, value in attributes.items())
    if not same or file.features.shape != shape or file.features.dtype != dtype:
        return None
    return str(stored.get("computed", ""))


def _is_as_named(computed: str, fabric: "Fabric", compile: Compile) -> bool:
    """Return whether features were computed in the precision that a person named, and by a network compiled or not."""
    from longtail.jobs.launch import has_chosen_precision
    from longtail.jobs.precision import precision_of

    precision, _, compiled = computed.partition(", ")
    right = has_chosen_precision(fabric) or precision == precision_of(fabric)
    return not computed or (right and (compile == "auto" or (compile == "always") == bool(compiled)))


def _stored(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | float) else json.dumps(value)
