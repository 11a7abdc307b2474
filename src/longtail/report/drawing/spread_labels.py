"""Labels that would lie over each other, moved apart."""

from collections.abc import Sequence

__all__ = ["spread"]


def spread(positions: Sequence[float], gap: float) -> list[float]:
    """Move labels apart so that neighbours are at least `gap` away from each other, as little as possible.

    Args:
        positions: where the labels would be, in any order.
        gap: smallest distance.

    Returns:
        The new positions, in the order given; labels that touch are moved as one block about their middle.

    Example:
        >>> spread([1.0, 5.0, 1.0], 2.0)
        [0.0, 5.0, 2.0]
    """
    order = sorted(range(len(positions)), key=lambda i: positions[i])
    blocks: list[list[int]] = []
    for index in order:
        blocks.append([index])
        while len(blocks) > 1 and _first(blocks[-1], positions, gap) < _last(blocks[-2], positions, gap) + gap:
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    moved = [0.0] * len(positions)
    for block in blocks:
        for rank, index in enumerate(block):
            moved[index] = _first(block, positions, gap) + rank * gap
    return moved


def _first(block: list[int], positions: Sequence[float], gap: float) -> float:
    return sum(positions[i] for i in block) / len(block) - gap * (len(block) - 1) / 2


def _last(block: list[int], positions: Sequence[float], gap: float) -> float:
    return _first(block, positions, gap) + gap * (len(block) - 1)
