"""What `longtail route` would do."""

from pathlib import Path
from typing import TYPE_CHECKING

from longtail.files.text import printable
from longtail.jobs.dry_run.forecast import Forecast, duration
from longtail.jobs.dry_run.inference import seconds_of_images
from longtail.jobs.stage_one.images import described

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from longtail.data.source import DataSplits
    from longtail.jobs.stage_one.routing import RouterSettings
    from longtail.jobs.stage_one.trained_model import TrainedModel

__all__ = ["forecast_routing"]


def forecast_routing(
    fabric: "Fabric", trained: "TrainedModel", splits: "DataSplits", settings: "RouterSettings", out: Path
) -> Forecast:
    """Say how long the experts take for the images that the router learns from and is measured on.

    Args:
        fabric: launched.
        trained: the network.
        splits: the data.
        settings: of the router.
        out: file of the new checkpoint.
    """
    forecast = Forecast()
    forecast.say("reads", f"{printable(trained.path)}; {described(splits)}")
    one = seconds_of_images(fabric, trained.features, splits.train, trained.preprocessing, workers=settings.workers)
    learnt = settings.epochs * len(splits.train)
    measured = sum(len(part) for part in (splits.val, splits.test) if part is not None)
    for what, number in (("learns", learnt), ("measures", measured)):
        told = f"{number:,} images seen by all experts: {1 / one:,.0f} images/s, about {duration(one * number)}"
        forecast.say(what, told, one * number)
    forecast.writes(out, {})
    return forecast
