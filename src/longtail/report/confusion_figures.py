"""What test images are taken for: a matrix a method where classes are few, and the most frequent mistakes."""

from typing import Any

from longtail.report.drawing.looks import color
from longtail.report.drawing.marks import box
from longtail.report.drawing.panel import TEXT, WIDTH, Panel, axis_below, axis_left, gap_left, text, text_width
from longtail.report.drawing.scales import Scale
from longtail.report.inline_svg import inline_svg, shorten

__all__ = ["confusion_figure", "confusion_view"]

NUMBERED = 12  # classes up to which the cells bear their numbers
FULL = 0.5  # opacity of a cell with all images of its class, on which a number can still be read


def confusion_view(results: dict[str, Any]) -> dict[str, Any] | None:
    """Prepare the section on what is taken for what.

    Args:
        results: content of results.json.

    Returns:
        `figures` and `most`, the most frequent mistakes, by method; None where nothing was counted.
    """
    from markupsafe import Markup

    names = results["data"]["class_names"]
    counted = {name: result for name, result in results["confusion"].items() if result["matrix"] or result["most"]}
    if not counted:
        return None
    return {
        "figures": {
            name: Markup(confusion_figure(name, result["matrix"], results["data"]))
            for name, result in counted.items()
            if result["matrix"]
        },
        "most": {
            # a matrix has them all
            name: [{**row, "name": names[row["class"]], "answer": names[row["predicted"]]} for row in result["most"]]
            for name, result in counted.items()
            if result["most"] and not result["matrix"]
        },
    }


def confusion_figure(name: str, matrix: list[list[int]], data: dict[str, Any]) -> str:
    """Draw which share of each class's images is taken for which class.

    Args:
        name: of the method.
        matrix: images by true class (row) and predicted class.
        data: the part `data` of results.json.
    """
    order = sorted(range(len(matrix)), key=lambda c: (-data["train_counts"][c], c))
    names = [shorten(data["class_names"][c], 12) for c in order]
    left, turned = gap_left(names) + 16, max(map(len, names)) > 2
    side = WIDTH - left - 2
    rows = Scale(len(order) - 0.5, -0.5)
    panel = Panel(left, 4, side, side, Scale(-0.5, len(order) - 0.5), rows)
    drawn = ""
    for row, truth in enumerate(order):
        images = sum(matrix[truth])
        for column, answer in enumerate(order):
            count = matrix[truth][answer]
            if count:
                style = f"fill:{color('tau' if truth == answer else 'few')};opacity:{FULL * count / images:.3f}"
                corner = panel.across(column - 0.5), panel.down(row - 0.5)
                drawn += box(*corner, panel.across(column + 0.5), panel.down(row + 0.5), style)
                if len(order) <= NUMBERED:
                    drawn += text(panel.across(column), panel.down(row), f"{count}", "middle", size=8)
    ticks = [(float(place), name) for place, name in enumerate(names)]
    drawn += axis_left(panel, ticks, "class", marked=False) + axis_below(panel, ticks, "taken for", turned=turned)
    label = f"Matrix: share of the images of each of {len(order)} classes that {shorten(name)} takes for each class."
    deepest = max(map(text_width, names)) if turned else TEXT
    return inline_svg(f"confusion-{name}", label, panel.bottom + deepest + 24, drawn)
