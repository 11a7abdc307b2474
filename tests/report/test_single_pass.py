"""A figure that is laid out and drawn once is the figure that matplotlib draws twice, to the last letter."""

import pytest
from matplotlib.figure import Figure

from longtail.report import render_report, single_pass


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
