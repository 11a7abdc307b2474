"""Items loaded by other processes: the one place that starts them, and that tells here what goes wrong there."""

import pickle
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import torch
from torch.utils.data import DataLoader, Dataset, default_collate, get_worker_info

from longtail.errors import LongtailError
from longtail.ranges import Range
from longtail.training.failures import explain

__all__ = ["NamedItems", "load_batches"]


class NamedItems(Protocol):
    """What is loaded: items by key, each of which has a name for people."""

    def __getitem__(self, key: Any) -> Any: ...

    def name_of(self, key: Any) -> str:
        """Return what a person knows an item by: the path of an image."""
        ...

    def image_of(self, key: Any) -> tuple[int, ...]:
        """Return what parts of one image share: they are loaded one after the other, and it is decoded once."""
        ...


def load_batches(
    items: NamedItems, keys: Iterable[Sequence[Any]], *, workers: int, device: torch.device, ahead: int = 2
) -> Iterator[Any]:
    """Load batches in the order of their keys.

    An error of ours, or of the system, comes out as it was raised, whichever process it was raised in. What else goes
    wrong in another process, and the death of one, comes out as an error of ours.

    Args:
        items: picklable, where processes are not forked.
        keys: of each batch.
        workers: processes that load; 0 loads in this one.
        device: where the batches are going to be used; they are laid out for it, but stay on the CPU.
        ahead: batches that each process loads before they are asked for.

    Yields:
        Of each batch what `torch.utils.data.default_collate` makes of its items.

    Raises:
        LongtailError: an item cannot be loaded, or a process was killed.
        OSError: of the system, as while a file was read.
    """
    Range(0).check(workers, "workers", whole=True)
    loader = DataLoader(
        _Guarded(items),
        batch_sampler=keys,  # type: ignore[arg-type]  # any iterable of lists of keys will do
        collate_fn=_as_it_is,
        num_workers=workers,
        prefetch_factor=ahead if workers else None,
        pin_memory=device.type == "cuda",
    )
    batches = iter(loader)
    try:
        while (batch := _next(batches)) is not None:
            if isinstance(batch, _Failure):
                raise batch.error
            yield batch
    finally:
        # else they end when this frame does: in a notebook never, or in the midst of others that are forked later
        del batches


def _next(batches: Iterator[Any]) -> Any:
    try:
        return next(batches, None)
    except RuntimeError as error:
        if (failure := explain(error)) is None:
            raise
    # not from within: the error would keep the processes
    return _Failure(failure)


class _Failure:
    """Stands in the place of a batch that could not be loaded: torch would wrap its error in a traceback as text."""

    def __init__(self, error: Exception) -> None:
        self.error = error


class _Guarded(Dataset[Any]):
    def __init__(self, items: NamedItems) -> None:
        self.items = items

    def __getitems__(self, keys: Sequence[Any]) -> Any:
        name, batch = "", dict[int, Any]()
        try:
            for place in sorted(range(len(keys)), key=lambda place: self.items.image_of(keys[place])):
                name = f"{self.items.name_of(keys[place])}: "
                batch[place] = self.items[keys[place]]
            name = ""
            return default_collate([batch[place] for place in range(len(keys))])
        except Exception as error:
            if get_worker_info() is None:
                raise  # with its traceback, which cannot cross processes
            return _Failure(_portable(error, name))


def _portable(error: Exception, name: str) -> Exception:
    if isinstance(error, LongtailError) or (isinstance(error, OSError) and error.errno is not None):
        try:
            if str(pickle.loads(pickle.dumps(error))) == str(error):
                return error
        except Exception:  # an error with arguments of its own
            return LongtailError(str(error))
    if (known := explain(error)) is not None:
        return known
    reason = (str(error).strip().splitlines() or [""])[0]
    return LongtailError(
        f"{name}{type(error).__name__}{f' ({reason})' if reason else ''} in a process that loads images. "
        "Without such processes (workers 0) Python says where."
    )


def _as_it_is(batch: Any) -> Any:
    return batch
