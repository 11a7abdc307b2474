"""Pickles of arrays, read without running what they name."""

import pickle
from typing import IO, Any

__all__ = ["NamesCodeError", "load_arrays"]


class NamesCodeError(Exception):
    """A pickle names something that is no part of a numpy array."""


def load_arrays(file: IO[bytes]) -> Any:
    """Read a pickle of numbers, words, lists, dicts and numpy arrays; no other code that it names is ever run.

    Args:
        file: opened, at the start of the pickle.

    Raises:
        NamesCodeError: it names anything else.
        Exception: of every kind, where it is damaged.
    """
    return _ArraysOnly(file).load()


class _ArraysOnly(pickle.Unpickler):
    # numpy.core is where numpy 1 kept what numpy 2 keeps in numpy._core
    _ADMITTED = frozenset(
        {
            ("numpy", "ndarray"),
            ("numpy", "dtype"),
            ("numpy.core.multiarray", "_reconstruct"),
            ("numpy._core.multiarray", "_reconstruct"),
            ("numpy.core.numeric", "_frombuffer"),
            ("numpy._core.numeric", "_frombuffer"),
        }
    )

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._ADMITTED:
            raise NamesCodeError(f"{module}.{name}")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)
