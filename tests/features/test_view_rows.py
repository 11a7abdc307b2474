"""Rows that are further views of the image of another row: they go where it goes, and are counted nowhere."""

import functools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longtail.cli import main
from longtail.comparison import Protocol, Rules, open_problem
from longtail.comparison.fitter import fit_method, fitted_joint
from longtail.comparison.learnt_rows import as_learnt
from longtail.comparison.methods import METHODS
from longtail.errors import InputError
from longtail.features import open_feature_file, open_features, write_features
from longtail.features.views import Views, check_view_of
from longtail.heads import Ensemble, Joint, Transformed, load_head, save_head
from longtail.heads.feature_transform import FeatureTransform

COUNTS = (20, 9, 6)
IN_AUTO = [name for name, method in METHODS.items() if method.part is not None]


def rows_of(counts=COUNTS, seed=0):
    """Features whose first column is a number of the image, labels, and which row's image each row shows."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(counts)), counts)
    view_of = np.concatenate([np.arange(len(labels)), rng.permutation(np.repeat(np.flatnonzero(labels), 2))])
    features = rng.normal(size=(len(view_of), 5)) + 3 * np.eye(3, 5)[labels[view_of]]
    features[:, 0] = rng.permutation(len(labels))[view_of]
    return features.astype(np.float32), labels[view_of], view_of


@pytest.fixture
def folder(tmp_path):
    features, labels, view_of = rows_of()
    write_features(tmp_path / "feature_train.h5", features, labels, view_of=view_of)
    for split, seed in (("val", 1), ("test", 2)):
        features, labels, view_of = rows_of((5, 5, 5), seed)
        own = view_of == np.arange(len(labels))
        write_features(tmp_path / f"feature_{split}.h5", features[own], labels[own])
    return tmp_path


@given(st.data())
def test_views_go_where_their_image_goes(data):
    images = np.sort(np.array(data.draw(st.lists(st.integers(0, 9), max_size=30)), dtype=np.int64))
    views = Views(images[:, None] * 1.0, images)
    rows = np.array(data.draw(st.lists(st.integers(0, 9), max_size=12)), dtype=np.int64)
    taken = views.take(rows)
    expected = [(place, row) for place, row in enumerate(rows.tolist()) for _ in range((images == row).sum())]
    assert list(zip(taken.images.tolist(), taken.features[:, 0].astype(int).tolist(), strict=True)) == expected


@pytest.mark.parametrize(
    ("view_of", "told"),
    [
        ([0, 0, 1, 3], "row 1 is said to show the image of row 0. Expected the rows of images first"),
        ([0, 1, 2, 9], "row 3 is said to show the image of row 9"),
        ([0, 1, 2], r"has shape \(3,\)"),
        ([0.0, 1.0, 2.0, 2.0], "type float64"),
        ([0, 1, 2, 0], "row 3 has another class than row 0"),
    ],
)
def test_what_is_no_view(view_of, told, tmp_path):
    labels = np.array([0, 0, 1, 1])
    with pytest.raises(InputError, match=told):
        check_view_of(np.array(view_of), labels, 4)
    np.savez(tmp_path / "e.npz", features=np.eye(4), labels=labels, view_of=np.array(view_of))
    with pytest.raises(InputError, match=rf"e\.npz: .*{told}"):
        open_features(tmp_path / "e.npz")


def test_both_readers_tell_them_apart(folder):
    features, labels, view_of = rows_of()
    own = view_of == np.arange(len(labels))
    for train in (open_feature_file(folder / "feature_train.h5"), open_features(folder).splits["train"]):
        assert np.array_equal(train.features, features[own])
        assert np.array_equal(train.labels, labels[own])
        assert len(train.views) == (~own).sum()
        assert np.array_equal(train.views.features[:, 0], train.features[train.views.images, 0])


def test_what_is_split_off_has_no_views(tmp_path):
    features, labels, view_of = rows_of()
    for groups in ({}, {"groups": np.array([f"g{int(image) // 2}" for image in features[:, 0]])}):
        np.savez(tmp_path / "e.npz", features=features, labels=labels, view_of=view_of, **groups)
        problem = open_problem(tmp_path / "e.npz")
        train, seen = problem.splits["train"], set()
        problem.unseal_test()
        for split in problem.splits.values():
            assert not seen & set(split.features[:, 0].tolist())
            seen |= set(split.features[:, 0].tolist())
        assert len(seen) == sum(COUNTS)
        assert np.array_equal(train.views.features[:, 0], train.features[train.views.images, 0])
        assert len(train.views) == 2 * (np.asarray(train.labels) > 0).sum()
        assert [problem.splits[split].views for split in ("val", "test")] == [None, None]
        assert np.array_equal(problem.train_counts, np.bincount(train.labels))


def test_copies_of_an_image_take_its_views_along(folder):
    problem = open_problem(folder)
    train = problem.splits["train"]
    weights = np.where(np.arange(len(train.labels)) == 25, 3.0, 1.0)
    learnt = as_learnt(type(train)(train.path, train.features, train.labels, {}, weights=weights, views=train.views), 0)
    shown = np.bincount(learnt.features[:, 0].astype(int))
    image = int(train.features[25, 0])
    assert shown[image] == 3 * (1 + 2 * (train.labels[25] > 0))
    assert len(np.unique(learnt.groups)) == len(train.labels)
    assert np.array_equal(np.sort(np.delete(shown, image)), np.sort(np.delete(np.bincount(train_rows(train)), image)))


def train_rows(train):
    return np.concatenate([train.features[:, 0], train.views.features[:, 0]]).astype(int)


@pytest.mark.parametrize("name", [name for name in IN_AUTO if METHODS[name].chooses])
def test_no_head_is_judged_by_an_image_that_it_learnt_from(name, folder, monkeypatch):
    """What a head of `auto` chooses on where there is no val are images of which it has seen no view."""
    kind, fits = METHODS[name].estimator, []
    fit = kind.fit

    @functools.wraps(fit)
    def spied(self, X, y, **settings):
        fits.append((np.asarray(X)[:, 0], settings.get("validation")))
        return fit(self, X, y, **settings)

    monkeypatch.setattr(kind, "fit", spied)
    protocol = Protocol(open_problem(folder), Rules(select_on="train"))
    head = fit_method(name, protocol, fitted_joint(protocol))
    assert head.image_counts_.tolist() == list(COUNTS)
    (learnt, judged), *_ = fits
    own = np.asarray(judged[0])[:, 0]
    assert len(np.unique(own)) == len(own) > 0
    assert not set(own.tolist()) & set(learnt.tolist())
    assert len(learnt) > len(np.unique(learnt))
    # fitted again to all that there is, further views too
    assert np.array_equal(np.sort(fits[-1][0]), np.sort(protocol.learnt.features[:, 0]))


def test_views_of_an_image_give_nothing_away(tmp_path):
    """Labels of rows that say nothing cannot be told, though each row stands there four times."""
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(90, 20)).astype(np.float32), np.repeat([0, 1, 2], 30)
    view_of = np.tile(np.arange(90), 4)
    np.savez(tmp_path / "e.npz", features=features[view_of], labels=labels[view_of], view_of=view_of)
    words = ["fit", str(tmp_path / "e.npz"), "--methods", "auto,knn,lda", "--val-fraction", "0", "--quiet"]
    assert main([*words, "--cv-folds", "2", "--device", "cpu", "--out", str(tmp_path / "fit")]) == 0
    results = json.loads((tmp_path / "fit" / "results.json").read_text())
    assert results["data"]["train_counts"] == [24, 24, 24]
    choice = results["methods"]["auto"]["choice"]
    assert max(choice["scores"].values()) < 60
    assert results["methods"]["knn"]["metrics"]["test"]["balanced"] < 75
    assert load_head(tmp_path / "fit" / "heads" / "knn.npz").image_counts_.tolist() == [24, 24, 24]


def test_train_is_as_common_as_its_images(tmp_path):
    """Softmax of a head that balances nothing is of the rows it saw; what is moved to train, is of images."""
    features, labels, _ = rows_of()
    head = Joint(epochs=1, random_state=0).fit(features, labels)
    rows = np.bincount(labels)
    before = head.logits(features)
    head.image_counts_ = np.array(COUNTS)
    np.testing.assert_allclose(head.implied_shares, rows / rows.sum())
    np.testing.assert_allclose(head.prior_shares("train"), np.array(COUNTS) / sum(COUNTS))
    assert np.array_equal(head.logits(features), before)
    moved = head.logits(features, prior="train") - before
    expected = np.log(head.prior_shares("train") / head.implied_shares)
    np.testing.assert_allclose(moved - moved[:, :1], np.broadcast_to(expected - expected[0], moved.shape), atol=1e-5)
    save_head(head, tmp_path / "joint.npz")
    assert load_head(tmp_path / "joint.npz").image_counts_.tolist() == list(COUNTS)
    together = Ensemble.of({"joint": Transformed.of(FeatureTransform("l2").fit(features), head)})
    assert together.class_counts_.tolist() == list(COUNTS)
    assert not hasattr(head.fit(features, labels), "image_counts_")
