"""Figures as `<svg>` elements that take their colours and their font from the page."""

import re
from html import escape

from longtail.report.drawing.panel import TEXT, WIDTH

__all__ = ["inline_svg", "shorten"]

_REFERENCES = re.compile(r'(\sid="|\shref="#)')


def inline_svg(name: str, label: str, height: float, drawn: str) -> str:
    """Make an element of what was drawn.

    Args:
        name: unique on the page, the id of the figure and the start of every id in it.
        label: says what the figure shows, for those who do not see it; HTML-escaped here.
        height: of the figure, in units of which it is 331 wide.
        drawn: markup; texts in it are escaped already.

    Example:
        >>> inline_svg("dot", "A dot", 20, '<circle id="it" r="3"/>')[-33:]
        '<circle id="dot-it" r="3"/></svg>'
    """
    prefix = re.sub(r"[^\w-]", "_", name)
    return (
        f'<svg id="{prefix}" viewBox="0 0 {WIDTH:g} {height:.1f}" role="img" aria-label="{escape(label)}" '
        f'xmlns="http://www.w3.org/2000/svg" style="font-size:{TEXT}px;fill:currentColor">'
        + _REFERENCES.sub(rf"\g<1>{prefix}-", drawn)
        + "</svg>"
    )


def shorten(text: str, length: int = 18) -> str:
    """Cut a class name for a figure; control characters and line breaks become spaces.

    Example:
        >>> shorten("Leopardus  tigrinus oncilla", 12)
        'Leopardus t…'
    """
    clean = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    return clean if len(clean) <= length else clean[: length - 1] + "…"
