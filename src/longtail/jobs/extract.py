"""`longtail extract`: images to feature files, with the network's own classifier beside them."""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import tyro

from longtail.data.source import DataSplits
from longtail.errors import InputError
from longtail.files.text import printable
from longtail.jobs.compiled import Compile
from longtail.jobs.extraction import Extraction, extract_splits
from longtail.jobs.options import DataOptions, RuntimeOptions, TestViews, TrainViews, Workers
from longtail.ranges import Range
from longtail.typed_command import say_next

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from longtail.jobs.stage_one.trained_model import TrainedModel

__all__ = ["ExtractConfig", "run"]


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
    compile: Compile = "auto"
    """Compile the network on a CPU; auto: from some 5,000 images of 224 pixels. Of --shards: always, or not at all."""
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
    from longtail.jobs.stage_one.trained_data import folder_of, open_trained_data
    from longtail.jobs.stage_one.trained_model import open_model
    from longtail.training.checkpoints import find_checkpoint

    if config.shards:
        return _extract_shards(config)
    if config.checkpoint is None or config.backbone is not None:
        raise InputError("extract needs a checkpoint. --backbone NAME stands for one with --shards alone.")
    path = find_checkpoint(config.checkpoint)
    fabric = launch(config.runtime)
    model = _as_wanted(open_model(path, fabric.device), config)
    quiet = config.runtime.quiet or not fabric.is_global_zero
    splits = open_trained_data(path, model.about, config.dataset, config.data, quiet=quiet)
    folder = config.runtime.out or folder_of(path) / _folder_name(config, model)
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
    forecast_extraction(fabric, forecast, model.features, splits, how, (config.compile, model.test_views))
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


def _extraction(config: ExtractConfig, model: "TrainedModel") -> Extraction:
    """Draw views as the run did, unless others are asked for."""
    from longtail.jobs.stage_one.settings import stored_views

    (stored, seed), runtime = stored_views(model.about["settings"]), config.runtime
    views, seed = (stored.views, seed) if config.views is None else (config.views, runtime.seed)
    return Extraction(config.workers, config.dtype, runtime.quiet, views, seed, config.compile)


def _folder_name(config: ExtractConfig, model: "TrainedModel") -> str:
    """Return the usual name of the folder: the features that a run's heads are of stay where they are."""
    words = ["routed"] if model.is_routed else []
    words += [] if config.layers is None and config.pool == "auto" else [config.layers or "last"]
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
            config.shards,
            open_network,
            config.data,
            config.runtime,
            config.dtype,
            config.workers,
            config.takeover,
            config.compile == "always",
        )
    )
