"""What `longtail predict` would do."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

from longtail.files.text import printable
from longtail.jobs.dry_run.features import COMPILING
from longtail.jobs.dry_run.forecast import Forecast, duration

if TYPE_CHECKING:
    from longtail.jobs.predicting.inputs import Inputs
    from longtail.jobs.predicting.predictor import Predictor

__all__ = ["forecast_predictions"]


def forecast_predictions(predictor: "Predictor", inputs: "Inputs", path: Path) -> Path:
    """Print what would be predicted, and how long that takes.

    Args:
        predictor: the head.
        inputs: opened.
        path: of the predictions; it is returned.
    """
    forecast = Forecast()
    forecast.say("reads", printable(predictor.path))
    if inputs.pace is not None:
        one, number = inputs.pace(), len(inputs.source)
        told = f"{number:,} images: {1 / one:,.0f} images/s, about {duration(one * number)}"
        forecast.say("predicts", told, one * number)
        if inputs.is_compiled:
            forecast.untimed.append(COMPILING)
    else:
        started = time.perf_counter()
        number = sum(len(predictor.head.logits(block.values)) for block in inputs.blocks())
        forecast.say("predicts", f"{number:,} rows of features", time.perf_counter() - started)
    forecast.writes(path, {})
    if inputs.is_first:
        print(forecast.text())
    return path
