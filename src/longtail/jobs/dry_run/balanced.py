"""What `longtail balance` would do."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.files.text import printable
from longtail.jobs.dry_run.forecast import Forecast
from longtail.jobs.dry_run.heads import forecast_heads, stand_in
from longtail.jobs.head_options import HeadOptions

if TYPE_CHECKING:
    from longtail.jobs.balance import BalanceConfig
    from longtail.jobs.balancing.opened import OpenedModel

__all__ = ["forecast_balance"]


def forecast_balance(config: "BalanceConfig", opened: "OpenedModel", heads: HeadOptions, folder: Path) -> Forecast:
    """Say what balancing a model would take.

    Args:
        config: as it was typed.
        opened: the model.
        heads: with the methods that can be written.
        folder: for the results.

    Raises:
        InputError: neither features nor images.
    """
    from longtail.comparison.problem import check_problem
    from longtail.jobs.balancing.data import read_features

    forecast = Forecast()
    forecast.say("reads", f"{printable(config.model)}: {printable(opened.file.layer.name or 'last layer')}")
    num_classes, dimension = opened.file.layer.weight.shape
    if config.features is not None:
        splits, _ = read_features(config.features, config.data, num_classes)
        forecast_heads(forecast, check_problem(splits), heads, config.runtime)
    elif config.data.data is not None:
        labels = _of_images(forecast, config, opened, folder)
        problem = stand_in(labels, num_classes, dimension)
        forecast_heads(forecast, problem, heads, config.runtime, rows=len(labels))
    else:
        raise InputError("no data: expected --features of this model, or --data, images to make them of.")
    size = float(config.model.stat().st_size) if config.model.is_file() else 0.0
    forecast.writes(folder, {config.model.resolve().name: size, "results.json": 0, "report.html": 0, "heads": 0})
    if config.export:
        forecast.untimed.append(f"export ({', '.join(config.export)})")
    return forecast


def _of_images(forecast: Forecast, config: "BalanceConfig", opened: "OpenedModel", folder: Path) -> NDArray[np.int64]:
    """Say how long features of images take; return the training labels."""
    from longtail.jobs.balancing.network import split_model
    from longtail.jobs.dry_run.features import forecast_extraction
    from longtail.jobs.launch import launch
    from longtail.jobs.stage_one.images import described, open_splits

    if opened.network is None or opened.preprocessing is None:
        raise InputError(f"{printable(config.model)}: its network is not known. Say --arch, or give --features.")
    splits = open_splits(str(config.data.data), replace(config.data, data=None), quiet=config.runtime.quiet)
    forecast.say("reads", described(splits))
    model: Any = split_model(opened.network, opened.file, opened.preprocessing, splits.class_names)
    fabric = launch(config.runtime)
    model.model.to(fabric.device)
    how = opened.preprocessing, config.workers, 4 * model.dimension, folder / "features"
    forecast_extraction(fabric, forecast, model.features, splits, how)
    return np.asarray(splits.train.labels, dtype=np.int64)
