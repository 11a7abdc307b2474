"""A training's plan: what it is checked for, and which epoch it counts as the best."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from torch import nn

from longtail.data.transforms import Preprocessing
from longtail.errors import InputError
from longtail.sampling import Sampler
from longtail.schedules import Schedule
from longtail.training.batches import ResidentBatches
from longtail.training.checkpoints import load_checkpoint
from longtail.training.classification import Classification
from longtail.training.loop import train
from longtail.training.plan import TrainingPlan, TrainingRecord

PREPROCESSING = Preprocessing(8, 8, 1, (0.3,), (0.4,), "none", resident=True)


def run(folder, plan, after_epoch=None):
    fabric = Fabric(accelerator="cpu", devices=1)
    fabric.launch()
    torch.manual_seed(0)
    task = Classification(nn.Sequential(nn.Flatten(), nn.Linear(64, 3)))
    labels = np.arange(12) % 3
    images = torch.arange(12 * 64, dtype=torch.uint8).view(12, 1, 8, 8)
    batches = ResidentBatches(images, torch.from_numpy(labels), Sampler(labels), PREPROCESSING, batch_size=6)
    record = TrainingRecord(folder, {"note": "made up"}, after_epoch=after_epoch, quiet=True)
    return train(fabric, task, torch.optim.SGD(task.parameters(), lr=0.1), batches, plan, record)


@pytest.mark.parametrize(
    ("changed", "message"),
    [({"num_epochs": 0}, "num_epochs"), ({"num_epochs": 1.5}, "num_epochs"), ({"save_every": -1.0}, "save_every")],
)
def test_numbers_out_of_range_are_refused_at_once(changed, message):
    with pytest.raises(InputError, match=message):
        TrainingPlan(**{"num_epochs": 2, "schedule": Schedule(), "seed": 0, **changed})


def test_a_plan_does_not_change():
    plan = TrainingPlan(2, Schedule(), seed=0)
    with pytest.raises(FrozenInstanceError):
        plan.num_epochs = 3


@pytest.mark.parametrize(("best_by", "epoch"), [("balanced", 2), ("all", 3)])
def test_the_best_epoch_is_the_one_of_the_named_metric(tmp_path, best_by, epoch):
    measured = iter([{"balanced": 10.0, "all": 1.0}, {"balanced": 30.0, "all": 1.0}, {"balanced": 20.0, "all": 2.0}])
    run(tmp_path, TrainingPlan(3, Schedule(), seed=0, validate=lambda: next(measured), best_by=best_by))
    assert load_checkpoint(tmp_path / "best.pt")["state"]["epoch"] == epoch
    assert load_checkpoint(tmp_path / "last.pt")["state"]["epoch"] == 3


def test_what_is_called_around_each_epoch(tmp_path):
    begun, seen = [], []
    plan = TrainingPlan(3, Schedule(), seed=0, before_epoch=begun.append)
    state = run(
        tmp_path, plan, after_epoch=lambda history: seen.append((len(history), (tmp_path / "last.pt").exists()))
    )
    assert begun == [0, 1, 2]
    assert seen == [(1, False), (2, True), (3, True)]  # before the epoch's checkpoint
    assert [row["epoch"] for row in state.history] == [1, 2, 3]
    assert load_checkpoint(tmp_path / "last.pt")["about"] == {"note": "made up"}
    assert not (tmp_path / "best.pt").exists()
