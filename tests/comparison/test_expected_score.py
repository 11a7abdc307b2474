"""What a choice promises: what was counted where there was no choice, far less where the best of equals was taken."""

import numpy as np
import pytest

from longtail.comparison.evidence import Evidence
from longtail.comparison.expected_score import expected_score, unseen_hits

COUNTS = np.array([60, 30, 10, 2, 1])
CLASSES = len(COUNTS)
PARTS = np.full(CLASSES, 1 / CLASSES)
GROUPS = np.array(["many", "many", "medium", "few", "few"])


def equals(candidates, seed, counts=COUNTS, right=0.6):
    """Evidence of candidates each of which is right on each row by a coin of its own."""
    rng, labels = np.random.default_rng(seed), np.repeat(np.arange(CLASSES), counts)
    tables, decisions = {}, {}
    for number in range(candidates):
        wrong = (labels + rng.integers(1, CLASSES, len(labels))) % CLASSES
        decided = np.where(rng.random(len(labels)) < right, labels, wrong)
        tables[f"m{number}"] = np.log(0.05 + 0.75 * np.eye(CLASSES)[decided]).astype(np.float32)
        decisions[f"m{number}"] = decided
    rows = 1 / (counts + 1)[labels]
    weights = rows / rows.sum() if len(labels) else np.empty(0)
    return Evidence(tables, dict.fromkeys(tables, 1.0), decisions, labels, weights, ("made up",), COUNTS)


def score_of(evidence, name):
    hits = (evidence.decisions[name] == evidence.labels).astype(float)
    totals = np.bincount(evidence.labels, minlength=CLASSES)
    return 100 * float(PARTS @ (np.bincount(evidence.labels, hits, CLASSES) / np.maximum(totals, 1)))


def best(evidence):
    """Return what the best one decides about rows."""
    name = best_name(evidence)
    return lambda rows: rows.decisions[name]


def best_name(evidence):
    """Take the best one alone, as its score is counted in the rows at hand."""
    hits = np.stack([decided == evidence.labels for decided in evidence.decisions.values()]).astype(float)
    totals = np.bincount(evidence.labels, minlength=CLASSES)
    parts = (PARTS / np.maximum(totals, 1))[evidence.labels]
    return list(evidence.decisions)[int(np.argmax(hits @ parts))]


def test_nothing_is_owed_where_there_is_nothing_to_choose():
    evidence = equals(1, 0)
    found = expected_score(evidence, best, PARTS, GROUPS)
    assert found["optimism"] == 0
    assert found["score"] == pytest.approx(score_of(evidence, "m0"))


def test_the_best_of_many_equals_owes_its_lead_to_having_been_chosen():
    """All are right 60 times in 100: what is promised is that, what was counted is far more."""
    counted, promised, covered = [], [], []
    for seed in range(60):
        evidence = equals(8, seed)
        found = expected_score(evidence, best, PARTS, GROUPS, seed=seed)
        counted.append(score_of(evidence, best_name(evidence)))
        promised.append(found["score"])
        assert found["optimism"] > 0
        assert counted[-1] - found["optimism"] == pytest.approx(promised[-1])
        covered.append(found["interval"][0] <= 60 <= found["interval"][1])
    error = np.std(promised, ddof=1) / np.sqrt(60)
    assert np.mean(counted) > 60 + 10
    assert abs(np.mean(promised) - 60) < 3 * error
    assert np.mean(covered) >= 0.9


def test_hits_by_a_slow_loop():
    evidence = equals(5, 3)
    rng, rows = np.random.default_rng(7), range(len(evidence.labels))
    of_row = {row: [] for row in rows}
    for _ in range(40):
        drawn = rng.integers(len(rows), size=len(rows))
        name = best_name(evidence.of_rows(drawn))
        for row in set(rows) - set(drawn.tolist()):
            of_row[row].append(evidence.decisions[name][row] == evidence.labels[row])
    expected = [np.mean(of_row[row]) for row in rows]
    np.testing.assert_allclose(unseen_hits(evidence, best, seed=7), expected)
    of_class = [np.mean([expected[row] for row in rows if evidence.labels[row] == label]) for label in range(CLASSES)]
    found = expected_score(evidence, best, PARTS, GROUPS, seed=7)
    assert found["score"] == pytest.approx(100 * np.mean(of_class))


def test_a_row_in_every_draw_is_asked_of_the_choice_itself():
    evidence = equals(3, 1, np.array([0, 1, 0, 0, 0]))
    name = best_name(evidence)
    assert unseen_hits(evidence, best).tolist() == [evidence.decisions[name][0] == 1]


@pytest.mark.parametrize("right", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("counts", [COUNTS, np.array([0, 0, 0, 0, 1]), np.ones(CLASSES, dtype=int)])
def test_promises_are_shares(right, counts):
    found = expected_score(equals(4, 1, counts, right), best, PARTS, GROUPS)
    low, high = found["interval"]
    assert 0 <= low <= found["score"] <= high <= 100
    assert high > low


def test_classes_that_no_row_shows_are_as_the_others_of_their_group():
    counts = np.array([50, 0, 20, 10, 0])
    evidence = equals(1, 2, counts)
    recall = np.bincount(evidence.labels, evidence.decisions["m0"] == evidence.labels, CLASSES) / np.maximum(counts, 1)
    found = expected_score(evidence, best, PARTS, GROUPS)
    assert found["score"] == pytest.approx(100 * (0.4 * recall[0] + 0.2 * recall[2] + 0.4 * recall[3]))
    # where a group shows none, all others stand for it
    evidence = equals(1, 2, np.array([50, 0, 20, 0, 0]))
    recall = np.bincount(evidence.labels, evidence.decisions["m0"] == evidence.labels, CLASSES) / np.array(
        [50, 1, 20, 1, 1]
    )
    found = expected_score(evidence, best, PARTS, GROUPS)
    assert found["score"] == pytest.approx(100 * (0.4 * recall[0] + 0.2 * recall[2]) / 0.6)


def test_the_seed_decides_what_is_drawn():
    evidence = equals(6, 4)
    first = expected_score(evidence, best, PARTS, GROUPS, seed=1)
    assert first == expected_score(evidence, best, PARTS, GROUPS, seed=1)
    assert first["optimism"] != expected_score(evidence, best, PARTS, GROUPS, seed=2)["optimism"]


def test_no_rows_promise_nothing():
    evidence = equals(2, 0, np.zeros(CLASSES, dtype=int))
    assert expected_score(evidence, best, PARTS, GROUPS) is None
