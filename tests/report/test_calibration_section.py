"""The section on probabilities: from calibration.json, from the measures of each method, or not there at all."""

import json
import re

import numpy as np
import pytest

from longtail.errors import InputError
from longtail.report import render_report, write_report
from longtail.report.calibration_figures import coverage_by_group, reliability_diagram


def part(value):
    return {"ece": value, "adaptive_ece": value + 1, "brier": 0.5, "log_loss": 1.25, "images": 40, "taken": 30}


def entry(ece=20.0, few=True):
    parts = {name: part(ece) for name in ("all", "balanced", "many", "medium", "few")}
    after = {**{name: part(3.0) for name in parts}, "few": {**part(9.5), "ece": None} if few else None}
    cover = {"coverage": 88.0, "interval": [80.0, 94.0], "mean_size": 2.5, "images": 40}
    kept = {"images": 40, "accepted": 61.5, "accuracy": 97.25, "interval": [90.0, 99.0]}
    groups = ("all", "many", "medium", "few")
    return {
        "method": "group",
        "calibrated_on": "val, for the mix of classes there",
        "measured_on": "test",
        "probabilities": {"before": parts, "after": after},
        "reliability": {
            when: {"confidence": [20.0, 60.0, 95.0], "accuracy": [10.0, 50.0, 90.0], "images": [5, 20, 75]}
            for when in ("before", "after")
        },
        "sets": {
            kind: {name: cover if few or name != "few" else None for name in groups}
            for kind in ("marginal", "class", "group", "prevalence")
        },
        "reject": {name: kept if few or name != "few" else None for name in groups},
        "rule": {"threshold": 0.8, "wanted": 95.0},
        "alpha": 0.1,
        "sentences": ["tau claimed <b>much</b>.", "The group sets were to hold the true class of 90 %."],
        "doubts": ["There is a doubt."],
    }


def write(folder, heads):
    (folder / "calibration").mkdir(exist_ok=True)
    (folder / "calibration" / "calibration.json").write_text(json.dumps({"schema": 1, "heads": heads}))


def test_it_says_what_was_measured(build_results, tmp_path):
    write(tmp_path, {"joint": entry(), "tau": entry(33.25)})
    html = render_report(build_results(), tmp_path)
    section = html[html.index('id="trust"') : html.index('id="rare"')]
    assert "tau claimed &lt;b&gt;much&lt;/b&gt;." in section  # the head of the verdict, and escaped
    assert "There is a doubt." in section
    assert "33.2" in section
    assert "61.5" in section
    assert section.count("<svg") == 2
    assert "joint, calibrated (group)" in section
    assert len(re.findall(r'id="[^"]*coverage-few-\d"', section)) == 4
    ids = re.findall(r'\sid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert html == render_report(build_results(), tmp_path)


def test_a_group_without_images_is_left_out(build_results, tmp_path):
    write(tmp_path, {"tau": entry(few=False)})
    html = render_report(build_results(), tmp_path)
    section = html[html.index('id="trust"') : html.index('id="rare"')]
    assert "coverage-few" not in section
    assert '<th scope="row">few</th>' not in section


def test_without_calibration_the_methods_speak_and_old_results_stay_readable(build_results, tmp_path):
    results = build_results()
    assert "Can the probabilities be trusted?" not in render_report(results, tmp_path)
    results["methods"]["joint"]["metrics"]["test"]["calibration"] = part(12.345)
    results["methods"]["tau"]["metrics"]["test"]["calibration"] = None
    html = render_report(results, tmp_path)
    section = html[html.index('id="trust"') : html.index('id="rare"')]
    assert "12.3" in section
    assert "<code>longtail calibrate</code>" in section
    assert "<svg" not in section


@pytest.mark.parametrize("content", ["{", '{"heads": {"tau": {"method": "group"}}}', '{"heads": 3}', "[]"])
def test_a_broken_file_is_named(build_results, tmp_path, content):
    (tmp_path / "calibration").mkdir()
    (tmp_path / "calibration" / "calibration.json").write_text(content)
    (tmp_path / "results.json").write_text(json.dumps(build_results()))
    with pytest.raises(InputError, match=r"calibration\.json: .*Expected what `longtail calibrate` wrote"):
        write_report(tmp_path)
    assert not (tmp_path / "report.html").exists()


def test_points_lie_where_the_numbers_say():
    curves = {"before": {"confidence": [25.0, 75.0], "accuracy": [50.0, 100.0], "images": [10, 30]}}
    drawn = reliability_diagram("tau", curves)
    path = re.search(r'id="reliability-before"><path d="([^"]*)"', drawn).group(1)
    x, y = np.array([[float(v) for v in re.findall(r"[-\d.]+", part)] for part in re.findall(r"[ML][^ML]+", path)]).T
    ideal = re.search(r'id="reliability-ideal-before"><path d="([^"]*)"', drawn).group(1)
    ends = np.array([[float(v) for v in re.findall(r"[-\d.]+", part)] for part in re.findall(r"[ML][^ML]+", ideal)])
    share_x = (x - ends[0, 0]) / (ends[1, 0] - ends[0, 0])
    share_y = (y - ends[0, 1]) / (ends[1, 1] - ends[0, 1])
    np.testing.assert_allclose(share_x, [0.25, 0.75], atol=0.01)
    np.testing.assert_allclose(share_y, [0.5, 1.0], atol=0.01)
    bars = coverage_by_group(entry()["sets"], 90.0)
    assert bars.count("88 %, 2.5 cl.") == 12
