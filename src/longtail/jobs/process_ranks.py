"""Several processes end as one: with the sentence of the first that fails, also where one is killed or stands still."""

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

__all__ = ["Watch", "joining"]

TICK = 1.0  # seconds
GRACE = 5  # ticks in which a process may end by itself
ENDED = b"ended"


class Watch:
    """Gives signs of life to the other processes, and looks for theirs.

    Two threads do it: one talks to the store through which the processes found each other, and may be held up there;
    the other counts the seconds since each process was heard of. They are counted in its own rounds: a machine that was
    asleep takes nobody for lost.

    What ends the work of one process ends that of all. The first that fails says why; the others, who learn of it from
    the store or from a broken connection, end without a word.

    Args:
        store: of torch.distributed, for this object alone.
        rank: of this process.
        num_ranks: processes.
        patience: minutes without a sign of life after which a process is given up.
        started: the processes that this one has started, of the ranks 1, 2, ...
    """

    def __init__(
        self, store: Any, rank: int, num_ranks: int, patience: float, started: Sequence["subprocess.Popen[bytes]"] = ()
    ) -> None:
        self.rank, self.num_ranks, self.patience = rank, num_ranks, patience
        self._store, self._started = store, started
        # the first hears of all, and all of the first: enough to end together, and little to say
        self._others = list(range(1, num_ranks)) if rank == 0 else [0]
        self._heard = dict.fromkeys(self._others, 0)
        self._ended: set[int] = set()
        self._ticks = 0
        self._over = threading.Event()
        self.status: int | None = None  # with which another process ended the work
        self.store_is_lost = False
        store.set(f"alive/{rank}", "0")

    def start(self) -> None:
        """Begin, once all processes are there."""
        for work in (self._talk, self._judge):
            threading.Thread(target=work, daemon=True).start()

    def announce(self, status: int, lost: Sequence[int] = ()) -> bool:
        """End the work of all; return whether this is the first process to do so, and so has to say why.

        Args:
            status: with which all end.
            lost: processes that will not hear of it.
        """
        self._over.set()
        if self.status is not None:
            return False
        ours = f"{status} {self.rank}"
        stored = self._ask(lambda: self._store.compare_set("failed", "", ours).decode())
        if stored not in (None, ours):
            self.status = int(stored.split()[0])
            self._ask(lambda: self._store.add("seen", 1))
            return False
        # the store may end with this process, and a launcher ends the others as soon as one has ended
        deadline, others = time.monotonic() + GRACE * TICK, self.num_ranks - 1 - len(lost)
        while stored and time.monotonic() < deadline and (self._ask(self._number_that_know) or 0) < others:
            time.sleep(TICK / 10)
        return True

    def missing(self) -> list[int]:
        """Return the processes that give no sign of life now, or those that are known to have none."""
        if killed := self._killed():
            return killed
        begun = self._ticks
        while self._ticks < begun + 4 and self.status is None and not self.store_is_lost:
            time.sleep(TICK / 10)
        if self.rank and self.store_is_lost:
            return [0]
        # a beat of the moment before may have been read a round later
        return [other for other in self._others if other not in self._ended and self._heard[other] <= begun + 1]

    def farewell(self) -> None:
        """End this process's part well; the first waits for the others."""
        self._ask(lambda: self._store.set(f"alive/{self.rank}", ENDED))
        while self.rank == 0 and len(self._ended) < self.num_ranks - 1:
            time.sleep(TICK / 10)
        self._over.set()
        self.reap()

    def reap(self) -> None:
        """Wait a little for the processes that this one has started, and end those that do not."""
        deadline = time.monotonic() + GRACE * TICK
        for process in self._started:
            try:
                process.wait(max(deadline - time.monotonic(), 0.01))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _talk(self) -> None:
        names, beats = [f"alive/{other}" for other in self._others], dict[int, bytes]()
        number = 0
        try:
            while not self._over.is_set():
                number += 1
                self._store.set(f"alive/{self.rank}", str(number))
                for other, beat in zip(self._others, self._store.multi_get(names), strict=True):
                    if beats.get(other) != beat:
                        beats[other], self._heard[other] = beat, self._ticks
                    if beat == ENDED:
                        self._ended.add(other)
                if self._store.check(["failed"]):
                    self.status = int(self._store.get("failed").split()[0])
                    self._store.add("seen", 1)
                    return
                self._over.wait(TICK / 2)
        except RuntimeError:
            self.store_is_lost = True

    def _judge(self) -> None:
        since = 0  # when something was seen that has to end this process
        while not self._over.wait(TICK):
            self._ticks += 1
            patience = max(self.patience * 60 / TICK, 3)
            still = [
                other
                for other, heard in self._heard.items()
                if other not in self._ended and self._ticks - heard > patience
            ]
            killed = self._killed()
            if still:
                self._give_up(self.stands_still(still), still)
            elif self.status is not None or self.store_is_lost or killed:
                since = since or self._ticks
                if self._ticks - since >= GRACE and self.status is not None:
                    self._leave(self.status)
                elif self._ticks - since >= 2 * GRACE:
                    self._give_up(self.is_gone(killed or [0]), killed or [0])

    def _killed(self) -> list[int]:
        return [rank for rank, process in enumerate(self._started, start=1) if (process.poll() or 0) < 0]

    def is_gone(self, ranks: Sequence[int]) -> str:
        """Return the sentence for processes that have ended without a word."""
        return (
            f"{self._named(ranks)} is gone: killed, perhaps for want of memory, or its machine is down. What was "
            "written is whole; the same words go on from there."
        )

    def stands_still(self, ranks: Sequence[int]) -> str:
        """Return the sentence for processes that are there, perhaps, but give no sign of life."""
        return (
            f"{self._named(ranks)} has given no sign of life for {self.patience:g} minutes (--timeout): it stands "
            "still, or its machine cannot be reached. What was written is whole; the same words go on from there."
        )

    def _named(self, ranks: Sequence[int]) -> str:
        which = f"process {', '.join(map(str, ranks))}" if ranks else "one"
        return f"{which} of the {self.num_ranks} (counted from 0)"

    def _give_up(self, sentence: str, lost: Sequence[int]) -> None:
        if self.announce(2, lost):
            print(f"longtail: {sentence}", file=sys.stderr, flush=True)
        self._leave(2)

    def _leave(self, status: int) -> None:
        """End this process although its main thread waits for others, where no exception can reach it."""
        from rich.console import Console

        Console(stderr=True).show_cursor()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        for process in self._started:
            process.kill()
        os._exit(status)

    def _number_that_know(self) -> int:
        return int(self._store.add("seen", 0))

    def _ask(self, question: Callable[[], Any]) -> Any:
        """Ask the store; None where it does not answer, as that of a process that stands still."""
        answer: list[Any] = []

        def ask() -> None:
            with contextlib.suppress(RuntimeError):
                answer.append(question())

        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        asking.join(2 * TICK)
        return answer[0] if answer else None


@contextlib.contextmanager
def joining(started: Sequence["subprocess.Popen[bytes]"]) -> Iterator[None]:
    """Wait no longer for the processes that this one has started than they live."""
    joined = threading.Event()

    def judge() -> None:
        while not joined.wait(TICK / 2):
            ended = [process.returncode for process in started if process.poll() is not None]
            if ended:
                for process in started:
                    process.kill()
                if ended[0] < 0:
                    print("longtail: a process was killed before the others knew of it.", file=sys.stderr, flush=True)
                os._exit(2 if ended[0] < 0 else ended[0])  # it has said why

    if started:
        threading.Thread(target=judge, daemon=True).start()
    try:
        yield
    finally:
        joined.set()
