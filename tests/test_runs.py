"""A run's folder from Python: its heads, features and files, and how it shows itself."""

import json

import numpy as np
import pytest

from longtail.cli import main
from longtail.errors import InputError
from longtail.runs import Run, run_of_head


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    rng = np.random.default_rng(0)
    labels = np.repeat(["ant", "bee", "<i>"], [60, 30, 12])
    codes = np.unique(labels, return_inverse=True)[1]
    np.savez(folder / "e.npz", features=3 * np.eye(3, 5)[codes] + rng.normal(size=(102, 5)), labels=labels)
    words = ["fit", str(folder / "e.npz"), "--methods", "joint,tau,auto", "--label-check", "none"]
    assert main([*words, "--out", str(folder / "r"), "--quiet"]) == 0
    return Run(folder / "r")


def test_its_heads_are_those_of_its_results(run):
    assert run.heads == ("joint", "tau", "auto")
    test = run.open_features().splits["test"]
    for name in run.heads:
        right = (run.head(name).predict(test.features) == test.labels).mean()
        assert 100 * right == pytest.approx(run.results["methods"][name]["metrics"]["test"]["all"])
    np.testing.assert_array_equal(run.head().weight_, run.head("auto").weight_)
    assert run_of_head(run.head_path("tau")).folder == run.folder
    with pytest.raises(InputError, match="no method 'tua'"):
        run.head("tua")


def test_it_knows_where_its_files_lie(run):
    assert run.checkpoint().relative_to(run.folder).as_posix() == "checkpoints/last.pt"
    assert run.checkpoint("best").name == "best.pt"
    assert main(["calibrate", str(run.folder), "--heads", "tau", "--quiet"]) == 0
    assert run.calibration("tau").is_file()


def test_it_shows_its_table_and_its_verdict(run):
    shown, html = repr(run), run._repr_html_()
    assert shown.startswith(f"Run({str(run.folder)!r})\n")
    assert run.results["verdict"]["sentence"] in shown
    assert "<td>tau</td>" in html
    assert html.count("<tr") == 4
    assert html.count('<tr style="font-weight: bold"><td>auto</td>') == 1
    assert "r. Accuracy in percent, on test (" in html
    assert "color" not in html  # of a page that is light or dark


def test_it_shows_itself_without_intervals(run, tmp_path):
    results = json.loads((run.folder / "results.json").read_text())
    del results["methods"]["tau"]["metrics"]["test"]["intervals"]
    del results["methods"]["joint"]["metrics"]["test"]["intervals"]["balanced"]
    (tmp_path / "results.json").write_text(json.dumps(results))
    shown = {line.split()[0]: line for line in repr(Run(tmp_path)).splitlines()[2:5]}
    assert " .. " in shown["auto"]
    assert not any(" .. " in shown[name] for name in ("joint", "tau"))
    assert "<td>-</td>" in Run(tmp_path)._repr_html_()


def test_a_run_is_a_path():
    with pytest.raises(InputError, match="`folder` is None; expected a path"):
        Run(None)


def test_a_folder_without_results_shows_its_name(tmp_path):
    assert repr(Run(tmp_path)) == f"Run({str(tmp_path)!r})"
    (tmp_path / "<i>").mkdir()
    assert Run(tmp_path / "<i>")._repr_html_().count("<i>") == 0


def test_a_folder_that_is_not_there_is_told_at_once(tmp_path):
    with pytest.raises(InputError, match=r"nix: no such folder. Expected the folder of a finished run"):
        Run(tmp_path / "nix")
    with pytest.raises(InputError, match=r"tau.npz: no such file. Expected RUN/heads"):
        run_of_head(tmp_path / "nix" / "heads" / "tau.npz")
