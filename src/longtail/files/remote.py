"""Files at an address, such as s3://bucket/data.tar: listed, and fetched for as long as they are used."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from longtail.errors import InputError
from longtail.files.text import printable

__all__ = ["is_remote", "local_copy", "remote_files"]


def is_remote(address: str) -> bool:
    """Return whether a file is at an address, and not on a disk of this machine.

    Example:
        >>> is_remote("s3://bucket/a.tar"), is_remote("C:/data/a.tar")
        (True, False)
    """
    return "://" in address[:12]


def remote_files(address: str) -> list[str]:
    """Return the addresses that a pattern means, in order; one without `*`, `?` and `[` means itself.

    Args:
        address: of a file, or a pattern that the server can answer (`https://` cannot).

    Raises:
        InputError: what such addresses need is not installed, the server refuses, or nothing is called so.
    """
    if not any(sign in address for sign in "*?["):
        return [address]
    with _telling(address):
        system, path = _opened(address)
        names = [system.unstrip_protocol(name) for name in sorted(system.glob(path))]
    if not names:
        raise InputError(f"{printable(address)}: nothing there is called so.")
    return names


@contextmanager
def local_copy(address: str, beside: Sequence[str] = ()) -> Iterator[Path]:
    """Yield the path of a file on this machine: its own, or that of a copy, which is there as long as it is used.

    Args:
        address: path, or address of a file.
        beside: names of files that are fetched too, where they lie beside it.

    Raises:
        InputError: what such addresses need is not installed, or it cannot be fetched.
    """
    if not is_remote(address):
        yield Path(address)
        return
    with tempfile.TemporaryDirectory(prefix="longtail-") as folder:
        with _telling(address):
            system, path = _opened(address)
            above, _, own = path.rpartition("/")
            target = Path(folder) / own
            system.get_file(path, str(target))
            for name in beside:
                other = f"{above}/{name}"
                if system.exists(other):
                    system.get_file(other, str(target.with_name(name)))
        yield target


def _opened(address: str) -> tuple[Any, str]:
    try:
        import fsspec
    except ImportError as error:
        raise InputError(
            f"{printable(address)}: addresses need fsspec, which is not installed: pip install 'longtail[remote]'."
        ) from error
    system, path = fsspec.core.url_to_fs(address)
    return system, str(path)


@contextmanager
def _telling(address: str) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except ImportError as error:  # s3fs, gcsfs, aiohttp: each kind of address has its own
        raise InputError(f"{printable(address)}: {error}. `pip install 'longtail[remote]'` brings them.") from error
    # each kind of server fails in ways of its own
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise InputError(f"{printable(address)}: cannot be fetched ({reason}).") from error
