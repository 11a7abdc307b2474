"""How long methods may take: what is left out, what never is, and what is said of it."""

import json

import numpy as np
import pytest

from longtail.cli import main
from longtail.comparison import Protocol, Rules, compare, open_problem
from longtail.comparison.budget import beyond_budget, over
from longtail.comparison.fit_times import FitTimes, expected_times
from longtail.errors import InputError

SECONDS = {"lda": 2.0, "ridge": 3.0, "logistic": 20.0, "rfr": 10.0, "mlp": 40.0}


def made_up(rng, *counts):
    labels = np.repeat(np.arange(len(counts)), counts)
    return 2 * np.eye(len(counts), 6)[labels] + rng.normal(size=(len(labels), 6)), labels


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    return {
        "train": made_up(rng, 160, 50, 12),
        "val": made_up(rng, 20, 20, 20),
        "test": made_up(rng, 20, 20, 20),
    }


@pytest.mark.parametrize(
    ("left", "without"),
    [
        (75, []),
        (70, ["rfr"]),
        (60, ["lda", "ridge", "rfr"]),  # mlp has the largest part, logistic the next
        (50, ["logistic", "rfr"]),
        (39, ["mlp"]),
        (2, ["ridge", "logistic", "rfr", "mlp"]),
        (-1, list(SECONDS)),
    ],
)
def test_the_largest_parts_come_first(left, without):
    assert list(over(left, SECONDS)) == without


def test_what_was_not_probed_is_left_out():
    assert over(100, {"lda": 1.0, "mlp": None}) == {"mlp": None}


def test_without_a_budget_nothing_is_probed(data, monkeypatch):
    monkeypatch.setattr("longtail.comparison.budget.FitTimes", None)
    assert beyond_budget(Protocol(open_problem(data)), {"lda": "none"}, [], begun=0.0) == {}


class Clock:
    """Time that passes by fits alone: 1 s and 1 ms a row."""

    now = 0.0

    def __call__(self):
        return self.now

    def passing(self, fit):
        def timed(fitter, name, kind="none"):
            self.now += 1 + 0.001 * len(fitter.protocol.problem.splits["train"].labels)
            return fit(fitter, name, kind)

        return timed


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("longtail.comparison.fit_times.time.perf_counter", clock)
    monkeypatch.setattr("longtail.comparison.fit_times.Fitter.fit", clock.passing(lambda fitter, name, kind: None))
    return clock


def test_what_a_fit_takes_at_least_is_no_matter_of_rows(data, clock):
    problem = open_problem({name: data[name] for name in ("train", "test")})
    rows = len(data["train"][1])
    probe = FitTimes(Protocol(problem), chooses=False)
    assert probe.seconds("lda", "none") == pytest.approx(1 + 0.001 * rows)
    assert probe.seconds("mlp", "none") == pytest.approx(1 + 0.001 * rows)


def test_what_a_dry_run_tells_grows_with_all_the_rows_there_will_be(data, clock):
    protocol = Protocol(open_problem({name: data[name] for name in ("train", "test")}))
    times = expected_times(protocol, "joint,lda,knn", patience=1e9, rows=40_000)
    assert times == {name: pytest.approx(41.0) for name in ("joint", "lda", "knn")}
    assert expected_times(protocol, "joint,lda", patience=0.0) == {"joint": None, "lda": None}


def test_networks_of_the_last_fit_and_folds_are_counted(data, clock):
    problem = open_problem({name: data[name] for name in ("train", "test")})
    once = 1 + 0.001 * len(data["train"][1])
    probe = FitTimes(Protocol(problem), chooses=True)
    assert 1 <= probe.folds <= 5
    assert probe.seconds("lda", "none") == pytest.approx((1 + probe.folds + 1) * once)
    assert probe.seconds("mlp", "none") == pytest.approx((1 + probe.folds + 3) * once)
    left = FitTimes(Protocol(problem, Rules(refit=False), {"mlp": {"members": 1}}), chooses=True)
    assert left.seconds("mlp", "none") == pytest.approx((1 + left.folds) * once)
    assert FitTimes(Protocol(open_problem(data), Rules(select_on="val", cv_folds=2)), chooses=True).folds <= 2


def test_probing_ends_after_a_quarter_of_the_budget(data, clock):
    kinds = dict.fromkeys(("joint", "lda", "ridge", "mlp"), "none")
    found = beyond_budget(Protocol(open_problem(data), Rules(budget=12.0)), kinds, [], begun=0.0)
    assert found["lda"] is None  # joint and mlp took more than 3 s
    assert found["ridge"] is None
    assert 2 < clock.now < 6


def test_time_that_is_gone_is_part_of_it(data, clock):
    clock.now = 100.0
    problem = open_problem(data)
    found = [
        beyond_budget(Protocol(problem, Rules(budget=200.0)), {"lda": "none"}, [], begun=begun)
        for begun in (100.0, -95)
    ]
    assert found[0] == {}
    assert list(found[1]) == ["lda"]


def test_joint_and_what_is_named_stay(data):
    rules = Rules(budget=1e-6)
    assert list(compare(data, "auto", rules).heads) == ["joint", "auto"]
    assert list(compare(data, "joint,lda,auto", rules).heads)[:2] == ["joint", "lda"]
    comparison = compare(data, "joint,all", rules, settings={"mlp": {"epochs": 1}})
    assert list(comparison.heads) == ["joint"]
    note = comparison.results["data"]["notes"][-1]
    assert note.startswith("`budget` of 1e-06 s: left out: ")
    assert "mlp" in note


def test_enough_time_changes_nothing(data):
    settings = {"mlp": {"epochs": 1, "hidden": 8}}
    usual, timed = (compare(data, "auto", rules, settings=settings) for rules in (None, Rules(budget=1e6)))
    np.testing.assert_array_equal(usual.predictions["auto"]["test"], timed.predictions["auto"]["test"])
    assert usual.results["data"]["notes"] == timed.results["data"]["notes"]


def test_the_command_line_says_what_is_left_out(data, tmp_path, capsys):
    np.savez(tmp_path / "train.npz", features=data["train"][0], labels=data["train"][1])
    np.savez(tmp_path / "test.npz", features=data["test"][0], labels=data["test"][1])
    words = ["fit", str(tmp_path), "--methods", "auto", "--out", str(tmp_path / "out")]
    assert main([*words, "--budget", "0.000001"]) == 0
    assert "note      --budget of 1e-06 s: left out" in capsys.readouterr().out
    for text in ("0", "soon", "-3s", "nan", "1e999h"):
        assert main([*words, "--budget", text]) == 2
        assert f"--budget {text}: expected a time above 0, such as 60s, 5m or 1h" in capsys.readouterr().err


def test_a_time_is_typed_with_its_unit(data, tmp_path):
    np.savez(tmp_path / "train.npz", features=data["train"][0], labels=data["train"][1])
    words = ["fit", str(tmp_path), "--methods", "auto", "--set", "mlp.epochs=1", "--quiet", "--out"]
    assert main([*words, str(tmp_path / "out"), "--budget", "10m"]) == 0
    assert json.loads((tmp_path / "out" / "config.json").read_text())["heads"]["choice"]["budget"] == "10m"
    again = ["fit", "--config", str(tmp_path / "out" / "config.json"), "--out", str(tmp_path / "again")]
    assert main(again) == 0


def test_a_budget_is_above_zero():
    with pytest.raises(InputError, match="budget is -1"):
        Rules(budget=-1)
