"""Choosing between classifiers: scores against slow loops, the standard error against the bootstrap, the rule."""

import numpy as np
import pytest

from longtail.errors import InputError
from longtail.evaluation.selection import choose, class_weights, image_values

RNG = np.random.default_rng(0)
LABELS = np.repeat([0, 1, 2, 3], [60, 30, 8, 4])
CLASSES = range(4)
GROUPS = np.array(["many", "medium", "few", "few"])


def guesses(accuracy, seed):
    """Right with the given probability by class, else the next class."""
    right = np.random.default_rng(seed).random(len(LABELS)) < np.asarray(accuracy)[LABELS]
    return np.where(right, LABELS, (LABELS + 1) % 4)


HEAD = guesses([0.9, 0.8, 0.2, 0.0], 1)
FAIR = guesses([0.8, 0.7, 0.7, 0.6], 2)


def recalls(predicted):
    return np.array([100 * (predicted[c == LABELS] == c).mean() for c in CLASSES])


@pytest.mark.parametrize(
    ("metric", "slow"),
    [
        ("balanced", lambda p: recalls(p).mean()),
        ("all", lambda p: 100 * (p == LABELS).mean()),
        ("many", lambda p: recalls(p)[0]),
        ("few", lambda p: recalls(p)[2:].mean()),
        ("worst", lambda p: recalls(p).min()),
    ],
)
def test_scores_are_those_of_a_slow_loop(metric, slow):
    found = choose({"head": HEAD, "fair": FAIR}, LABELS, 4, metric=metric, groups=GROUPS)
    assert found.scores == pytest.approx({"head": slow(HEAD), "fair": slow(FAIR)})
    assert found.chosen == found.best == ("head" if slow(HEAD) >= slow(FAIR) else "fair")
    assert found.errors[found.best] == 0


def test_the_metric_decides():
    both = {"head": HEAD, "fair": FAIR}
    assert choose(both, LABELS, 4).chosen == "fair"
    assert choose(both, LABELS, 4, metric="many", groups=GROUPS).chosen == "head"


def test_costs_count_instead_of_errors():
    costs = np.ones((4, 4)) - np.eye(4)
    plain = choose({"head": HEAD, "fair": FAIR}, LABELS, 4, metric="all", costs=costs)
    assert plain.scores["fair"] == pytest.approx(-np.mean(FAIR != LABELS))
    costs[3] *= 100  # to miss the rarest class is what must not happen
    assert choose({"head": HEAD, "fair": FAIR}, LABELS, 4, metric="all", costs=costs).chosen == "fair"


def test_the_standard_error_is_that_of_the_paired_bootstrap():
    found = choose({"head": HEAD, "fair": FAIR}, LABELS, 4)
    leads = []
    for _ in range(4000):
        rows = np.concatenate([RNG.choice(np.flatnonzero(c == LABELS), (c == LABELS).sum()) for c in CLASSES])
        means = [np.mean([100 * (p[rows] == c)[LABELS[rows] == c].mean() for c in CLASSES]) for p in (FAIR, HEAD)]
        leads.append(means[0] - means[1])
    # the bootstrap divides by n where the estimate divides by n - 1: classes of 4 and 8 images make a few percent
    assert found.errors["head"] == pytest.approx(np.std(leads), rel=0.15)
    assert found.errors["head"] > np.std(leads)


def test_where_every_class_has_one_image_nothing_is_known_exactly():
    labels = np.arange(100)
    found = choose({"a": np.where(labels < 30, labels, 0), "b": np.where(labels > 64, labels, 0)}, labels, 100)
    # 30 + 35 images of 100 differ by 100 points: a proportion's error, about 0 instead of its mean
    assert found.errors[next(name for name in "ab" if name != found.best)] == pytest.approx(8, abs=0.1)


@pytest.mark.parametrize("several", [1, 3])
def test_classes_with_two_images_that_agree_do_not_make_the_others_certain(several):
    labels = np.concatenate([np.repeat(np.arange(several), 2), np.arange(several, 40)])
    found = choose({"right": labels, "wrong": np.where(labels < several, labels, 0)}, labels, 40)
    assert found.errors["wrong"] > 0


def test_the_rule_takes_the_simplest_that_is_not_measurably_worse():
    almost = FAIR.copy()
    right, wrong = np.flatnonzero(FAIR == LABELS), np.flatnonzero((FAIR != LABELS) & (LABELS == 0))
    almost[right[:3]] = 1  # three of class 0 are lost, two are found
    almost[wrong[:2]] = 0
    candidates = {"far": HEAD, "simple": almost, "best": FAIR}
    assert choose(candidates, LABELS, 4).chosen == "best"
    found = choose(candidates, LABELS, 4, one_standard_error=True)
    assert (found.chosen, found.best) == ("simple", "best")
    assert found.scores["best"] - found.scores["far"] > found.errors["far"]


def test_repeats_are_averaged_and_add_no_certainty():
    once = choose({"head": HEAD, "fair": FAIR}, LABELS, 4)
    thrice = choose({"head": np.stack([HEAD] * 3), "fair": np.stack([FAIR] * 3)}, LABELS, 4)
    assert thrice.scores == pytest.approx(once.scores)
    assert thrice.errors == pytest.approx(once.errors)
    np.testing.assert_allclose(image_values([0, 1], [[0, 0], [1, 1]]), [50, 50])


def test_permuting_classes_changes_nothing():
    order = np.array([2, 0, 3, 1])
    before = choose({"head": HEAD, "fair": FAIR}, LABELS, 4, metric="few", groups=GROUPS)
    after = choose(
        {"head": order[HEAD], "fair": order[FAIR]}, order[LABELS], 4, metric="few", groups=GROUPS[np.argsort(order)]
    )
    assert after.scores == pytest.approx(before.scores)
    assert after.errors == pytest.approx(before.errors)


def test_classes_without_an_image_have_no_say():
    assert class_weights([0, 0, 2], 4, "balanced").tolist() == [0.5, 0, 0.5, 0]
    assert class_weights([0, 0, 2], 4, "few", np.array(["many", "few", "few", "few"])).tolist() == [0, 0, 1, 0]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"metric": "f1"}, "no metric 'f1'"),
        ({"metric": "few"}, "needs the group"),
        ({"metric": "medium", "groups": np.array(["many"] * 4)}, "no class of the group 'medium'"),
        ({"costs": np.ones((4, 3))}, "expected C x C"),
        ({"costs": np.ones((2, 2))}, "out of range: expected (labels|predictions) from 0 to 1"),
        ({"costs": -np.ones((4, 4))}, "row 0, column 0 is -1; expected 0 to 1e"),
        ({"costs": np.full((4, 4), 1e300)}, r"is 1e\+300; expected 0 to 1e"),
        ({"costs": np.full((4, 4), np.nan)}, "is nan; expected 0"),
        ({"costs": [["a"] * 4] * 4}, "expected numbers"),
        ({"costs": 3.0}, "expected C x C"),
    ],
)
def test_mistakes_are_told(changed, told):
    with pytest.raises(InputError, match=told):
        choose({"fair": FAIR}, LABELS, 4, **changed)
    with pytest.raises(InputError, match="nothing to choose from"):
        choose({}, LABELS, 4)
    with pytest.raises(InputError, match="expected one for each"):
        choose({"fair": FAIR[1:]}, LABELS, 4)


def test_a_class_that_is_one_group_counts_as_one_row():
    """One group of each class, right by one candidate and wrong by the other: one piece of evidence each."""
    labels = np.repeat([0, 1, 2], 6)
    right, wrong = labels, np.where(labels == 2, 0, labels)
    together = choose({"a": right, "b": wrong}, labels, 3, sample_groups=labels)
    apart = choose({"a": right, "b": wrong}, labels, 3)
    assert apart.errors["b"] == 0
    assert together.errors["b"] > 10
    rows = choose({"a": right[::6], "b": wrong[::6]}, labels[::6], 3)
    assert together.errors["b"] == pytest.approx(rows.errors["b"])
