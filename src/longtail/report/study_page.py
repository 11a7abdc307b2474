"""The HTML page of a study, made from study.json alone."""

import json
from pathlib import Path
from typing import Any

from longtail.errors import InputError
from longtail.files.atomic import write_text
from longtail.report.class_figures import weight_norms
from longtail.report.page import page_environment
from longtail.report.study_figures import curve_figure, points_figure, scatter_figure

__all__ = ["render_study", "write_study_page"]

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
        InputError: study.json is missing or no JSON.
    """
    path = folder / "study.json"
    try:
        study = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: missing, or no JSON ({error}). Expected the folder of a finished study.") from error
    page = folder / "report.html"
    write_text(page, render_study(study))
    return page


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
