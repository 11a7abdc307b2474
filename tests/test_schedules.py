"""Schedules against the original's printed rates."""

import json

import numpy as np
import pytest
import torch

from longtail.errors import InputError
from longtail.schedules import Schedule


def test_shifted_cosine_is_the_originals_on_a_recent_torch(shared):
    official = json.loads((shared / "reference/plankton121_official.json").read_text())
    for method in ("crt", "lws"):
        rates = official[method]["lrs"]
        ours = [0.2 * Schedule("cosine-epoch-shifted").factor(k, 3, 49, len(rates)) for k in range(len(rates))]
        assert ours == pytest.approx(rates, abs=1e-6)


def test_cosine_by_epoch_is_torchs_scheduler():
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=7)
    for epoch in range(7):
        assert Schedule("cosine-epoch").factor(epoch, 5, 10, 7) == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()


def test_cosine_falls_at_every_step_and_warm_up_rises_to_it():
    plain, warm = Schedule("cosine"), Schedule("cosine", warmup_epochs=2)
    steps = [(epoch, step) for epoch in range(5) for step in range(10)]
    falling = [plain.factor(epoch, step, 10, 5) for epoch, step in steps]
    assert falling[0] == 1
    assert (np.diff(falling) < 0).all()
    rising = [warm.factor(epoch, step, 10, 5) for epoch, step in steps]
    assert rising[0] == pytest.approx(1 / 20)
    assert rising[20:] == falling[20:]


def test_steps_as_shares_and_as_epochs():
    shares, epochs = Schedule("step"), Schedule("step", milestones=(160, 180), gamma=0.01)
    assert [shares.factor(epoch, 0, 1, 200) for epoch in (0, 159, 160, 180)] == pytest.approx([1, 1, 0.1, 0.01])
    assert [epochs.factor(epoch, 0, 1, 200) for epoch in (159, 160, 180)] == pytest.approx([1, 0.01, 0.0001])
    for percent in range(1, 100):  # 0.55 x 100 is a little more than 55
        share = Schedule("step", milestones=(percent / 100,))
        assert [share.factor(epoch, 0, 1, 100) for epoch in (percent - 1, percent)] == pytest.approx([1, 0.1])


def test_unknown_schedule():
    with pytest.raises(InputError, match="Schedules: cosine, cosine-epoch"):
        Schedule("linear").factor(0, 0, 1, 1)
