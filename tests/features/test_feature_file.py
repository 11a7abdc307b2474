"""Feature files: round trip, mapping, and files that cannot be used; the originals' pickles without their code."""

import pickle

import h5py
import numpy as np
import pytest

from longtail.errors import InputError
from longtail.features import (
    FeatureRows,
    check_finite,
    create_feature_file,
    open_feature_file,
    open_feature_folder,
    write_features,
)
from longtail.files.original_pickle import read_original_pickle

FEATURES = np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32)
LABELS = np.arange(20) % 4


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_round_trip_is_mapped(tmp_path, dtype):
    write_features(tmp_path / "feature_train.h5", FEATURES, LABELS, dtype=dtype, attributes={"weights": "abc"})
    file = open_feature_file(tmp_path / "feature_train.h5")
    assert isinstance(file.features, np.memmap)
    assert file.features.dtype == dtype
    np.testing.assert_array_equal(file.features, FEATURES.astype(dtype))
    np.testing.assert_array_equal(file.labels, LABELS)
    assert file.attributes == {"weights": "abc"}
    with h5py.File(tmp_path / "feature_train.h5") as plain:  # anybody's reader sees the same
        np.testing.assert_array_equal(plain["features"][:], FEATURES.astype(dtype))


def test_rows_in_any_order_from_several_writers(tmp_path):
    path = tmp_path / "f.h5"
    create_feature_file(path, LABELS, 5, "float32", {})
    first, second = FeatureRows(path), FeatureRows(path)
    second.write(12, FEATURES[12:])
    first.write(0, FEATURES[:12])
    np.testing.assert_array_equal(open_feature_file(path).features, FEATURES)


def test_files_of_others(tmp_path):
    """DLSA's `label`, chunked and compressed storage."""
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file.create_dataset("features", data=FEATURES, chunks=True, compression="gzip")
        file["label"] = LABELS.astype(np.float64)
    file = open_feature_file(tmp_path / "f.h5")
    np.testing.assert_array_equal(file.features, FEATURES)
    assert file.labels.dtype == np.int64


def broken(path, kind):
    write_features(path, FEATURES, LABELS)
    if kind == "truncated":
        path.write_bytes(path.read_bytes()[:1500])
        return
    if kind == "no HDF5":
        path.write_text("text")
        return
    if kind == "missing":
        path.unlink()
        return
    with h5py.File(path, "a") as file:
        replaced = {
            "lengths": ("labels", LABELS[:-1]),
            "shape": ("features", FEATURES[0]),
            "whole": ("labels", LABELS + 0.5),
            "infinite": ("labels", np.full(20, np.inf)),
            "words": ("labels", LABELS.astype("S")),
            "empty": ("features", FEATURES[:0]),
        }
        if kind == "empty":
            del file["labels"]
            file["labels"] = LABELS[:0]
        if kind == "other":
            del file["features"]
        else:
            name, content = replaced[kind]
            del file[name]
            file[name] = content


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", "no such file"),
        ("truncated", "truncated, or no HDF5 file"),
        ("no HDF5", "truncated, or no HDF5 file"),
        ("lengths", r"20 rows of features but labels of shape \(19,\)"),
        ("shape", "expected floats N x D"),
        ("whole", "expected whole class numbers"),
        ("infinite", "expected whole class numbers"),
        ("words", "expected whole class numbers"),
        ("empty", "holds no row"),
        ("other", 'expected the datasets "features" and "labels"'),
    ],
)
def test_files_that_cannot_be_used(tmp_path, kind, message):
    broken(tmp_path / "f.h5", kind)
    with pytest.raises(InputError, match=message):
        open_feature_file(tmp_path / "f.h5")


def test_folders_that_cannot_be_used(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        open_feature_folder(tmp_path / "nothing")
    with pytest.raises(InputError, match=r"holds no \.h5 file; expected feature_train\.h5"):
        open_feature_folder(tmp_path)
    write_features(tmp_path / "feature_train.h5", FEATURES, LABELS)
    write_features(tmp_path / "feature_test.h5", FEATURES[:, :3], LABELS)
    with pytest.raises(InputError, match=r"3 dimensions, but feature_train\.h5 has 5"):
        open_feature_folder(tmp_path)


def test_nothing_half_written_is_left(tmp_path, monkeypatch):
    write_features(tmp_path / "f.h5", FEATURES, LABELS)
    before = (tmp_path / "f.h5").read_bytes()

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("longtail.features.feature_writing.os.posix_fallocate", full)
    with pytest.raises(OSError, match="no space left"):
        write_features(tmp_path / "f.h5", 2 * FEATURES, LABELS)
    assert [path.name for path in tmp_path.iterdir()] == ["f.h5"]
    assert (tmp_path / "f.h5").read_bytes() == before


def test_without_a_way_to_reserve_room_the_file_is_whole_nevertheless(tmp_path, monkeypatch):
    monkeypatch.delattr("longtail.features.feature_writing.os.posix_fallocate")
    path = tmp_path / "feature_train.h5"
    create_feature_file(path, LABELS, 5, "float32", {})
    found = open_feature_file(path)
    assert found.features.shape == (len(LABELS), 5)
    FeatureRows(path).write(0, np.ones((len(LABELS), 5), dtype=np.float32))
    assert np.array_equal(open_feature_file(path).features, np.ones((len(LABELS), 5)))


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_the_originals_pickles(tmp_path, protocol):
    content = {"feats": FEATURES, "labels": LABELS, "idxs": np.arange(20)}
    (tmp_path / "trainfeat_all.pkl").write_bytes(pickle.dumps(content, protocol=protocol))
    if protocol == 2:  # numpy arrays of protocol 2 are strings that codecs turn to bytes: not admitted
        with pytest.raises(InputError, match="_codecs"):
            read_original_pickle(tmp_path / "trainfeat_all.pkl")
        return
    features, labels, indices = read_original_pickle(tmp_path / "trainfeat_all.pkl")
    np.testing.assert_array_equal(features, FEATURES)
    np.testing.assert_array_equal(labels, LABELS)
    np.testing.assert_array_equal(indices, np.arange(20))


class RunsCode:
    def __reduce__(self):
        return print, ("this must never be printed",)


def test_a_pickle_with_code_is_refused_unread(tmp_path, capsys):
    (tmp_path / "f.pkl").write_bytes(pickle.dumps({"feats": RunsCode(), "labels": LABELS, "idxs": LABELS}))
    with pytest.raises(InputError, match=r"names builtins\.print, which could run code"):
        read_original_pickle(tmp_path / "f.pkl")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("content", [b"", b"garbage", pickle.dumps([1, 2]), pickle.dumps({"feats": FEATURES})])
def test_other_pickles_are_told(tmp_path, content):
    (tmp_path / "f.pkl").write_bytes(content)
    with pytest.raises(InputError, match=r"f\.pkl: "):
        read_original_pickle(tmp_path / "f.pkl")


@pytest.mark.parametrize("stored", ['["ant", "bee"]', np.array([b"ant", b"bee"]), ["ant", "bee"]])
def test_class_names_of_ours_and_of_others(tmp_path, stored):
    write_features(tmp_path / "f.h5", FEATURES, LABELS)
    assert open_feature_file(tmp_path / "f.h5").class_names is None
    with h5py.File(tmp_path / "f.h5", "a") as file:
        file.attrs["class_names"] = stored
    assert open_feature_file(tmp_path / "f.h5").class_names == ("ant", "bee")


def test_class_names_that_are_no_list_are_told(tmp_path):
    write_features(tmp_path / "f.h5", FEATURES, LABELS, attributes={"class_names": "ant, bee"})
    with pytest.raises(InputError, match="Expected a list of names"):
        open_feature_file(tmp_path / "f.h5").class_names  # noqa: B018


@pytest.mark.parametrize("number", [2e15, -2e15, 1e30])
def test_numbers_whose_squares_are_infinite_are_refused(number):
    features = np.zeros((9000, 3), np.float32)
    features[8999, 1] = number
    with pytest.raises(InputError, match=r"holds (2e\+15|1e\+30|-2e)"):
        check_finite(features)
    check_finite(features / number * np.float32(1e15))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, -np.nan])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, ">f2"])
def test_what_is_not_finite_is_found_in_any_type_and_order(bad, dtype):
    features = np.full((20, 6), np.finfo(np.float16).max, dtype=dtype)
    features[::2] *= -1
    for array in (features, np.asfortranarray(features), features[::-1, ::2], features[:0]):
        check_finite(array)
    features[13, 4] = bad
    for array, row in ((features, 13), (np.asfortranarray(features), 13), (features[::-1, ::2], 6)):
        with pytest.raises(InputError, match=f"row {row} holds NaN or infinity in 1 of"):
            check_finite(array)
