"""How long methods may take: what is left out, what never is, and what is said of it."""

import numpy as np
import pytest

from longtail.cli import main
from longtail.comparison import Protocol, Rules, compare, open_problem
from longtail.comparison.budget import beyond_budget, expected_seconds, over
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


def test_without_a_budget_nothing_is_probed(data, monkeypatch):
    monkeypatch.setattr("longtail.comparison.budget.expected_seconds", None)
    assert beyond_budget(Protocol(open_problem(data)), {"lda": "none"}, []) == {}


def test_networks_of_the_last_fit_and_folds_are_counted(data, monkeypatch):
    clock = iter(range(100))  # each look at the clock is a second later
    monkeypatch.setattr("longtail.comparison.budget.time.perf_counter", lambda: next(clock))
    problem = open_problem({name: data[name] for name in ("train", "test")})
    kinds = {"lda": "none", "mlp": "none"}
    times = len(data["train"][1]) / 30  # 222 rows, of which 27 are asked for: nine of each class, three more
    seconds = expected_seconds(Protocol(problem), kinds)
    assert seconds["lda"] / seconds["mlp"] == pytest.approx((1 + 4 + 1) / (1 + 4 + 3))
    assert 0.7 * 6 * times < seconds["lda"] < 1.3 * 6 * times
    once = expected_seconds(Protocol(problem, Rules(refit=False), {"mlp": {"members": 1}}), kinds)
    assert once["lda"] == once["mlp"] < seconds["lda"]


def test_joint_and_what_is_named_stay(data):
    rules = Rules(budget=1e-6)
    assert list(compare(data, "auto", rules).heads) == ["joint", "auto"]
    assert list(compare(data, "joint,lda,auto", rules).heads)[:2] == ["joint", "lda"]
    comparison = compare(data, "joint,all", rules, settings={"mlp": {"epochs": 1}})
    assert list(comparison.heads) == ["joint"]
    note = comparison.results["data"]["notes"][-1]
    assert note.startswith("`budget` of 1e-06 s: left out, with what they would take: ")
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
    assert main([*words, "--budget", "0"]) == 2
    assert "--budget" in capsys.readouterr().err


def test_a_budget_is_above_zero():
    with pytest.raises(InputError, match="budget is -1"):
        Rules(budget=-1)
