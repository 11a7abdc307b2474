"""Shared by all tests: where the shared data lies, and made-up long-tailed features."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, settings

from forked import ForkServer

# how long an example takes says more about the machine than about the code
settings.register_profile("longtail", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("longtail")

# several tests run at once, and sums of several threads differ in the last bit from those of one
torch.set_num_threads(1)

SHARED = Path(os.environ.get("LONGTAIL_SHARED", Path(__file__).parents[1] / "../shared")).resolve()


def pytest_collection_modifyitems(items):
    """Begin with what starts processes: it takes longest, and one worker with one server does what comes first."""
    items.sort(key=lambda item: "forked" not in getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of data and reference outputs; tests that need it are skipped where it is not."""
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} is not here: it holds data that may be read but not shipped")
    return SHARED


@pytest.fixture(scope="session")
def fork_server():
    """Starts processes that need no seconds for imports."""
    server = ForkServer()
    yield server
    server.close()


@pytest.fixture
def forked(fork_server):
    """The same, and what a test leaves running ends with it."""
    yield fork_server
    fork_server.kill_all()


@pytest.fixture
def two_threads(monkeypatch):
    """Two threads are usual here, nobody has asked for a number, and nobody else computes."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("longtail.threads.is_crowded", lambda threads: False)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def make_features(counts, dimension=8, spread=1.0, distance=3.0, seed=0):
    """Draw features of classes around random centres, so many as `counts` says."""
    rng = np.random.default_rng(seed)
    centers = distance * np.random.default_rng(99).normal(size=(len(counts), dimension)) / np.sqrt(dimension)
    labels = np.repeat(np.arange(len(counts)), counts)
    features = centers[labels] + spread * rng.normal(size=(len(labels), dimension)) / np.sqrt(dimension)
    order = rng.permutation(len(labels))
    return features[order].astype(np.float32), labels[order].astype(np.int64)


@pytest.fixture
def tailed():
    """Training features with counts 300 .. 5, and a balanced test split."""
    counts = [300, 120, 50, 18, 8, 5]
    train = make_features(counts, spread=1.5, seed=1)
    test = make_features([50] * 6, spread=1.5, seed=2)
    return train, test
