"""Do features, labels and a model's last layer belong together?"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from timm.utils.misc import natural_key

from longtail.comparison.linear_methods import is_linear, linear_methods
from longtail.comparison.methods import METHODS
from longtail.errors import InputError
from longtail.features import FeatureFile
from longtail.heads import Joint, NearestClassMean, TauNormalized
from longtail.jobs.balancing.check import check_fit, rare_note, some_rows
from longtail.jobs.balancing.class_order import (
    class_order,
    follows,
    rare_order,
    renumbered,
    same_names,
    separation,
    timm_order,
    unsure_classes,
)
from longtail.jobs.balancing.data import in_the_models_order, in_timms_order


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
    found = linear_methods("all", {}, has_bias=True)
    assert {"joint", "crt", "tau", "la", "lws"} <= set(found) <= set(METHODS) - {"dlsa"}
    assert not {"ncm", "mlp"} & set(found)
    assert linear_methods("auto", {}, has_bias=True) == found
    without = linear_methods("usual", {}, has_bias=False)
    assert {"joint", "tau", "lws"} <= set(without) <= set(found)
    assert not {"la", "crt"} & set(without)


def scores_of(labels, order, strength=3.0, seed=0):
    """Draw logits of a model whose output order[c] stands for class c."""
    num_classes = len(order)
    noise = np.random.default_rng(seed).normal(size=(len(labels), num_classes))
    return noise + strength * np.eye(num_classes)[np.asarray(order)[labels]]


@given(st.lists(st.text("ab1290_-. Zé", min_size=1, max_size=6), min_size=1, max_size=8, unique_by=str.lower))
def test_timms_order_is_timms(names):
    """Its reader: sorted(set(folders), key=natural_key)."""
    expected = sorted(names, key=natural_key)
    assert [names[c] for c in np.argsort(timm_order(names))] == expected


@pytest.mark.parametrize("rows", [1, 2, 5, 9, 40])
def test_timms_order_as_a_whole_decides_classes_of_few_rows(rows):
    """x1, x10, x2 as folders are numbered here; x1, x2, x10 as timm does."""
    names = ["common", "x1", "x10", "x2"]
    labels = np.repeat(np.arange(4), [200, rows, rows, rows])
    order = timm_order(names)
    assert order.tolist() == [0, 1, 3, 2]
    logits = scores_of(labels, order, strength=5)
    assert follows(logits, labels, order)
    assert not follows(scores_of(labels, np.arange(4), strength=5), labels, order)
    assert not follows(scores_of(labels, np.arange(4), strength=0), labels, order)


def test_a_model_that_knows_no_rare_class_speaks_for_no_order():
    """All rows of rare classes are taken for the common one, in either order: the labels' order stays."""
    labels = np.repeat(np.arange(4), [200, 9, 9, 9])
    logits = scores_of(np.zeros_like(labels), np.arange(4))
    order = np.array([0, 1, 3, 2])
    assert not follows(logits, labels, order)
    assert rare_order(logits, labels).tolist() == [0, 1, 2, 3]
    assert unsure_classes(logits, labels).tolist() == [1, 2, 3]


@pytest.mark.parametrize("rows", [4, 6, 9])
def test_rare_classes_that_are_swapped_are_seen(rows):
    labels = np.repeat(np.arange(6), [200, 100, rows, rows, rows, 60])
    order = np.array([0, 1, 3, 4, 2, 5])
    found = rare_order(scores_of(labels, order, strength=5), labels)
    assert found.tolist() == order.tolist()
    assert rare_order(scores_of(labels, np.arange(6), strength=5), labels).tolist() == list(range(6))


@given(st.integers(0, 10_000), st.floats(0, 2))
def test_rare_classes_that_look_alike_are_not_swapped(seed, likeness):
    """Rows of either have scores for both: be they mistaken for each other, that is no other order."""
    labels = np.repeat(np.arange(4), [100, 50, 8, 6])
    logits = scores_of(labels, np.arange(4), strength=1.5, seed=seed)
    logits[labels >= 2, 2:] += likeness
    assert rare_order(logits, labels).tolist() == [0, 1, 2, 3]


def test_swapped_rare_classes_are_refused_by_name():
    labels = np.repeat(np.arange(4), [100, 60, 8, 8])
    features = scores_of(labels, [0, 1, 3, 2], strength=6).astype(np.float32)
    identity = np.eye(4, dtype=np.float32), np.zeros(4, dtype=np.float32)
    with pytest.raises(InputError, match=r"another order: .*owl \(2\) is its output 3, yak \(3\) is its output 2"):
        check_fit(features, labels, identity, ["ant", "bee", "owl", "yak"], "net.pt")
    right = scores_of(labels, np.arange(4), strength=6).astype(np.float32)
    assert check_fit(right, labels, identity, ["ant", "bee", "owl", "yak"], "net.pt")["unsure"] == []


def test_some_rows_are_all_of_rare_classes():
    labels = np.repeat(np.arange(3), [30_000, 19, 1])
    rows = some_rows(labels, 20_000)
    assert set(np.flatnonzero(labels > 0)) <= set(rows)
    assert 1000 <= len(rows) <= 1020
    assert (np.diff(rows) > 0).all()


def splits_of(path, labels, names, **others):
    """Make splits of features that are their labels, one hot."""
    import json

    def part(name, own):
        attributes = {} if own is None else {"class_names": json.dumps(own)}
        return FeatureFile(path / name, np.eye(len(names), dtype=np.float32)[labels], np.asarray(labels), attributes)

    return {"train": part("train", names), **{name: part(name, own) for name, own in others.items()}}


def test_names_are_compared_in_every_split(tmp_path):
    """Never by position: val and test may be numbered otherwise than train."""
    splits = splits_of(tmp_path, [0, 1, 2], ["ant", "bee", "owl"], test=["owl", "ant", "bee"], val=None)
    changed, notes = in_the_models_order(splits, ["bee", "owl", "ant"], "config.json")
    assert changed["train"].labels.tolist() == [2, 0, 1]
    assert changed["test"].labels.tolist() == [1, 2, 0]
    assert changed["val"].labels.tolist() == [2, 0, 1]
    assert notes == ("3 classes were renumbered by their names, as config.json has them",)
    # without names of a model: train's order
    changed, notes = in_the_models_order(splits, None, "net.pt")
    assert changed["test"].labels.tolist() == [2, 0, 1]
    assert notes == ()
    splits = splits_of(tmp_path, [0, 1, 2], ["ant", "bee", "owl"], test=["ant", "bee", "yak"])
    for names in (None, ["ant", "bee", "owl"]):
        with pytest.raises(InputError, match="yak"):
            in_the_models_order(splits, names, "net.pt")


def test_other_names_than_the_datas_are_refused(tmp_path):
    splits = splits_of(tmp_path, [0, 1], ["n01440764", "n01443537"])
    with pytest.raises(InputError, match=r"config.json: other classes .*the data has no tench.*--class-names FILE"):
        in_the_models_order(splits, ["tench", "goldfish"], "config.json")


def test_names_are_the_same_however_they_are_spelt(tmp_path):
    splits = splits_of(tmp_path, [0, 1], ["golden_retriever", "tabby-cat"])
    changed, _ = in_the_models_order(splits, ["Tabby cat", "golden retriever"], "config.json")
    assert changed["train"].class_names == ("tabby-cat", "golden_retriever")
    assert changed["train"].labels.tolist() == [1, 0]
    # unless two of the data are one then
    with pytest.raises(InputError, match="other classes"):
        same_names(["a b", "a_b"], ["A b", "a_B"], "config.json")


def test_numbers_are_the_models_unless_it_has_names_of_numbers(tmp_path):
    splits = splits_of(tmp_path, [0, 1, 2], ["0", "1", "2"])
    changed, notes = in_the_models_order(splits, ["ant", "bee", "owl"], "config.json")
    assert (changed["train"].labels.tolist(), notes) == ([0, 1, 2], ())
    assert changed["train"].class_names == ("ant", "bee", "owl")
    changed, notes = in_the_models_order(splits, ["2", "0", "1"], "config.json")
    assert changed["train"].labels.tolist() == [1, 2, 0]
    assert notes


def test_labels_without_a_name_are_told():
    with pytest.raises(InputError, match="labels go from 0 to 5, and there are 2 class names"):
        renumbered(np.array([0, 5]), ["a", "b"], ["b", "a"], "net.pt")


def test_only_what_is_sorted_as_folders_are_is_tried_in_timms_order(tmp_path):
    labels = np.repeat(np.arange(3), [60, 9, 9])
    names = ["x1", "x10", "x2"]
    features = scores_of(labels, timm_order(names), strength=5).astype(np.float32)
    identity = np.eye(3, dtype=np.float32), np.zeros(3, dtype=np.float32)

    def splits(names):
        import json

        return {"train": FeatureFile(tmp_path / "train", features, labels, {"class_names": json.dumps(names)})}

    changed, notes = in_timms_order(splits(names), identity, "net.pt")
    assert changed["train"].class_names == ("x1", "x2", "x10")
    np.testing.assert_array_equal(changed["train"].labels, np.array([0, 2, 1])[labels])
    assert "2 classes were renumbered: by what net.pt says of the training rows" in notes[0]
    for other in (["x10", "x1", "x2"], ["0", "1", "2"], ["a", "b", "c"]):
        assert in_timms_order(splits(other), identity, "net.pt")[1] == ()
