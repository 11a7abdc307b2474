import pytest

from longtail.errors import InputError
from longtail.jobs.report import ReportConfig, run

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
