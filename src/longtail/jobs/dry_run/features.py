"""How long features of images take."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longtail.jobs.compiled import Compile, is_compiled
from longtail.jobs.dry_run.forecast import Forecast, duration

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from longtail.data.source import DataSplits
    from longtail.data.transforms import Preprocessing
    from longtail.jobs.options import StageOneOptions

__all__ = ["COMPILING", "forecast_extraction", "forecast_features"]

COMPILING = "compiling the network, about half a minute, after which each image takes less"


def forecast_features(
    fabric: "Fabric", forecast: Forecast, splits: "DataSplits", stage: "StageOneOptions", folder: Path
) -> int:
    """Say how long the features of a network take that does not exist yet; return their number.

    Args:
        fabric: launched.
        forecast: that it is added to.
        splits: the data.
        stage: names the network.
        folder: for the features.
    """
    from longtail.backbones import classifier_of, create_backbone, features_of
    from longtail.jobs.stage_one.images import stage_preprocessing
    from longtail.jobs.stage_one.setup import arguments_for, backbone_for

    preprocessing = stage_preprocessing(splits, stage)
    backbone = backbone_for(stage, preprocessing)
    model: Any = create_backbone(
        backbone,
        num_classes=len(splits.class_names),
        in_chans=preprocessing.channels,
        arguments=arguments_for(stage, backbone),
    )
    model = model.to(fabric.device).eval()
    dimension: int = classifier_of(model).in_features
    forecast_extraction(
        fabric,
        forecast,
        lambda images: features_of(model, images),
        splits,
        (preprocessing, stage.workers, 4 * dimension, folder),
    )
    return dimension


def forecast_extraction(
    fabric: "Fabric",
    forecast: Forecast,
    compute: Callable[[Any], Any],
    splits: "DataSplits",
    how: "tuple[Preprocessing, int, int, Path]",
    compiled: "tuple[Compile, int]" = ("auto", 1),
) -> None:
    """Say how long the features of all splits take.

    Args:
        fabric: launched.
        forecast: that it is added to.
        compute: maps images to features.
        splits: the data.
        how: preprocessing, processes that load, bytes of the features of an image, and the folder for them.
        compiled: whether the network is going to be, which is not tried here, and views of an image.
    """
    from longtail.jobs.dry_run.inference import seconds_of_images

    (preprocessing, workers, width, folder), (compile, views) = how, compiled
    parts = {"train": splits.train, "val": splits.val, "test": splits.test}
    sizes = {name: len(part) for name, part in parts.items() if part is not None and len(part)}
    one = seconds_of_images(fabric, compute, splits.train, preprocessing, workers=workers)
    number = sum(sizes.values())
    forecast.say(
        "extracts",
        f"features of {number:,} images at {preprocessing.size} pixels: {1 / one:,.0f} images/s, about "
        f"{duration(one * number)}",
        one * number,
    )
    if is_compiled(fabric.device.type, compile, number * views, preprocessing.size):
        forecast.untimed.append(COMPILING)
    forecast.writes(folder, {f"feature_{name}.h5": float(size * width) for name, size in sizes.items()})
