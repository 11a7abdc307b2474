"""The sampler: which images an epoch sees, as a pure function of (seed, epoch)."""

from collections.abc import Iterator
from typing import Any, Literal, get_args

import numpy as np
import torch.utils.data
from numpy.typing import ArrayLike, NDArray

from longtail.counts import class_counts
from longtail.errors import InputError, did_you_mean
from longtail.ranges import Range
from longtail.sampling.cycle import BalancedRounds, cycle_images
from longtail.sampling.distributions import (
    class_probabilities,
    effective_number_probabilities,
    progressive_probabilities,
    repeat_factors,
)

__all__ = ["Draw", "Sampler", "Strategy"]

Strategy = Literal["instance", "class", "square-root", "progressive", "repeat-factor", "effective-number"]
Draw = Literal["shuffle", "independent", "cycle"]
EXPONENTS = {"instance": 1.0, "class": 0.0, "square-root": 0.5}


class Sampler(torch.utils.data.Sampler[int]):
    """Draw image indices with a chosen balance of classes; goes wherever torch takes a `sampler`.

    The class of a draw has probability p_c proportional to n_c^q: q = 1 instance-balanced, 0 class-balanced, 1/2
    square-root; progressively-balanced goes from the first to the second over the epochs. Repeat-factor sampling shows
    each image of class c `repeat_factors`_c times an epoch; effective-number sampling draws independently, by
    `effective_number_probabilities`. How images are drawn otherwise:

    - shuffle (instance-balanced and repeat-factor only): every image once, or r_c times, an epoch, in random order;
    - independent: class by p_c, then any image of it, with replacement; the same as weights n_c^(q - 1) for each image;
    - cycle: the low-variance way of the decoupling paper's code. Within a class, every image comes once before any
      repeats. Class-balanced draws come in rounds that visit every class once, in random order; a visit takes
      `run_length` images. For other q the class of each visit is drawn by p_c.

    The stream of an epoch depends on seed and epoch alone; cycles begin afresh each epoch, where the original's go
    on. An iteration gives the epoch that was set by `set_epoch`, else the one after that of the iteration before, as
    also after one that was broken off.

    Of several processes, rank r takes every `num_ranks`-th draw from the r-th on: together they take exactly the one
    stream, with none added and none left out, so that lower ranks may have one draw more. After a restored position
    they share what is left of it in the same way. Give rank and num_ranks only where nothing else shares the draws:
    Lightning and Fabric leave a sampler that has them alone and share one that has not; accelerate shares both.

    Args:
        labels: class indices, shape (N,).
        strategy: "instance", "class", "square-root", "progressive", "repeat-factor" or "effective-number".
        q: exponent in its place, 0 to 1.
        num_epochs: T of "progressive".
        draw: "shuffle", "independent" or "cycle"; default: shuffle for instance-balanced and repeat-factor, else cycle.
        run_length: consecutive images a visit of "cycle"; the original takes 4.
        repeat_threshold: t of "repeat-factor"; default 0.01.
        beta: of "effective-number", 0 to below 1.
        num_samples: draws of an epoch over all ranks; default N, or the sum of all repeats.
        seed: of all draws.
        rank: of this process.
        num_ranks: processes.

    Attributes:
        epoch: of the iteration under way, else of the next.

    Raises:
        InputError: an argument out of range, or a combination that makes no sense.

    Reference:
        Kang et al., "Decoupling Representation and Classifier for Long-Tailed Recognition", ICLR 2020, arXiv
        1910.09217, section 3; its released code (ClassAwareSampler, ClassPrioritySampler).

    Example:
        >>> labels = [0] * 90 + [1] * 10
        >>> sampler = Sampler(labels, strategy="class", seed=0)
        >>> np.bincount(np.asarray(labels)[list(sampler)]).tolist()
        [50, 50]
    """

    def __new__(cls, *arguments: Any, **named: Any) -> "Sampler":
        """Make one that shares its draws itself a `DistributedSampler`, which Lightning does not share again."""
        shares = cls is Sampler and named.get("num_ranks", 1) != 1
        return super().__new__(_SharedSampler if shares else cls)

    def __init__(
        self,
        labels: ArrayLike,
        *,
        strategy: Strategy = "instance",
        q: float | None = None,
        num_epochs: int | None = None,
        draw: Draw | None = None,
        run_length: int = 1,
        repeat_threshold: float = 0.01,
        beta: float = 0.9999,
        num_samples: int | None = None,
        seed: int = 0,
        rank: int = 0,
        num_ranks: int = 1,
    ) -> None:
        array = np.asarray(labels)
        _check_names(strategy, draw)
        if array.ndim != 1 or array.size == 0 or array.dtype.kind not in "iu":
            raise InputError(
                f"labels have shape {array.shape} and type {array.dtype}; expected whole numbers, shape (N,), N > 0."
            )
        if strategy == "progressive" and q is None:
            if num_epochs is None:
                raise InputError("progressive sampling needs num_epochs: over how many it goes to class-balanced.")
            Range(1).check(num_epochs, "num_epochs", whole=True)
        self.labels: NDArray[np.int64] = array.astype(np.int64)
        self.q = EXPONENTS.get(strategy) if q is None else q
        self.num_epochs = num_epochs
        repeats = strategy == "repeat-factor" and q is None
        self._beta = beta if strategy == "effective-number" and q is None else None
        usual: Draw = "independent" if self._beta is not None else "cycle"
        self.draw: Draw = draw or ("shuffle" if self.q == 1 or repeats else usual)
        if self.draw == "shuffle" and self.q != 1 and not repeats:
            raise InputError(
                "draw 'shuffle' takes every image once: it is instance-balanced. Use independent or cycle."
            )
        if repeats and self.draw != "shuffle":
            raise InputError(f"draw {self.draw!r} cannot give repeat factors; expected shuffle.")
        counts = class_counts(self.labels)
        # what an epoch shuffles: every image, as often as its class is repeated
        self._pool: NDArray[np.int64] = np.arange(len(array))
        if repeats:
            self._pool = np.repeat(self._pool, repeat_factors(counts, repeat_threshold)[self.labels])
        self.num_samples = len(self._pool) if num_samples is None else num_samples
        Range(1).check(run_length, "run_length", whole=True)
        Range(1).check(self.num_samples, "num_samples", whole=True)
        Range(0).check(seed, "seed", whole=True)
        Range(1).check(num_ranks, "num_ranks", whole=True)
        Range(0, below=num_ranks).check(rank, "rank", whole=True)
        self.run_length, self.seed, self.rank, self.num_ranks = run_length, seed, rank, num_ranks
        self.set_epoch(0)
        present = np.flatnonzero(counts)
        self._counts: NDArray[np.int64] = counts[present]
        class_probabilities(self._counts, 1.0 if self.q is None else self.q)  # checks q
        if self._beta is not None:
            effective_number_probabilities(self._counts, self._beta)  # checks beta
        self._images: NDArray[np.int64] = np.argsort(self.labels, kind="stable")
        self._rounds = (
            BalancedRounds(self._images, self._counts, self.num_samples, run_length)
            if self.draw == "cycle" and self.q == 0
            else None
        )

    def probabilities(self, epoch: int) -> NDArray[np.float64]:
        """Return the class probabilities of an epoch, over the classes that have images."""
        if self.q is not None:
            return class_probabilities(self._counts, self.q)
        if self._beta is not None:
            return effective_number_probabilities(self._counts, self._beta)
        if self.draw == "shuffle":
            return class_probabilities(np.unique(self.labels[self._pool], return_counts=True)[1], 1.0)
        return progressive_probabilities(self._counts, epoch, self.num_epochs or 1)

    def epoch_indices(self, epoch: int) -> NDArray[np.int64]:
        """Return the whole stream of an epoch, of all ranks, shape (num_samples,)."""
        if self._rounds is not None:
            return self._rounds.draw((self.seed, epoch))
        rng = np.random.default_rng((self.seed, epoch))
        if self.draw == "shuffle":
            passes = -(-self.num_samples // len(self._pool))
            return np.concatenate([rng.permutation(self._pool) for _ in range(passes)])[: self.num_samples]
        visits = -(-self.num_samples // (self.run_length if self.draw == "cycle" else 1))
        # the last edge is 1 up to rounding; a draw above it would fall outside
        edges = np.cumsum(self.probabilities(epoch))[:-1]
        classes = np.searchsorted(edges, rng.random(visits), side="right")
        if self.draw == "cycle":
            classes = np.repeat(classes, self.run_length)[: self.num_samples]
            return cycle_images(classes, self._images, self._counts, rng)
        start = np.cumsum(self._counts) - self._counts
        drawn: NDArray[np.int64] = self._images[start[classes] + rng.integers(self._counts[classes])]
        return drawn

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration gives, from its beginning; those after it go on from there.

        Raises:
            InputError: epoch is negative.
        """
        Range(0).check(epoch, "epoch", whole=True)
        self.epoch, self._restored, self._position = epoch, 0, 0
        self._begun = False  # an iteration of that epoch

    def __iter__(self) -> Iterator[int]:
        """Return this rank's indices of the next epoch, once from the restored position on, else from the beginning."""
        if self._begun:
            self.set_epoch(self.epoch + 1)
        self._begun = True
        first, self._restored = self._restored, 0
        self._position = first
        for index in self.epoch_indices(self.epoch)[first + self.rank :: self.num_ranks].tolist():
            # counted over all ranks, which go in step: another number of ranks can go on from here
            self._position += self.num_ranks
            yield index
        self.set_epoch(self.epoch + 1)

    def __len__(self) -> int:
        """Return the number of this rank's indices in a whole epoch."""
        return len(range(self.rank, self.num_samples, self.num_ranks))

    def state_dict(self) -> dict[str, Any]:
        """Return the position in the stream, over all ranks: all draws before it have been given.

        Worker processes of a DataLoader are given indices ahead of the batches that come out. Torchdata's
        StatefulDataLoader takes that into account (after a finished epoch it may leave one out); with a plain
        DataLoader, count the batches used.
        """
        return {"epoch": self.epoch, "position": min(self._position, self.num_samples), "seed": self.seed}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved position, also with another number of ranks.

        Raises:
            InputError: the state is none of this class's, or that of another seed, whose stream differs.
        """
        if not {"epoch", "position", "seed"} <= state.keys():
            raise InputError(
                f"the saved position has {', '.join(map(str, state)) or 'nothing'}; expected epoch, position and seed, "
                "as state_dict() gives them."
            )
        if state["seed"] != self.seed:
            raise InputError(
                f"the saved position is of seed {state['seed']}, this sampler has seed {self.seed}: their streams "
                "differ. Use the saved seed."
            )
        if not 0 <= state["position"] <= self.num_samples:
            raise InputError(
                f"the saved position is {state['position']}, but an epoch has {self.num_samples} draws. "
                "Use the labels and num_samples it was saved with."
            )
        self.set_epoch(state["epoch"])
        self._restored = self._position = state["position"]


class _SharedSampler(Sampler, torch.utils.data.DistributedSampler[int]):
    """A sampler with ranks; of the other class it has only the name."""


def _check_names(strategy: str, draw: str | None) -> None:
    for what, name, valid in (("strategy", strategy, get_args(Strategy)), ("draw", draw, get_args(Draw))):
        if name is not None and name not in valid:
            raise InputError(f"no {what} {name!r}.{did_you_mean(str(name), valid)} Valid: {', '.join(valid)}.")
