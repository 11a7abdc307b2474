"""Matplotlib figures as inline SVG that takes its colours and its font from the page."""

import io
import re
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["color", "inline_svg", "method_style", "shorten", "spread"]

# Inches. Narrow, so that 10-point text is still about 10 pixels high on a phone of 390 pixels.
WIDTH = 4.6

# Matplotlib draws in colours that stand for CSS variables: the page decides, for light, dark and print.
_VARIABLES = (
    "ink",
    "muted",
    "paper",
    "many",
    "medium",
    "few",
    "joint",
    "ncm",
    "crt",
    "tau",
    "lws",
    "dlsa",
    "mlp",
    "la",
    "other",
)
_SENTINEL = "#0102{:02x}"
_SENTINELS = re.compile("#0102([0-9a-f]{2})")

# name: (line style, marker); colour is never what alone tells methods apart
_METHOD_STYLES = {
    "joint": ((0, (4, 2)), "o"),
    "ncm": ((0, (1, 1.2)), "D"),
    "crt": ((0, (6, 2, 1, 2)), "s"),
    "tau": ("solid", "^"),
    "lws": ((0, (3, 1, 1, 1, 1, 1)), "v"),
    "dlsa": ((0, (8, 2)), "*"),
    "mlp": ((0, (2, 1)), "X"),
    "la": ((0, (5, 1, 1, 1)), "p"),
}

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "longtail",
    "text.parse_math": False,
    "axes.formatter.use_mathtext": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.labelsize": 10,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "font.size": 9.5,
    "axes.linewidth": 0.7,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "lines.linewidth": 1.6,
    "grid.linewidth": 0.5,
}

_INKED: tuple[Any, ...] = (
    "text.color",
    "axes.edgecolor",
    "axes.labelcolor",
    "axes.titlecolor",
    "xtick.color",
    "ytick.color",
)


def color(name: str) -> str:
    """Return the colour that becomes the page's CSS variable of that name; an unknown name becomes `other`."""
    return _SENTINEL.format(_VARIABLES.index(name if name in _VARIABLES else "other"))


def method_style(name: str) -> dict[str, Any]:
    """Return colour, line style and marker of a method, for `Axes.plot`."""
    line, marker = _METHOD_STYLES.get(name, ("dotted", "P"))
    return {"color": color(name), "linestyle": line, "marker": marker}


def inline_svg(name: str, label: str, height: float, paint: Callable[["Figure"], None]) -> str:
    """Draw a figure and give it as an `<svg>` element.

    Args:
        name: unique on the page, starts every id of the figure.
        label: says what the figure shows, for those who do not see it; HTML-escaped here.
        height: inches, of a figure that is 4.6 inches wide.
        paint: draws into the empty figure.

    Returns:
        The element; the same input gives the same text.
    """
    import matplotlib
    from markupsafe import escape

    from longtail.report.single_pass import SinglePassFigure

    buffer = io.StringIO()
    with matplotlib.rc_context(), warnings.catch_warnings():
        # the page's font draws the text, so it does not matter what matplotlib's own lacks
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({**_STYLE, **dict.fromkeys(_INKED, color("ink")), "grid.color": color("muted")})
        figure = SinglePassFigure(figsize=(WIDTH, height), layout="constrained")
        paint(figure)
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return _for_page(buffer.getvalue(), re.sub(r"[^\w-]", "_", name), str(escape(label)))


def _for_page(svg: str, name: str, label: str) -> str:
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    start, rest = svg.split(">", 1)
    box = re.search(r'viewBox="[^"]*"', start)
    opening = (
        f'<svg {box.group() if box else ""} role="img" aria-label="{label}" '
        'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
    )
    rest = re.sub(r'(<[^<>]*?\sid=")', rf"\1{name}-", rest)
    rest = re.sub(r'(xlink:href="#|url\(#)', rf"\1{name}-", rest)
    return (opening + _page_colors(rest)).strip()


def _page_colors(svg: str) -> str:
    # in styles only: a class may be called "#010203"
    return re.sub(r'style="[^"]*"', lambda style: _SENTINELS.sub(_variable, style.group()), svg)


def _variable(sentinel: re.Match[str]) -> str:
    name = _VARIABLES[int(sentinel.group(1), 16)]
    return "currentColor" if name == "ink" else f"var(--{name})"


def shorten(text: str, length: int = 18) -> str:
    """Cut a class name for a figure; control characters and line breaks become spaces.

    Example:
        >>> shorten("Leopardus  tigrinus oncilla", 12)
        'Leopardus t…'
    """
    clean = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    return clean if len(clean) <= length else clean[: length - 1] + "…"


def spread(positions: list[float], gap: float) -> list[float]:
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


def _first(block: list[int], positions: list[float], gap: float) -> float:
    return sum(positions[i] for i in block) / len(block) - gap * (len(block) - 1) / 2


def _last(block: list[int], positions: list[float], gap: float) -> float:
    return _first(block, positions, gap) + gap * (len(block) - 1)
