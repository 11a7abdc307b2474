"""Colours that the page decides, dashes and markers: colour is never what alone tells two things apart."""

import math
from dataclasses import dataclass, replace

__all__ = ["Look", "color", "marker_path", "method_look"]

# CSS variables of the page, for light, dark and print
_VARIABLES = frozenset(
    ("muted", "paper", "many", "medium", "few", "joint", "ncm", "crt", "tau", "lws", "dlsa", "mlp", "la")
)


def color(name: str) -> str:
    """Return the page's colour of that name; an unknown name gets that of `other`.

    Example:
        >>> color("few"), color("ink"), color("my method")
        ('var(--few)', 'currentColor', 'var(--other)')
    """
    return "currentColor" if name == "ink" else f"var(--{name if name in _VARIABLES else 'other'})"


@dataclass(frozen=True)
class Look:
    """How a line or its points look.

    Attributes:
        color: in CSS.
        dashes: lengths of strokes and gaps in widths of the line; empty for a whole line.
        marker: of the points, a key of `marker_path`; empty for none.
        width: of the line.
        radius: of the markers.
    """

    color: str
    dashes: tuple[float, ...] = ()
    marker: str = ""
    width: float = 1.6
    radius: float = 2.2

    @property
    def stroke(self) -> str:
        """CSS of the line."""
        dashes = ",".join(f"{length * self.width:.4g}" for length in self.dashes)
        return f"fill:none;stroke:{self.color};stroke-width:{self.width:g}" + (
            f";stroke-dasharray:{dashes}" if dashes else ""
        )


_METHODS: dict[str, tuple[tuple[float, ...], str]] = {
    "joint": ((4, 2), "circle"),
    "ncm": ((1, 1.2), "diamond"),
    "crt": ((6, 2, 1, 2), "square"),
    "tau": ((), "up"),
    "lws": ((3, 1, 1, 1, 1, 1), "down"),
    "dlsa": ((8, 2), "star"),
    "mlp": ((2, 1), "cross"),
    "la": ((5, 1, 1, 1), "pentagon"),
}
_UNKNOWN: tuple[tuple[float, ...], str] = ((1, 1.65), "plus")


def method_look(name: str, **changes: float | str) -> Look:
    """Return how a method looks in every figure, or so but for some changes."""
    dashes, marker = _METHODS.get(name, _UNKNOWN)
    return replace(Look(color(name), dashes, marker), **changes)  # type: ignore[arg-type]


def _polygon(corners: int, inner: float = 1.0, turn: float = -90.0) -> list[tuple[float, float]]:
    """Return corners on the unit circle, every second one perhaps drawn in."""
    angles = [math.radians(turn + 360 * k / corners) for k in range(corners)]
    reach = [1.0 if k % 2 == 0 else inner for k in range(corners)]
    return [(r * math.cos(a), r * math.sin(a)) for r, a in zip(reach, angles, strict=True)]


_PLUS = [(-0.35, -1), (0.35, -1), (0.35, -0.35), (1, -0.35), (1, 0.35), (0.35, 0.35)]
_PLUS += [(-x, -y) for x, y in _PLUS]
_SHAPES: dict[str, list[tuple[float, float]]] = {
    "diamond": [(1.2 * x, 1.2 * y) for x, y in _polygon(4)],
    "square": [(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
    "up": [(0, -1.05), (1.05, 0.95), (-1.05, 0.95)],
    "down": [(0, 1.05), (1.05, -0.95), (-1.05, -0.95)],
    "star": [(1.25 * x, 1.25 * y) for x, y in _polygon(10, inner=0.42)],
    "pentagon": [(1.1 * x, 1.1 * y) for x, y in _polygon(5)],
    "plus": _PLUS,
    "cross": [(0.78 * (x - y), 0.78 * (x + y)) for x, y in _PLUS],
}


def marker_path(marker: str, radius: float) -> str:
    """Return the outline of a marker about (0, 0), as the `d` of a path."""
    if marker == "circle":
        return f"M{radius:g} 0A{radius:g} {radius:g} 0 1 1 {-radius:g} 0A{radius:g} {radius:g} 0 1 1 {radius:g} 0Z"
    return "M" + "L".join(f"{radius * x:.2f} {radius * y:.2f}" for x, y in _SHAPES[marker]) + "Z"
