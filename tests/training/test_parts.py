"""Micro-batches: of single images they are avoided, or refused before the first step where batch norm learns."""

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from longtail.backbones import create_backbone, hold_all_but
from longtail.cli import main
from longtail.data.transforms import Preprocessing
from longtail.errors import InputError
from longtail.sampling import Sampler
from longtail.schedules import Schedule
from longtail.training.batches import ResidentBatches
from longtail.training.classification import Classification
from longtail.training.loop import train
from longtail.training.plan import TrainingPlan, TrainingRecord

PREPROCESSING = Preprocessing(8, 8, 1, (0.3,), (0.4,), "shift", resident=True)


def batches(number, **settings):
    labels = np.arange(number) % 3
    images = torch.zeros(number, 1, 8, 8, dtype=torch.uint8)
    return ResidentBatches(images, torch.from_numpy(labels), Sampler(labels), PREPROCESSING, **settings)


@pytest.mark.parametrize("number", range(1, 40))
@pytest.mark.parametrize(("batch_size", "accumulate", "num_ranks"), [(8, 4, 1), (16, 4, 2), (24, 2, 4), (64, 32, 1)])
def test_every_rank_takes_as_many_parts_and_none_of_one_where_it_can_be_avoided(
    number, batch_size, accumulate, num_ranks
):
    settings = {"batch_size": batch_size, "accumulate": accumulate, "num_ranks": num_ranks}
    if number < num_ranks:
        with pytest.raises(InputError, match=f"{number} images an epoch for {num_ranks} processes"):
            batches(number, **settings)
        return
    steps = [list(batches(number, **settings, rank=rank).steps(0, 0)) for rank in range(num_ranks)]
    sizes = [[len(labels) for _, labels in step] for rank in steps for step in rank]
    assert len({len(parts) for parts in sizes}) == 1
    smallest = batches(number, **settings).smallest_part
    assert min(min(parts) for parts in sizes) == smallest
    assert smallest >= 2 or min(number, batch_size) < 2 * num_ranks
    assert sum(map(sum, sizes)) == min(number, batch_size) * max(number // batch_size, 1)


def begin(tmp_path, model, frozen=(), **settings):
    fabric = Fabric(accelerator="cpu", devices=1)
    fabric.launch()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    task = Classification(model, frozen=frozen)
    plan = TrainingPlan(1, Schedule(), seed=0)
    train(fabric, task, optimizer, batches(12, **settings), plan, TrainingRecord(tmp_path, {}, quiet=True))


def network():
    return create_backbone("digits_cnn", num_classes=3, in_chans=1)


@pytest.mark.parametrize("settings", [{"batch_size": 4, "accumulate": 4}, {"batch_size": 1}])
def test_batch_norm_refuses_single_images_before_the_first_step(tmp_path, settings):
    model = network()
    with pytest.raises(InputError, match="parts of one image cannot go through batch norm"):
        begin(tmp_path, model, **settings)
    assert model.bn1.num_batches_tracked == 0
    assert not any(tmp_path.iterdir())


def test_what_learns_no_statistics_takes_single_images(tmp_path):
    model = network()
    begin(tmp_path / "held", model, frozen=hold_all_but(model, "classifier"), batch_size=1)
    plain = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3))
    begin(tmp_path / "plain", plain, batch_size=2, accumulate=2)


@pytest.mark.parametrize(
    "words",
    [
        ["train", "digits", "--batch-size", "4", "--accumulate", "4"],
        ["train", "digits", "--batch-size", "1"],
        [
            "run",
            "digits",
            "--methods",
            "crt",
            "--crt-from",
            "images",
            "--bn-mode",
            "reestimated",
            "--set",
            "crt.batch_size=1",
            "--epochs",
            "1",
        ],
    ],
)
def test_the_command_says_so(words, tmp_path, capsys):
    assert main([*words, "--device", "cpu", "--quiet", "--out", str(tmp_path)]) == 2
    (told,) = capsys.readouterr().err.splitlines()
    assert told.startswith("longtail: parts of one image cannot go through batch norm")
