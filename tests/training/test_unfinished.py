"""A feature file that is being written."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from longtail.features import open_feature_file, write_features
from longtail.training.unfinished import UnfinishedFeatures, threads_begun_with


@pytest.fixture
def events(monkeypatch):
    """What is sent to the disk and what is renamed, in order."""
    seen = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr("longtail.training.unfinished.os.fsync", lambda file: (seen.append("on the disk"), fsync(file)))
    monkeypatch.setattr(Path, "replace", lambda path, to: (seen.append(f"renamed to {to.name}"), replace(path, to)))
    return seen


def test_rows_are_on_the_disk_before_they_are_said_to_be(events, tmp_path):
    path = tmp_path / "feature_train.h5"
    unfinished = UnfinishedFeatures(path, np.arange(4), 2, "float32", {}, batch_size=4, rank=0, num_ranks=1)
    unfinished.begin()
    unfinished.open().write(0, np.ones((4, 2), dtype=np.float32))
    unfinished.finish()
    noted = ["on the disk", "renamed to .feature_train.h5.done-0"]
    assert events == [*noted, "on the disk", "renamed to feature_train.h5"]
    assert open_feature_file(path).features[:].sum() == 8


def unfinished(path, **changed):
    settings = {"batch_size": 2, "rank": 0, "num_ranks": 1} | changed
    return UnfinishedFeatures(path, np.arange(4), 2, "float32", {}, **settings)


@pytest.fixture
def half(tmp_path):
    """A file of which the first of two batches is written."""
    path = tmp_path / "feature_train.h5"
    begun = unfinished(path)
    begun.begin()
    rows = begun.open()
    rows.write(0, np.ones((2, 2), dtype=np.float32))
    begun._saved -= 60
    begun.advance()
    return path


def test_it_goes_on_where_it_was(half):
    again = unfinished(half)
    assert (again.goes_on, again.done) == (True, 1)


def test_further_views_go_on_where_they_were(tmp_path):
    path, labels, beside = tmp_path / "feature_train.h5", np.array([0, 1, 1]), {"view_of": np.array([0, 1, 1])}

    def views():
        return UnfinishedFeatures(path, labels, 2, "float32", {}, None, beside, batch_size=2, rank=0, num_ranks=1)

    begun = views()
    begun.begin()
    begun.open().write(0, np.ones((2, 2), dtype=np.float32))
    begun._saved -= 60
    begun.advance()
    again = views()
    assert (again.goes_on, again.done) == (True, 1)
    again.open().write(2, np.full((1, 2), 7, dtype=np.float32))
    again.finish()
    file = open_feature_file(path)
    assert (file.features.tolist(), file.views.features.tolist(), file.views.images.tolist()) == (
        [[1, 1], [1, 1]],
        [[7, 7]],
        [1],
    )


def test_it_says_with_how_many_threads_it_was_begun(half):
    assert threads_begun_with(half) == torch.get_num_threads()
    assert threads_begun_with(half.with_name("feature_val.h5")) is None


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"{",
        b"[" * 100_000,
        b"\xff\xfe",
        b"[]",
        b'{"key": 1, "batches": 1}',
        b'{"batches": 1}',
        "no threads",
        "more",
        "negative",
        "words",
        "another's",
    ],
)
def test_progress_that_is_damaged_begins_anew(half, damaged):
    path = half.with_name(".feature_train.h5.done-0")
    said = json.loads(path.read_text())
    changed = {
        "more": {"batches": 3},
        "negative": {"batches": -1},
        "words": {"batches": "1"},
        "another's": {"key": "x"},
        "no threads": {"threads": 0},
    }
    if damaged in changed:
        damaged = json.dumps(said | changed[damaged]).encode()
    path.write_bytes(damaged)
    again = unfinished(half)
    assert (again.goes_on, again.done) == (False, 0)
    again.begin()
    again.open()
    assert unfinished(half).goes_on


@pytest.mark.parametrize("damage", [lambda file: b"", lambda file: file[:-8], lambda file: b"x" * len(file), None])
def test_rows_that_are_damaged_are_begun_anew(half, damage):
    part = half.with_name(".feature_train.h5.part")
    if damage is None:
        part.unlink()
    else:
        part.write_bytes(damage(part.read_bytes()))
    again = unfinished(half)
    assert (again.goes_on, again.done) == (False, 0)
    again.begin()
    again.open().write(0, np.ones((4, 2), dtype=np.float32))
    again.finish()
    assert open_feature_file(half).features[:].sum() == 8


@pytest.mark.parametrize(
    ("labels", "shape", "dtype"),
    [
        ([0, 1, 3, 2], (4, 2), "f4"),
        ([0, 1, 2], (3, 2), "f4"),
        ([0, 1, 2, 3], (4, 1), "f4"),
        ([0, 1, 2, 3], (4, 2), "f2"),
    ],
)
def test_rows_of_other_labels_or_another_shape_are_begun_anew(half, labels, shape, dtype):
    kind = {"f4": "float32", "f2": "float16"}[dtype]
    write_features(half.with_name(".feature_train.h5.part"), np.zeros(shape), np.array(labels), dtype=kind)
    assert not unfinished(half).goes_on
