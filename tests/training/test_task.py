"""What a training learns by: tasks with and without labels, and what is none."""

import subprocess
import sys

import pytest
import torch

from longtail.backbones import create_backbone
from longtail.errors import InputError
from longtail.pretraining import MoCo, RotationPrediction, SimSiam
from longtail.training.classification import Classification
from longtail.training.task import module_of


def tasks():
    def network():
        return create_backbone("digits_cnn", num_classes=3, in_chans=1)

    images = torch.rand(8, 1, 8, 8)
    yield Classification(network()), (images, torch.arange(8) % 3)
    yield RotationPrediction(network()), (images,)
    yield MoCo(network(), queue=16, batch_size=8), (images, images)
    yield SimSiam(network(), dimension=32, bottleneck=8), (images, images)


@pytest.mark.parametrize(("task", "batch"), list(tasks()), ids=lambda value: type(value).__name__)
def test_each_gives_a_loss_to_learn_from_and_numbers_to_watch(task, batch):
    assert module_of(task) is task
    loss, metrics = task(*batch)
    assert loss.shape == ()
    assert metrics
    assert all(isinstance(name, str) and value.numel() == 1 for name, value in metrics.items())
    assert not any(value.requires_grad for value in metrics.values())
    loss.backward()
    assert any(parameter.grad is not None for parameter in task.model.parameters())


def test_what_is_no_module_is_refused():
    with pytest.raises(InputError, match=r"`task` is a function; expected a torch\.nn\.Module"):
        module_of(lambda images: images)


@pytest.mark.slow
def test_mypy_refuses_a_module_whose_call_gives_no_loss_and_metrics(tmp_path):
    pytest.importorskip("mypy")
    script = tmp_path / "script.py"
    script.write_text(
        "from torch import Tensor, nn\n"
        "from longtail.training.classification import Classification\n"
        "from longtail.training.task import Task\n"
        "class Bare(nn.Module):\n"
        "    def forward(self, images: Tensor) -> Tensor:\n"
        "        return images\n"
        "good: Task = Classification(nn.Linear(3, 2))\n"
        "bad: Task = Bare()\n"
    )
    done = subprocess.run([sys.executable, "-m", "mypy", "--strict", script], capture_output=True, text=True)
    (error,) = (line for line in done.stdout.splitlines() if "error:" in line)
    assert "script.py:8: error: Incompatible types in assignment" in error
