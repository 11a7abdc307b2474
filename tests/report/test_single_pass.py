"""A figure that is laid out and drawn once is the figure that matplotlib draws twice, to the last letter."""

import pytest
from matplotlib.figure import Figure

from longtail.report import calibration_figures, render_report, single_pass, study_figures


@pytest.mark.parametrize(
    "settings", [{}, {"num_classes": 70, "largest": 5000}, {"counts": [300, 50, 4, 0]}, {"counts": [9, 7, 4, 2]}]
)
def test_a_page_has_the_figures_that_matplotlib_draws_in_two_passes(build_results, tmp_path, monkeypatch, settings):
    results = build_results(**settings)
    once = render_report(results, tmp_path)
    assert "<svg" in once
    drawn = []

    class TwicePassed(Figure):
        def draw(self, renderer):
            drawn.append(self)
            super().draw(renderer)

    monkeypatch.setattr(single_pass, "SinglePassFigure", TwicePassed)
    assert render_report(results, tmp_path) == once
    assert len(drawn) == 2 * once.count("<svg")  # the reference did draw, and twice


CELLS = [{"mean": 40.0, "interval": [30.0, 50.0]}, {"mean": 50.0, "interval": [45.0, 55.0]}]
SETS = {"many": {"coverage": 91.0, "interval": [88.0, 94.0], "mean_size": 1.2}, "medium": None}


@pytest.mark.parametrize(
    "draw",
    [
        lambda: calibration_figures.reliability_diagram(
            "joint",
            {when: {"confidence": [20, 90], "accuracy": [30, 80], "images": [4, 60]} for when in ("before", "after")},
        ),
        lambda: calibration_figures.coverage_by_group({"marginal": {**SETS, "few": SETS["many"]}}, 90.0),
        lambda: study_figures.curve_figure(
            {"title": "t", "parameter": "rows", "log": True, "x": [1, 10], "lines": {"a": CELLS, "b": CELLS[::-1]}}, 0
        ),
        lambda: study_figures.scatter_figure(
            {"title": "t", "y": [1, 50], "panels": [{"name": "n", "log": True, "x": [3, 400]}]}, 0
        ),
    ],
)
def test_other_figures_are_the_same_too(draw, monkeypatch):
    once = draw()
    monkeypatch.setattr(single_pass, "SinglePassFigure", Figure)
    assert draw() == once
