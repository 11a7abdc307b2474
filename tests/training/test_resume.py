"""A run that is stopped anywhere and goes on ends with the same bits."""

import os
import random
import time

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from longtail.backbones import create_backbone
from longtail.data.transforms import Preprocessing
from longtail.sampling import Sampler
from longtail.schedules import Schedule
from longtail.training.batches import LoaderBatches, ResidentBatches
from longtail.training.checkpoints import load_checkpoint
from longtail.training.classification import Classification
from longtail.training.loop import train
from longtail.training.plan import TrainingPlan, TrainingRecord
from same_training import assert_same_training

PREPROCESSING = Preprocessing(
    size=8, resize=8, channels=1, mean=(0.3,), std=(0.4,), augmentation="shift", resident=True
)
COUNTS = (20, 12, 6)


class PowerCut(BaseException):
    pass


class MadeUpImages:
    name, class_names = "made-up", ("a", "b", "c")

    def __init__(self):
        self.labels = np.repeat(np.arange(3), COUNTS)
        generator = torch.Generator().manual_seed(0)
        self.pixels = torch.randint(0, 256, (len(self.labels), 1, 8, 8), dtype=torch.uint8, generator=generator)

    def __len__(self):
        return len(self.labels)

    def load(self, index, *, least=None):
        return self.pixels[index]

    def identify(self, index):
        return f"image {index}"


def run(folder, *, stop_after=None, resume=None, precision="32-true", accumulate=1, workers=None, save_every=0.0):
    """Train three epochs of four steps; cut the power after `stop_after` steps of this call."""
    fabric = Fabric(accelerator="cpu", devices=1, precision=precision)
    fabric.launch()
    source = MadeUpImages()
    torch.manual_seed(0)
    task = Classification(create_backbone("digits_cnn", num_classes=3, in_chans=1))
    optimizer = torch.optim.SGD(task.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-3)
    sampler = Sampler(source.labels, strategy="progressive", num_epochs=3, seed=3)
    shared = {"batch_size": 8, "accumulate": accumulate, "seed": 3}
    if workers is None:
        batches = ResidentBatches(source.pixels, torch.from_numpy(source.labels), sampler, PREPROCESSING, **shared)
    else:
        batches = LoaderBatches(source, sampler, PREPROCESSING, device=fabric.device, workers=workers, **shared)
    steps = batches.steps
    done = 0

    def fragile(epoch, first_step):
        nonlocal done
        for step in steps(epoch, first_step):
            if done == stop_after:
                raise PowerCut
            done += 1
            yield step

    batches.steps = fragile
    plan = TrainingPlan(
        num_epochs=3,
        schedule=Schedule("cosine", warmup_epochs=0.5),
        seed=3,
        save_every=save_every,
        validate=lambda: {"balanced": 50.0},
    )
    return train(fabric, task, optimizer, batches, plan, TrainingRecord(folder, {}, resume, quiet=True))


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_stopped_after_every_step(tmp_path, precision):
    run(tmp_path / "whole", precision=precision)
    for stop in range(1, 12):
        folder = tmp_path / f"stop-{stop}"
        with pytest.raises(PowerCut):
            run(folder, stop_after=stop, precision=precision)
        run(folder, resume=load_checkpoint(folder / "last.pt"), precision=precision)
        assert_same_training(tmp_path / "whole" / "last.pt", folder / "last.pt")


def test_work_since_the_last_checkpoint_is_done_again(tmp_path):
    run(tmp_path / "whole")
    with pytest.raises(PowerCut):
        run(tmp_path / "cut", stop_after=7, save_every=1e9)  # the only checkpoint is that of the first epoch
    assert load_checkpoint(tmp_path / "cut" / "last.pt")["state"]["epoch"] == 1
    run(tmp_path / "cut", resume=load_checkpoint(tmp_path / "cut" / "last.pt"))
    assert_same_training(tmp_path / "whole" / "last.pt", tmp_path / "cut" / "last.pt")


def test_with_workers_and_accumulated_batches(tmp_path):
    """Neither the number of workers nor a stop changes what is trained on."""
    run(tmp_path / "whole", workers=0, accumulate=2)
    with pytest.raises(PowerCut):
        run(tmp_path / "cut", workers=0, accumulate=2, stop_after=6)
    run(tmp_path / "cut", workers=2, accumulate=2, resume=load_checkpoint(tmp_path / "cut" / "last.pt"))
    assert_same_training(tmp_path / "whole" / "last.pt", tmp_path / "cut" / "last.pt")


SWITCHES = ["--policy", "randaugment", "--cutout", "4", "--mix", "cmo", "--ema", "0.99", "--sam", "0.05"]


@pytest.mark.parametrize("switches", [[], SWITCHES], ids=["plain", "switches"])
def test_kill_nine(forked, tmp_path, switches):
    """`longtail train`, killed at random steps, resumed as a user would, against an uninterrupted run."""
    command = ["-m", "longtail", "train", "digits", "--backbone", "digits_cnn", "--epochs", "4", "--quiet"]
    command += [
        "--batch-size",
        "8",
        "--ratio",
        "40",
        "--profile",
        "exp",
        "--device",
        "cpu",
        "--save-every",
        "0",
        *switches,
    ]
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert forked.run(*command, "--out", whole).returncode == 0
    last = cut / "checkpoints" / "last.pt"
    rng = random.Random(os.getpid())
    resume = []
    for _ in range(2):
        process = forked.start(*command, "--out", cut, *resume)
        wait_for_checkpoints(last, rng.randint(1, 60), process)
        process.kill()
        resume = ["--resume"]
        load_checkpoint(last)  # whole, whenever the kill came
    assert forked.run(*command, "--out", cut, "--resume").returncode == 0
    assert_same_training(whole / "checkpoints" / "last.pt", last)
    assert_same_training(whole / "checkpoints" / "best.pt", cut / "checkpoints" / "best.pt")


def wait_for_checkpoints(path, number, process):
    """Return once `path` was replaced `number` times, or the process has ended."""
    seen, before = 0, None
    while seen < number and process.poll() is None:
        now = path.stat().st_ino if path.exists() else None
        seen += now != before
        before = now
        time.sleep(0.001)
