"""A feature file that is being written."""

import os
from pathlib import Path

import numpy as np
import pytest

from longtail.features import open_features
from longtail.training.unfinished import UnfinishedFeatures


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
    assert open_features(path).features[:].sum() == 8
