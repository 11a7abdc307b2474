"""What `run` refuses before it trains: a choice that cannot be made afterwards."""

import pytest

from longtail.cli import main


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--many-above", "5", "--few-below", "20"], "--few-below 20 exceeds --many-above 5 + 1"),
        (["--select-on", "test"], "--select-on test: choosing on the test split makes the test result worthless"),
        (["--costs", "nowhere.csv"], "--costs nowhere.csv: no such file"),
        (["--head", "mine.npz"], "--head: a run compares with the classifier that it trains"),
        (["--methods", "ensemble"], "--methods ensemble alone: it is made of other methods"),
    ],
)
def test_a_choice_that_cannot_be_made_costs_no_training(words, message, tmp_path, capsys):
    assert main(["run", "digits", "--out", str(tmp_path / "r"), *words]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "r").exists()


def test_a_file_of_somebody_else_costs_no_training(tmp_path, capsys):
    (tmp_path / "results.json").write_text('{"mine": 1}')
    assert main(["run", "digits", "--out", str(tmp_path), "--epochs", "1"]) == 2
    assert "results.json: no earlier result wrote it" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]
