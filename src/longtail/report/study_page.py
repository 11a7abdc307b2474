"""The HTML page of a study, made from study.json alone."""

from collections.abc import Iterator, Sized
from pathlib import Path
from typing import Any

from longtail.errors import InputError
from longtail.files.atomic import write_text
from longtail.files.json_file import check_kind, read_json
from longtail.report.class_figures import weight_norms
from longtail.report.page import page_environment
from longtail.report.study_figures import curve_figure, points_figure, scatter_figure
from longtail.report.study_schema import FIGURES, Study

__all__ = ["read_study", "render_study", "write_study_page"]

EXPECTED = "the study.json of a finished study; carry out the study again"

SOURCES = {
    "decoupling": "Kang et al., “Decoupling Representation and Classifier for Long-Tailed Recognition”, ICLR 2020, "
    "arXiv 1910.09217.",
    "unified perspective": "“Investigate the Essence of Long-Tailed Recognition from a Unified Perspective”, 2021, "
    "arXiv 2107.03758 (withdrawn).",
    "rethinking the value of labels": "Yang, Xu, “Rethinking the Value of Labels for Improving Class-Imbalanced "
    "Learning”, NeurIPS 2020, arXiv 2006.07529.",
    "label shift": "Test sets as in Hong et al., “Disentangling Label Distribution for Long-tailed Visual "
    "Recognition”, CVPR 2021, arXiv 2012.00321; estimates of Saerens et al., Neural Computation 14, 2002, and Lipton "
    "et al., ICML 2018, arXiv 1802.03916.",
}


def write_study_page(folder: Path) -> Path:
    """Make report.html beside the study.json of a study, whole or not at all.

    Raises:
        InputError: study.json is missing or cannot be used.
    """
    page = folder / "report.html"
    write_text(page, render_study(read_study(folder)))
    return page


def read_study(folder: Path) -> dict[str, Any]:
    """Read the study.json of a study.

    Args:
        folder: of the study.

    Raises:
        InputError: it is missing, no JSON, a part is missing or of another kind, or parts do not fit together.
    """
    path = folder / "study.json"
    study = read_json(path, dict[str, Any], expected=EXPECTED)
    check_kind(study, Study, origin=str(path), expected=EXPECTED)
    for number, figure in enumerate(study["figures"]):
        check_kind(figure, FIGURES[figure["kind"]], origin=f"{path}: figures[{number}]", expected=EXPECTED)
        for key in ("group_thresholds", "group_of_class") if figure["kind"] == "norms" else ():
            if key not in study["data"]:
                raise InputError(
                    f"{path}: 'data.{key}' is missing, which figures[{number}] needs. Expected {EXPECTED}."
                )
    for where, values, wanted in _lengths(study):
        if len(values) != wanted:
            raise InputError(f"{path}: '{where}' holds {len(values)} values; expected {wanted}. Expected {EXPECTED}.")
    return study


def _lengths(study: dict[str, Any]) -> Iterator[tuple[str, Sized, int]]:
    """Name each list with the length that it has to have."""
    for number, table in enumerate(study["tables"]):
        for row in table["rows"]:
            yield f"tables[{number}].rows.cells", row["cells"], len(table["columns"])
    num_classes = len(study["data"]["class_names"])
    for key in ("train_counts", "group_of_class"):
        if key in study["data"]:
            yield f"data.{key}", study["data"][key], num_classes
    for number, figure in enumerate(study["figures"]):
        where = f"figures[{number}]"
        if figure["kind"] == "norms":
            for name, norms in figure["norms"].items():
                yield f"{where}.norms.{name}", norms, num_classes
        elif figure["kind"] == "curve":
            for name, cells in figure["lines"].items():
                yield f"{where}.lines.{name}", cells, len(figure["x"])
            yield f"{where}.ticks", figure.get("ticks") or figure["x"], len(figure["x"])
        elif figure["kind"] == "scatter":
            for panel in figure["panels"]:
                yield f"{where}.panels.x", panel["x"], len(figure["y"])
        else:
            rows = figure["panels"][0]["rows"]
            for panel in figure["panels"]:
                yield f"{where}.panels.rows", panel["rows"], len(rows)
                for name in figure["series"]:
                    cells = panel["values"].get(name, {})
                    yield f"{where}.panels.values.{name}", [row for row in panel["rows"] if row in cells], len(rows)


def render_study(study: dict[str, Any]) -> str:
    """Put a study into a page that needs no other file, no network and no script.

    Args:
        study: content of study.json.

    Returns:
        HTML; the same study gives the same text.
    """
    from markupsafe import Markup

    figures = [
        {"title": figure["title"], "caption": figure["caption"], "svg": Markup(_drawn(figure, study, number))}
        for number, figure in enumerate(study["figures"])
    ]
    source = study.get("source", "decoupling")  # what the first studies were of, which did not name it
    return (
        page_environment()
        .get_template("study.html.j2")
        .render(study=study, figures=figures, source=SOURCES.get(source, source))
    )


def _drawn(figure: dict[str, Any], study: dict[str, Any], number: int) -> str:
    if figure["kind"] == "norms":
        return weight_norms(study["data"], figure["norms"])
    draw = {"curve": curve_figure, "scatter": scatter_figure}.get(figure["kind"], points_figure)
    return draw(figure, number)
