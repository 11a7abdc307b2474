"""Pooled probabilities of an event against a plain loop, and what zeros and priors do."""

import numpy as np
import pytest

from longtail.errors import InputError
from longtail.evaluation.event_pooling import pooled_by_event
from longtail.priors import shift_probabilities

RNG = np.random.default_rng(0)
PROBABILITIES = RNG.dirichlet(np.ones(4), size=30)
EVENTS = RNG.integers(8, size=30)
SOURCE, TARGET = np.array([0.4, 0.3, 0.2, 0.1]), np.array([0.1, 0.2, 0.3, 0.4])


@pytest.mark.parametrize("moved", [False, True])
def test_a_loop_over_events_gives_the_same(moved):
    priors = {"source": SOURCE, "target": TARGET} if moved else {}
    pooled, event = pooled_by_event(PROBABILITIES, EVENTS, **priors)
    rows = shift_probabilities(PROBABILITIES, SOURCE, TARGET) if moved else PROBABILITIES
    for number in range(len(pooled)):
        mean = np.exp(np.log(rows[event == number]).mean(axis=0))
        np.testing.assert_allclose(pooled[number], mean / mean.sum(), rtol=1e-12)
    assert list(dict.fromkeys(event)) == list(range(len(pooled)))
    assert len({(number, name) for number, name in zip(event, EVENTS, strict=True)}) == len(pooled)


def test_an_image_alone_is_its_own_event_and_the_prior_counts_once():
    alone, _ = pooled_by_event(PROBABILITIES, np.arange(30), source=SOURCE, target=TARGET)
    np.testing.assert_allclose(alone, shift_probabilities(PROBABILITIES, SOURCE, TARGET), rtol=1e-12)
    repeated = np.repeat(np.arange(30), 7)
    again, _ = pooled_by_event(PROBABILITIES[repeated], repeated, source=SOURCE, target=TARGET)
    np.testing.assert_allclose(again, alone, rtol=1e-9)


def test_names_of_events_and_order_of_images_do_not_matter():
    names = np.array([f"seq-{number}" for number in RNG.permutation(8)])[EVENTS]
    one, other = pooled_by_event(PROBABILITIES, EVENTS), pooled_by_event(PROBABILITIES, names)
    np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_array_equal(one[1], other[1])
    order = RNG.permutation(30)
    pooled, event = pooled_by_event(PROBABILITIES[order], EVENTS[order])
    np.testing.assert_allclose(pooled[event], one[0][one[1]][order], rtol=1e-12)


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_zeros_give_numbers_and_stay_zero_where_all_agree(kind):
    rows = np.array([[1, 0, 0], [0, 1, 0], [0, 0.5, 0.5]], dtype=kind)
    pooled, _ = pooled_by_event(rows, [0, 0, 1])
    np.testing.assert_allclose(pooled, [[0.5, 0.5, 0], [0, 0.5, 0.5]], rtol=1e-6)
    moved, _ = pooled_by_event(rows, [0, 0, 1], source=[0.5, 0.25, 0.25], target=[1.0, 0.0, 0.0])
    assert moved.tolist() == [[1, 0, 0], [1, 0, 0]]


def test_no_image_is_no_event():
    pooled, event = pooled_by_event(np.zeros((0, 3)), np.zeros(0, dtype=int))
    assert pooled.shape == (0, 3)
    assert event.shape == (0,)


def test_what_does_not_fit_is_refused():
    for events in (EVENTS[:5], EVENTS + 0.5, EVENTS[:, None]):
        with pytest.raises(InputError, match="a whole number or a name for each of the 30 rows"):
            pooled_by_event(PROBABILITIES, events)
    with pytest.raises(InputError, match="both `source` and `target`"):
        pooled_by_event(PROBABILITIES, EVENTS, target=TARGET)
    with pytest.raises(InputError, match="row 0 is no row of probabilities"):
        pooled_by_event(2 * PROBABILITIES, EVENTS)
    with pytest.raises(InputError):
        pooled_by_event(PROBABILITIES, EVENTS, source=SOURCE, target=[1, -1, 0, 0])
