"""The readers of NumPy's and HDF5's files: right numbers from every layout, a sentence for every damage."""

import io
import zipfile
from contextlib import suppress

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longtail.errors import InputError
from longtail.files.arrays import plain_array, read_npy, read_npz
from longtail.files.hdf5 import open_hdf5, read_dataset

ROWS = np.array([[1.5, -2.0, 3.25], [0.0, 4.0, -8.0]])
LAYOUTS = {
    "float64": ROWS,
    "float16": ROWS.astype(np.float16),
    "big-endian": ROWS.astype(">f4"),
    "by columns": np.asfortranarray(ROWS),
    "int8": np.array([[1, -2], [3, 4]], dtype=np.int8),
    "bool": np.array([True, False]),
    "words": np.array(["ant", "beetle"]),
    "bytes": np.array([b"ant", b"bee"]),
    "no rows": np.empty((0, 3)),
    "scalar": np.array(2.5),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_npz_file_gives_the_same_numbers(tmp_path, layout, save):
    save(tmp_path / "a.npz", values=LAYOUTS[layout])
    result = read_npz(tmp_path / "a.npz", expected="arrays")["values"]
    np.testing.assert_array_equal(result, LAYOUTS[layout])
    assert result.dtype.isnative


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_npy_file_gives_the_same_numbers(tmp_path, layout):
    np.save(tmp_path / "a.npy", LAYOUTS[layout])
    result = read_npy(tmp_path / "a.npy", expected="an array")
    np.testing.assert_array_equal(result, LAYOUTS[layout])
    assert result.dtype.isnative


def test_an_npy_file_is_mapped(tmp_path):
    np.save(tmp_path / "a.npy", ROWS)
    assert isinstance(read_npy(tmp_path / "a.npy", expected="an array"), np.memmap)


def test_bfloat16_becomes_float32():
    rounded = np.float32([1.0, -1.5, 3.140625])
    stored = (rounded.view(np.uint32) >> 16).astype(np.uint16).view("V2")
    np.testing.assert_array_equal(plain_array(stored, "features"), rounded)


@pytest.mark.parametrize(
    "array",
    [
        np.array(["ant", None], dtype=object),
        np.array([1 + 2j]),
        np.array(["2020-01-01"], dtype="M8[D]"),
        np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f4")]),
        np.array([b"abc"], dtype="V3"),
    ],
    ids=["objects", "complex", "dates", "structured", "void"],
)
def test_other_kinds_are_refused_and_named(tmp_path, array):
    np.savez(tmp_path / "a.npz", labels=array)
    with pytest.raises(InputError, match=r"a\.npz: labels holds (Python objects|values of type)"):
        read_npz(tmp_path / "a.npz", expected="labels")


def promising(shape):
    """Return an .npy file whose header promises that shape and that holds four numbers."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"shape": shape, "fortran_order": False, "descr": "<f8"})
    return file.getvalue() + bytes(32)


@pytest.mark.parametrize("shape", [(10**12,), (5,), (3,), (-4,), (10**6, 10**6), (2**40, 2**40)])
def test_a_header_that_promises_another_size_is_told_without_memory(tmp_path, shape):
    (tmp_path / "a.npy").write_bytes(promising(shape))
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("values.npy", promising(shape))
    for read, name in ((read_npy, "a.npy"), (read_npz, "a.npz")):
        with pytest.raises(InputError, match=name):
            read(tmp_path / name, expected="arrays")


@pytest.mark.parametrize("layout", [{}, {"chunks": (4, 1)}, {"chunks": (4, 1), "compression": "gzip"}])
def test_an_hdf5_array_that_promises_more_than_is_there_is_told_without_memory(tmp_path, layout):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("values", shape=(10**12, 1), dtype="f8", **layout)
    with (
        pytest.raises(InputError, match=r"a\.h5: values promises"),
        open_hdf5(tmp_path / "a.h5", expected="arrays") as file,
    ):
        read_dataset(file, "values")


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "words"])
def test_an_hdf5_array_gives_the_same_numbers(tmp_path, layout):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["values"] = LAYOUTS[layout]
    with open_hdf5(tmp_path / "a.h5", expected="arrays") as file:
        result = read_dataset(file, "values")
    np.testing.assert_array_equal(result, LAYOUTS[layout].astype(result.dtype))
    assert result.dtype.isnative


def test_strings_of_hdf5(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["values"] = ["Bär", "ant"]
    with open_hdf5(tmp_path / "a.h5", expected="names") as file:
        assert read_dataset(file, "values").tolist() == ["Bär", "ant"]


@pytest.mark.parametrize("make", [lambda p: None, lambda p: p.mkdir(), lambda p: p.write_bytes(b"no such format")])
def test_what_is_no_such_file_is_told(tmp_path, make):
    for name, read in (("a.npz", read_npz), ("a.npy", read_npy)):
        make(tmp_path / name)
        with pytest.raises(InputError, match=name):
            read(tmp_path / name, expected="arrays")
    make(tmp_path / "a.h5")
    with pytest.raises(InputError, match=r"a\.h5"), open_hdf5(tmp_path / "a.h5", expected="arrays"):
        pass


def files():
    content = {"features": ROWS.astype(np.float32), "labels": np.array([0, 1]), "names": np.array(["a", "b"])}
    npz, npy = io.BytesIO(), io.BytesIO()
    np.savez(npz, **content)
    np.save(npy, ROWS)
    return {"a.npz": npz.getvalue(), "a.npy": npy.getvalue()}


WHOLE = files()


@pytest.mark.parametrize("name", WHOLE)
@given(st.data())
@settings(max_examples=150)
def test_damaged_files_are_read_or_told(tmp_path_factory, name, data):
    content = bytearray(WHOLE[name])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(content[: data.draw(st.integers(len(content) // 2, len(content)))])
    read = read_npz if name == "a.npz" else read_npy
    with suppress(InputError):
        read(path, expected="arrays")
