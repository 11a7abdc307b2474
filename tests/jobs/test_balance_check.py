"""Do features, labels and a model's last layer belong together?"""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from longtail.heads import Joint, NearestClassMean, TauNormalized
from longtail.jobs.balancing.check import class_order, rare_note, separation
from longtail.jobs.fitting.head_options import HeadOptions
from longtail.jobs.fitting.linear_methods import is_linear, linear_methods
from longtail.jobs.fitting.methods import METHODS, SLOW_METHODS


@given(st.permutations(range(5)), st.floats(0, 0.3))
def test_any_order_is_found_through_some_mistakes(order, wrong):
    rng, labels = np.random.default_rng(0), np.repeat(np.arange(5), 60)
    predictions = np.array(order)[labels]
    mistaken = rng.random(len(labels)) < wrong
    predictions[mistaken] = rng.integers(0, 5, mistaken.sum())
    assert class_order(labels, predictions, 5).tolist() == list(order)


def test_a_rare_class_that_is_taken_for_a_common_one_is_in_its_place():
    labels = np.repeat([0, 1, 2], [200, 40, 20])
    assert class_order(labels, np.zeros_like(labels), 3).tolist() == [0, 1, 2]
    # even where both are taken for each other now and then
    predictions = labels.copy()
    predictions[labels == 2] = np.tile([0, 0, 1, 2], 5)
    assert class_order(labels, predictions, 3).tolist() == [0, 1, 2]


def test_classes_that_share_an_output_are_not_in_another_order():
    """A weak layer says the two common classes for all; a rare class may do so even more than they do."""
    said = {0: [90, 0, 0, 10], 1: [100, 0, 0, 0], 2: [36, 0, 0, 64], 3: [60, 0, 0, 40]}
    labels = np.repeat(list(said), 100)
    predictions = np.concatenate([np.random.default_rng(c).permutation(np.repeat(range(4), said[c])) for c in said])
    assert class_order(labels, predictions, 4).tolist() == [0, 1, 2, 3]


def test_classes_of_a_handful_of_rows_say_nothing():
    labels = np.repeat([0, 1, 2], [100, 3, 3])
    assert class_order(labels, np.array([0, 2, 1])[labels], 3).tolist() == [0, 1, 2]


def test_separation_by_its_formula():
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(40, 3)) + np.eye(3)[np.arange(40) % 3], np.arange(40) % 3
    total = 0.0
    for c in range(3):
        column, members = logits[:, c], labels == c
        total += members.sum() ** 0.5 * (column[members].mean() - column.mean()) / column.std()
    np.testing.assert_allclose(separation(logits, labels), total / 3**0.5)
    # what the layer adds to every score of a class changes nothing: it may be as unfair as it likes
    np.testing.assert_allclose(separation(logits + np.array([9.0, 0.0, -9.0]), labels), total / 3**0.5)


def test_unrelated_scores_give_a_standard_normal_variable():
    rng, labels = np.random.default_rng(0), np.repeat([0, 1, 2, 3], [80, 40, 20, 4])
    drawn = [separation(rng.normal(size=(len(labels), 4)), labels) for _ in range(500)]
    assert abs(np.mean(drawn)) < 0.15
    assert 0.8 < np.std(drawn) < 1.15


def test_classes_of_one_row_are_named():
    assert rare_note(np.array([5, 1, 2]), ["a", "b", "c"])[0].startswith("b: a single training row")
    assert rare_note(np.array([5, 2, 2]), ["a", "b", "c"]) == ()
    assert "and 2 more" in rare_note(np.ones(7, dtype=int), list("abcdefg"))[0]


def test_what_is_linear_is_seen_on_the_fitted_head():
    rng, labels = np.random.default_rng(0), np.repeat([0, 1, 2], 10)
    features = (rng.normal(size=(30, 5)) + 2 * np.eye(3, 5)[labels]).astype(np.float32)
    assert is_linear(Joint().fit(features, labels))
    assert is_linear(TauNormalized(0.5).fit(features, labels))
    assert not is_linear(NearestClassMean().fit(features, labels))

    class Cosine(Joint):
        """Has a weight, and does something else with it."""

        def _chunk_logits(self, features):
            return super()._chunk_logits(features / features.norm(dim=1, keepdim=True))

    assert not is_linear(Cosine().fit(features, labels))


def test_all_means_every_method_that_fits():
    found = linear_methods(HeadOptions(methods="all"), has_bias=True)
    assert {"joint", "crt", "tau", "la", "lws"} <= set(found) <= set(METHODS) - set(SLOW_METHODS)
    assert not {"ncm", "mlp"} & set(found)
    assert linear_methods(HeadOptions(methods="auto"), has_bias=True) == found
    without = linear_methods(HeadOptions(), has_bias=False)
    assert {"joint", "tau", "lws"} <= set(without) <= set(found)
    assert not {"la", "crt"} & set(without)
