"""`longtail extract`: images to feature files, with the network's own classifier beside them."""

import json
import re
import sys
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import tyro
from numpy.typing import NDArray

from longtail.data.source import DataSplits, events_of, groups_of, weights_of
from longtail.errors import InputError
from longtail.features import SPLITS
from longtail.files.text import printable
from longtail.jobs.options import DataOptions, RuntimeOptions, TestViews, TrainViews, Workers
from longtail.ranges import Range
from longtail.typed_command import say_next

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from longtail.data.source import ImageSource
    from longtail.data.views import ViewRows
    from longtail.jobs.stage_one.trained_model import TrainedModel

__all__ = ["ExtractConfig", "Extraction", "extract_splits", "images_key", "run"]


@dataclass(frozen=True)
class ExtractConfig:
    """Run a trained network over images and keep its features."""

    checkpoint: tyro.conf.Positional[Path | None] = None
    """Checkpoint file, or the folder of a run."""
    dataset: tyro.conf.Positional[str | None] = None
    """Data as in `train`; default: data and splits that the checkpoint was trained with."""
    data: DataOptions = field(default_factory=DataOptions)
    runtime: RuntimeOptions = field(default_factory=RuntimeOptions)
    layers: str | None = None
    """last, of K blocks last2, last4, ..., or names of layers with commas between; default: as in the run."""
    pool: str = "auto"
    """Pooling of a layer: mean, max, token, or a,b."""
    views: TrainViews | None = None
    """Most views of a training image of a rare class; default: as in the run, else 1."""
    test_views: TestViews | None = None
    """Views of every other image, over which features are averaged; default: as in the run, else 1."""
    dtype: Literal["float32", "float16"] = "float32"
    """Number format of the stored features."""
    workers: Workers = 2
    """Processes that load images of more than 64 pixels."""
    shards: tuple[str, ...] = ()
    """In place of DATA: .tar or .parquet files, folders, patterns, s3:// ...; workers share them through --out."""
    backbone: str | None = None
    """With --shards: network of timm, or hf:FOLDER, with its weights, in place of a checkpoint."""
    takeover: Annotated[float, Range(above=0, most=1e6)] = 180.0
    """Seconds of silence after which a shard of another worker is done again."""
    dry_run: bool = False
    """What would be done and how long; nothing is written."""


def run(config: ExtractConfig) -> Path:
    """Write feature_{train,val,test}.h5 and joint_head.npz; or, of shards, a file for each."""
    from longtail.jobs.launch import launch
    from longtail.jobs.stage_one.images import open_splits
    from longtail.jobs.stage_one.known_images import as_known
    from longtail.jobs.stage_one.trained_model import open_model
    from longtail.training.checkpoints import find_checkpoint

    if config.shards:
        return _extract_shards(config)
    if config.checkpoint is None or config.backbone is not None:
        raise InputError("extract needs a checkpoint. --backbone NAME stands for one with --shards alone.")
    path = find_checkpoint(config.checkpoint)
    fabric = launch(config.runtime)
    model = _as_wanted(open_model(path, fabric.device), config)
    settings = model.about["settings"]
    dataset = config.dataset or settings["dataset"]
    if dataset is None:
        raise InputError(f"{path} was imported: its data is not known. Name it: longtail extract {path} DATA.")
    same = dataset == settings["dataset"]
    splits = open_splits(
        dataset, _as_trained(config.data, settings["data"]) if same else config.data, quiet=config.runtime.quiet
    )
    known = tuple(model.about["class_names"])
    numbered = "imported" in settings and known == tuple(str(c) for c in range(len(splits.class_names)))
    if known != tuple(splits.class_names) and not numbered:
        raise InputError(
            f"{path} knows {len(known)} classes, {dataset} has {len(splits.class_names)}, or "
            "their names differ. Expected the classes that the network was trained on, in the same order."
        )
    # a checkpoint of a run lies in its folder checkpoints; one that was imported lies anywhere
    beside = path.parent.parent if path.parent.name == "checkpoints" else path.parent
    if same and path.parent.name == "checkpoints":
        splits = as_known(splits, beside, config.data.changed)
        if fabric.is_global_zero and not config.runtime.quiet:
            print("; ".join(splits.notes), file=sys.stderr)
    folder = config.runtime.out or beside / _folder_name(config)
    if config.dry_run:
        _forecast(fabric, model, splits, folder, config)
        return folder
    extract_splits(fabric, model, splits, folder, _extraction(config, model))
    if fabric.is_global_zero and not config.runtime.quiet:
        print(folder)
        say_next(["fit", printable(folder), "--methods", "auto"])
    return folder


def _forecast(fabric: "Fabric", model: "TrainedModel", splits: DataSplits, folder: Path, config: ExtractConfig) -> None:
    """Print what would be done."""
    from longtail.jobs.dry_run.features import forecast_extraction
    from longtail.jobs.dry_run.forecast import Forecast
    from longtail.jobs.stage_one.images import described

    forecast = Forecast()
    forecast.say("reads", described(splits))
    width = model.dimension * np.dtype(config.dtype).itemsize
    how = model.preprocessing, config.workers, width, folder
    forecast_extraction(fabric, forecast, model.features, splits, how)
    if config.views is not None or config.test_views is not None:
        forecast.untimed.append("further views of an image")
    if fabric.is_global_zero:
        print(forecast.text())


def _as_wanted(model: "TrainedModel", config: ExtractConfig) -> "TrainedModel":
    """Take the features of the layers and views that were named; else those that the checkpoint names."""
    if config.test_views is not None:
        model = replace(model, test_views=config.test_views)
    if config.layers is None and config.pool == "auto":
        return model
    return model.with_layers("last" if config.layers is None else config.layers, config.pool)


def _extraction(config: ExtractConfig, model: "TrainedModel") -> "Extraction":
    """Draw views as the run did, unless others are asked for."""
    from longtail.jobs.stage_one.settings import stored_views

    (stored, seed), runtime = stored_views(model.about["settings"]), config.runtime
    views, seed = (stored.views, seed) if config.views is None else (config.views, runtime.seed)
    return Extraction(config.workers, config.dtype, runtime.quiet, views, seed)


def _folder_name(config: ExtractConfig) -> str:
    """Return the usual name of the folder: the features that a run's heads are of stay where they are."""
    words = [] if config.layers is None and config.pool == "auto" else [config.layers or "last"]
    words += [] if config.pool == "auto" else [config.pool]
    words += [] if config.views is None else [f"views{config.views}"]
    words += [] if config.test_views is None else [f"test{config.test_views}"]
    words = ["features", *words]
    return "-".join(re.sub(r"[^\w.]+", "_", word) for word in words)[:100]


def _extract_shards(config: ExtractConfig) -> Path:
    from longtail.jobs.sharding.extraction import ShardedExtraction, extract_shards
    from longtail.jobs.sharding.network import pretrained_network
    from longtail.jobs.stage_one.trained_model import open_model
    from longtail.training.checkpoints import find_checkpoint

    if config.dry_run:
        raise InputError("--dry-run: what lies in --shards is only known when it is read. Leave one of them out.")
    if config.layers is not None or config.pool != "auto":
        raise InputError("--layers and --pool: of --shards, the features before the classifier alone are kept.")
    if config.views is not None or config.test_views is not None:
        raise InputError("--views and --test-views: of --shards, each image is taken as it is. Leave them out.")
    if config.dataset is not None:
        raise InputError(f"{config.dataset} and --shards are both data. Leave one of them out.")
    if (config.checkpoint is None) == (config.backbone is None):
        raise InputError("--shards needs a network: a checkpoint, or --backbone NAME for one of timm; not both.")

    def open_network(device: Any) -> "TrainedModel":
        if config.checkpoint is None:
            return pretrained_network(str(config.backbone), device)
        # of a run on several layers or views, these alone: they stand in no plan
        return replace(open_model(find_checkpoint(config.checkpoint), device), layers=(), test_views=1)

    return extract_shards(
        ShardedExtraction(
            config.shards, open_network, config.data, config.runtime, config.dtype, config.workers, config.takeover
        )
    )


def _as_trained(given: DataOptions, trained: dict[str, Any]) -> DataOptions:
    """Take the checkpoint's data settings, but for those that were given now."""
    default = DataOptions()
    chosen = {
        f.name: getattr(given, f.name)
        if getattr(given, f.name) != getattr(default, f.name)
        else trained.get(f.name, getattr(default, f.name))
        for f in fields(DataOptions)
    }
    if isinstance(chosen["data"], str):
        chosen["data"] = Path(chosen["data"])
    return DataOptions(**chosen)


@dataclass(frozen=True)
class Extraction:
    """How features are extracted.

    Attributes:
        workers: processes that load images.
        dtype: of the stored features, "float32" or "float16".
        quiet: show no progress.
        views: of a training image of a rare class, at most.
        seed: of their draws.
    """

    workers: int
    dtype: str = "float32"
    quiet: bool = False
    views: int = 1
    seed: int = 0

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

    A file that holds the features of these images by these weights already is left as it is.
    """
    from longtail.data.fingerprint import identities
    from longtail.features.feature_parts import written_parts
    from longtail.jobs.pace import Work, settle_threads
    from longtail.jobs.precision import settle_precision
    from longtail.jobs.stage_one.images import prepare
    from longtail.jobs.stage_one.trained_model import write_joint_head
    from longtail.training.checkpoints import weights_fingerprint
    from longtail.training.extraction import FeatureLayout, extract_features
    from longtail.training.unfinished import threads_begun_with

    dtype, workers, quiet = extraction.dtype, extraction.workers, extraction.quiet
    weights = weights_fingerprint(model.model.state_dict())
    head = folder / "joint_head.npz"
    is_new, features_of = not head.is_file(), None
    sources = {split: source for split in SPLITS if (source := getattr(splits, split)) is not None and len(source)}
    num_images = sum(len(source) for source in sources.values())
    for split, source in sources.items():
        path = folder / f"feature_{split}.h5"
        attributes = {
            "split": split,
            "data": splits.name,
            "class_names": list(splits.class_names),
            "images": images_key(source),
            "weights": weights,
            "backbone": model.about["backbone"],
            "preprocessing": model.about["preprocessing"],
            **({"parts": written_parts((part.name, part.width) for part in model.layers)} if model.layers else {}),
            **extraction.about(split, model),
        }
        if _holds(path, attributes, len(source), model.dimension, dtype):
            continue
        is_new = True
        images = prepare(source, model.preprocessing, fabric.device)
        work = Work(model.model, model.preprocessing, images_at_once=256, images=num_images)
        settle_threads(fabric, work, began_with=threads_begun_with(path), quiet=quiet)
        features_of = features_of or settle_precision(fabric, model, quiet=quiet)
        rows = extraction.rows(split, images.labels, model.preprocessing.size)
        layout = FeatureLayout(
            path, images.labels, model.dimension, dtype, attributes, identities(source), beside_labels(source)
        )
        extract_features(
            fabric,
            features_of,
            images.batches(fabric, model.preprocessing, workers=workers, views=rows),
            layout if rows is None else layout.with_views(rows.view_of),
            quiet=quiet,
        )
    if fabric.is_global_zero and (model.layers or model.about["settings"].get("classifier_is_drawn")):
        # untrained, or of other features, and so no head to start from
        head.unlink(missing_ok=True)
    elif fabric.is_global_zero and is_new:
        write_joint_head(head, model, splits.class_names)
    fabric.barrier()


def beside_labels(source: "ImageSource") -> dict[str, list[str] | list[float]]:
    """Return the names of what each image belongs to, and its weight, as feature files have them."""
    parts = {"groups": groups_of(source), "events": events_of(source)}
    result: dict[str, list[str] | list[float]] = {what: one.words for what, one in parts.items() if one is not None}
    weights = weights_of(source)
    return result if weights is None else {**result, "weights": weights.tolist()}


def images_key(source: "ImageSource") -> str:
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


def _holds(path: Path, attributes: dict[str, Any], num_rows: int, dimension: int, dtype: str) -> bool:
    """Are these features in that file?"""
    from longtail.features import open_feature_file

    if not path.is_file():
        return False
    try:
        file = open_feature_file(path)
    except InputError:
        return False
    # files of earlier versions do not say which images they are of
    stored = {"images": attributes["images"]} | file.attributes
    attributes = dict.fromkeys(("parts", "views", "view_seed", "test_views")) | attributes
    same = all(_stored(value) == stored.get(name) for name, value in attributes.items())
    return same and file.features.shape == (num_rows, dimension) and file.features.dtype == dtype


def _stored(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | float) else json.dumps(value)
