"""What test images are taken for: a matrix a method where classes are few, and the most frequent mistakes."""

from typing import TYPE_CHECKING, Any

from longtail.report.inline_svg import color, inline_svg, shorten

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["confusion_figure", "confusion_view"]

NUMBERED = 12  # classes up to which the cells bear their numbers
FULL = 0.7  # opacity of a cell with all images of its class, on which a number can still be read


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
    from matplotlib.patches import Rectangle

    order = sorted(range(len(matrix)), key=lambda c: (-data["train_counts"][c], c))
    names = [shorten(data["class_names"][c], 12) for c in order]

    def paint(figure: "Figure") -> None:
        axes = figure.subplots()
        for row, truth in enumerate(order):
            images = sum(matrix[truth])
            for column, answer in enumerate(order):
                count = matrix[truth][answer]
                if count:
                    share = count / images
                    fill = color("tau" if truth == answer else "few")
                    axes.add_patch(
                        Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=fill, alpha=FULL * share, linewidth=0)
                    )
                    if len(order) <= NUMBERED:
                        axes.text(column, row, f"{count}", ha="center", va="center", fontsize=8)
        axes.set_xlim(-0.5, len(order) - 0.5)
        axes.set_ylim(len(order) - 0.5, -0.5)
        axes.set_xticks(range(len(order)), names, rotation=90 if max(map(len, names)) > 2 else 0)
        axes.set_yticks(range(len(order)), names)
        axes.tick_params(length=0)
        axes.set_xlabel("taken for")
        axes.set_ylabel("class")
        axes.set_aspect("equal")

    label = f"Matrix: share of the images of each of {len(order)} classes that {shorten(name)} takes for each class."
    return inline_svg(f"confusion-{name}", label, 4.6, paint)
