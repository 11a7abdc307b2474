"""What results.json says of a training."""

from typing import TYPE_CHECKING, Any

from longtail.jobs.options import StageOneOptions

if TYPE_CHECKING:
    from longtail.data.source import DataSplits
    from longtail.training.state import TrainingState

__all__ = ["training_facts"]


def training_facts(stage: StageOneOptions, state: "TrainingState", splits: "DataSplits") -> dict[str, Any]:
    """Return how stage 1 was trained, and `sentence` for a person."""
    from longtail.files.text import counted
    from longtail.jobs.stage_one.switches import switched_on
    from longtail.schedules import scaled_learning_rate

    on = switched_on(stage)
    switches = "".join(f"{name.replace('_', ' ')} {value}, " for name, value in on.items())
    rate = scaled_learning_rate(stage.learning_rate, stage.batch_size, stage.published_batch)
    return {
        "sentence": f"{stage.representation} sampling, {counted(stage.epochs, 'epoch')} at learning rate {rate:g}, "
        f"{switches}{state.seconds:.0f} s",
        "sampling": stage.representation,
        "epochs": stage.epochs,
        "learning_rate": rate,
        **({"switches": on} if on else {}),
        "seconds": round(state.seconds, 1),
        "images_per_second": round(stage.epochs * len(splits.train) / max(state.seconds, 1e-9), 1),
        "history": [_history_row(row) for row in state.history],
    }


def _history_row(row: dict[str, Any]) -> dict[str, Any]:
    names = ("epoch", "learning_rate", "train_loss", "train_accuracy", "val_all", "val_balanced", "seconds")
    return {name: row.get(name) for name in names}
