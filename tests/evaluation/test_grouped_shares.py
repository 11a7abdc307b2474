"""Conformal sets, the reject option and choices on rows that come in groups."""

import numpy as np
import pytest

from longtail.errors import InputError
from longtail.evaluation.calibration import image_scores
from longtail.evaluation.conformal import SET_KINDS, fit_sets
from longtail.evaluation.coverage import coverage_report
from longtail.evaluation.grouped_share import grouped_binomial_interval
from longtail.evaluation.scaling_choice import choose_calibrator, out_of_fold_logits
from longtail.evaluation.selection import choose
from longtail.evaluation.selective import selective_report, threshold_for_accuracy
from longtail.holdout import stratified_folds

KINDS = np.array(["many", "medium", "few"])


def rows_of_sites(rng, sites, classes=3, giants=True):
    """Probabilities, labels and sites; one site in four has ten times as many rows, and they are easier."""
    giant = (rng.random(sites) < 0.25) & giants
    groups = np.repeat(np.arange(sites), np.where(giant, 40, 4))
    labels = rng.choice(classes, len(groups), p=[0.5, 0.3, 0.2])
    clear = np.where(giant, 3.0, 1.0) + 0.8 * rng.standard_normal(sites)
    logits = rng.standard_normal((len(groups), classes)) + clear[groups, None] * np.eye(classes)[labels]
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), labels, groups


@pytest.fixture(scope="module")
def case():
    return rows_of_sites(np.random.default_rng(0), 40)


def slow_threshold(scores, groups, alpha):
    """Try each score: the share of groups, one more for the new one, that lie at it or below."""
    number = len(np.unique(groups))
    for score in np.sort(scores):
        below = sum(np.mean(scores[groups == group] <= score) for group in np.unique(groups))
        if below / (number + 1) >= 1 - alpha - 1e-12:
            return score
    return np.inf


def test_thresholds_equal_a_loop_over_groups(case):
    rows = np.arange(len(case[1])) % 5 == 0
    probabilities, labels, groups = (part[rows] for part in case)
    scores = 1 - probabilities[np.arange(len(labels)), labels]
    for alpha in (0.05, 0.1, 0.4):
        found = fit_sets(probabilities, labels, alpha=alpha, sample_groups=groups)
        assert found.thresholds[0] == slow_threshold(scores, groups, alpha)
        by_class = fit_sets(probabilities, labels, "class", alpha=alpha, sample_groups=groups)
        for label in range(3):
            rows = labels == label
            assert by_class.thresholds[label] == slow_threshold(scores[rows], groups[rows], alpha)


@pytest.mark.parametrize("kind", SET_KINDS)
def test_sets_of_groups_of_one_row_are_sets_without_groups(case, kind):
    probabilities, labels, _ = case
    alone = np.random.default_rng(0).permutation(len(labels))
    one = fit_sets(probabilities, labels, kind, groups=KINDS)
    other = fit_sets(probabilities, labels, kind, groups=KINDS, sample_groups=alone)
    assert one.to_json() == other.to_json()


@pytest.mark.parametrize("kind", SET_KINDS)
def test_copies_of_rows_count_once(case, kind):
    probabilities, labels, _ = case
    prior = np.array([0.5, 0.3, 0.2])
    one = fit_sets(probabilities, labels, kind, groups=KINDS, prior=prior)
    thrice, groups = np.repeat(np.arange(len(labels)), 3), np.repeat(np.arange(len(labels)), 3)[::1]
    other = fit_sets(probabilities[thrice], labels[thrice], kind, groups=KINDS, prior=prior, sample_groups=groups)
    if kind != "prevalence":  # there the prior is smoothed by one row a class, of three times as many
        np.testing.assert_array_equal(one.thresholds, other.thresholds)
    np.testing.assert_array_equal(one.images_missing, other.images_missing)


def test_names_of_groups_do_not_matter_and_few_groups_are_told(case):
    probabilities, labels, groups = case
    names = np.random.default_rng(1).permutation(1000)[: groups.max() + 1][groups]
    one, other = (fit_sets(probabilities, labels, "class", sample_groups=given) for given in (groups, names))
    assert one.to_json() == other.to_json()
    few = groups < 5
    found = fit_sets(probabilities[few], labels[few], alpha=0.1, sample_groups=groups[few])
    assert np.isinf(found.thresholds).all()
    assert found.images_missing.tolist() == [4, 4, 4]


@pytest.mark.parametrize("kind", ["marginal", "prevalence"])
def test_a_row_of_a_new_group_is_covered_as_promised(kind):
    rng, held = np.random.default_rng(0), np.zeros((2, 150))
    for draw in range(150):
        probabilities, labels, groups = rows_of_sites(rng, 30)
        new, truth, of_site = rows_of_sites(rng, 30)
        for place, given in enumerate((None, groups)):
            inside = fit_sets(probabilities, labels, kind, alpha=0.1, sample_groups=given).contains(new)
            covered = inside[np.arange(len(truth)), truth]
            held[place, draw] = np.mean([covered[of_site == site].mean() for site in range(30)])
    alone, grouped = 100 * held.mean(axis=1)
    assert 89 <= grouped <= 95  # 90 are promised, and 30 groups round up
    assert alone < 86


def test_reports_have_intervals_by_groups(case):
    probabilities, labels, groups = case
    contains = fit_sets(probabilities, labels).contains(probabilities)
    plain, grouped = (coverage_report(contains, labels, KINDS, sample_groups=given) for given in (None, groups))
    covered = contains[np.arange(len(labels)), labels]
    assert grouped["all"]["interval"] == grouped_binomial_interval(covered, groups)
    assert grouped["all"]["coverage"] == plain["all"]["coverage"]
    assert np.ptp(grouped["all"]["interval"]) > np.ptp(plain["all"]["interval"])
    scores = image_scores(probabilities, labels)
    rule = threshold_for_accuracy(scores.confidence, scores.right, 0.5)
    plain, grouped = (selective_report(scores, labels, KINDS, rule, sample_groups=given) for given in (None, groups))
    assert np.ptp(grouped["all"]["interval"]) > np.ptp(plain["all"]["interval"])
    assert grouped["all"]["accuracy"] == plain["all"]["accuracy"]


def test_an_accuracy_is_promised_for_other_groups():
    def answers(sure, site):
        return 1 / (1 + np.exp(-4 * sure - site)) > rng.random(len(sure))

    rng, kept, shown = np.random.default_rng(0), {False: 0, True: 0}, {False: 0, True: 0}
    for _ in range(30):
        groups = np.repeat(np.arange(30), 40)
        sure, other = rng.random(1200), rng.random(5000)
        right = answers(sure, 2 * rng.standard_normal(30)[groups])
        truth = answers(other, 2 * rng.standard_normal(5000))
        for grouped in kept:
            rule = threshold_for_accuracy(sure, right, 0.8, sample_groups=groups if grouped else None, level=0.9)
            shown[grouped] += rule.threshold is not None
            kept[grouped] += rule.threshold is None or truth[rule.accepts(other)].mean() >= 0.8
    assert kept[True] >= 27
    assert kept[False] < 24
    assert shown[True] >= 5


def test_acceptance_by_groups_of_one_row_is_that_without(case):
    probabilities, labels, groups = case
    scores = image_scores(probabilities, labels)
    alone = np.arange(len(labels))
    plain, same, grouped = (
        threshold_for_accuracy(scores.confidence, scores.right, 0.6, sample_groups=given)
        for given in (None, alone, groups)
    )
    assert plain == same
    assert grouped.attainable < plain.attainable
    together = threshold_for_accuracy(scores.confidence, scores.right, 0.6, sample_groups=np.zeros_like(labels))
    assert together.threshold is None


def test_the_standard_error_of_a_choice_grows_with_groups(case):
    _, labels, groups = case
    rng = np.random.default_rng(0)
    first, second = (np.where(rng.random(40)[groups] < 0.7, labels, (labels + 1) % 3) for _ in range(2))
    answers = {"one": first, "other": second}
    plain, same, grouped, together = (
        choose(answers, labels, 3, sample_groups=given)
        for given in (None, np.arange(len(labels)), groups, np.zeros_like(labels))
    )
    (name,) = {"one", "other"} - {plain.best}
    assert plain == same
    assert 2 * plain.errors[name] < grouped.errors[name] < together.errors[name] < np.inf
    assert grouped.errors[grouped.best] == 0


def test_a_calibration_is_chosen_on_folds_of_whole_groups(case):
    probabilities, labels, groups = case
    logits, folds = 3 * np.log(probabilities), groups % 4
    found = choose_calibrator(logits, labels, ("none", "temperature"), folds=folds, sample_groups=groups)
    plain = choose_calibrator(logits, labels, ("none", "temperature"), folds=folds)
    assert found.log_loss == plain.log_loss
    assert found.standard_errors["none"] > plain.standard_errors["none"]
    one = np.zeros_like(labels)
    assert np.isfinite(
        choose_calibrator(logits, labels, ("none", "temperature"), folds=folds, sample_groups=one).standard_errors[
            "none"
        ]
    )
    np.testing.assert_array_equal(
        out_of_fold_logits(logits, labels, "temperature", folds=stratified_folds(labels, 5, 3)),
        out_of_fold_logits(logits, labels, "temperature", seed=3),
    )
    for wrong in (folds[:5], np.zeros_like(folds), "many"):
        with pytest.raises(InputError, match=r"folds are .* expected how many, or the fold of each of the"):
            choose_calibrator(logits, labels, ("none", "temperature"), folds=wrong)
