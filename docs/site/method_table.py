"""The methods as a table that can be sorted, and narrowed to what a person needs."""

import re
from pathlib import Path

from gathering import toctree
from longtail.comparison.linear_methods import linear_methods
from longtail.comparison.methods import METHODS

__all__ = ["measured_on_plankton", "method_table"]

_SECTION = "## Plankton, 121 classes, features of an ImageNet MobileNet, 3 seeds"
_ROW = re.compile(r"^\| (?P<name>\w+) \|(?P<cells>.+)\|$", re.M)
_COLUMNS = (
    "method",
    "what it does",
    "trains",
    "mends a trained layer",
    "chooses on val",
    "fits into the network",
    "balanced",
    "rare",
)
_CARDS = {"mla": "vs"}  # methods that share the card of another
_INTRODUCTION = """\
# All methods

Click a heading to sort, and choose yes or no where that is what you need. "Fits into the network" is what
[`longtail balance`](../how-to/your-model.md) writes in the place of the last layer. The two columns of percentages,
balanced accuracy and that of the rare classes, are those of the [plankton features](../project/accuracy.md), 121
classes, mean of 3 seeds, where they were measured: no method is best everywhere. [Which head when](choosing.md) says
more, with the formulas; `longtail methods tau` lists what can be set of one.

{.sortable}
"""
_OTHERS = """
What is no head has cards too: [transforms of the features](transforms.md), [losses and samplers of stage 1](losses.md),
[its switches](stage-one.md), [supervised contrast](contrast.md), pre-training by [rotation](rotation.md),
[MoCo](moco.md) and [SimSiam](simsiam.md), [pseudo-labels](pseudo-labels.md), [probabilities](calibration.md),
[sets of candidates](conformal.md), and estimates of the prior by [EM](em.md) and [BBSE](bbse.md).
"""


def measured_on_plankton(readme: str) -> dict[str, tuple[float, float]]:
    """Return balanced accuracy and that of the rare classes, by method, as benchmarks/accuracy/README.md has them."""
    section = readme.split(_SECTION)[1].split("\n## ")[0]
    result = {}
    for row in _ROW.finditer(section):
        cells = [cell.split("±")[0].strip() for cell in row["cells"].split("|")]
        result[row["name"]] = (float(cells[1]), float(cells[4]))
    return result


def method_table(root: Path) -> str:
    """Return the page, for a checkout whose folder is `root`."""
    measured = measured_on_plankton((root / "benchmarks/accuracy/README.md").read_text())
    linear = linear_methods("all", {}, has_bias=True)
    lines = [f"| {' | '.join(_COLUMNS)} |", f"|{'---|' * len(_COLUMNS)}"]
    for name, method in METHODS.items():
        answers = (
            method.cost not in ("one pass", "all rows"),
            method.starts_from_head,
            method.chooses,
            name in linear,
        )
        numbers = [f"{value:.1f}" for value in measured.get(name, ())] or ["-", "-"]
        cells = [f"[{name}]({_CARDS.get(name, name)}.md)", method.summary]
        cells += ["yes" if answer else "no" for answer in answers] + numbers
        lines.append(f"| {' | '.join(cells)} |")
    cards = sorted(path.stem for path in (root / "docs/methods").glob("*.md") if path.stem != "choosing")
    return _INTRODUCTION + "\n".join(lines) + "\n" + _OTHERS + toctree(cards)
