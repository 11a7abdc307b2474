"""Conformal sets against a slow loop, and their promise on images drawn as the calibration images were."""

import json

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import binom, binomtest

from longtail.errors import InputError
from longtail.evaluation.conformal import SET_KINDS, ConformalSets, fit_sets, images_needed, nonconformity
from longtail.evaluation.coverage import binomial_interval, coverage_report

SHARES = np.array([0.55, 0.25, 0.12, 0.05, 0.03])
GROUPS = np.array(["many", "many", "medium", "few", "few"])


def made_up(images, seed):
    rng = np.random.default_rng(seed)
    labels = rng.choice(len(SHARES), size=images, p=SHARES)
    seen = 1.3 * np.eye(len(SHARES))[labels] + rng.normal(size=(images, len(SHARES)))
    return softmax(1.3 * seen + np.log(SHARES), axis=1), labels


def slow_sets(calibration, labels, test, kind, alpha, score):
    """Every class of every image asked by itself, from the definitions."""

    def badness(row, c, prior):
        if prior is not None:
            return -row[c] / prior[c]
        return 1 - row[c] if score == "softmax" else round(sum(p for p in row if p > row[c]), 12)

    counts = np.bincount(labels, minlength=5)
    prior = (counts + 1) / (len(labels) + 5) if kind == "prevalence" else None
    sets = np.zeros(test.shape, dtype=bool)
    for c in range(5):
        peers = {"class": [c], "group": [k for k in range(5) if GROUPS[k] == GROUPS[c]]}.get(kind, range(5))
        scores = sorted(badness(row, y, prior) for row, y in zip(calibration, labels, strict=True) if y in peers)
        rank = int(np.ceil((len(scores) + 1) * (1 - alpha)))
        for i, row in enumerate(test):
            sets[i, c] = rank > len(scores) or badness(row, c, prior) <= scores[rank - 1] + 1e-12
    for i, row in enumerate(test):
        if not sets[i].any():
            sets[i, row.argmax()] = True
    return sets


@pytest.mark.parametrize("kind", SET_KINDS)
@pytest.mark.parametrize("score", ["softmax", "aps"])
def test_equals_a_slow_loop(kind, score):
    calibration, labels = made_up(150, seed=0)
    test, _ = made_up(60, seed=1)
    found = fit_sets(calibration, labels, kind, alpha=0.15, score=score, groups=GROUPS)
    np.testing.assert_array_equal(found.contains(test), slow_sets(calibration, labels, test, kind, 0.15, score))


@pytest.mark.parametrize("kind", SET_KINDS)
def test_the_promise_holds_on_images_drawn_alike(kind):
    """Over many draws of both, coverage is 1 - alpha at least, but for chance, in each part it is promised for."""
    alpha, hits, totals = 0.2, np.zeros(5), np.zeros(5)
    for seed in range(60):
        calibration, labels = made_up(200, seed=2 * seed)
        test, truth = made_up(200, seed=2 * seed + 1)
        inside = fit_sets(calibration, labels, kind, alpha=alpha, groups=GROUPS).contains(test)
        hits += np.bincount(truth, weights=inside[np.arange(200), truth], minlength=5)
        totals += np.bincount(truth, minlength=5)
    parts = {"class": [[c] for c in range(5)], "group": [[0, 1], [2], [3, 4]]}.get(kind, [list(range(5))])
    for part in parts:
        covered, total = int(hits[part].sum()), int(totals[part].sum())
        # draws share their calibration images: allow twice the spread of independent ones
        spread = np.sqrt(alpha * (1 - alpha) / total)
        assert covered / total > 1 - alpha - 4 * spread, (kind, part, covered / total)


@pytest.mark.parametrize("score", ["softmax", "aps"])
def test_no_more_is_covered_than_was_asked_for(score):
    """Large sets would keep any promise; no set of aps is empty, so that none has to be filled."""
    calibration, labels = made_up(8000, seed=0)
    test, truth = made_up(8000, seed=1)
    found = fit_sets(calibration, labels, alpha=0.2, score=score)
    assert coverage_report(found.contains(test), truth, GROUPS)["all"]["coverage"] == pytest.approx(80, abs=2.5)
    if score == "aps":
        assert (nonconformity(test, score) <= found.thresholds).any(axis=1).all()


def test_rare_classes_pay_for_marginal_sets_and_not_for_others():
    calibration, labels = made_up(4000, seed=0)
    test, truth = made_up(8000, seed=1)
    reports = {
        kind: coverage_report(fit_sets(calibration, labels, kind, groups=GROUPS).contains(test), truth, GROUPS)
        for kind in SET_KINDS
    }
    assert reports["marginal"]["few"]["coverage"] < 60
    assert reports["group"]["few"]["coverage"] > 85
    assert reports["class"]["few"]["coverage"] > 85
    assert reports["prevalence"]["few"]["coverage"] > reports["marginal"]["few"]["coverage"] + 15
    assert reports["marginal"]["all"]["mean_size"] < reports["class"]["all"]["mean_size"]


def test_a_class_with_too_few_images_is_always_in_the_set():
    calibration, labels = made_up(2000, seed=0)
    kept = np.flatnonzero((labels != 4) | (np.cumsum(labels == 4) <= 6))
    found = fit_sets(calibration[kept], labels[kept], "class", alpha=0.1)
    assert images_needed(0.1) == 9
    assert found.images_missing.tolist() == [0, 0, 0, 0, 3]
    assert np.isinf(found.thresholds).tolist() == [False] * 4 + [True]
    assert found.contains(made_up(50, seed=3)[0])[:, 4].all()
    for alpha in (0.05, 0.1, 0.2, 0.25, 0.5, 0.37):
        need = images_needed(alpha)
        assert np.ceil((need + 1) * (1 - alpha) - 1e-9) <= need
        assert need == 1 or np.ceil(need * (1 - alpha) - 1e-9) > need - 1


@pytest.mark.parametrize("kind", SET_KINDS)
def test_permuting_classes_permutes_the_sets(kind):
    calibration, labels = made_up(400, seed=0)
    test, _ = made_up(80, seed=1)
    order = np.array([4, 2, 0, 1, 3])
    one = fit_sets(calibration, labels, kind, groups=GROUPS).contains(test)
    other = fit_sets(calibration[:, order], np.argsort(order)[labels], kind, groups=GROUPS[order])
    np.testing.assert_array_equal(one[:, order], other.contains(test[:, order]))


def test_with_a_uniform_prior_prevalence_is_marginal():
    calibration, labels = made_up(400, seed=0)
    test, _ = made_up(80, seed=1)
    one = fit_sets(calibration, labels, "prevalence", prior=np.full(5, 0.2)).contains(test)
    np.testing.assert_array_equal(one, fit_sets(calibration, labels, "marginal").contains(test))


def test_no_set_is_empty_and_none_is_lost_in_a_file():
    calibration, labels = made_up(300, seed=0)
    test, _ = made_up(200, seed=1)
    found = fit_sets(calibration, labels, "class", alpha=0.6)
    assert (found.contains(test).sum(axis=1) >= 1).all()
    assert (nonconformity(test, "softmax") > found.thresholds).all(axis=1).any()  # some would have been
    read = ConformalSets.from_json(json.loads(json.dumps(found.to_json())))
    np.testing.assert_array_equal(read.contains(test), found.contains(test))
    stored = found.to_json()
    for broken in (
        {"kind": "class"},
        {**stored, "alpha": 7},
        {**stored, "alpha": 0},
        {**stored, "thresholds": [5.0] * len(stored["thresholds"])},
        {**stored, "thresholds": [-5.0] * len(stored["thresholds"])},
        {**stored, "thresholds": ["x"] * len(stored["thresholds"])},
        {**stored, "thresholds": stored["thresholds"][1:]},
        {**stored, "images_missing": [float("inf")] * len(stored["thresholds"])},
        {**stored, "images_missing": [10**30] * len(stored["thresholds"])},
        {**stored, "prior": [0.5, 0.5]},
        {**stored, "kind": "prevalence"},
    ):
        with pytest.raises(InputError, match="Expected what `longtail calibrate` wrote; run it again"):
            ConformalSets.from_json(broken)


def test_intervals_are_those_of_scipy():
    for hits, total in ((0, 5), (3, 7), (7, 7), (90, 100)):
        expected = binomtest(hits, total).proportion_ci(0.95, method="exact")
        np.testing.assert_allclose(binomial_interval(hits, total), [100 * expected.low, 100 * expected.high], atol=1e-9)
    covered = [
        low <= 90 <= high
        for k in binom.rvs(40, 0.9, size=500, random_state=0)
        for low, high in [binomial_interval(k, 40)]
    ]
    assert np.mean(covered) >= 0.93


def test_coverage_counts_images_and_classes():
    contains = np.array([[1, 0, 1], [1, 1, 0], [0, 1, 0], [1, 1, 1]], dtype=bool)
    report = coverage_report(contains, [0, 0, 0, 1], np.array(["many", "few", "few"]))
    assert report["all"]["coverage"] == 75.0
    assert report["all"]["class_coverage"] == pytest.approx(100 * (2 / 3 + 1) / 2)
    assert (report["many"]["images"], report["few"]["images"], report["medium"]) == (3, 1, None)
    assert report["many"]["mean_size"] == pytest.approx(5 / 3)
    assert report["many"]["single"] == pytest.approx(100 / 3)
    assert report["per_class"][2] is None


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"kind": "clustered"}, "Sets: marginal, class, group, prevalence"),
        ({"score": "raps"}, "scores: softmax, aps"),
        ({"alpha": 0.0}, "alpha is 0.0"),
        ({"kind": "group"}, "need the group of each class"),
        ({"alpha": "x"}, "alpha is 'x'"),
        ({"alpha": float("nan")}, "alpha is nan"),
        ({"kind": "prevalence", "prior": [0.5, 0.5]}, "expected one share for each of the 5 classes"),
        ({"kind": "prevalence", "prior": [float("nan")] * 5}, "share of class 0 is nan"),
        ({"kind": "prevalence", "prior": [-1, 2, 0, 0, 0]}, "count of class 0 is -1"),
    ],
)
def test_what_cannot_be_used_is_named(changed, message):
    calibration, labels = made_up(30, seed=0)
    with pytest.raises(InputError, match=message):
        fit_sets(**{"probabilities": calibration, "labels": labels, **changed})
