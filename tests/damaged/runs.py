"""What lies in the folder of a run or a study."""

import contextlib
import io
import shutil
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from damaged.features import damaged_hdf5, damaged_npz
from damaged.images import _six, encoded
from damaged.kind import Kind, holding
from damaged.ways import damaged_bytes, damaged_json

SIZES = (60, 24, 9)


@cache
def _finished():
    """Return a folder with features and the run of them, with all that lies in one, its heads calibrated."""
    from longtail.cli import main

    holder = tempfile.TemporaryDirectory()
    folder, rng = Path(holder.name), np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], SIZES)
    rows = 1.6 * np.eye(3, 5)[labels] + rng.normal(size=(len(labels), 5))
    lines = ["id,label,f0,f1,f2,f3,f4"]
    lines += [
        f"{n}.jpg,{'abc'[code]}," + ",".join(f"{v:.4f}" for v in row)
        for n, (code, row) in enumerate(zip(labels, rows, strict=True))
    ]
    (folder / "e.csv").write_text("\n".join(lines))
    words = ["--methods", "joint,ncm,tau", "--learning-curve", "--curve-draws", "2", "--quiet"]
    with contextlib.redirect_stdout(io.StringIO()):
        assert main(["fit", str(folder / "e.csv"), *words, "--out", str(folder / "run")]) == 0
        assert main(["calibrate", str(folder / "run"), "--heads", "tau,ncm", "--quiet"]) == 0
    return holder


def write_run(path):
    folder = next(parent for parent in path.parents if parent.name == "run")
    shutil.copytree(Path(_finished().name) / "run", folder, dirs_exist_ok=True)


def open_results(path):
    from longtail.jobs.predicting.predictor import open_predictor
    from longtail.runs import Run

    run = Run(path.parent)
    assert len(run.train_counts) == len(run.class_names)
    run.facts(run.recommended)
    open_predictor(path.parent).head.predict(np.zeros((2, 5)))


def draw_results(path):
    from longtail.report import read_results, render_report

    assert render_report(read_results(path), path.parent).startswith("<!DOCTYPE html>")


def open_settings(path):
    from longtail.comparison.problem import check_problem
    from longtail.runs import Run

    run = Run(path.parent)
    run.group("heads")
    check_problem(run.open_features().splits)


def write_toml(path):
    path.write_text(
        'verb = "fit"\nfeatures = "a b"\nlogits = true\nval-fraction = 0.25\n[columns]\ndrop_columns = ["x", "y"]\n'
        '[heads]\nmethods = "joint"\n[runtime]\nseed = 3\nout = "there"\n'
    )


def take_settings(path):
    from longtail.config_file import read_config, with_settings
    from longtail.jobs.fit import FitConfig

    file = read_config(path)
    file.check_verb("fit", ["fit", "run"])
    with_settings(FitConfig, None, file.settings(FitConfig), None)


def open_rows(path):
    open_settings(path.with_name("config.json"))


def open_calibration(path):
    from longtail.jobs.calibrating.file import read_calibration

    stored = read_calibration(path.parents[1] / "heads" / "tau.npz", ("a", "b", "c"))
    probabilities = stored.calibrator.probabilities(np.random.default_rng(0).normal(size=(5, 3)))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert stored.sets.contains(probabilities).any(axis=1).all()
    stored.rule.accepts(probabilities.max(axis=1))


def open_measures(path):
    from longtail.jobs.calibrate import _measured_before
    from longtail.report import read_calibrations

    _measured_before(path.parents[1])
    read_calibrations(path.parents[1])


def draw_measures(path):
    draw_results(path.parents[1] / "results.json")


def _data(folder):
    from longtail.data import open_data

    return open_data(str(folder / "images"), val_fraction=0.25, test_fraction=0.25)


def write_images(path):
    from longtail.jobs.stage_one.known_images import remember_images

    folder = path.parents[1]
    rng = np.random.default_rng(0)
    for number in range(24):
        place = folder / "images" / "ab"[number % 2] / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(encoded("PNG", rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)))
    (path.parent / "checkpoints").mkdir()
    (path.parent / "checkpoints" / "last.pt").write_bytes(b"")
    remember_images(_data(folder), path.parent)


def open_images(path):
    from longtail.jobs.stage_one.known_images import as_known

    for changed in ("ask", "leave-out"):
        splits = as_known(_data(path.parents[1]), path.parent, changed)
        assert len(splits.train)


def _unfinished(path):
    from longtail.training.unfinished import UnfinishedFeatures

    place = path.with_name("feature_train.h5")
    return place, UnfinishedFeatures(place, np.arange(4), 2, "float32", {"a": 1}, batch_size=2, rank=0, num_ranks=1)


def write_progress(path):
    """Write what a process leaves that was stopped after the first of two batches."""
    _, begun = _unfinished(path)
    begun.begin()
    rows = begun.open()
    rows.write(0, np.ones((2, 2), dtype=np.float32))
    begun.done = 1
    begun._write()


def finish_features(path):
    """Go on with what is there, or begin anew: all rows are those of this call in the end."""
    from longtail.features import open_feature_file
    from longtail.training.unfinished import threads_begun_with

    place, begun = _unfinished(path)
    try:
        threads_begun_with(place)
        begun.begin()
        rows = begun.open()
        for batch in range(begun.done, 2):
            rows.write(2 * batch, np.ones((2, 2), dtype=np.float32))
            begun.advance()
        begun.finish()
        result = open_feature_file(place)
        assert result.features.shape == (4, 2)
        np.testing.assert_array_equal(result.features[2:], 1)
        np.testing.assert_array_equal(result.labels, np.arange(4))
    finally:
        begun.forget()
        place.unlink(missing_ok=True)
        write_progress(path)


def open_study(path):
    from longtail.report import read_study

    read_study(path.parent)


def draw_study(path):
    from longtail.report import read_study, render_study

    render_study(read_study(path.parent))


def write_study(path):
    shutil.copy(Path(__file__).with_name("study.json"), path)


def open_example(path):
    from longtail.report.embedded_images import inline_image

    inline_image(path.parent, path.name)


RUNS = [
    Kind("results.json", write_run, damaged_json, open_results, "run/results.json", cost=3),
    Kind("results.json drawn", write_run, damaged_json, draw_results, "run/results.json", cost=50),
    Kind("config.json", write_run, damaged_json, open_settings, "run/config.json", cost=3),
    Kind("config.json of --config", write_run, damaged_json, take_settings, "run/config.json"),
    Kind("settings.toml", write_toml, damaged_bytes, take_settings),
    Kind("rows.npz", write_run, damaged_npz, open_rows, "run/rows.npz", cost=3),
    Kind("calibration of a head", write_run, damaged_json, open_calibration, "run/calibration/tau.json"),
    Kind("calibration.json", write_run, damaged_json, open_measures, "run/calibration/calibration.json"),
    Kind("calibration.json drawn", write_run, damaged_json, draw_measures, "run/calibration/calibration.json", cost=50),
    Kind("images.npz", write_images, damaged_npz, open_images, "run/images.npz", cost=12),
    Kind("progress", write_progress, damaged_json, finish_features, ".feature_train.h5.done-0", cost=8),
    Kind("unfinished features", write_progress, damaged_hdf5, finish_features, ".feature_train.h5.part", cost=8),
    Kind("study.json", write_study, damaged_json, open_study),
    Kind("study.json drawn", write_study, damaged_json, draw_study, "study.json", cost=50),
    Kind("example.png", holding(lambda: _six()[0]), damaged_bytes, open_example),
]
