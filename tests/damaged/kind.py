"""A kind of file that the program reads: how a sound one is made, how it is damaged, and how it is read."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Kind:
    """A file that the program reads.

    Attributes:
        name: of the kind.
        make: writes a sound one to a path, and beside it what has to lie there.
        damage: takes the bytes of a sound one and a random generator, and returns bytes.
        use: reads it as the program does.
        file: its place below a folder; default: the name of the kind.
        cost: how many times as long as of most kinds it takes to read one: it is damaged so many times less often.
        prints: whether the library below prints what is wrong by itself, and cannot be told not to.
    """

    name: str
    make: Callable[[Path], object]
    damage: Callable[[bytes, np.random.Generator], bytes]
    use: Callable[[Path], object]
    file: str = ""
    cost: int = 1
    prints: bool = False


def holding(content):
    """Return what writes bytes, once they are asked for."""
    return lambda path: path.write_bytes(content())
