"""Small steps are computed by one thread, others by those that are fastest now, and the threads are given back."""

import os
import subprocess
import sys
import time
from contextlib import nullcontext
from pkgutil import resolve_name
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from longtail import threads
from longtail.backbones import create_backbone
from longtail.heads import ClassifierRetraining, MultilayerPerceptron
from longtail.threads import SMALL_STEP, asked_threads, fastest_threads, step_of, threads_for


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


@pytest.mark.parametrize(
    ("head", "in_a_step"),
    [
        (ClassifierRetraining(epochs=1), "longtail.heads.descent.loss_gradient"),
        (MultilayerPerceptron(epochs=1), "torch.nn.functional.cross_entropy"),
    ],
    ids=["crt", "mlp"],
)
@pytest.mark.parametrize(("dimension", "expected"), [(4, 1), (12_000, 2)])
def test_heads_choose_by_the_size_of_a_step(two_threads, monkeypatch, head, in_a_step, dimension, expected):
    seen = []
    real = resolve_name(in_a_step)

    def watching(*args, **kwargs):
        seen.append(torch.get_num_threads())
        return real(*args, **kwargs)

    monkeypatch.setattr(in_a_step, watching)
    rng = np.random.default_rng(0)
    head.fit(rng.normal(size=(800, dimension)).astype(np.float32), np.arange(800) % 8)
    assert set(seen) == {expected}
    assert torch.get_num_threads() == 2


@pytest.fixture
def taking(monkeypatch):
    """Give a step that takes as long as said for each number of threads, by a clock of its own."""
    now = [0.0]
    monkeypatch.setattr(threads, "time", SimpleNamespace(perf_counter=lambda: now[0]))

    def step_taking(seconds):
        return lambda: now.__setitem__(0, now[0] + seconds[torch.get_num_threads()])

    return step_taking


@pytest.mark.parametrize(
    ("seconds", "number"),
    [
        ({1: 0.02, 2: 0.1}, 1),
        ({1: 0.1, 2: 0.02}, 2),
        ({1: 0.02, 2: 0.02}, 2),  # the usual number stays where the difference is small
    ],
)
def test_the_fastest_number_is_taken(two_threads, taking, seconds, number):
    found = fastest_threads(taking(seconds))
    assert (found.number, found.usual) == (number, 2)
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize(
    ("seconds", "number"),
    [
        ({1: 0.02, 2: 0.02}, 1),
        ({1: 0.02, 2: 0.018}, 1),  # what is fast now may wait for others the next moment
        ({1: 0.1, 2: 0.02}, 2),
    ],
)
def test_beside_others_the_usual_number_has_to_be_worth_it(two_threads, taking, monkeypatch, seconds, number):
    monkeypatch.setattr(threads, "is_crowded", lambda number: True)
    assert fastest_threads(taking(seconds), seconds=0.05).number == number


def test_beside_others_slow_steps_count(two_threads, taking, monkeypatch):
    """Two threads that are mostly twice as fast, and every fifth time wait for others."""
    monkeypatch.setattr(threads, "is_crowded", lambda number: True)
    steps = []

    def step():
        steps.append(torch.get_num_threads())
        waits = steps.count(2) % 5 == 4
        taking({1: 0.01, 2: 0.1 if waits else 0.005})()

    assert fastest_threads(step, seconds=0.1).number == 1


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux says how many threads run")
def test_processes_that_compute_are_seen():
    cores = os.cpu_count()
    spinning = "import time\nend = time.time() + 20\nwhile time.time() < end: pass"
    others = [subprocess.Popen([sys.executable, "-c", spinning]) for _ in range(cores + 1)]
    try:
        time.sleep(1)
        assert threads.is_crowded(cores)
    finally:
        for process in others:
            process.kill()
            process.wait()


def test_a_small_gain_is_left_alone(two_threads, taking):
    assert fastest_threads(taking({1: 0.02, 2: 0.04}), enough=2.9).number == 2


def test_what_is_hopeless_is_not_tried_again(two_threads):
    tried = []

    def step():
        tried.append(torch.get_num_threads())
        time.sleep({1: 0.005, 2: 0.2}[torch.get_num_threads()])

    found = fastest_threads(step)
    assert tried.count(2) == 2  # once to lay out, once to be timed
    assert (found.number, list(found.seconds)) == (1, [1])


def test_a_first_step_that_lays_out_is_not_counted(two_threads):
    begun = set()

    def step():
        first = torch.get_num_threads() not in begun
        begun.add(torch.get_num_threads())
        time.sleep(0.5 if first and len(begun) == 1 else {1: 0.01, 2: 0.06}[torch.get_num_threads()])

    assert fastest_threads(step).number == 1


def test_one_thread_is_not_measured():
    assert fastest_threads(pytest.fail).number == torch.get_num_threads() == 1


@pytest.mark.parametrize("learns", [True, False])
def test_measuring_changes_neither_network_nor_randomness(learns):
    network = torch.nn.Sequential(create_backbone("digits_cnn", num_classes=3, in_chans=1), torch.nn.Dropout(0.5))
    network.eval()
    before, drawn = {name: value.clone() for name, value in network.state_dict().items()}, torch.get_rng_state()
    step = step_of(network, torch.ones(2, 1, 8, 8), learns=learns, precision=nullcontext)
    step(), step()
    assert torch.equal(torch.get_rng_state(), drawn)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not network.training
    assert all(parameter.grad is None for parameter in network.parameters())


@pytest.mark.parametrize("said", ["", "0", "-1", "all", "²", "1.5", "99999999999"])
def test_only_numbers_are_asked_for(said):
    assert asked_threads({"OMP_NUM_THREADS": said}) is None
