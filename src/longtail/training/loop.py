"""The one training loop: every kind of training gives it a task, batches and a plan."""

import math
import time
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from longtail.errors import InputError, LongtailError
from longtail.training.batches import TrainingBatches, draw_seed
from longtail.training.checkpoints import Checkpoint, load_weights, save_checkpoint
from longtail.training.plan import TrainingPlan, TrainingRecord
from longtail.training.progress import ProgressBar, progress_bar
from longtail.training.sharpness import at_the_worst_point, held_statistics
from longtail.training.state import TrainingState
from longtail.training.task import Task, module_of
from longtail.training.weight_average import WeightAverage

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["TrainingDiverged", "train"]


class TrainingDiverged(LongtailError):
    """The loss is no finite number any more."""


def train(
    fabric: "Fabric",
    task: Task,
    optimizer: Optimizer,
    batches: TrainingBatches,
    plan: TrainingPlan,
    record: TrainingRecord,
) -> TrainingState:
    """Train until the plan's epochs are done; the record's folder then holds `last.pt` and, with validation, `best.pt`.

    Everything random in a step comes from (seed, epoch, step, rank), and a checkpoint holds weights, optimizer, loss
    scale and position; a run that was stopped anywhere and goes on ends with the same bits.

    Args:
        fabric: launched; places and parallelises the task.
        task: its weights are trained in place.
        optimizer: of the task's parameters; the schedule leaves groups with `constant_rate` alone.
        batches: the steps of each epoch.
        plan: epochs, rates, validation.
        record: where checkpoints go, and the one to go on from.

    Returns:
        The final state, with a row of history for each epoch. The task ends with the average of its weights, if any.

    Raises:
        InputError: micro-batches of single images, which batch norm cannot normalise, or another task's checkpoint.
        TrainingDiverged: the loss of an epoch is not finite.
    """
    placed, optimizer = fabric.setup(module_of(task), optimizer)
    _check_batch_norm(placed, batches, fabric.world_size)
    average = WeightAverage(placed, plan.ema) if plan.ema > 0 else None
    state = TrainingState() if record.resume is None else _restore(fabric, placed, optimizer, record.resume, average)
    for group in optimizer.param_groups:
        group.setdefault("initial_lr", group["lr"])
    training = _Training(fabric, placed, optimizer, batches, plan, record, state, average)
    images_per_epoch = batches.steps_per_epoch * batches.images_per_step
    quiet = record.quiet or not fabric.is_global_zero
    with progress_bar("train", plan.num_epochs * images_per_epoch, quiet=quiet) as bar:
        bar.skip(state.epoch * images_per_epoch + state.step * batches.images_per_step)
        while state.epoch < plan.num_epochs:
            if plan.before_epoch is not None:
                plan.before_epoch(state.epoch)
            training.run_steps(bar)
            row = training.close_epoch()
            bar.say(_summary(row, plan.num_epochs))
    if average is not None:
        load_weights(placed, {**placed.state_dict(), **average.state()}, "the average")
    fabric.barrier()  # no rank may look for last.pt before it is there
    return state


@dataclass(frozen=True)
class _Training:
    """A training under way: `task` and `optimizer` as Fabric has placed them, `state` where it stands."""

    fabric: "Fabric"
    task: nn.Module
    optimizer: Optimizer
    batches: TrainingBatches
    plan: TrainingPlan
    record: TrainingRecord
    state: TrainingState
    average: WeightAverage | None

    def run_steps(self, bar: ProgressBar) -> None:
        """Take the steps of the epoch that are left."""
        self.task.train()
        state, plan, steps_per_epoch = self.state, self.plan, self.batches.steps_per_epoch
        clock = saved = time.monotonic()
        for micro_batches in self.batches.steps(state.epoch, state.step):
            factor = plan.schedule.factor(state.epoch, state.step, steps_per_epoch, plan.num_epochs)
            for group in self.optimizer.param_groups:
                group["lr"] = group["initial_lr"] * (1.0 if group.get("constant_rate") else factor)
            for measured in self._gradients(micro_batches):
                state.add(measured, len(micro_batches))
            if plan.sam > 0:
                self._gradients_at_the_worst_point(micro_batches)
            self.optimizer.step()
            self.optimizer.zero_grad()
            if plan.after_step is not None:
                plan.after_step()
            if self.average is not None:
                self.average.update(state.epoch * steps_per_epoch + state.step)
            state.step += 1
            bar.advance(self.batches.images_per_step)
            now = time.monotonic()
            state.seconds += now - clock
            clock = now
            if now - saved >= plan.save_every and state.step < steps_per_epoch:
                self._save("last.pt")
                saved = time.monotonic()

    def _gradients(self, micro_batches: list[tuple[Tensor, ...]]) -> list[dict[str, Tensor]]:
        """Add up the gradients of a step's parts; return loss and metrics of each."""
        # dropout, stochastic depth, mixing
        torch.manual_seed(draw_seed(self.plan.seed, self.state.epoch, self.state.step, self.fabric.global_rank))
        measured = []
        for number, batch in enumerate(micro_batches, start=1):
            enabled = number < len(micro_batches)
            with self.fabric.no_backward_sync(self.task, enabled=enabled):  # type: ignore[arg-type]  # as placed
                loss, metrics = self.task(*batch)
                self.fabric.backward(loss / len(micro_batches))
            measured.append({"loss": loss.detach(), **metrics})
        return measured

    def _gradients_at_the_worst_point(self, micro_batches: list[tuple[Tensor, ...]]) -> None:
        """Put those of a point nearby in the place of the gradients, with the same draws."""
        parameters = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        with at_the_worst_point(parameters, self.plan.sam), held_statistics(self.task):
            self.optimizer.zero_grad()
            self._gradients(micro_batches)

    def close_epoch(self) -> dict[str, Any]:
        """Validate, write the history and the epoch's checkpoints; return what was measured."""
        started, state, plan = time.monotonic(), self.state, self.plan
        row = self._mean_row()
        measured: dict[str, float] = {}
        if plan.validate is not None:
            self.task.eval()
            with nullcontext() if self.average is None else self.average.in_place():
                measured = plan.validate()
            row |= {f"val_{name}": value for name, value in measured.items()}
        state.close_epoch(row)
        state.seconds += time.monotonic() - started
        if plan.validate is not None and measured[plan.best_by] > state.best:
            state.best = measured[plan.best_by]
            self._save("best.pt")
        if self.record.after_epoch is not None and self.fabric.is_global_zero:
            self.record.after_epoch(state.history)
        self._save("last.pt")
        return row

    def _mean_row(self) -> dict[str, Any]:
        means = {
            name: float(self.fabric.all_reduce(total, reduce_op="mean")) / self.batches.steps_per_epoch  # type: ignore[arg-type]
            for name, total in self.state.sums.items()
        }
        if not math.isfinite(means["loss"]):
            raise TrainingDiverged(
                f"the loss became {means['loss']} in epoch {self.state.epoch + 1}. Lower --learning-rate, add "
                "--warmup-epochs, or use --precision float32; the checkpoint of the epoch before is kept."
            )
        return {
            "epoch": self.state.epoch + 1,
            "learning_rate": self.optimizer.param_groups[0]["lr"],
            "seconds": round(self.state.seconds, 3),
            **{f"train_{name}": value for name, value in means.items()},
        }

    def _save(self, name: str) -> None:
        if not self.fabric.is_global_zero:
            return
        checkpoint = {
            "task": self.task.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "precision": self.fabric.strategy.precision.state_dict(),
            "state": self.state.stored(),
            "about": self.record.about,
        }
        if self.average is not None:
            checkpoint["task"] |= self.average.state()
            checkpoint["learning"] = self.average.learning()
        save_checkpoint(checkpoint, self.record.folder / name)


def _check_batch_norm(task: nn.Module, batches: TrainingBatches, num_ranks: int) -> None:
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


def _restore(
    fabric: "Fabric", task: nn.Module, optimizer: Optimizer, checkpoint: Checkpoint, average: WeightAverage | None
) -> TrainingState:
    """Load weights, momentum and loss scale of a checkpoint; return where it stands."""
    origin, learning = "the checkpoint to go on from", checkpoint.get("learning", {})
    if (average is not None) != bool(learning):
        kept = "an average of weights beside them" if learning else "no average of weights"
        raise InputError(f"{origin} has {kept}, and this training {'has not' if learning else 'has'}: other `ema`.")
    load_weights(task, checkpoint["task"], origin)
    if average is not None:
        average.load(checkpoint["task"])
        load_weights(task, {**checkpoint["task"], **learning}, origin)
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


def _summary(row: dict[str, Any], num_epochs: int) -> str:
    parts = [f"epoch {row['epoch']}/{num_epochs}", f"loss {row['train_loss']:.3f}"]
    if "val_balanced" in row:
        parts.append(f"val balanced {row['val_balanced']:.1f} %")
    return "  ".join(parts)
