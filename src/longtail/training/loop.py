"""The one training loop: every kind of training gives it a task, batches and a schedule."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypedDict

import torch
from lightning.fabric import Fabric
from msgspec import Meta
from torch import Tensor, nn

from longtail.errors import InputError, LongtailError
from longtail.ranges import Range
from longtail.schedules import Schedule
from longtail.training.batches import TrainingBatches, draw_seed
from longtail.training.checkpoints import Checkpoint, check_plain, load_weights, save_checkpoint
from longtail.training.progress import ProgressBar, progress_bar

__all__ = ["Classification", "TrainingDiverged", "TrainingState", "train"]


class TrainingDiverged(LongtailError):
    """The loss is no finite number any more."""


class Classification(nn.Module):
    """The supervised task: cross-entropy, or another loss, of a network that ends in a classifier.

    A task is a module whose call gives the loss of a batch and what else is worth watching, as means over the batch.
    All that it learns or remembers is in its state dict, so that a checkpoint holds it.

    Args:
        model: maps images (B, channels, H, W) to logits (B, C).
        loss: maps logits (B, C) and labels (B,) to a scalar.
        still: modules of the model that stay in evaluation mode, so that their batch-norm statistics stay as they are.
    """

    def __init__(self, model: nn.Module, loss: nn.Module | None = None, *, still: Sequence[nn.Module] = ()) -> None:
        super().__init__()
        self.model = model
        self.loss = loss if loss is not None else nn.CrossEntropyLoss()
        self._still = tuple(still)  # a tuple is no submodule: the state dict holds each weight once

    def train(self, mode: bool = True) -> "Classification":
        """Switch to training; the still parts do not follow."""
        super().train(mode)
        for module in self._still:
            module.eval()
        return self

    def forward(self, images: Tensor, labels: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Give the loss of a batch and its top-1 accuracy in percent."""
        logits = self.model(images)
        accuracy = (logits.argmax(dim=1) == labels).float().mean() * 100
        return self.loss(logits, labels), {"accuracy": accuracy}


class _StoredState(TypedDict):
    epoch: Annotated[int, Meta(ge=0)]
    step: Annotated[int, Meta(ge=0)]
    history: list[dict[str, float | None]]
    best: float
    seconds: float


@dataclass
class TrainingState:
    """Where a run stands: the epoch and step that come next, and what was measured so far.

    Attributes:
        epoch: from 0; equals the number of epochs when the run is finished.
        step: of that epoch, from 0.
        sums: of loss and metrics over the steps of the epoch so far.
        history: a row for each finished epoch.
        best: the best validation value so far.
        seconds: spent training.
    """

    epoch: int = 0
    step: int = 0
    sums: dict[str, Tensor] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    best: float = -math.inf
    seconds: float = 0.0

    @classmethod
    def of(cls, checkpoint: Checkpoint, origin: str) -> "TrainingState":
        """Return where the training of a checkpoint stands.

        Raises:
            InputError: the checkpoint does not say it, or of what was not trained.
        """
        expected = "a checkpoint of a training, such as RUN/checkpoints/last.pt"
        sums = checkpoint["state"].get("sums")
        others = {name: value for name, value in checkpoint["state"].items() if name != "sums"}
        check_plain(others, _StoredState, origin=f"{origin}, state", expected=expected)
        if not isinstance(sums, dict):
            raise InputError(f"{origin}, state: holds no sums. Expected {expected}.")
        for name, total in sums.items():
            if not isinstance(total, Tensor) or total.numel() != 1 or not total.is_floating_point():
                raise InputError(f"{origin}, state: the sum of {name} is no number. Expected {expected}.")
        return cls(sums=dict(sums), **{name: others[name] for name in _StoredState.__annotations__})


def train(
    fabric: Fabric,
    task: Any,
    optimizer: Any,
    batches: TrainingBatches,
    *,
    num_epochs: int,
    schedule: Schedule,
    seed: int,
    folder: Path,
    about: dict[str, Any],
    validate: Callable[[], dict[str, float]] | None = None,
    best_by: str = "balanced",
    before_epoch: Callable[[int], None] | None = None,
    after_epoch: Callable[[list[dict[str, Any]]], None] | None = None,
    resume: Checkpoint | None = None,
    save_every: float = 30.0,
    quiet: bool = False,
) -> TrainingState:
    """Train until `num_epochs` are done; `folder` then holds `last.pt` and, with validation, `best.pt`.

    Everything random in a step comes from (seed, epoch, step, rank), and a checkpoint holds weights, optimizer, loss
    scale and position; a run that was stopped anywhere and goes on ends with the same bits.

    Args:
        fabric: launched; places and parallelises.
        task: the module after `fabric.setup`; its call gives (loss, metrics).
        optimizer: the optimizer after `fabric.setup`; the schedule leaves groups with `constant_rate` alone.
        batches: the steps of each epoch.
        num_epochs: T.
        schedule: of the learning rate.
        seed: of everything random.
        folder: for the checkpoints.
        about: plain values that go into each checkpoint: backbone, classes, preprocessing, configuration.
        validate: called after each epoch; gives metrics in percent.
        best_by: the metric of `validate` by which `best.pt` is chosen.
        before_epoch: called with the number of each epoch, from 0, before its first step or the first after resuming.
        after_epoch: called in the first process with the history so far, before the epoch's checkpoint is written.
        resume: a checkpoint of this run, to go on from.
        save_every: seconds between checkpoints inside an epoch.
        quiet: show no progress.

    Returns:
        The final state, with a row of history for each epoch.

    Raises:
        InputError: micro-batches of single images, which batch norm cannot normalise.
        TrainingDiverged: the loss of an epoch is not finite.
    """
    Range(1).check(num_epochs, "num_epochs", whole=True)
    Range(0).check(save_every, "save_every")
    _check_batch_norm(task, batches, fabric.world_size)
    state = _restore(fabric, task, optimizer, resume) if resume else TrainingState()
    for group in optimizer.param_groups:
        group.setdefault("initial_lr", group["lr"])
    images_per_epoch = batches.steps_per_epoch * batches.images_per_step

    def save(name: str) -> None:
        if fabric.is_global_zero:
            save_checkpoint(_snapshot(fabric, task, optimizer, state) | {"about": about}, folder / name)

    quiet = quiet or not fabric.is_global_zero
    with progress_bar("train", num_epochs * images_per_epoch, quiet=quiet) as bar:
        bar.skip(state.epoch * images_per_epoch + state.step * batches.images_per_step)
        while state.epoch < num_epochs:
            if before_epoch is not None:
                before_epoch(state.epoch)
            _train_epoch(fabric, task, optimizer, batches, state, bar, num_epochs, schedule, seed, save, save_every)
            started = time.monotonic()
            row = _close_epoch(fabric, optimizer, batches, state)
            if validate is not None:
                task.eval()
                measured = validate()
                row |= {f"val_{name}": value for name, value in measured.items()}
            state.history.append(row)
            state.epoch, state.step, state.sums = state.epoch + 1, 0, {}
            state.seconds += time.monotonic() - started
            if validate is not None and measured[best_by] > state.best:
                state.best = measured[best_by]
                save("best.pt")
            if after_epoch is not None and fabric.is_global_zero:
                after_epoch(state.history)
            save("last.pt")
            bar.say(_told(row, num_epochs))
    fabric.barrier()  # no rank may look for last.pt before it is there
    return state


def _check_batch_norm(task: Any, batches: TrainingBatches, num_ranks: int) -> None:
    """Refuse what torch fails at in the midst of a step, or normalises by the statistics of a single image."""
    if batches.smallest_part > 1:
        return
    task.train()
    for module in task.modules():
        over_all = isinstance(module, nn.SyncBatchNorm) and num_ranks > 1
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.training and not over_all:
            raise InputError(
                f"parts of one image cannot go through batch norm: a step has {batches.images_per_step} images for "
                f"{num_ranks} processes and their accumulated parts. Take a larger batch, fewer parts (--accumulate), "
                "or fewer processes."
            )


def _train_epoch(
    fabric: Fabric,
    task: Any,
    optimizer: Any,
    batches: TrainingBatches,
    state: TrainingState,
    bar: ProgressBar,
    num_epochs: int,
    schedule: Schedule,
    seed: int,
    save: Callable[[str], None],
    save_every: float,
) -> None:
    task.train()
    clock = saved = time.monotonic()
    epoch = state.epoch
    for micro_batches in batches.steps(epoch, state.step):
        factor = schedule.factor(epoch, state.step, batches.steps_per_epoch, num_epochs)
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] * (1.0 if group.get("constant_rate") else factor)
        torch.manual_seed(draw_seed(seed, epoch, state.step, fabric.global_rank))  # dropout, stochastic depth
        for number, batch in enumerate(micro_batches, start=1):
            with fabric.no_backward_sync(task, enabled=number < len(micro_batches)):
                loss, metrics = task(*batch)
                fabric.backward(loss / len(micro_batches))
            for name, value in {"loss": loss, **metrics}.items():
                share = value.detach().float() / len(micro_batches)
                state.sums[name] = state.sums[name] + share if name in state.sums else share
        optimizer.step()
        optimizer.zero_grad()
        state.step += 1
        bar.advance(batches.images_per_step)
        now = time.monotonic()
        state.seconds += now - clock
        clock = now
        if now - saved >= save_every and state.step < batches.steps_per_epoch:
            save("last.pt")
            saved = time.monotonic()


def _close_epoch(fabric: Fabric, optimizer: Any, batches: TrainingBatches, state: TrainingState) -> dict[str, Any]:
    means = {
        name: float(fabric.all_reduce(total, reduce_op="mean")) / batches.steps_per_epoch  # type: ignore[arg-type]
        for name, total in state.sums.items()
    }
    if not math.isfinite(means["loss"]):
        raise TrainingDiverged(
            f"the loss became {means['loss']} in epoch {state.epoch + 1}. Lower --learning-rate, add "
            "--warmup-epochs, or use --precision float32; the checkpoint of the epoch before is kept."
        )
    return {
        "epoch": state.epoch + 1,
        "learning_rate": optimizer.param_groups[0]["lr"],
        "seconds": round(state.seconds, 3),
        **{f"train_{name}": value for name, value in means.items()},
    }


def _snapshot(fabric: Fabric, task: Any, optimizer: Any, state: TrainingState) -> dict[str, Any]:
    return {
        "task": task.state_dict(),
        "optimizer": optimizer.state_dict(),
        "precision": fabric.strategy.precision.state_dict(),
        "state": {**vars(state), "sums": dict(state.sums), "history": [dict(row) for row in state.history]},
    }


def _restore(fabric: Fabric, task: Any, optimizer: Any, checkpoint: Checkpoint) -> TrainingState:
    origin = "the checkpoint to go on from"
    load_weights(task, checkpoint["task"], origin)
    state = TrainingState.of(checkpoint, origin)
    # the sums are the first rank's; over several ranks the log of a resumed epoch's first stretch is that rank's alone
    state.sums = {name: total.to(fabric.device) for name, total in state.sums.items()}
    try:
        # rates and decays are those of the settings; of the past there is the momentum
        momentum = checkpoint["optimizer"]["state"]
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        for number, buffers in momentum.items():
            if any(tensor.shape != parameters[number].shape for tensor in buffers.values() if tensor is not None):
                raise ValueError(f"momentum of other shapes than parameter {number}")
        optimizer.load_state_dict({"state": momentum, "param_groups": optimizer.state_dict()["param_groups"]})
        if checkpoint["precision"]:
            fabric.strategy.precision.load_state_dict(checkpoint["precision"])
    # what a damaged one makes torch stumble over is of a dozen kinds
    except Exception as error:
        raise InputError(
            f"{origin} holds no optimizer that fits ({type(error).__name__}: {str(error).splitlines()[0][:120]}). "
            "Begin anew in another folder."
        ) from error
    return state


def _told(row: dict[str, Any], num_epochs: int) -> str:
    parts = [f"epoch {row['epoch']}/{num_epochs}", f"loss {row['train_loss']:.3f}"]
    if "val_balanced" in row:
        parts.append(f"val balanced {row['val_balanced']:.1f} %")
    return "  ".join(parts)
