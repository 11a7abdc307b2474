"""The reject option against a slow loop, and how often its promise is kept."""

import numpy as np
import pytest

from longtail.errors import InputError
from longtail.evaluation.calibration import image_scores
from longtail.evaluation.selective import AcceptanceRule, risk_coverage, selective_report, threshold_for_accuracy


def made_up(images, seed):
    """Confidences, and hits that happen as often as they say."""
    rng = np.random.default_rng(seed)
    sure = rng.beta(4, 1.5, size=images)
    return sure, rng.random(images) < sure


@pytest.mark.parametrize("weighed", [False, True])
def test_curve_equals_a_slow_loop(weighed):
    sure, right = made_up(80, 0)
    sure = sure.round(1)  # with equal ones
    weights = np.random.default_rng(1).random(80) + 0.1 if weighed else np.ones(80)
    curve = risk_coverage(sure, right, weights=weights if weighed else None)
    area, before = 0.0, 0.0
    for k, threshold in enumerate(sorted(set(sure), reverse=True)):
        kept = [i for i in range(80) if sure[i] >= threshold]
        coverage = sum(weights[i] for i in kept) / weights.sum()
        risk = sum(weights[i] for i in kept if not right[i]) / sum(weights[i] for i in kept)
        assert curve.threshold[k] == threshold
        assert curve.coverage[k] == pytest.approx(coverage)
        assert curve.risk[k] == pytest.approx(risk)
        area, before = area + risk * (coverage - before), coverage
    assert curve.area == pytest.approx(area)
    assert curve.risk[-1] == pytest.approx(1 - np.average(right, weights=weights))


def test_a_perfect_order_has_the_smallest_area_and_order_of_rows_does_not_matter():
    sure, right = made_up(500, 0)
    perfect = risk_coverage(right + 0.001 * sure, right).area
    assert perfect < risk_coverage(sure, right).area < risk_coverage(-sure, right).area
    order = np.random.default_rng(0).permutation(500)
    assert risk_coverage(sure[order], right[order]).area == pytest.approx(risk_coverage(sure, right).area)


def test_the_promise_is_kept_as_often_as_it_says():
    broken, coverages = 0, []
    population, truth = made_up(200_000, 999)
    for seed in range(200):
        sure, right = made_up(400, seed)
        rule = threshold_for_accuracy(sure, right, 0.8, level=0.9)
        accepted = rule.accepts(population)
        broken += bool(accepted.any()) and truth[accepted].mean() < 0.8
        coverages.append(rule.coverage)
    assert broken / 200 <= 0.10
    assert np.median(coverages) > 15  # and it is not kept by rejecting everything


def test_what_cannot_be_promised_is_not_accepted():
    sure, right = made_up(30, 0)
    rule = threshold_for_accuracy(sure, right, 0.99)
    assert (rule.threshold, rule.promised, rule.coverage) == (None, None, 0.0)
    assert not rule.accepts(sure).any()
    assert 0 < rule.attainable < 99
    again = threshold_for_accuracy(sure, right, rule.attainable / 100 - 1e-6)
    assert again.threshold is not None
    assert again.promised == pytest.approx(rule.attainable)
    everything = threshold_for_accuracy(np.linspace(0.5, 1, 500), np.ones(500), 0.9)
    assert everything.threshold == 0.5
    assert everything.coverage == 100.0
    assert 90 < everything.promised < 100


def test_a_report_names_the_groups_that_are_rejected():
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.95, 0.05], [0.45, 0.55], [0.2, 0.8]])
    labels = np.array([0, 0, 1, 1, 1])
    scores = image_scores(probabilities, labels)
    report = selective_report(
        scores, labels, np.array(["many", "few"]), AcceptanceRule(0.7, 90.0, 90.0, 0.95, 80.0, 95.0)
    )
    assert report["all"]["accepted"] == 80.0
    assert report["all"]["accuracy"] == 75.0
    assert report["many"]["accepted"] == 100.0
    assert report["few"]["accepted"] == pytest.approx(200 / 3)
    assert report["few"]["accuracy"] == 50.0
    assert report["medium"] is None
    nothing = selective_report(
        scores, labels, np.array(["many", "few"]), AcceptanceRule(None, 90.0, None, 0.95, 0.0, 80.0)
    )
    assert nothing["few"]["accuracy"] is None
    fair = np.array([1 / 2, 1 / 2, 1 / 3, 1 / 3, 1 / 3])
    assert report["balanced_area"] == pytest.approx(
        100 * risk_coverage(scores.confidence, scores.right, weights=fair).area
    )


@pytest.mark.parametrize(("accuracy", "level"), [(0.0, 0.95), (1.0, 0.95), (95, 0.95), (0.9, 1.0)])
def test_shares_out_of_range_are_refused(accuracy, level):
    with pytest.raises(InputError, match="expected a share above 0 and below 1"):
        threshold_for_accuracy([0.5], [1], accuracy, level=level)
    with pytest.raises(InputError, match="expected at least one"):
        risk_coverage([], [])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (([0.5, np.nan], [1, 0]), "expected finite numbers"),
        ((["a"], [1]), "expected numbers"),
        (([0.5], [2]), "neither 0 nor 1"),
        (([0.5], [np.nan]), "expected finite numbers"),
        (([0.5, 0.4], [1]), "expected N of each"),
        (([[0.5]], [[1]]), "expected N of each"),
    ],
)
def test_confidences_and_hits_that_are_none(arguments, told):
    with pytest.raises(InputError, match=told):
        risk_coverage(*arguments)
    for weights in ([-1.0], [np.inf], [0.0], [np.nan]):
        with pytest.raises(InputError, match="weight"):
            risk_coverage([0.5], [1], weights=weights)


def test_a_rule_is_read_as_it_was_written_and_an_impossible_one_is_refused():
    rule = threshold_for_accuracy(np.linspace(0, 1, 200), np.linspace(0, 1, 200) > 0.3, 0.9)
    stored = rule.to_json()
    assert AcceptanceRule.from_json({**stored, "further": 1}) == rule
    for broken in ({"threshold": "x"}, {"threshold": -5}, {"wanted": 700}, {"level": 1.5}, {"promised": None}):
        changed = {**stored, **broken}
        if broken == {"promised": None}:  # where nothing can be promised
            assert AcceptanceRule.from_json({**changed, "threshold": None}).threshold is None
            continue
        with pytest.raises(InputError, match="Expected what `longtail calibrate` wrote"):
            AcceptanceRule.from_json(changed)
    with pytest.raises(InputError, match="rule"):
        AcceptanceRule.from_json({})
