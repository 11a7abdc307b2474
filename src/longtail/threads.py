"""How many threads compute: one where steps are small, else as many as are fastest now."""

import copy
import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import cross_entropy

__all__ = [
    "Threads",
    "asked_threads",
    "candidate_threads",
    "fastest_threads",
    "is_crowded",
    "step_of",
    "threads_for",
]

# up to here two threads save a quarter of a step, less than a millisecond, on an idle machine; on a busy one, where
# they wait for each other at each product, a step takes tens of times as long (benchmarks/speed/threads.py)
SMALL_STEP = 2**23
ROUNDS = 4  # of which the first is not counted
HOPELESS = 3.0  # times slower needs no further look
PATIENCE = 5  # times as long a look where others compute: threads that wait for each other do so now and then only
LOOKS = 9  # at how many threads of all processes run


@contextmanager
def threads_for(multiplications: int) -> Iterator[None]:
    """Let one thread compute inside where each step is small, else as many as before.

    A number that a person has set (OMP_NUM_THREADS) stays in any case.

    Args:
        multiplications: of a typical product in a step, such as rows of a batch times weights of a layer.

    Example:
        >>> with threads_for(multiplications=1000):
        ...     torch.get_num_threads()
        1
    """
    usual = torch.get_num_threads()
    if multiplications > SMALL_STEP or usual in (1, asked_threads(os.environ)):
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(usual)


def asked_threads(environment: Mapping[str, str]) -> int | None:
    """Return the number of threads that a person has set, as OpenMP reads it; None where there is none.

    Example:
        >>> asked_threads({"OMP_NUM_THREADS": "4"}), asked_threads({"OMP_NUM_THREADS": "all"}), asked_threads({})
        (4, None, None)
    """
    first = environment.get("OMP_NUM_THREADS", "").split(",")[0].strip()  # the others are of threads within threads
    return int(first) if first.isascii() and first.isdigit() and 1 <= int(first) < 2**16 else None


@dataclass(frozen=True)
class Threads:
    """A number of threads, and why.

    Attributes:
        number: that is fastest.
        usual: that torch would take.
        seconds: of a step, by number of threads; only of those that were tried to the end.
    """

    number: int
    usual: int
    seconds: dict[int, float]


def candidate_threads(usual: int) -> list[int]:
    """Return the numbers of threads that are worth a try: 1, 2, 4, ... up to the usual one.

    Example:
        >>> candidate_threads(6)
        [1, 2, 4, 6]
    """
    return [*(2**k for k in range(usual.bit_length()) if 2**k < usual), usual]


def fastest_threads(step: Callable[[], object], *, seconds: float = 0.3, enough: float = 1.2) -> Threads:
    """Find out with how many threads a step is fastest now, on this machine with whatever else computes on it.

    On a machine that others use, threads of one step wait for each other: two can be ten times as slow as one. 1, 2, 4,
    ... threads take turns up to the usual number, which stays unless another is so much faster. Where others compute on
    the cores that it takes (`is_crowded`), it is the other way round: it has to be so much faster than fewer threads,
    in the mean of a longer look, slow steps included.

    Args:
        step: computes something that is typical, always the same; a copy, where it must not change what it works on.
        seconds: to spend, about; `ROUNDS` steps with each number take longer where a step does.
        enough: how many times as fast another number than the usual one has to be, or the other way round; up to 3.

    Returns:
        The number; that of torch is as it was.

    Example:
        >>> fastest_threads(lambda: time.sleep(0.01 * torch.get_num_threads())).number
        1
    """
    usual = torch.get_num_threads()
    times: dict[int, list[float]] = {number: [] for number in candidate_threads(usual)}
    if len(times) == 1:
        return Threads(usual, usual, {})
    crowded = is_crowded(usual)
    seconds *= PATIENCE if crowded else 1
    started = time.perf_counter()
    try:
        rounds = 0
        while rounds < ROUNDS or time.perf_counter() - started < seconds:
            for number, taken in times.items():
                torch.set_num_threads(number)
                begun = time.perf_counter()
                step()
                taken.append(time.perf_counter() - begun)
            rounds += 1
            if rounds == 1:  # lays out what the later steps find
                times = {number: [] for number in times}
                continue
            best = min(min(taken) for taken in times.values())
            times = {number: taken for number, taken in times.items() if min(taken) <= HOPELESS * best}
    finally:
        torch.set_num_threads(usual)
    typical = {number: (statistics.mean if crowded else statistics.median)(taken) for number, taken in times.items()}
    fastest = min(typical, key=lambda number: typical[number])
    stays = usual in typical and typical[usual] <= enough * typical[fastest]
    if crowded and len(typical) > 1:
        fewer = min((number for number in typical if number != usual), key=lambda number: typical[number])
        stays = stays and enough * typical[usual] < typical[fewer]
        fastest = fewer
    return Threads(usual if stays else fastest, usual, typical)


def is_crowded(threads: int) -> bool:
    """Return whether so many threads would not find a core each, beside what other processes compute just now.

    Only Linux says how many threads run; elsewhere it is False.
    """
    running = []
    for _ in range(LOOKS):
        time.sleep(0.005)  # until threads of this process that have just computed are asleep
        try:
            words = Path("/proc/loadavg").read_text(encoding="ascii").split()
            running.append(int(words[3].partition("/")[0]) - 1)  # all but this one
        except (OSError, ValueError, IndexError):
            return False
    return statistics.median(running) + threads > (os.cpu_count() or threads)


def step_of(model: Any, images: torch.Tensor, *, learns: bool, precision: Callable[[], Any]) -> Callable[[], None]:
    """Return a step on a copy of a network, which neither changes the network nor draws random numbers.

    Args:
        model: maps images to logits, on the CPU.
        images: shape (B, channels, H, W); what they show is of no account.
        learns: with the backward pass.
        precision: gives the context in which the network computes.
    """
    copied = copy.deepcopy(model).train(learns)
    labels = torch.zeros(len(images), dtype=torch.int64)

    def step() -> None:
        with torch.random.fork_rng(devices=[]), torch.set_grad_enabled(learns), precision():
            logits = copied(images)
            if learns:
                torch.autograd.backward(cross_entropy(logits.float(), labels))

    return step
