"""Training steps on one thread, on all, and on as many as the program takes, beside processes that compute.

    python benchmarks/speed/threads.py --busy 0
    python benchmarks/speed/threads.py --busy 4

Prints milliseconds a step, medians of rounds that take turns; how many times as long all threads take as one; and how
many times as long the number that was taken takes as the better of the two. The number is that of `fastest_threads`,
or one where the step is small (`threads_for`), as in a training.
"""

import argparse
import multiprocessing
import statistics
import time
from collections.abc import Callable
from multiprocessing.synchronize import Event

import torch
from torch.nn.functional import cross_entropy

from longtail.backbones import create_backbone
from longtail.threads import SMALL_STEP, fastest_threads, step_of


def spin(stop: Event) -> None:
    """Compute until the event is set."""
    while not stop.is_set():
        sum(range(10_000))


@dataclass
class Case:
    """A training step, and how large it is.

    Attributes:
        step: trains.
        multiplications: as `threads_for` takes them.
        trial: what is measured to choose; None where small steps alone choose.
    """

    step: Callable[[], None]
    multiplications: int
    trial: Callable[[], None] | None = None

    def chosen(self) -> int:
        """Choose as a training does."""
        if self.trial is None or self.multiplications <= SMALL_STEP:
            return 1 if self.multiplications <= SMALL_STEP else torch.get_num_threads()
        return fastest_threads(self.trial).number


def network_step(name: str, size: int, channels: int, batch_size: int) -> Case:
    """Give a training step of a network on random images."""
    model = create_backbone(name, num_classes=10, in_chans=channels).to(memory_format=torch.channels_last)
    images = torch.randn(batch_size, channels, size, size).to(memory_format=torch.channels_last)
    labels = torch.arange(batch_size) % 10
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

    def step() -> None:
        optimizer.zero_grad()
        cross_entropy(model(images), labels).backward()
        optimizer.step()

    size_of_step = batch_size * multiplications_of(model, images[:1])
    return Case(step, size_of_step, step_of(model, images, learns=True, precision=nullcontext))


def linear_step(dimension: int, num_classes: int, batch_size: int) -> Callable[[], None]:
    """Give a training step of a linear layer on random features."""
    layer = torch.nn.Linear(dimension, num_classes)
    rows, labels = torch.randn(batch_size, dimension), torch.arange(batch_size) % num_classes
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.01, fused=True)

    def step() -> None:
        optimizer.zero_grad()
        cross_entropy(layer(rows), labels).backward()
        optimizer.step()

    return step


def milliseconds(step: Callable[[], None], threads: int, steps: int) -> float:
    """Time a step, after one that is not counted."""
    torch.set_num_threads(threads)
    step()
    started = time.perf_counter()
    for _ in range(steps):
        step()
    return (time.perf_counter() - started) / steps * 1000


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--busy", type=int, default=0, help="processes that compute beside")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=10)
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
    }
    print(f"{options.busy} processes beside; one thread up to {SMALL_STEP:,} multiplications in a product")
    for name, step in cases.items():
        one, many = [], []
        for _ in range(options.rounds):
            one.append(milliseconds(step, 1, options.steps))
            many.append(milliseconds(step, threads, options.steps))
        alone, together = statistics.median(one), statistics.median(many)
        times = f"1 thread {alone:8.2f} ms   {threads} threads {together:8.2f} ms"
        print(f"{name:<28} {times}   {together / alone:6.2f} times")
    stop.set()


if __name__ == "__main__":
    main()
