"""Small steps are computed by one thread, and the threads are given back."""

import numpy as np
import pytest
import torch

from longtail.heads import ClassifierRetraining, MultilayerPerceptron
from longtail.threads import SMALL_STEP, threads_for


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_large_steps_keep_their_threads(two_threads):
    with threads_for(SMALL_STEP + 1):
        assert torch.get_num_threads() == 2
    with threads_for(SMALL_STEP):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2


def test_the_threads_come_back_after_an_error(two_threads):
    with pytest.raises(ZeroDivisionError), threads_for(1):
        1 / 0  # noqa: B018
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("head", [ClassifierRetraining(epochs=1), MultilayerPerceptron(epochs=1)], ids=["crt", "mlp"])
@pytest.mark.parametrize(("dimension", "expected"), [(4, 1), (12_000, 2)])
def test_heads_choose_by_the_size_of_a_step(two_threads, monkeypatch, head, dimension, expected):
    seen = []
    real = torch.nn.functional.cross_entropy

    def watching(*args, **kwargs):
        seen.append(torch.get_num_threads())
        return real(*args, **kwargs)

    monkeypatch.setattr(torch.nn.functional, "cross_entropy", watching)
    rng = np.random.default_rng(0)
    head.fit(rng.normal(size=(800, dimension)).astype(np.float32), np.arange(800) % 8)
    assert set(seen) == {expected}
    assert torch.get_num_threads() == 2
