"""A matplotlib figure that is laid out and then drawn once, where matplotlib draws it twice."""

from typing import Any

from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

__all__ = ["SinglePassFigure"]


class SinglePassFigure(Figure):
    """A figure whose first pass only places the axes.

    `savefig` draws a figure with a layout engine twice: first into nothing, so that the engine runs, then into the file
    with the engine replaced. What the first pass draws is thrown away, and is most of its cost.
    """

    def draw(self, renderer: Any) -> None:
        """Lay the figure out where that is still to be done; draw it otherwise."""
        engine = self.get_layout_engine()
        if not isinstance(engine, ConstrainedLayoutEngine):
            super().draw(renderer)
            return
        for axes in self.axes:  # as `Figure.draw` does before the layout
            axes.apply_aspect()
        if self.axes:
            engine.execute(self)
