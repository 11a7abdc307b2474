"""Nearest neighbours against scikit-learn, and leave-one-out against refits without each row."""

import itertools

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier

import longtail.heads.nearest_neighbours as module
from longtail.errors import InputError
from longtail.heads import NearestNeighbours, rounded_search
from longtail.heads.nearest_rows import keep_largest, nearest_rows
from longtail.heads.rounded_search import rounded_nearest
from longtail.heads.rows import chunks


@pytest.mark.parametrize("k", [1, 7, 1000])
@pytest.mark.parametrize("metric", ["cosine", "l2"])
def test_votes_are_those_of_scikit_learn(tailed, k, metric):
    (train, labels), (test, _) = tailed
    train, test = train.astype(np.float64), test.astype(np.float64)
    head = NearestNeighbours(k, temperature=0.1, gamma=0.0, metric=metric).fit(train, labels)

    def vote(distances):
        exponents = -distances if metric == "cosine" else -(distances**2) / head.length_
        return np.exp(exponents / 0.1)

    slow = KNeighborsClassifier(
        min(k, len(labels)), metric="cosine" if metric == "cosine" else "euclidean", weights=vote
    )
    shares = slow.fit(train, labels).predict_proba(test)
    np.testing.assert_allclose(
        head.predict_proba(test),
        (shares + 1 / (min(k, len(labels)) * 6)) / (1 + 1 / min(k, len(labels))),
        rtol=1e-6,
    )
    if metric == "l2":
        distances = ((train[:, None] - train[None]) ** 2).sum(axis=2)
        assert head.length_ == pytest.approx(distances.mean())


def test_the_rows_may_come_in_blocks(tailed, monkeypatch):
    (train, labels), (test, _) = tailed
    head = NearestNeighbours(10, temperature=0.1, gamma=0.5).fit(train, labels)
    whole = head.logits(test)
    blocks = [(slice(n, min(n + 37, len(train))), torch.from_numpy(train[n : n + 37])) for n in range(0, 501, 37)]
    similarity, rows = nearest_rows(torch.from_numpy(test), blocks, 10)
    every = nearest_rows(torch.from_numpy(test), [(slice(0, len(train)), torch.from_numpy(train))], 10)
    np.testing.assert_array_equal(rows, every[1])
    np.testing.assert_allclose(similarity, every[0], rtol=1e-5)
    monkeypatch.setattr("longtail.heads.rows.CHUNK_BYTES", 256 * 4 * 8)
    np.testing.assert_allclose(head.logits(test), whole, rtol=1e-4)


@pytest.mark.parametrize("k", [1, 5, 40])
def test_the_largest_of_blocks_are_those_of_all(k):
    """Blocks of a few columns, of whole groups and of some more; many of them equal."""
    scores = torch.from_numpy(np.random.default_rng(0).integers(0, 300, (50, 1000)).astype(np.float32))
    best, start = None, 0
    for width in (3, 200, 17, 400, 371, 9):
        best = keep_largest(best, scores[:, start : start + width], start, k)
        start += width
    np.testing.assert_array_equal(best[0], scores.sort(dim=1, descending=True).values[:, :k])
    np.testing.assert_array_equal(scores.gather(1, best[1]), best[0])


def spread_out(kind, rows=3000, dimension=24):
    rng = np.random.default_rng(0)
    known = rng.normal(size=(rows, dimension)).astype(np.float32)
    if kind == "far from 0":  # where rounding moves rows further than they lie apart
        known = known + 500
    elif kind == "one direction":
        known[:, 0] += 50
    elif kind == "lengths apart":
        known *= np.geomspace(1e-6, 1e6, rows, dtype=np.float32)[:, None]
    elif kind == "zeros and twins":
        known[::2], known[1::4] = known[1::2], 0
    return known.astype(np.float16) if kind == "float16" else known


@pytest.mark.parametrize(
    "kind", ["plain", "float16", "far from 0", "one direction", "lengths apart", "zeros and twins"]
)
@pytest.mark.parametrize("metric", ["cosine", "l2"])
def test_rounded_products_find_the_same_neighbours(kind, metric, monkeypatch):
    monkeypatch.setattr("longtail.heads.rows.CHUNK_BYTES", 700 * 4 * 24)
    known = spread_out(kind)
    own = np.arange(0, 3000, 15)
    features = torch.from_numpy(known[own].astype(np.float32))
    for k, left_out in ((1, None), (7, torch.from_numpy(own)), (4000, None)):
        slow = nearest_rows(features, chunks(known), k, metric=metric, left_out=left_out)
        fast = rounded_nearest(features, known, k, metric=metric, left_out=left_out)
        rounding = 1e-6 * (1 if metric == "cosine" else 2 * (features.square().sum(dim=1).max() + 1))
        assert fast[0].shape == slow[0].shape
        np.testing.assert_allclose(fast[0], slow[0], rtol=1e-5, atol=float(rounding))
        if kind in ("plain", "float16") and k < 4000:
            assert (fast[1] == slow[1]).float().mean() > 0.999


@pytest.mark.parametrize("offset", [0, 1000, 10000])
def test_far_from_0_distances_are_those_of_float64(offset):
    """Squares of the rows are 10^8 times those of their differences there."""
    known = spread_out("plain") + np.float32(offset)
    features = torch.from_numpy(known[::15] + np.float32(0.25))
    slow = nearest_rows(features.double(), [(slice(0, 3000), torch.from_numpy(known).double())], 3, metric="l2")
    plain = nearest_rows(features, chunks(known), 3, metric="l2")
    for fast in (plain, rounded_nearest(features, known, 3, metric="l2")):
        np.testing.assert_array_equal(fast[1], slow[1])
        np.testing.assert_allclose(fast[0], slow[0], rtol=1e-4)


@pytest.mark.parametrize("metric", ["cosine", "l2"])
def test_of_equal_rows_the_first_ones_are_taken(metric):
    known = np.repeat(spread_out("plain", rows=1000), 3, axis=0)[np.random.default_rng(1).permutation(3000)]
    features = torch.from_numpy(known[:200])
    rows = rounded_nearest(features, known, 3, metric=metric)[1]
    assert (rows.sort(dim=1).values == rows).all()
    first = [int(np.flatnonzero((known == row).all(axis=1))[0]) for row in known[:200]]
    assert rounded_nearest(features, known, 1, metric=metric)[1][:, 0].tolist() == first


def test_a_head_predicts_the_same_by_rounded_products(tailed, monkeypatch):
    (train, labels), (test, _) = tailed
    head = NearestNeighbours(10, temperature=0.1, gamma=0.5).fit(train, labels)
    monkeypatch.setattr(module, "pays_to_round", lambda *_: False)
    plain = head.logits(test)
    monkeypatch.setattr(module, "pays_to_round", lambda *_: True)
    monkeypatch.setattr(rounded_search, "SPARE", 8)
    np.testing.assert_allclose(head.logits(test), plain, rtol=1e-4, atol=1e-5)


def test_leave_one_out_is_a_refit_without_the_row(tailed, monkeypatch):
    """The curve is what a loop of refits measures; a class of which one row is left counts as one row there."""
    (train, labels), _ = tailed
    chosen = np.concatenate([np.flatnonzero(labels == c)[:size] for c, size in enumerate((30, 12, 6, 4, 3, 2))])
    features, codes = train[chosen].astype(np.float64), labels[chosen]
    monkeypatch.setattr(module, "NEIGHBOUR_GRID", (3, 8))
    monkeypatch.setattr(module, "TEMPERATURE_GRID", (0.05, 0.5))
    monkeypatch.setattr(module, "GAMMA_GRID", (0.0, 1.0))
    head = NearestNeighbours().fit(features, codes)
    slow = {}
    for k, temperature, gamma in itertools.product((3, 8), (0.05, 0.5), (0.0, 1.0)):
        right = np.zeros(len(codes))
        for row in range(len(codes)):
            rest = np.arange(len(codes)) != row
            part = NearestNeighbours(k, temperature=temperature, gamma=gamma).fit(features[rest], codes[rest])
            right[row] = part.predict(features[row : row + 1])[0] == codes[row]
        slow[k, temperature, gamma] = 100 * np.mean([right[codes == c].mean() for c in range(6)])
    assert slow[head.neighbours_, head.temperature_, head.gamma_] == pytest.approx(max(slow.values()))
    by_gamma = [max(value for key, value in slow.items() if key[2] == gamma) for gamma in (0.0, 1.0)]
    assert head.curve_["balanced"] == pytest.approx(by_gamma)
    assert head.selected_on_ == "train-cv"


def test_gamma_finds_more_of_the_rare_and_does_nothing_to_even_classes(tailed):
    (train, labels), (test, truth) = tailed
    rare = truth >= 3
    found = [
        (NearestNeighbours(20, temperature=0.3, gamma=gamma).fit(train, labels).predict(test) == truth)[rare].mean()
        for gamma in (0.0, 1.0)
    ]
    assert found[1] > found[0] + 0.2
    even = np.concatenate([np.flatnonzero(labels == c)[:5] for c in range(6)])
    one, other = (
        NearestNeighbours(5, temperature=0.3, gamma=gamma).fit(train[even], labels[even]) for gamma in (0.0, 1.0)
    )
    np.testing.assert_array_equal(one.predict(test), other.predict(test))


def test_on_validation_it_takes_what_is_best_there(tailed):
    train, test = tailed
    head = NearestNeighbours().fit(*train, validation=test)
    assert head.selected_on_ == "val"
    recalls = [(head.predict(test[0])[test[1] == c] == c).mean() for c in range(6)]
    assert 100 * np.mean(recalls) == pytest.approx(max(head.curve_["balanced"]))
    assert head.curve_["parameter"] == "gamma"


@pytest.mark.parametrize("counts", [(12, 9, 8, 6, 5), (1, 1, 1), (30, 1, 2)])
def test_small_sets(counts):
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(len(counts)), counts)
    features = rng.normal(size=(len(labels), 32)).astype(np.float32) + 4 * np.eye(len(counts), 32)[labels]
    head = NearestNeighbours().fit(features, labels)
    assert head.score(features, labels) > 0.8
    assert np.isfinite(head.logits(features)).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"neighbours": 0}, "neighbours is 0; expected a whole number of at least 1"),
        ({"neighbours": 2.5}, "neighbours is 2.5"),
        ({"temperature": 0.0}, "temperature is 0.0; expected a number above 0"),
        ({"gamma": -0.1}, "gamma is -0.1"),
        ({"gamma": "much"}, "gamma is 'much'"),
        ({"metric": "l1"}, "metric is 'l1'; expected one of cosine, l2"),
    ],
)
def test_mistakes_are_told(tailed, settings, message):
    with pytest.raises(InputError, match=message):
        NearestNeighbours(**settings).fit(*tailed[0])
