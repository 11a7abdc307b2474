"""One contract over all formats: the same numbers, labels, splits, groups and events, whatever they are kept in."""

import shutil

import h5py
import numpy as np
import pytest

from features import formats
from longtail.comparison import open_problem
from longtail.errors import InputError
from longtail.features import ColumnChoice, Reading, feature_blocks, open_features, read_table, read_tables
from longtail.features.groups import group_words

WHOLE = Reading(val_fraction=0, test_fraction=0)
AS_TABLE = ColumnChoice(label_column=None, group_column="site", event_column="seq")


def choice_of(make):
    if make is formats.text:
        return ColumnChoice(label_column="species", group_column="site", event_column="seq")
    return AS_TABLE if make in formats.TABLES else ColumnChoice()


@pytest.fixture(params=formats.FORMATS, ids=lambda make: make.__name__)
def kept(request, tmp_path):
    return request.param, request.param(tmp_path)


def test_every_format_gives_the_same_rows(kept):
    make, path = kept
    opened = open_features(path, Reading(val_fraction=0, test_fraction=0, columns=choice_of(make)))
    expected = [split == formats.SPLIT for split in ("train", "val", "test")]
    if make not in formats.WITH_SPLITS:
        expected = [np.ones(formats.ROWS, dtype=bool)]
    assert len(opened.splits) == len(expected)
    for part, rows in zip(opened.splits.values(), expected, strict=True):
        assert part.class_names == ("ant", "bee", "cow")
        np.testing.assert_array_equal(part.features, formats.FEATURES[rows])
        np.testing.assert_array_equal(part.labels, formats.CODES[rows])
        np.testing.assert_array_equal(group_words(part.groups, part.group_names), formats.SITES[rows])
        np.testing.assert_array_equal(group_words(part.events, part.event_names), formats.EVENTS[rows])
        alone = part.groups[formats.SITES[rows] == ""]
        assert len(set(alone)) == len(alone)
        assert not set(alone) & set(part.groups[formats.SITES[rows] != ""])


def test_every_format_is_read_in_blocks_too(kept):
    make, path = kept
    if path.is_dir() and path.suffix != ".zarr":
        path = next(iter(read_tables(path).values())).path
    _, blocks = feature_blocks(path, choice_of(make), rows_at_once=10)
    blocks = list(blocks)
    assert max(len(block.values) for block in blocks) <= 10
    together = np.concatenate([block.values for block in blocks])
    expected = formats.FEATURES if make is not formats.npy_by_split else formats.FEATURES[formats.SPLIT == "train"]
    np.testing.assert_array_equal(together, expected)


@pytest.mark.parametrize("make", [*formats.TABLES, formats.npy_pair, formats.safetensors_float16])
def test_groups_stay_together_where_a_split_is_missing(tmp_path, make):
    path, columns = make(tmp_path), choice_of(make)
    if make in formats.TABLES:
        columns = ColumnChoice(columns.label_column, split_column="none", group_column="site", drop_columns=("split",))
    opened = open_features(path, Reading(columns=columns))
    assert any("no group is in two splits" in note for note in opened.notes)
    there = [set(part.groups.tolist()) for part in opened.splits.values()]
    assert len(there) == 3
    assert len(set.union(*there)) == sum(map(len, there))


def test_splits_that_share_groups_are_told_with_numbers(tmp_path):
    split = np.resize(["train", "train", "train", "train", "val", "test"], formats.ROWS)
    np.savez(tmp_path / "e.npz", **formats.arrays(split=split))
    notes = open_features(tmp_path / "e.npz").notes
    warning = next(note for note in notes if "more than one of train, val, test" in note)
    assert "12 of 26 groups lie" in warning
    assert "(35 of 72 rows)" in warning


PAIRS = [
    *(("X_{}", "y_{}"), ("{}_features", "{}_labels"), ("features_{}", "targets_{}"), ("feature_{}", "label_{}")),
    *(("{}_X", "{}_y"), ("embeddings_{}", "labels_{}"), ("feats_{}", "y_{}"), ("{}", "{}_labels")),
]


@pytest.mark.parametrize(("features", "labels"), PAIRS)
def test_pairs_of_npy_are_found_under_the_usual_names(tmp_path, features, labels):
    formats.npy_by_split(tmp_path, features, labels)
    opened = open_features(tmp_path)
    assert [len(part.labels) for part in opened.splits.values()] == [48, 12, 12]
    np.testing.assert_array_equal(opened.splits["val"].labels, formats.CODES[formats.SPLIT == "val"])


def test_a_folder_a_split_and_other_words_for_val_are_found(tmp_path):
    for split in ("train", "valid", "test"):
        (tmp_path / split).mkdir()
        np.save(tmp_path / split / "features.npy", formats.FEATURES)
        np.save(tmp_path / split / "labels.npy", formats.CODES)
    assert sorted(open_features(tmp_path).splits) == ["test", "train", "val"]


def test_two_files_of_labels_are_a_question(tmp_path):
    formats.npy_by_split(tmp_path, "{}_features", "{}_labels")
    shutil.copy(tmp_path / "train_labels.npy", tmp_path / "train_targets.npy")
    with pytest.raises(InputError, match=r"train_labels\.npy and train_targets\.npy are both there"):
        open_features(tmp_path)


LABELS = {
    "from 1": formats.CODES + 1,
    "gaps": formats.CODES * 5 + 2,
    "(N, 1)": formats.CODES[:, None],
    "ones and zeros": np.eye(3, dtype=np.int64)[formats.CODES],
    "names": formats.NAMES[formats.CODES],
    "bytes": formats.NAMES[formats.CODES].astype("S"),
}


def written(kind, path, labels):
    """Write labels of any layout beside the features."""
    content = {"features": formats.FEATURES, "labels": labels}
    if kind == "npz":
        np.savez(path / "e.npz", **content)
    elif kind == "npy":
        np.save(path / "e.npy", formats.FEATURES)
        np.save(path / "e_labels.npy", labels)
    elif kind in ("h5", "folder"):
        formats.write_hdf5(path / ("e.h5" if kind == "h5" else "feature_train.h5"), content)
    elif kind == "mat":
        import scipy.io

        scipy.io.savemat(path / "e.mat", content)
    elif kind == "mat73":
        words = labels.astype(str) if labels.dtype.kind == "S" else labels
        formats.write_matlab_73(path / "e.mat", content | {"labels": words})
    elif kind == "zarr":
        zarr = pytest.importorskip("zarr", reason="zarr is not installed")
        group = zarr.open_group(path / "e.zarr", mode="w", zarr_format=3)
        group.create_array("features", data=formats.FEATURES)
        words = labels.astype(np.str_) if labels.dtype.kind == "S" else labels
        array = group.create_array("labels", shape=labels.shape, dtype=str if words.dtype.kind == "U" else words.dtype)
        array[:] = words
    else:
        pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
        import pyarrow.parquet as parquet

        column = list(labels) if labels.ndim > 1 else pyarrow.array(labels)
        parquet.write_table(pyarrow.table({"features": list(formats.FEATURES), "label": column}), path / "e.parquet")
    return path if kind == "folder" else path / f"e.{kind.removesuffix('73')}"


KINDS = ["npz", "npy", "h5", "folder", "mat", "mat73", "zarr", "parquet"]


@pytest.mark.parametrize("kind", KINDS)
def test_labels_of_every_layout_are_read_alike_in_every_format(tmp_path, kind):
    for number, labels in enumerate(LABELS.values()):
        (tmp_path / str(number)).mkdir()
        path = written(kind, tmp_path / str(number), labels)
        train = open_features(path, WHOLE).splits["train"]
        np.testing.assert_array_equal(train.labels, formats.CODES)
        names = {0: ("1", "2", "3"), 1: ("2", "7", "12"), 4: ("ant", "bee", "cow"), 5: ("ant", "bee", "cow")}
        assert train.class_names == names.get(number, ("0", "1", "2"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_label_of_minus_one_is_refused_alike_in_every_format(tmp_path, kind):
    path = written(kind, tmp_path, np.where(np.arange(formats.ROWS) == 3, -1, formats.CODES))
    with pytest.raises(InputError, match=r"label -1 of row 3 \(1 such rows\)"):
        open_features(path, WHOLE)


def test_square_features_of_matlab_are_asked_for_and_answered(tmp_path):
    import scipy.io

    square, labels = formats.RNG.normal(size=(12, 12)), np.resize([1.0, 2.0], 12)
    scipy.io.savemat(tmp_path / "e.mat", {"features": square, "labels": labels[:, None]})
    formats.write_matlab_73(tmp_path / "f.mat", {"features": square, "labels": labels})
    for name in ("e.mat", "f.mat"):
        with pytest.raises(InputError, match="`orientation` rows, or `orientation` columns"):
            read_table(tmp_path / name)
        for orientation, expected in (("rows", square), ("columns", square.T)):
            read = read_table(tmp_path / name, ColumnChoice(orientation=orientation))
            np.testing.assert_array_equal(read.values, expected)


def test_names_beside_labels_of_matlab_count_from_one(tmp_path):
    import scipy.io

    content = {"features": formats.FEATURES, "labels": formats.CODES + 1, "class_names": formats.cells(formats.NAMES)}
    scipy.io.savemat(tmp_path / "e.mat", content)
    read = read_table(tmp_path / "e.mat")
    assert [read.labels.names[code] for code in read.labels.codes] == formats.NAMES[formats.CODES].tolist()
    assert "labels count from 1" in read.notes[0]


def test_large_compressed_features_are_read_block_by_block(tmp_path):
    features = np.random.default_rng(0).integers(0, 255, size=(6000, 200)).astype(np.uint8)
    content = {"features": features, "labels": np.resize([0, 1], 6000)}
    path = formats.write_hdf5(tmp_path / "e.h5", content, compression="lzf", chunks=(64, 64))
    np.testing.assert_array_equal(read_table(path).values, features)
    turned = formats.write_hdf5(tmp_path / "t.h5", content | {"features": features.T}, chunks=(64, 64))
    np.testing.assert_array_equal(read_table(turned).values, features)
    blocks = list(feature_blocks(turned, rows_at_once=1000)[1])
    np.testing.assert_array_equal(np.concatenate([block.values for block in blocks]), features)


def broken_npz(path):
    np.savez(path / "e.npz", features=formats.FEATURES, labels=np.array([[1], {}], dtype=object))
    return path / "e.npz"


def broken_hdf5(path):
    file = formats.hdf5(path)
    file.write_bytes(file.read_bytes()[:3000])
    return file


def broken_matlab_7(path):
    file = formats.matlab_7(path)
    file.write_bytes(file.read_bytes()[:400])
    return file


def broken_matlab_73(path):
    file = formats.matlab_73(path)
    with h5py.File(file, "r+") as content:
        content["labels"].attrs["MATLAB_class"] = np.bytes_("categorical")
    return file


def broken_safetensors(path):
    file = formats.safetensors_float16(path)
    file.write_bytes(file.read_bytes()[:-8])
    return file


def broken_zarr(path):
    file = formats.zarr_3(path)
    (file / "features" / "zarr.json").write_text("{")
    return file


def broken_parquet(path):
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    import pyarrow.parquet as parquet

    tokens = [[[0.5, 1.0], [2.0, 3.0]]] * 4
    parquet.write_table(pyarrow.table({"features": tokens, "label": ["a", "b"] * 2}), path / "e.parquet")
    return path / "e.parquet"


def broken_pair(path):
    formats.npy_pair(path)
    (path / "y.npy").unlink()
    return path


def broken_tokens(path):
    np.savez(path / "e.npz", features=formats.FEATURES[:, None].repeat(3, axis=1), labels=formats.CODES)
    return path / "e.npz"


def broken_structure(path):
    import scipy.io

    scipy.io.savemat(path / "e.mat", {"data": {"features": formats.FEATURES, "labels": formats.CODES}})
    return path / "e.mat"


def broken_sparse(path):
    import scipy.io
    import scipy.sparse

    features = scipy.sparse.csc_matrix(formats.FEATURES)
    scipy.io.savemat(path / "e.mat", {"features": features, "labels": formats.CODES})
    return path / "e.mat"


BROKEN = {
    broken_npz: r"e\.npz: labels holds Python objects, a list in place 0; expected numbers or strings",
    broken_hdf5: r"e\.h5: truncated, or no HDF5 file",
    broken_matlab_7: r"e\.mat: damaged, or no MATLAB file .*save them again",
    broken_matlab_73: r"e\.mat: labels is categorical: save cellstr\(labels\) in its place",
    broken_safetensors: r"e\.safetensors: damaged, or no safetensors .*Write the file again",
    broken_zarr: r"e\.zarr: damaged, or no Zarr",
    broken_parquet: r"e\.parquet: the column features holds lists of lists.*Pool them first",
    broken_pair: r"X\.npy: no labels beside it\. Expected X_labels\.npy, y\.npy or labels\.npy",
    broken_tokens: r"e\.npz: features has shape \(72, 3, 5\): several vectors an image.*features\.mean\(axis=1\)",
    broken_structure: r"e\.mat: holds nothing.*data is a structure: save its fields, save\(FILE, '-struct', 'data'\)",
    broken_sparse: r"e\.mat: features is sparse: save full\(features\) in its place",
}


@pytest.mark.parametrize("make", BROKEN, ids=lambda make: make.__name__)
def test_a_broken_sample_of_each_format_is_told_in_a_sentence(tmp_path, make):
    with pytest.raises(InputError, match=BROKEN[make]) as caught:
        open_features(make(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_problem_keeps_groups_on_its_splits_and_test_stays_sealed(tmp_path):
    problem = open_problem(formats.text(tmp_path), label_column="species", group_column="site", event_column="seq")
    for split, part in problem.splits.items():
        rows = split == formats.SPLIT
        np.testing.assert_array_equal(group_words(part.groups, part.group_names), formats.SITES[rows])
        np.testing.assert_array_equal(group_words(part.events, part.event_names), formats.EVENTS[rows])
