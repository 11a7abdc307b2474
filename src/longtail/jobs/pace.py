"""How many threads a command computes with: as many as were asked for, as a run began with, or as are fastest now."""

import os
import sys
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from longtail.errors import InputError
from longtail.threads import ROUNDS, Threads, asked_threads, candidate_threads, fastest_threads, step_of

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from longtail.data.transforms import Preprocessing
    from longtail.jobs.stage_one.trained_model import TrainedModel

__all__ = ["Work", "ask_for_threads", "go_on_with", "settle_threads", "settle_threads_of_heads"]

LITTLE = 2**34  # multiplications that are not worth a measurement
MEASURED = 2**30  # multiplications a thread of a step that is measured: some hundredths of a second
_settled: "WeakSet[Fabric]" = WeakSet()  # by what a command has launched


def ask_for_threads(threads: int | None) -> None:
    """Compute with so many threads from here on, here and in the processes that this one starts.

    Args:
        threads: of --threads; without it the environment's count, where it says how many.

    Raises:
        InputError: the environment says nonsense.
    """
    import torch

    if threads is not None:
        os.environ["OMP_NUM_THREADS"] = str(threads)
        torch.set_num_threads(threads)
    given = os.environ.get("OMP_NUM_THREADS")
    if given and asked_threads(os.environ) is None:
        raise InputError(
            f"the environment variable OMP_NUM_THREADS is {given!r}; expected a whole number of at least 1. Unset it, "
            "or say --threads N."
        )


def go_on_with(fabric: "Fabric", threads: int | None) -> None:
    """Compute with the number of threads that a finished training was part of, unless another was asked for."""
    import torch

    if threads is not None and asked_threads(os.environ) is None:
        torch.set_num_threads(threads)
        _settled.add(fabric)


@dataclass(frozen=True)
class Work:
    """What is to be computed.

    Attributes:
        model: maps images to logits; it is copied where something is measured.
        preprocessing: of the images.
        images_at_once: of a step of this process.
        images: of all steps; where that is little work, nothing is measured.
        learns: whether it trains.
    """

    model: Any
    preprocessing: "Preprocessing"
    images_at_once: int
    images: int
    learns: bool = False

    @classmethod
    def of_features(cls, model: "TrainedModel", images: int) -> "Work":
        """Return the work of computing the features of so many images."""
        from longtail.training.passes import images_a_pass

        size = model.preprocessing.size
        return cls(model.model, model.preprocessing, images_a_pass(size, size), images)


def settle_threads(fabric: "Fabric", work: Work, *, began_with: int | None = None, quiet: bool = False) -> int:
    """Compute from here on with the number of threads that was asked for, or that a run began with, or is fastest now.

    It is settled once in a command: results are the same to the bit for the same number of threads alone.

    Args:
        fabric: launched; on a GPU nothing is measured.
        work: that comes.
        began_with: the number of what goes on.
        quiet: say nothing where it is not the usual number.

    Returns:
        The number of threads.
    """
    import torch

    # the first process decides for all: none may wait in a measurement that another does without
    asked, usual = fabric.broadcast((asked_threads(os.environ), torch.get_num_threads()))
    number, message = usual, ""
    if asked is not None:
        number = asked
        if began_with not in (None, asked):
            message = f"this began with {began_with} threads and goes on with {asked}: last digits may differ."
    elif began_with is not None:
        number = began_with
    elif fabric not in _settled and usual > 1 and fabric.device.type == "cpu":
        fastest = _measured(fabric, work)
        number, message = fastest.number, _thread_message(fastest)
    if message and fabric.is_global_zero and not quiet:
        print(message, file=sys.stderr, flush=True)
    torch.set_num_threads(number)
    _settled.add(fabric)
    return number


def settle_threads_of_heads(threads: int | None) -> None:
    """Compute with the number of threads that was asked for, or with fewer where several only wait for each other.

    Args:
        threads: of --threads.
    """
    import torch

    ask_for_threads(threads)
    if torch.get_num_threads() == 1 or asked_threads(os.environ) is not None:
        return
    layer, rows = torch.nn.Linear(768, 128), torch.zeros(512, 768)
    # small differences are left alone: equal calls are to give equal results
    result = fastest_threads(lambda: layer(rows).sum().backward(), seconds=0.3, enough=2.0)
    torch.set_num_threads(result.number)


def _multiplications(model: Any, preprocessing: "Preprocessing", *, learns: bool) -> int:
    """Return those of one image."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        step_of(model, _images(preprocessing, 1), learns=False, precision=nullcontext)()
    return int(max(counter.get_total_flops() // 2, 1)) * (3 if learns else 1)


def _images(preprocessing: "Preprocessing", number: int) -> Any:
    import torch

    shape = (number, preprocessing.channels, preprocessing.size, preprocessing.size)
    return torch.zeros(shape).to(memory_format=torch.channels_last)


def _measured(fabric: "Fabric", work: Work) -> Threads:
    """Return the number that is fastest, or the usual one where the work is hardly more than its measurement."""
    import torch

    usual = torch.get_num_threads()
    cost = _multiplications(work.model, work.preprocessing, learns=work.learns)
    at_once = max(min(work.images_at_once, usual * MEASURED // cost), 2 if work.learns else 1)  # batch norm: from two
    needed = ROUNDS * len(candidate_threads(usual)) * at_once
    is_worth_it = fabric.broadcast(cost * work.images >= LITTLE and work.images >= 4 * needed)
    if not is_worth_it:
        return Threads(usual, usual, {})
    fabric.barrier()  # all processes at once, as they are going to compute
    images = _images(work.preprocessing, at_once)
    step = step_of(work.model, images, learns=work.learns, precision=fabric.autocast)
    return fabric.broadcast(fastest_threads(step))


def _thread_message(threads: Threads) -> str:
    if threads.number == threads.usual:
        return ""
    fast = threads.seconds[threads.number]
    slow = threads.seconds.get(threads.usual)
    usual = f"more than {3 * fast * 1000:,.0f}" if slow is None else f"{slow * 1000:,.0f}"
    return (
        f"computing with {threads.number} of {threads.usual} threads: a step takes {fast * 1000:,.0f} ms so, {usual} "
        "ms with all of them, while others compute here too. --threads N takes N."
    )
