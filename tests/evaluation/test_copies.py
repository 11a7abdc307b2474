"""Rows that are the same or nearly so: planted ones are found, others are not called so, in features of any kind."""

import numpy as np
import pytest
import torch

from longtail.errors import InputError
from longtail.evaluation.copies import identical_rows, near_copies
from longtail.evaluation.shared_rows import accuracy_without, find_copies, shared_rows


def noise(rows, dimension, classes, seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(rows, dimension)).astype(np.float32), np.sort(rng.integers(classes, size=rows))


def tight_classes(seed, distance):
    """Classes of 200 rows down to 7, whose rows all have a cosine near 1 where they are far apart."""
    rng = np.random.default_rng(seed)
    counts = np.maximum((200 * 0.7 ** np.arange(20)).astype(int), 7)
    labels = np.repeat(np.arange(20), counts)
    centres = distance * rng.normal(size=(20, 8))
    return centres[labels] + rng.normal(size=(len(labels), 8)), labels


def test_identical_rows_are_those_of_a_slow_loop():
    rng = np.random.default_rng(0)
    parts = [rng.integers(0, 2, size=(40, 4)).astype(np.float16), rng.integers(0, 2, size=(30, 4)).astype(np.float32)]
    rows = np.concatenate(parts)
    slow = [next(j for j in range(i + 1) if (rows[j] == rows[i]).all()) for i in range(70)]
    assert identical_rows(parts).tolist() == slow


def test_signs_of_zero_and_kinds_of_numbers_make_no_difference():
    assert identical_rows([np.array([[0.0, 1.0]], dtype=np.float16), np.array([[-0.0, 1.0]])]).tolist() == [0, 0]
    assert identical_rows([np.array([[1.0, 2.0]]), np.array([[1.0, 2.0 + 1e-12]])]).tolist() == [0, 1]
    with pytest.raises(InputError, match="same D"):
        identical_rows([np.zeros((2, 3)), np.zeros((2, 4))])


@pytest.mark.parametrize("dimension", [6, 16, 64])
@pytest.mark.parametrize("spread", [0.05, 0.1])
def test_near_copies_of_noise_are_found(dimension, spread):
    originals, labels = noise(40, dimension, 4, seed=1)
    rng = np.random.default_rng(2)
    rows = np.repeat(originals, 3, axis=0) + spread * rng.normal(size=(120, dimension))
    found = near_copies(rows, np.repeat(labels, 3))
    right = found.first // 3 == found.second // 3
    assert right.mean() > 0.9
    assert len(np.unique(np.concatenate([found.first, found.second]))) > 100
    assert (np.diff(found.similarity) <= 0).all()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", [2, 6, 16, 64])
def test_of_rows_without_copies_none_are_called_so(kind, seed):
    found = near_copies(*noise(300, kind, 4, seed))
    assert len(found.first) == 0


@pytest.mark.parametrize("distance", [0.3, 3.0, 30.0])
def test_rows_of_tight_classes_are_no_copies_and_a_planted_one_is(distance):
    rows, labels = tight_classes(0, distance)
    assert len(near_copies(rows, labels).first) == 0
    rows[150] = rows[20] + 0.02 * np.random.default_rng(1).normal(size=8)
    found = near_copies(rows, labels)
    assert (found.first.tolist(), found.second.tolist()) == ([20], [150])


def test_copies_with_another_label_are_found_and_a_row_among_another_class_is_none():
    rows, labels = tight_classes(0, 3.0)
    rows[5] = rows[labels == 1].mean(axis=0)  # lies in the midst of another class
    assert len(near_copies(rows, labels).first) == 0
    other = int(np.flatnonzero(labels == 2)[0])
    rows[7] = rows[other] + 0.01 * np.random.default_rng(1).normal(size=8)
    labels[7] = 3
    found = near_copies(rows, labels)
    assert (found.first.tolist(), found.second.tolist()) == ([7], [other])
    assert len(near_copies(rows, labels, across=False).first) == 0


def test_blocks_change_nothing(monkeypatch):
    originals, labels = noise(60, 12, 3, seed=3)
    rows = np.concatenate([originals, originals[:9] + 0.03])
    labels = np.concatenate([labels, labels[:9]])
    whole = near_copies(rows, labels)
    monkeypatch.setattr("longtail.evaluation.copies.BLOCK", 200)
    monkeypatch.setattr("longtail.evaluation.copies.ROWS", 7)
    parts = near_copies(rows, labels)
    assert len(whole.first) >= 9
    np.testing.assert_array_equal(parts.first, whole.first)
    np.testing.assert_allclose(parts.similarity, whole.similarity, atol=1e-6)


def test_what_is_not_looked_for_is_said():
    rows, labels = noise(100, 8, 2, seed=0)
    long = near_copies(rows, labels, most=10)
    assert long.left_out == long.left_out_across == "it takes long here"
    assert near_copies(rows, labels, most=100 * 100 * 8 - 1).left_out is None
    assert near_copies(rows, labels, most=100 * 100 * 8 - 1).left_out_across == "it takes long here"
    few = near_copies(*noise(12, 8, 2, seed=0))
    assert "too few rows" in few.left_out
    for share in (0, 1, float("nan")):
        with pytest.raises(InputError, match="false_share"):
            near_copies(rows, labels, false_share=share)
    with pytest.raises(InputError, match="expected N x D numbers and N"):
        near_copies(rows, labels[:3])


def test_rows_that_are_all_the_same_or_hardly_differ_are_no_matter():
    assert len(near_copies(np.ones((50, 4)), np.arange(50) % 2).first) == 0
    assert len(near_copies(np.eye(40), np.arange(40) % 2).first) == 0
    assert len(near_copies(np.zeros((0, 4)), np.zeros(0, dtype=int)).first) == 0


def splits_with_leaks(seed=0):
    train, labels = noise(90, 12, 3, seed)
    rng = np.random.default_rng(seed + 1)
    val, val_labels = noise(30, 12, 3, seed + 2)
    test, test_labels = noise(40, 12, 3, seed + 3)
    val[:5], val_labels[:5] = train[10:15], labels[10:15]
    test[:7], test_labels[:7] = train[20:27], labels[20:27]
    test[7], test_labels[7] = val[20], val_labels[20]
    test[8:12] = train[40:44] + 0.03 * rng.normal(size=(4, 12))
    test_labels[8:12] = labels[40:44]
    return {"train": (train, labels), "val": (val, val_labels), "test": (test, test_labels)}


def test_rows_shared_by_splits_are_counted():
    found = shared_rows(find_copies(splits_with_leaks()))
    assert np.flatnonzero(found.identical["val"]).tolist() == list(range(5))
    assert np.flatnonzero(found.identical["test"]).tolist() == list(range(8))
    assert np.flatnonzero(found.near["test"]).tolist() == [8, 9, 10, 11]
    assert found.left_out is None
    assert "train" not in found.identical


def test_a_test_split_that_is_a_copy_of_train_has_no_row_of_its_own():
    rows, labels = noise(60, 8, 3, 0)
    found = shared_rows(find_copies({"train": (rows, labels), "test": (rows[::-1], labels[::-1])}))
    assert found.identical["test"].all()
    assert not found.near["test"].any()
    assert accuracy_without(labels, {"ncm": labels}, found.identical["test"], [20, 20, 20]) is None


def test_a_copy_of_a_copy_is_found_through_its_twin():
    rows, labels = noise(90, 12, 3, 5)
    near = rows[7] + 0.02
    test = np.stack([near, near, rows[8] + 3])
    found = shared_rows(find_copies({"train": (rows, labels), "test": (test, labels[[7, 7, 8]])}))
    assert found.near["test"].tolist() == [True, True, False]


def test_accuracy_on_what_is_left():
    labels = np.array([0, 0, 1, 1])
    found = accuracy_without(labels, {"tau": [0, 1, 1, 1]}, np.array([True, False, False, True]), [200, 5])
    assert found["tau"] == {"images": 2, "all": 50.0, "balanced": 50.0, "many": 0.0, "medium": None, "few": 100.0}
    with pytest.raises(InputError, match="True or False for each"):
        accuracy_without(labels, {"tau": labels}, np.array([1, 0, 0, 1]), [5, 5])


def test_memory_is_bounded_by_the_block(monkeypatch):
    sizes = []
    matmul = torch.Tensor.__matmul__

    def watched(self, other):
        product = matmul(self, other)
        sizes.append(product.numel())
        return product

    monkeypatch.setattr(torch.Tensor, "__matmul__", watched)
    monkeypatch.setattr("longtail.evaluation.copies.BLOCK", 1000)
    near_copies(*noise(200, 4, 2, 0))
    assert max(sizes) <= 1000


@pytest.mark.parametrize("dimension", [1, 2, 3, 8, 16])
@pytest.mark.parametrize("scale", [1, 5000])
def test_features_in_several_units_raise_no_false_alarm(dimension, scale):
    rng = np.random.default_rng(0)
    rows, labels = rng.normal(size=(300, dimension)), rng.integers(0, 2, 300)
    rows[:, 0] *= scale
    assert len(near_copies(rows, labels, across=False).first) <= 1


def test_copies_are_found_whatever_the_units():
    rng = np.random.default_rng(0)
    rows, labels = rng.normal(size=(300, 16)), np.zeros(300, dtype=int)
    rows[299] = rows[7] + 0.02 * rng.normal(size=16)
    rows[:, 0] *= 5000
    pairs = near_copies(rows, labels)
    assert list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)) == [(7, 299)]
