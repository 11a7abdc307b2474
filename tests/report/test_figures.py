import re
import xml.etree.ElementTree as ElementTree
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longtail.report.class_figures import accuracy_by_class, class_counts_figure, weight_norms, x_positions
from longtail.report.drawing.looks import color, marker_path
from longtail.report.drawing.panel import text
from longtail.report.drawing.spread_labels import spread
from longtail.report.inline_svg import inline_svg
from longtail.report.method_figures import accuracy_by_group, hyperparameter_curve, learning_curves
from longtail.report.study_figures import curve_figure, points_figure

SVG = "{http://www.w3.org/2000/svg}"


def series(svg, name):
    """The group that draws one series."""
    found = [e for e in ElementTree.fromstring(svg).iter() if (e.get("id") or "").endswith(name)]
    assert len(found) == 1, f"{name}: {len(found)} found"
    return found[0]


def points(svg, name):
    """Where the markers of a series are, in the order drawn."""
    uses = series(svg, name).iter(f"{SVG}use")
    return np.array([(float(use.get("x")), float(use.get("y"))) for use in uses]).reshape(-1, 2)


def vertices(svg, name):
    """The corners of a line."""
    path = next(series(svg, name).iter(f"{SVG}path"))
    numbers = re.findall(r"-?\d+(?:\.\d+)?", path.get("d"))
    return np.array(numbers, dtype=float).reshape(-1, 2)


def texts(svg):
    return [element.text for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def is_affine(drawn, values):
    """Are drawn positions a linear image of the values?"""
    return np.allclose(np.corrcoef(drawn, values)[0, 1] ** 2, 1, atol=1e-6)


def test_bar_of_each_class_is_as_long_as_its_log_count(build_results):
    data = build_results()["data"]
    svg = class_counts_figure(data)
    widths = [np.ptp(vertices(svg, f"-bar-{c}")[:, 0]) for c in range(10)]
    assert is_affine(widths, np.log(data["train_counts"]))
    for count, group in zip(data["train_counts"], data["group_of_class"], strict=True):
        assert f"{count} {group}" in texts(svg)


@pytest.mark.parametrize("counts", [[30, 25, 22], [90, 60, 40, 20], [9, 7, 4, 2], [3, 2, 2]])
def test_counts_within_a_decade_have_plain_ticks_alone(build_results, counts):
    data = build_results(counts=counts)["data"]
    for svg in (
        class_counts_figure(data),
        accuracy_by_class(data, {"joint": [50.0] * len(counts)}, "test"),
        weight_norms(data, {"joint": [1.0] * len(counts)}),
    ):
        assert {"1", "2", "5", "10", "20", "50"} & set(texts(svg))


def test_empty_class_is_named_but_has_no_bar(build_results):
    data = build_results(counts=[300, 50, 4, 0])["data"]
    svg = class_counts_figure(data)
    assert "0 few" in texts(svg)
    assert "-bar-2" in svg
    assert "-bar-3" not in svg


def test_many_classes_are_drawn_as_steps_with_group_sizes(build_results):
    data = build_results(121, 5000, 1500)["data"]
    svg = class_counts_figure(data)
    for group in ("many", "medium", "few"):
        assert f"{group}: {data['group_of_class'].count(group)}" in texts(svg)
    assert not set(data["class_names"]) & set(texts(svg))


@pytest.mark.parametrize("num_classes", [10, 121])
def test_one_point_a_class_at_its_accuracy(build_results, num_classes):
    results = build_results(num_classes, 5000, 1500)
    recalls = {name: results["methods"][name]["metrics"]["test"]["per_class"] for name in ("joint", "tau")}
    recalls["joint"] = [None, *recalls["joint"][1:]]
    svg = accuracy_by_class(results["data"], recalls, "test")
    drawn = points(svg, "-points-joint"), points(svg, "-points-tau")
    assert [len(found) for found in drawn] == [num_classes - 1, num_classes]
    assert is_affine(drawn[0][:, 1], recalls["joint"][1:])
    assert is_affine(drawn[1][:, 1], recalls["tau"])
    assert is_affine(drawn[1][:, 0], np.log(x_positions(results["data"]["train_counts"])))


def test_steps_of_equal_classes_are_one_and_reach_as_far(build_results):
    counts = [200] * 100 + [30] * 100 + [3] * 100
    corners = {
        group: vertices(class_counts_figure(build_results(counts=counts)["data"]), f"-steps-{group}")
        for group in ("many", "medium", "few")
    }
    assert [len(found) for found in corners.values()] == [4, 4, 4]
    widths = [np.ptp(found[:, 0]) for found in corners.values()]
    assert np.allclose(widths, widths[0], atol=0.02)


def test_norms_are_divided_by_their_mean(build_results):
    results = build_results()
    norms = {name: results["methods"][name]["weight_norms"] for name in ("joint", "tau")}
    ten_times = {**norms, "tau": [10 * value for value in norms["tau"]]}
    assert weight_norms(results["data"], norms) == weight_norms(results["data"], ten_times)
    drawn = points(weight_norms(results["data"], norms), "-line-joint")
    assert is_affine(drawn[:, 1], norms["joint"][::-1])  # from the rarest class on


def test_group_bars_are_as_long_as_their_accuracy(build_results):
    results = build_results()
    metrics = {name: entry["metrics"]["test"] for name, entry in results["methods"].items()}
    svg = accuracy_by_group(metrics, results["data"]["group_thresholds"], "test")
    widths = [np.ptp(vertices(svg, f"-bar-few-{row}")[:, 0]) for row in range(5)]
    assert is_affine(widths, [found["few"] for found in metrics.values()])
    assert {f"{found['few']:.1f}" for found in metrics.values()} <= set(texts(svg))


def test_empty_group_has_no_panel(build_results):
    results = build_results(counts=[500] * 3 + [5] * 3)
    metrics = {name: entry["metrics"]["test"] for name, entry in results["methods"].items()}
    svg = accuracy_by_group(metrics, results["data"]["group_thresholds"], "test")
    assert {"many", "few"} <= set(texts(svg))
    assert "medium" not in texts(svg)


def test_curve_has_every_grid_point_and_the_choice(build_results):
    curve = build_results()["methods"]["tau"]["curve"]
    svg = hyperparameter_curve("tau", curve)
    drawn = vertices(svg, "-curve-few")
    assert len(drawn) == len(curve["grid"])
    assert is_affine(drawn[:, 0], curve["grid"])
    assert is_affine(drawn[:, 1], curve["metrics"]["few"])
    assert {"chosen: 0.6", "accuracy on validation, %"} <= set(texts(svg))
    without = {**curve, "metrics": {**curve["metrics"], "few": None}}
    assert "few" not in texts(hyperparameter_curve("tau", without))


def test_learning_curves_leave_out_what_was_not_measured(build_results):
    history = build_results()["stage1"]["history"]
    svg = learning_curves(history)
    assert len(vertices(svg, "-curve-train_loss")) == 12
    assert len(vertices(svg, "-curve-val_balanced")) == 11  # null in the first epoch
    bare = [{**row, "val_all": None, "val_balanced": None} for row in history]
    assert "val, all" not in texts(learning_curves(bare))
    assert learning_curves(history[:1])


def test_names_are_text_never_markup_or_references():
    names = ["$\\frac$", "<b>&", ' id="few" href="#few"', "猫"]
    drawn = "".join(text(0, place, name, fill=color("few")) for place, name in enumerate(names))
    svg = inline_svg("x", 'says "this" & that', 2, drawn)
    assert texts(svg) == names
    assert ElementTree.fromstring(svg).get("aria-label") == 'says "this" & that'
    assert svg.count("var(--few)") == 4


@pytest.mark.parametrize("marker", ["circle", "square", "diamond", "up", "down", "star", "pentagon", "plus", "cross"])
def test_a_marker_is_about_as_large_as_its_radius(marker):
    corners = re.findall(r"(-?[\d.]+) (-?[\d.]+)", marker_path(marker, 10.0))
    reach = np.abs(np.array(corners, dtype=float)).max()
    assert 8 < reach < 13


def test_curves_of_many_things_are_drawn_and_those_of_nothing_left_out():
    cells = [{"mean": 50.0, "interval": None}, {"mean": 60.0, "interval": None}]
    lines = {f"method {place}": cells for place in range(9)} | {"never measured": [None, None]}
    svg = curve_figure({"title": "t", "parameter": "rows", "log": False, "x": [1, 2], "lines": lines}, 0)
    drawn = {place for place in range(10) if f'-line-{place}"' in svg}
    assert drawn == set(range(9))


def test_curves_of_long_names_have_a_label_each():
    cells = [{"mean": 50.0, "interval": None}, {"mean": 60.0, "interval": None}]
    lines = {f"mean of the others, {method}": cells for method in ("joint", "crt")}
    svg = curve_figure({"title": "t", "parameter": "rows", "log": False, "x": [1, 2], "lines": lines}, 0)
    assert {"mean of…ers, joint", "mean of…thers, crt"} <= set(texts(svg))


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=8), st.floats(0.01, 10))
def test_spread_labels_keep_distance_order_and_centre(positions, gap):
    moved = spread(positions, gap)
    assert np.mean(moved) == pytest.approx(np.mean(positions), abs=1e-6)
    ordered = [moved[i] for i in sorted(range(len(positions)), key=lambda i: positions[i])]
    assert all(later - earlier >= gap - 1e-6 for earlier, later in pairwise(ordered))


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=60))
def test_positions_never_swap_classes_of_different_count(counts):
    x = x_positions(counts)
    counts = np.maximum(np.array(counts), 0.5)
    larger = counts[:, None] > counts[None, :]
    assert (x[:, None] > x[None, :])[larger].all()
    assert len(np.unique(x)) == len(x)


def looks(svg, prefix, count):
    """Colour and shape of the markers of each series."""
    found = []
    for place in range(count):
        use = next(series(svg, f"-{prefix}-{place}").iter(f"{SVG}use"))
        shape = use.get("href").removeprefix("#")
        group = next(e for e in ElementTree.fromstring(svg).iter(f"{SVG}g") if shape.startswith(f"{e.get('id')}-"))
        path = next(e for e in ElementTree.fromstring(svg).iter(f"{SVG}path") if e.get("id") == shape)
        found.append((path.get("d"), group.get("style") or group.find(f"{SVG}g").get("style")))
    return found


def test_every_line_of_a_study_s_curve_has_a_name_and_a_look_of_its_own():
    """Three lines a classifier, four classifiers, a class name that fills the figure."""
    methods = ("joint", "ncm", "crt", "tau")
    names = [f"{what}, {m}" for m in methods for what in ("A class of a very long name (tail)", "mean of the others")]
    cells = [{"mean": 40.0, "interval": None}, {"mean": 50.0, "interval": None}]
    data = {"title": "t", "parameter": "p", "log": False, "x": [0, 1], "lines": dict.fromkeys(names, cells)}
    svg = curve_figure(data, 0)
    assert len(set(looks(svg, "line", 8))) == 8
    told = [text for text in texts(svg) if any((text or "").endswith(f", {m}") for m in methods)]
    assert len(set(told)) == 8


def test_many_series_of_a_study_are_told_apart():
    names = [f"{rule}+{task}" for rule in "abcdefghi" for task in ("moco", "rotation", "simsiam", "none")]
    values = {name: {"joint": {"mean": 50.0, "interval": None}} for name in names}
    data = {"title": "t", "series": names, "panels": [{"name": "all", "rows": ["joint"], "values": values}]}
    drawn = points_figure(data, 0).replace("-all", "")
    assert len(set(looks(drawn, "series", 36))) == 36
