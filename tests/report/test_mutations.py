"""Whatever becomes of the files of a real run: they are read and drawn, or refused in a sentence."""

import json
import random
import shutil
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest

from longtail.cli import main
from longtail.errors import InputError
from longtail.features import write_features
from longtail.jobs.calibrating.file import read_calibration
from longtail.report import read_calibrations, read_results, read_study, render_report, render_study

WRONG = [None, True, -1, 0, 1.5, 1e308, "x", "", [], {}, [[]], {"a": 1}, 10**30, -5.0, "\ud800", [None], "1"]
READ, DRAWN = 200, 12


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with everything that a page shows, its heads calibrated."""
    folder, rng = tmp_path_factory.mktemp("run"), np.random.default_rng(0)
    for split, counts in (("train", [120, 40, 6]), ("val", [30, 20, 8]), ("test", [40, 20, 9])):
        labels = np.repeat(np.arange(3), counts)
        rows = 1.6 * np.eye(3, 6)[labels] + rng.normal(size=(len(labels), 6))
        write_features(folder / f"feature_{split}.h5", rows.astype("f4"), labels)
    out = folder / "run"
    words = ["--methods", "joint,ncm,tau,auto", "--learning-curve", "--curve-draws", "2", "--out", str(out), "--quiet"]
    assert main(["fit", str(folder), *words]) == 0
    assert main(["calibrate", str(out), "--heads", "tau", "--quiet"]) == 0
    return out


def places(value, path=()):
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], (*path, key))
    elif isinstance(value, list):
        for index in range(min(len(value), 3)):
            yield from places(value[index], (*path, index))


def mutated(content, seed):
    """Change one place: another kind, missing, renamed, nested, doubled or empty."""
    rng, content = random.Random(seed), deepcopy(content)
    *above, key = rng.choice([path for path in places(content) if path])
    part = content
    for step in above:
        part = part[step]
    how = rng.choice(["other", "missing", "renamed", "nested", "doubled", "empty"])
    if how == "missing" or (how == "renamed" and isinstance(part, list)):
        del part[key]
    elif how == "renamed":
        part[f"{key}_"] = part.pop(key)
    elif how == "nested":
        part[key] = [part[key]]
    elif how == "doubled" and isinstance(part, list):
        part.append(deepcopy(part[key]))
    elif how == "empty":
        part[key] = type(part[key])() if isinstance(part[key], list | dict | str) else 0
    else:
        part[key] = rng.choice(WRONG)
    return content


def accepted(read, write, content, number=READ):
    """Return what is read of mutated content, where it is not refused."""
    for seed in range(number):
        write(json.dumps(mutated(content, seed)))
        try:
            content_read = read()
        except InputError as error:
            told = str(error)
        else:
            yield content_read
            continue
        assert "\n" not in told
        assert len(told) < 600


def test_mutated_results_are_read_or_refused_and_what_is_read_is_drawn(run, tmp_path):
    content = json.loads((run / "results.json").read_text())
    path = tmp_path / "results.json"
    found = list(accepted(lambda: read_results(path), path.write_text, content))
    assert READ / 5 < len(found) < 0.9 * READ
    for results in found[:: max(len(found) // DRAWN, 1)]:
        assert render_report(results, tmp_path).startswith("<!DOCTYPE html>")


def test_mutated_calibrations_are_read_or_refused(run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    results = read_results(run)
    measures = tmp_path / "run" / "calibration" / "calibration.json"
    content = json.loads(measures.read_text())
    found = list(accepted(lambda: read_calibrations(tmp_path / "run"), measures.write_text, content))
    assert READ / 5 < len(found) < 0.9 * READ
    for heads in found[:: max(len(found) // 4, 1)]:
        measures.write_text(json.dumps({"heads": heads}))
        render_report(results, tmp_path / "run")


def test_mutated_calibration_of_a_head_is_read_or_refused(run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    path, head = tmp_path / "run" / "calibration" / "tau.json", tmp_path / "run" / "heads" / "tau.npz"
    logits = np.random.default_rng(0).normal(size=(5, 3))
    for stored in accepted(lambda: read_calibration(head), path.write_text, json.loads(path.read_text())):
        probabilities = stored.calibrator.probabilities(logits)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1)
        assert stored.sets.contains(probabilities).any(axis=1).all()
        stored.rule.accepts(probabilities.max(axis=1))


@pytest.mark.parametrize("text", ["", "x", "[" * 100_000, '{"a": NaN}', "\ufeff{", '{"a": 1e999, "a": 2}'])
@pytest.mark.parametrize("name", ["results.json", "calibration/calibration.json", "calibration/tau.json", "study.json"])
def test_what_is_no_json_is_refused(run, tmp_path, text, name):
    shutil.copytree(run, tmp_path / "run")
    path = tmp_path / "run" / name
    path.write_text(text)
    read = {
        "results.json": lambda: read_results(path),
        "calibration.json": lambda: read_calibrations(tmp_path / "run"),
        "tau.json": lambda: read_calibration(tmp_path / "run" / "heads" / "tau.npz"),
        "study.json": lambda: read_study(tmp_path / "run"),
    }[path.name]
    with pytest.raises(InputError):
        read()


STUDY = json.loads((Path(__file__).parents[1] / "damaged" / "study.json").read_text())


def test_mutated_studies_are_read_or_refused_and_what_is_read_is_drawn(tmp_path):
    path = tmp_path / "study.json"
    found = list(accepted(lambda: read_study(tmp_path), path.write_text, STUDY))
    assert READ / 10 < len(found) < 0.9 * READ
    for study in found[:: max(len(found) // 10, 1)]:
        render_study(study)


@pytest.mark.slow
def test_every_place_of_the_results_drawn(run, tmp_path):
    content = json.loads((run / "results.json").read_text())
    path = tmp_path / "results.json"
    for results in accepted(lambda: read_results(path), path.write_text, content, 3000):
        render_report(results, tmp_path)


@pytest.mark.slow
def test_every_place_of_a_study_drawn(tmp_path):
    path = tmp_path / "study.json"
    for study in accepted(lambda: read_study(tmp_path), path.write_text, STUDY, 1000):
        render_study(study)
