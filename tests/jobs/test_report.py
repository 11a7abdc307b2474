import json

import pytest

from longtail.errors import InputError
from longtail.jobs.report import ReportConfig, run
from longtail.runs import Run

RESULTS = """{"schema": 1, "title": "tiny", "data": {"name": "tiny", "class_names": ["a", "b"],
 "train_counts": [120, 3], "group_of_class": ["many", "few"], "splits": {"train": {"images": 123}},
 "group_thresholds": {"many_above": 100, "few_below": 20}},
 "methods": {"joint": {"params": {}, "selected_on": "given", "seconds": 0.1, "metrics": {}}},
 "verdict": {"best": null, "sentence": "Nothing was measured."}}"""


@pytest.mark.parametrize("name", [".", "results.json"])
def test_folder_and_file_lead_to_the_same_page(tmp_path, capsys, name):
    (tmp_path / "results.json").write_text(RESULTS)
    page = run(ReportConfig(tmp_path / name))
    assert page == tmp_path / "report.html"
    assert "Nothing was measured." in page.read_text(encoding="utf-8")
    assert capsys.readouterr().out.strip() == str(page)


def test_quiet_prints_nothing(tmp_path, capsys):
    (tmp_path / "results.json").write_text(RESULTS)
    run(ReportConfig(tmp_path, quiet=True))
    assert capsys.readouterr().out == ""


def test_command_line_takes_the_run_as_its_one_word(tmp_path):
    import tyro

    assert tyro.cli(ReportConfig, args=[str(tmp_path), "--quiet"]) == ReportConfig(tmp_path, quiet=True)


def test_missing_run_is_told(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        run(ReportConfig(tmp_path / "nowhere"))


def test_a_run_that_recommends_no_head_asks_for_one(tmp_path):
    (tmp_path / "results.json").write_text(RESULTS)
    with pytest.raises(InputError, match="recommends no method"):
        Run(tmp_path).head_path()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"columns": {"drop_columns": 3}}, "columns: expected an array at `drop_columns`, came an int"),
        ({"columns": {"drop_columns": [None]}}, "expected a str at `drop_columns"),
        ({"columns": {"drop": ["a"]}}, "columns: holds 'drop', which this version of longtail does not know"),
        ({"val_fraction": 7}, "expected `float` < 1.0 at `val_fraction`"),
        ({"logits": "no"}, "expected a bool at `logits`, came a str"),
    ],
)
def test_settings_that_say_otherwise_how_features_were_read(tmp_path, settings, told):
    (tmp_path / "config.json").write_text(json.dumps(settings))
    with pytest.raises(InputError) as caught:
        _ = Run(tmp_path).reading
    assert told in str(caught.value)
