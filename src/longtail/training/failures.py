"""What torch raises when memory, a process or a connection is lost, in sentences."""

import re

from longtail.errors import LongtailError

__all__ = ["LostConnection", "explain"]


class LostConnection(LongtailError):
    """Another process that works on the same has ended, or cannot be reached."""


_SMALLER = "Take a smaller batch, or compute it in more parts (accumulate)"
_SENTENCES = (
    (
        r"killed by signal: Bus error|out of shared memory|unable to (?:allocate|open|write).{0,40}(?:shm|/torch_)",
        "a process that loads images found no room in the shared memory (/dev/shm). Make it larger (docker run "
        "--shm-size 8g), or load without such processes: workers 0.",
    ),
    (
        r"DataLoader worker .*(?:exited unexpectedly|is killed by signal)",
        "a process that loads images has died, most likely for want of memory. Take fewer workers (0 loads in the "
        "process itself), or a smaller batch.",
    ),
    (
        r"Too many open files|received 0 items of ancdata",
        "the system allows too few open files for the processes that load images. Allow more (ulimit -n 65536), or "
        "take fewer workers.",
    ),
    (
        r"(?:CUDA|MPS|HIP|XPU).{0,20} out of memory|CUDNN_STATUS_ALLOC_FAILED",
        f"the memory of the GPU is full. {_SMALLER}.",
    ),
    (
        r"DefaultCPUAllocator: |[Cc]annot allocate memory|Unable to allocate .{1,40} for an array",
        f"there is not enough memory. {_SMALLER}, or free some.",
    ),
)
_CONNECTION = re.compile(
    r"gloo|Connection (?:closed|reset) by peer|NCCL|ncclUnhandled|TCPStore|Broken pipe|clients joined|"
    r"failed to (?:listen|connect|recv)|client socket has (?:failed|timed out)",
    re.IGNORECASE,
)


def explain(error: BaseException) -> LongtailError | None:
    """Return the sentence for an error of torch, numpy or Python that is no mistake in the code.

    Args:
        error: as it was raised.

    Returns:
        `LostConnection` where another process is gone, another `LongtailError` for memory, files and processes that
        load; None for everything else.

    Example:
        >>> print(explain(RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. ")))
        a process that loads images has died, most likely for want of memory. Take fewer workers (0 loads in the ...
        >>> explain(RuntimeError("shapes cannot be multiplied")) is None
        True
    """
    if isinstance(error, MemoryError):
        return LongtailError(f"there is not enough memory. {_SMALLER}, or free some.")
    if not isinstance(error, RuntimeError | OSError):
        return None
    text = str(error)
    for pattern, sentence in _SENTENCES:
        if re.search(pattern, text):
            return LongtailError(sentence)
    of_torch = type(error).__module__.startswith("torch.distributed")
    if of_torch or (isinstance(error, RuntimeError) and _CONNECTION.search(text)):
        return LostConnection("the connection to the other processes is lost")
    return None
