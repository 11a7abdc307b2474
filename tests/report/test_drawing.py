import math
import re
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from longtail.report.drawing.looks import Look
from longtail.report.drawing.marks import band, legend, line, line_ends, points, swatch
from longtail.report.drawing.panel import Panel, columns, text, text_width
from longtail.report.drawing.scales import Scale, decades, even_ticks, number, padded, powers

NUMBERS = st.floats(-1e15, 1e15)
LOOK = Look("var(--few)", (4, 2), "circle")


@given(NUMBERS, NUMBERS, st.one_of(NUMBERS, st.sampled_from([math.inf, -math.inf, math.nan])), st.booleans())
def test_a_share_is_a_share_whatever_comes(low, high, value, log):
    assert 0 <= Scale(low, high, log).share(value) <= 1


@given(st.lists(NUMBERS, max_size=6), st.booleans())
def test_all_values_lie_inside_a_padded_scale_in_their_order(values, log):
    scale = padded(values, log=log)
    assert scale.low < scale.high
    seen = sorted(value for value in values if value > 0 or not log)
    assert all(scale.low <= value <= scale.high for value in seen)
    shares = [scale.share(value) for value in seen]
    assert shares == sorted(shares)


@example(1e15, 1e15 - 1, 8)
@example(999999999999999.9, 1e15, 3)
@given(NUMBERS, NUMBERS, st.integers(2, 8))
def test_ticks_are_few_rise_and_lie_inside(low, high, most):
    scale = padded([low, high])
    ticks = [value for value, _ in even_ticks(scale, most)]
    room = 1e-6 * (scale.high - scale.low)
    assert 1 <= len(ticks) <= 2 * most + 1
    assert ticks == sorted(set(ticks))
    assert all(scale.low - room <= tick <= scale.high + room for tick in ticks)


def test_names_of_ticks_are_the_values():
    for ticks in (even_ticks(Scale(-0.02, 0.13)), decades(1, 5e5), powers(Scale(1e-4, 3e3, log=True))):
        assert len(ticks) >= 3
        assert [float(name.replace(",", "").replace("−", "-")) for _, name in ticks] == pytest.approx(
            [value for value, _ in ticks], abs=1e-9
        )
    assert [name for _, name in even_ticks(Scale(0.5, 3.4), whole=True)] == ["1", "2", "3"]
    assert number(-1234.5, 1) == "−1,234.5"


def test_marks_of_nothing_are_drawn_too():
    panel = Panel(10, 10, 100, 50, Scale(0, 1), Scale(0, 1))
    assert line(panel, [], [], LOOK, "none") + points(panel, [], [], LOOK, "none") + band(panel, [], [], [], "red")
    assert line_ends(panel, {}, {}) == legend([], 0, 0, 100, 2) == ""


def test_names_at_the_ends_of_lines_do_not_touch():
    panel = Panel(10, 10, 100, 50, Scale(0, 1), Scale(0, 1))
    drawn = line_ends(panel, {f"line {k}": (1.0, 0.5) for k in range(4)}, {})
    heights = sorted(float(y) for y in re.findall(r'<text x="[\d.]+" y="([\d.]+)"', drawn))
    assert len(heights) == 4
    assert min(b - a for a, b in pairwise(heights)) >= 9


def test_letters_of_east_asia_are_wide():
    assert text_width("猫猫") > 1.5 * text_width("ab")
    assert text(0, 0, "a<b").endswith(">a&lt;b</text>")


def test_a_legend_shows_marker_or_line():
    assert "stroke-dasharray:6.4,3.2" in swatch(Look("red", (4, 2)))
    assert "fill:red" in swatch(Look("red", (4, 2), "square"))
    assert [left for left, _ in columns(3, 0, 100, 5)] == pytest.approx([0, 35, 70])
