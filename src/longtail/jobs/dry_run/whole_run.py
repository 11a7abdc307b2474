"""What `longtail run` would do."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from longtail.jobs.dry_run.features import forecast_extraction, forecast_features
from longtail.jobs.dry_run.forecast import Forecast
from longtail.jobs.dry_run.heads import forecast_heads, stand_in
from longtail.jobs.options import ViewOptions

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from longtail.data.source import DataSplits
    from longtail.jobs.run import RunConfig

__all__ = ["forecast_run"]


def forecast_run(fabric: "Fabric", config: "RunConfig", splits: "DataSplits", folder: Path) -> Forecast:
    """Say what a run would do: training, features and classifiers of its first seed, so many times.

    Args:
        fabric: launched.
        config: checked.
        splits: the opened data.
        folder: of the run.
    """
    from longtail.jobs.run import data_of, of_seed
    from longtail.jobs.run_checks import check_begun_run
    from longtail.jobs.stage_one.frozen import untrained_network
    from longtail.jobs.stage_one.images import described
    from longtail.jobs.train import TrainConfig, train_stage_one

    forecast = Forecast(times=config.seeds)
    config, place = of_seed(config, folder, config.runtime.seed)
    splits, settings = check_begun_run(config, splits, place)
    forecast.say("reads", described(splits))
    runtime = replace(config.runtime, out=place, quiet=True)
    if config.stage.frozen:
        stage = replace(config.stage, pretrained=False)  # which weights of timm it has costs nothing
        network = untrained_network(splits, stage, config.layers, settings)
        network = replace(network, model=network.model.to(fabric.device).eval(), test_views=config.views.test_views)
        dimension = network.dimension
        how = network.preprocessing, stage.workers, 4 * dimension, place / "features"
        forecast_extraction(fabric, forecast, network.features, splits, how, ("auto", network.test_views))
    else:
        dataset, data = data_of(config)
        training = TrainConfig(dataset, data, config.stage, config.unlabelled, runtime)
        train_stage_one(fabric, splits, training, None, forecast)
        if config.unlabelled.unlabelled is not None:
            forecast.untimed.append("images without labels")
        dimension = forecast_features(fabric, forecast, splits, config.stage, place / "features")
    labels = np.asarray(splits.train.labels, dtype=np.int64)
    problem = stand_in(labels, len(splits.class_names), dimension)
    forecast_heads(forecast, problem, config.heads, config.runtime, rows=len(labels))
    if config.views != ViewOptions():
        forecast.untimed.append("further views of an image")
    if config.images.crt_from == "images":
        forecast.untimed.append("crt from images")
    if config.export:
        forecast.untimed.append(f"export ({', '.join(config.export)})")
    forecast.writes(place, dict.fromkeys(("results.json", "report.html", "heads", "predictions"), 0.0))
    return forecast
