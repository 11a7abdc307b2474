"""How often intervals hold the truth, and how often equally good classifiers are told apart, by simulation."""

import numpy as np
import pytest

from longtail.evaluation import mean_interval, paired_metric_tests
from longtail.evaluation.accuracy import ClassTally

TRIALS = 1000

# images of each class, and how often each is found
RECALLS = {
    "one class of 4": ([4], [0.8]),
    "one class of 20": ([20], [0.95]),
    "two classes of 10": ([10, 10], [0.95, 0.3]),
    "five classes of 3": ([3] * 5, [0.95, 0.9, 0.5, 0.2, 0.05]),
    "30 classes of 1": ([1] * 30, [0.9] * 30),
    "1, 1, 2, 3, 5, 20 images": ([1, 1, 2, 3, 5, 20], [0.9, 0.95, 0.9, 0.85, 0.9, 0.97]),
    "nine classes of 200, one of 1": ([200] * 9 + [1], [0.98] * 9 + [0.5]),
    "ten classes of 40": ([40] * 10, [1, 0.99, 0.98, 0.97, 0.95, 0.9, 0.7, 0.4, 0.2, 0.05]),
    "100 classes of 5": ([5] * 100, np.linspace(0.02, 0.98, 100).tolist()),
}
# images, and how often only the one classifier is right, and only the other
PAIRS = {
    "one class of 20, equal": ([20], [0.2], [0.2]),
    "one class of 20, better": ([20], [0.35], [0.02]),
    "ten classes of 40, equal on average": ([40] * 10, [0] * 5 + [0.1] * 5, [0.1] * 5 + [0] * 5),
    "ten classes of 40, rare ones better": (
        [40] * 10,
        [0, 0, 0.01, 0.01, 0.02, 0.05, 0.1, 0.3, 0.5, 0.7],
        [0.03, 0.03, 0.03, 0.02, 0.02, 0.05, 0.05, 0.02, 0.01, 0],
    ),
    "1000 down to 5 images, equal": ([1000, 500, 200, 100, 50, 20, 10, 5], [0.05] * 8, [0.05] * 8),
    "1000 down to 5 images, equal on average": (
        [1000, 500, 200, 100, 50, 20, 10, 5],
        [0] * 4 + [0.1] * 4,
        [0.1] * 4 + [0] * 4,
    ),
    "1000 down to 5 images, rare ones better": (
        [1000, 500, 200, 100, 50, 20, 10, 5],
        [0.01, 0.01, 0.02, 0.03, 0.1, 0.2, 0.4, 0.5],
        [0.05, 0.04, 0.03, 0.03, 0.03, 0.03, 0.03, 0.02],
    ),
    "1, 1, 2, 3, 5, 20 images, equal on average": (
        [1, 1, 2, 3, 5, 20],
        [0, 0, 0, 0, 0.1, 0.5],
        [0.2, 0.2, 0.1, 0.1, 0, 0],
    ),
    "30 classes of 1, better": ([1] * 30, [0.4] * 30, [0.1] * 30),
    "100 classes of 5, better": ([5] * 100, [0.2] * 100, [0.1] * 100),
}


def share(count):
    return f"{100 * count / TRIALS:.1f}"


@pytest.mark.slow
@pytest.mark.parametrize("name", RECALLS)
def test_recalls_are_covered(name):
    totals, rates = (np.array(column) for column in RECALLS[name])
    groups, weights, truth = np.full(len(totals), "few"), 1 / (len(totals) * totals), 100 * rates.mean()
    rng = np.random.default_rng(0)
    low, high = [], []
    bootstrap = width = 0
    for hits in rng.binomial(totals, rates, size=(TRIALS, len(totals))):
        limits = mean_interval(ClassTally(totals, hits, hits), weights, groups)
        low.append(limits[0])
        high.append(limits[1])
        drawn = 100 * rng.binomial(totals, hits / totals, size=(500, len(totals))) @ weights
        edges = np.quantile(drawn, [0.025, 0.975])
        bootstrap += edges[0] - 1e-9 <= truth <= edges[1] + 1e-9
        width += edges[1] - edges[0]
    missed = [(np.array(low) > truth + 1e-9).sum(), (np.array(high) < truth - 1e-9).sum()]
    mean = np.mean(np.array(high) - np.array(low))
    covered = TRIALS - sum(missed)
    print(f"\n| {name} | {share(covered)} | {mean:.1f} | {share(bootstrap)} | {width / TRIALS:.1f} |")
    # three standard errors of 1000 trials
    assert covered / TRIALS >= 0.95 - 0.021
    assert max(missed) / TRIALS <= 0.025 + 0.015


@pytest.mark.slow
@pytest.mark.parametrize("name", PAIRS)
def test_differences_are_covered_and_equals_are_not_told_apart(name):
    totals, gain, loss = (np.array(column) for column in PAIRS[name])
    classes = len(totals)
    groups, truth = np.full(classes, "few"), 100 * float((gain - loss).mean())
    labels = np.repeat(np.arange(classes), totals)
    rng = np.random.default_rng(0)
    covered = shown = bootstrap = 0
    width, drawn_width = [], []
    for _ in range(TRIALS):
        kind = rng.random(len(labels))
        up, down = kind < gain[labels], kind > 1 - loss[labels]
        wrong = (labels + 1) % classes if classes > 1 else labels + 1
        first, second = np.where(down, wrong, labels), np.where(up, wrong, labels)
        if classes == 1:
            groups = np.array(["few", "many"])
        found = paired_metric_tests(labels, first, second, groups)["balanced"]
        low, high = found.interval()
        covered += low - 1e-9 <= truth <= high + 1e-9
        shown += found.p < 0.05
        width.append(high - low)
        gained, lost = (np.bincount(labels[rows], minlength=classes) for rows in (up, down))
        chances = np.stack([gained, lost, totals - gained - lost], axis=1) / totals[:, None]
        drawn = rng.multinomial(totals, chances, size=(300, classes))
        edges = np.quantile(100 * ((drawn[..., 0] - drawn[..., 1]) / totals).mean(axis=1), [0.025, 0.975])
        bootstrap += edges[0] - 1e-9 <= truth <= edges[1] + 1e-9
        drawn_width.append(edges[1] - edges[0])
    told = f"{share(covered)} | {np.mean(width):.1f} | {share(shown)} | {share(bootstrap)} | {np.mean(drawn_width):.1f}"
    print(f"\n| {name} | {told} |")
    assert covered / TRIALS >= 0.95 - 0.021
    if abs(truth) < 1e-9:
        assert shown / TRIALS <= 0.05 + 0.021
