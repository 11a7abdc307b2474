"""Training steps on one thread, on all, and on as many as the program takes, beside processes that compute.

    python benchmarks/speed/threads.py --busy 0
    python benchmarks/speed/threads.py --busy 4

Prints milliseconds a step, medians of rounds that take turns; how many times as long all threads take as one; and how
many times as long the number that was taken takes as the better of the two. The number is one where the step is small
(`threads_for`), else that of `fastest_threads`, as in a training.
"""

import argparse
import multiprocessing
import statistics
import time
from collections.abc import Callable
from contextlib import nullcontext
from multiprocessing.synchronize import Event

import torch
from torch.nn.functional import cross_entropy
from torch.utils.flop_counter import FlopCounterMode

from longtail.backbones import create_backbone
from longtail.threads import fastest_threads, step_of, threads_for


def spin(stop: Event) -> None:
    """Compute until the event is set."""
    while not stop.is_set():
        sum(range(10_000))


def network_step(name: str, size: int, channels: int, batch_size: int) -> tuple[Callable[[], None], int]:
    """Return a training step of a network on random images, and the multiplications of its average layer."""
    model = create_backbone(name, num_classes=10, in_chans=channels).to(memory_format=torch.channels_last)
    images = torch.randn(batch_size, channels, size, size).to(memory_format=torch.channels_last)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.eval()(images)
    layers = sum(isinstance(layer, torch.nn.Conv2d | torch.nn.Linear) for layer in model.modules())
    return step_of(model, images, learns=True, precision=nullcontext), counter.get_total_flops() // 2 // layers


def linear_step(dimension: int, num_classes: int, batch_size: int) -> tuple[Callable[[], None], int]:
    """Return a training step of a linear layer on random features, and its multiplications."""
    layer = torch.nn.Linear(dimension, num_classes)
    rows, labels = torch.randn(batch_size, dimension), torch.arange(batch_size) % num_classes
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.01, fused=True)

    def step() -> None:
        optimizer.zero_grad()
        cross_entropy(layer(rows), labels).backward()
        optimizer.step()

    return step, batch_size * dimension * num_classes


def chosen_threads(step: Callable[[], None], multiplications: int) -> int:
    """Choose as a training does."""
    with threads_for(multiplications):
        return 1 if torch.get_num_threads() == 1 else fastest_threads(step).number


def milliseconds(step: Callable[[], None], threads: int, seconds: float) -> float:
    """Time steps for so long, after one that is not counted: shorter than the system's time slices says nothing."""
    torch.set_num_threads(threads)
    step()
    started = time.perf_counter()
    steps = 0
    while time.perf_counter() - started < seconds:
        step()
        steps += 1
    return (time.perf_counter() - started) / steps * 1000


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--busy", type=int, default=0, help="processes that compute beside")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="of a number of threads in a round")
    options = parser.parse_args()
    threads = torch.get_num_threads()
    stop = multiprocessing.Event()
    beside = [multiprocessing.Process(target=spin, args=(stop,), daemon=True) for _ in range(options.busy)]
    for process in beside:
        process.start()
    cases = {
        "linear 64 x 10, batch 128": linear_step(64, 10, 128),
        "linear 768 x 20, batch 512": linear_step(768, 20, 512),
        "linear 768 x 121, batch 512": linear_step(768, 121, 512),
        "digits_cnn 8 px, batch 32": network_step("digits_cnn", 8, 1, 32),
        "digits_cnn 8 px, batch 128": network_step("digits_cnn", 8, 1, 128),
        "resnet20 16 px, batch 128": network_step("resnet20", 16, 3, 128),
        "resnet20 32 px, batch 128": network_step("resnet20", 32, 3, 128),
    }
    print(f"{options.busy} processes beside")
    for name, (step, multiplications) in cases.items():
        torch.set_num_threads(threads)
        taken = chosen_threads(step, multiplications)
        rounds = [
            [milliseconds(step, number, options.seconds) for number in (1, threads)] for _ in range(options.rounds)
        ]
        alone, together = (statistics.median(times) for times in zip(*rounds, strict=True))
        worse = (alone if taken == 1 else together) / min(alone, together)
        times = f"1 thread {alone:8.2f} ms   {threads} threads {together:8.2f} ms   {together / alone:6.2f} times"
        print(f"{name:<28} {times}   taken {taken}: {worse:.2f} times the better")
    stop.set()


if __name__ == "__main__":
    main()
