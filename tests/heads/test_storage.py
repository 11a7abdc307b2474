"""Heads as files: every class comes back as it was, and a damaged file is told in one sentence."""

import copy
import functools
import inspect
import io
import json
import sys
from pathlib import Path

import numpy as np
import pyarrow
import pytest

import longtail.heads as heads
from longtail.errors import InputError

sys.path.insert(0, str(Path(__file__).parents[1]))
from damaged.ways import damaged_arrays, damaged_bytes, damaged_tree

sys.path.remove(str(Path(__file__).parents[1]))

KINDS = [kind for name in heads.__all__ if inspect.isclass(kind := getattr(heads, name))]
every_head = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)

# what makes them small, and what they hold as various as it can be
SMALL = {
    "DLSA": {"choose_depth": False, "clusters": 2, "flow_blocks": 1, "flow_epochs": 1},
    "Ensemble": {"heads": [heads.Joint(), heads.Transformed(heads.CosineClassifier(epochs=1), "centre-l2")]},
    "MultilayerPerceptron": {"hidden": 4, "members": 2},
    "Transformed": {"feature_transform": "standardise", "head": heads.LogitAdjusted(tau=1.0)},
}
LABELS = np.repeat(["ant", "bee", "cow"], [20, 8, 4])
ROWS = (np.random.default_rng(0).normal(size=(32, 4)) + 2 * np.eye(4)[np.repeat([0, 1, 2], [20, 8, 4])]).astype("f4")


def small(kind):
    """Return a fitted head of its own."""
    return copy.deepcopy(_small(kind))


@functools.cache
def _small(kind):
    known = inspect.signature(kind).parameters
    settings = {name: value for name, value in (("random_state", 0), ("epochs", 1)) if name in known}
    return kind(**settings, **SMALL.get(kind.__name__, {})).fit(ROWS, LABELS)


def stored(head, folder):
    heads.save_head(head, folder / "head.npz")
    return (folder / "head.npz").read_bytes()


def content_of(file):
    with np.load(io.BytesIO(file)) as arrays:
        content = dict(arrays)
    return content, json.loads(str(content.pop("meta")))


def write(path, content, meta):
    np.savez(path, meta=np.array(json.dumps(meta)), **content)


def damaged(file, rng):
    """Return a head's file with bytes, arrays or values of it changed."""
    if rng.random() < 0.1:
        return damaged_bytes(file, rng)
    content, meta = content_of(file)
    if rng.random() < 0.5:
        content = damaged_arrays(content, rng)
    else:
        meta = damaged_tree(meta, rng)
    out = io.BytesIO()
    np.savez(out, meta=np.array(json.dumps(meta, default=str)), **content)
    return out.getvalue()


def read(path):
    try:
        return heads.load_head(path), ""
    except InputError as error:
        return None, str(error)


def check_damage(file, path, rng, count):
    """Read a damaged file: it is refused in a sentence that names it, or it predicts."""
    refused = 0
    for _ in range(count):
        path.write_bytes(damaged(file, rng))
        head, told = read(path)
        if head is None:
            refused += 1
            assert str(path) in told
            assert "\n" not in told
        else:
            width = head.n_features_in_
            assert set(head.predict(np.ones((2, width), np.float32))) <= set(head.classes_)
            assert head.predict_proba(np.zeros((2, width))).shape == (2, len(head.classes_))
    return refused


@every_head
def test_everything_learned_is_declared(kind):
    head = small(kind)
    learned = {name for name in vars(head) if name.endswith("_")}
    assert learned <= kind._learned.keys()
    assert {name for name, needed in kind._learned.items() if not needed.optional} <= learned
    assert set(kind._predicts_by) <= head.get_params(deep=False).keys()


@every_head
def test_a_head_comes_back_as_it_was(kind, tmp_path):
    head = small(kind)
    head.class_names_, head.feature_names_ = np.array(["Ameise", "Biene", "Kuh"]), np.array(list("abcd"))
    stored(head, tmp_path)
    loaded = heads.load_head(tmp_path / "head.npz")
    np.testing.assert_array_equal(loaded.logits(ROWS), head.logits(ROWS))
    np.testing.assert_array_equal(
        loaded.predict(ROWS, prior=[0.2, 0.3, 0.5]), head.predict(ROWS, prior=[0.2, 0.3, 0.5])
    )
    np.testing.assert_array_equal(loaded.class_names_, head.class_names_)
    np.testing.assert_array_equal(loaded.feature_names_, head.feature_names_)
    assert (loaded.notes_, loaded.selected_on_) == (head.notes_, head.selected_on_)
    first = (tmp_path / "head.npz").read_bytes()
    assert content_of(stored(loaded, tmp_path))[0].keys() == content_of(first)[0].keys()


@every_head
def test_another_fit_forgets_the_names_of_the_first(kind):
    head = small(kind)
    head.class_names_, head.feature_names_ = np.array(["Ameise", "Biene", "Kuh"]), np.array(list("abcd"))
    head.fit(ROWS[:, :3], np.where(LABELS == "cow", "bee", LABELS))
    assert not hasattr(head, "class_names_")
    assert not hasattr(head, "feature_names_")


@every_head
def test_weights_lie_row_after_row(kind, tmp_path):
    head = small(kind)
    weight = getattr(head, "weight_", None)
    assert weight is None or weight.flags.c_contiguous
    for array in content_of(stored(head, tmp_path))[0].values():
        assert array.flags.c_contiguous


@every_head
def test_big_endian_and_columns_are_read(kind, tmp_path):
    head = small(kind)
    content, meta = content_of(stored(head, tmp_path))
    turned = {
        name: np.asfortranarray(array.astype(array.dtype.newbyteorder(">")) if array.dtype.kind in "fi" else array)
        for name, array in content.items()
    }
    write(tmp_path / "head.npz", turned, meta)
    loaded = heads.load_head(tmp_path / "head.npz")
    np.testing.assert_array_equal(loaded.logits(ROWS), head.logits(ROWS))


@every_head
def test_each_learned_array_is_checked(kind, tmp_path):
    """Missing, of another shape, of records, bytes, or with NaN: whatever array it is, the sentence names it."""
    content, meta = content_of(stored(small(kind), tmp_path))
    path = tmp_path / "head.npz"
    for name, array in content.items():
        inner = name.rpartition("/")[2]
        wrong = {
            "records": np.zeros(array.shape, [("a", "f4")]),
            "bytes": np.full(array.shape, b"x"),
            "shape": array[None],
            "empty": array[:0],
            "NaN": np.full(array.shape, np.nan),
            "complex": np.zeros(array.shape, complex),
            "dates": np.zeros(array.shape, "M8[D]"),
        }
        if inner == "classes_":  # bytes may be labels; here they are all the same
            wrong["objects of the same label"] = np.full(array.shape, "ant")
        for what, other in wrong.items():
            write(path, content | {name: other}, meta)
            with pytest.raises(InputError, match=r"head\.npz") as told:
                heads.load_head(path)
            # of two lengths that do not go together either may be the wrong one
            assert what in ("shape", "empty") or inner.rpartition(".")[2] in str(told.value), (name, what)
        # the last ones of heads that standardise, and of ensembles
        may_lack = {"class_counts_", "lengths_", "mean_", "deviation_", "weights_", "scales_"}
        if inner not in may_lack or "feature_transform_" in name:
            write(path, {other: kept for other, kept in content.items() if other != name}, meta)
            with pytest.raises(InputError, match=r"head\.npz"):
                heads.load_head(path)


@every_head
def test_parameters_and_attributes_are_checked(kind, tmp_path):
    content, meta = content_of(stored(small(kind), tmp_path))
    path = tmp_path / "head.npz"
    wrong = [
        (meta | {"parameters": meta["parameters"] | {"wings": 2}}, "wings"),
        (meta | {"parameters": meta["parameters"] | {"random_state": 2}}, "random_state"),
        (meta | {"attributes": meta["attributes"] | {"wings_": 2}}, "wings_"),
        (meta | {"attributes": meta["attributes"] | {"fit": 2}}, "fit"),
        (meta | {"attributes": {**meta["attributes"], "n_features_in_": True}}, "n_features_in_"),
        (meta | {"attributes": {**meta["attributes"], "n_features_in_": 5}}, "5"),
        (meta | {"attributes": {**meta["attributes"], "selected_on_": None}}, "selected_on_"),
        (meta | {"attributes": [1]}, "attributes"),
        (meta | {"parameters": None}, "parameters"),
        (meta | {"parts": 3}, "parts"),
        (meta | {"format": 2}, "format"),
        (meta | {"class": "Wings"}, "Wings"),
    ]
    if "device" in meta["parameters"]:
        wrong.append((meta | {"parameters": meta["parameters"] | {"device": "x"}}, "device"))
    wrong += [
        (meta | {"parameters": {other: v for other, v in meta["parameters"].items() if other != name}}, name)
        for name in kind._predicts_by
    ]
    for other, named in wrong:
        write(path, content, other)
        with pytest.raises(InputError, match=rf"head\.npz: .*{named}"):
            heads.load_head(path)


def test_heads_inside_heads_have_an_end(tmp_path):
    content, meta = content_of(stored(small(heads.Transformed), tmp_path))
    for _ in range(100):
        meta = meta | {"parts": {"head_": meta}}
    write(tmp_path / "head.npz", content, meta)
    with pytest.raises(InputError, match="heads inside heads"):
        heads.load_head(tmp_path / "head.npz")


def test_parts_must_fit_the_whole(tmp_path):
    content, meta = content_of(stored(small(heads.Transformed), tmp_path))
    path = tmp_path / "head.npz"
    for changed, named in [
        ({"head_/classes_": np.array(["ant", "bee", "dog"])}, "head_ has the classes"),
        ({"classes_": np.array(["ant", "bee"]), "class_counts_": np.array([3, 4])}, "head_ knows 3 classes"),
    ]:
        write(path, content | changed, meta)
        with pytest.raises(InputError, match=named):
            heads.load_head(path)
    for part in ({"feature_transform_": meta["parts"]["head_"]}, {"head_": meta["parts"]["feature_transform_"]}):
        write(path, content, meta | {"parts": meta["parts"] | part})
        with pytest.raises(InputError, match=r"head\.npz: "):
            heads.load_head(path)


@pytest.mark.parametrize("kind", [heads.MultilayerPerceptron, heads.CosineClassifier], ids=lambda kind: kind.__name__)
def test_heads_of_before_they_standardised_are_read(kind, tmp_path):
    settings = {"hidden": 4} if kind is heads.MultilayerPerceptron else {}
    head = kind(standardise=False, epochs=1, random_state=0, **settings).fit(ROWS, LABELS)
    content, meta = content_of(stored(head, tmp_path))
    del content["mean_"], content["deviation_"], meta["parameters"]["standardise"], meta["attributes"]["notes_"]
    write(tmp_path / "head.npz", content, meta)
    loaded = heads.load_head(tmp_path / "head.npz")
    np.testing.assert_array_equal(loaded.logits(ROWS), head.logits(ROWS))


def test_the_first_heads_of_all_are_read(tmp_path):
    """They had no parts, no counts and fewer parameters."""
    content, meta = content_of(stored(small(heads.NearestClassMean), tmp_path))
    del content["class_counts_"], meta["parts"], meta["attributes"]["notes_"]
    write(tmp_path / "head.npz", content, meta)
    assert heads.load_head(tmp_path / "head.npz").predict([[5, 0, 0, 0]]) == ["ant"]


def test_a_table_with_names_of_columns_comes_back(tmp_path):
    table = pyarrow.table(dict(zip("abcd", ROWS.T, strict=True)))
    head = heads.NearestClassMean().fit(table, LABELS)
    assert list(head.feature_names_in_) == list("abcd")
    stored(head, tmp_path)
    np.testing.assert_array_equal(heads.load_head(tmp_path / "head.npz").predict(table), head.predict(table))


def test_labels_that_are_objects_are_told(tmp_path):
    head = heads.NearestClassMean().fit(ROWS, LABELS.astype(object))
    with pytest.raises(InputError, match=r"classes_ holds Python objects.*astype\(str\)"):
        heads.save_head(head, tmp_path / "head.npz")
    assert not list(tmp_path.iterdir())


def test_what_cannot_predict_is_not_stored(tmp_path):
    with pytest.raises(InputError, match="NearestClassMean cannot be stored: it lacks n_features_in_"):
        heads.save_head(heads.NearestClassMean(), tmp_path / "head.npz")
    head = small(heads.Joint)
    head.class_names_ = np.array(["one", "two"])
    with pytest.raises(InputError, match="class_names_ has shape"):
        heads.save_head(head, tmp_path / "head.npz")
    assert not list(tmp_path.iterdir())


def test_other_files_are_told(tmp_path):
    np.savez(tmp_path / "arrays.npz", a=np.ones(3))
    (tmp_path / "text.npz").write_text("no head")
    for name, told in [("arrays.npz", "no head of longtail"), ("text.npz", "damaged"), ("none.npz", "no such file")]:
        with pytest.raises(InputError, match=f"{name}: {told}"):
            heads.load_head(tmp_path / name)


@every_head
def test_a_damaged_head_is_told_or_predicts(kind, tmp_path):
    refused = check_damage(stored(small(kind), tmp_path), tmp_path / "head.npz", np.random.default_rng(0), 60)
    assert 10 < refused < 60  # some damage hurts nobody, and some is told


@pytest.mark.slow
@every_head
@pytest.mark.parametrize("seed", range(1, 4))
def test_damaged_heads_at_length(kind, seed, tmp_path):
    check_damage(stored(small(kind), tmp_path), tmp_path / "head.npz", np.random.default_rng(seed), 2000)


@pytest.mark.parametrize("head", ["head.npz", None])
def test_what_is_no_head_is_told(head):
    with pytest.raises(InputError, match=r"`head` is .*; expected a fitted head of longtail."):
        heads.save_head(head, heads.Joint())
