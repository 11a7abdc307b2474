"""What was typed stands in results; from Python nothing was."""

import json
import sys
from pathlib import Path

import pytest

from longtail.cli import main
from longtail.features import write_features
from longtail.jobs import fit
from longtail.jobs.head_options import HeadOptions
from longtail.jobs.options import RuntimeOptions
from longtail.studies import two_gaussians
from longtail.typed_command import command_of, typed_command


def test_it_ends_with_the_command():
    with command_of(["fit", "a b.csv", "--quiet"]):
        assert typed_command() == "longtail fit 'a b.csv' --quiet"
        with command_of(["report", "runs/x"]):
            assert typed_command() == "longtail report runs/x"
        assert typed_command() == "longtail fit 'a b.csv' --quiet"
    assert typed_command() is None


def test_it_ends_with_a_command_that_fails():
    with pytest.raises(ValueError, match="x"), command_of(["fit"]):
        raise ValueError("x")
    assert typed_command() is None


def test_results_say_what_was_typed_and_nothing_from_python(tmp_path, tailed, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["pytest", "of", "somebody"])
    for name, (features, labels) in zip(("train", "test"), tailed, strict=True):
        write_features(tmp_path / "features" / f"feature_{name}.h5", features, labels)
    words = ["fit", str(tmp_path / "features"), "--methods", "joint", "--quiet", "--out", str(tmp_path / "typed")]
    assert main(words) == 0
    assert json.loads((tmp_path / "typed" / "results.json").read_text())["command"] == " ".join(["longtail", *words])
    runtime = RuntimeOptions(out=tmp_path / "called", quiet=True)
    fit.run(fit.FitConfig(tmp_path / "features", heads=HeadOptions(methods="joint"), runtime=runtime))
    assert json.loads((tmp_path / "called" / "results.json").read_text())["command"] is None
    assert main(["report", str(tmp_path / "called"), "--quiet"]) == 0


def test_a_study_says_nothing_from_python(tmp_path):
    config = two_gaussians.TwoGaussiansConfig(
        fractions="0", head_counts="100", repeats=20, runtime=RuntimeOptions(out=tmp_path, quiet=True)
    )
    two_gaussians.run(config)
    assert json.loads((tmp_path / "study.json").read_text())["command"] is None
    assert (tmp_path / "report.html").is_file()


@pytest.mark.parametrize(
    ("started", "first", "shown"),
    [
        ("{there}/longtail", "{there}/longtail", "longtail"),
        ("{away}/longtail", "{away}/longtail", "'{away}/longtail'"),
        ("{away}/longtail/__main__.py", "py thon", "'py thon' -m longtail"),
        ("{away}/pytest", "{away}/pytest", "longtail"),
    ],
)
def test_the_next_command_starts_with_what_starts_this_one(tmp_path, monkeypatch, capsys, started, first, shown):
    places = {name: str(tmp_path / name) for name in ("there", "a way")}
    places["away"] = places.pop("a way")
    for place in places.values():
        program = Path(place) / "longtail"
        program.parent.mkdir()
        program.touch(mode=0o755)
    monkeypatch.setenv("PATH", places["there"])
    monkeypatch.setattr("sys.argv", [started.format(**places)])
    monkeypatch.setattr("sys.orig_argv", [first.format(**places)])
    features = tmp_path / "f.csv"
    rows = [f"{x}.{number % 7}1,{x}" for x in range(3) for number in range(12)]
    features.write_text("\n".join(["a,label", *rows]))
    assert main(["fit", str(features), "--methods", "ncm", "--out", str(tmp_path / "run")]) == 0
    told = capsys.readouterr().out.splitlines()[-1]
    assert told.startswith(f"Next: {shown.format(**places)} ")
