"""MATLAB's files of version 5 to 7, against SciPy's reader."""

import numpy as np
import pytest
import scipy.io

from longtail.errors import InputError
from longtail.files.matlab import read_matlab

RNG = np.random.default_rng(0)
NUMBERS = {
    f"of_{dtype}": (RNG.integers(0, 100, size=(7, 3)) / 4).astype(dtype)
    for dtype in ("f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")
}


@pytest.mark.parametrize("is_compressed", [False, True])
def test_numbers_of_every_type_are_what_scipy_reads(tmp_path, is_compressed):
    content = {**NUMBERS, "single": np.array([[3.0]]), "deep": RNG.normal(size=(4, 3, 2)), "empty": np.zeros((0, 5))}
    scipy.io.savemat(tmp_path / "e.mat", content, do_compression=is_compressed)
    arrays, others = read_matlab(tmp_path / "e.mat")
    expected = scipy.io.loadmat(tmp_path / "e.mat")
    assert not others
    for name in content:
        np.testing.assert_array_equal(arrays[name], expected[name])
        assert arrays[name].dtype == expected[name].dtype


def test_words_are_what_scipy_reads(tmp_path):
    cell = np.empty((3, 1), dtype=object)
    cell[:, 0] = ["añt", "", "a longer bee"]
    scipy.io.savemat(tmp_path / "e.mat", {"cell": cell, "lines": np.array(["ant", "wasp"]), "word": "cöw"})
    arrays, _ = read_matlab(tmp_path / "e.mat")
    assert arrays["cell"].tolist() == [["añt"], [""], ["a longer bee"]]
    assert arrays["lines"].tolist() == ["ant", "wasp"]
    assert arrays["word"].tolist() == ["cöw"]


def test_what_only_matlab_reads_is_named_with_what_to_save(tmp_path):
    mixed = np.empty((1, 2), dtype=object)
    mixed[0] = [np.eye(2), "a"]
    scipy.io.savemat(tmp_path / "e.mat", {"z": np.array([[1j]]), "s": {"a": 1.0}, "mixed": mixed})
    arrays, others = read_matlab(tmp_path / "e.mat")
    assert not arrays
    assert others["z"] == "of complex numbers: save real(z) or abs(z) in its place"
    assert others["s"].startswith("a structure")
    assert others["mixed"].startswith("a cell of more than a word or a number")


def test_a_type_that_does_not_exist_is_told(tmp_path):
    """SciPy 1.17.1 ends the process over it."""
    scipy.io.savemat(tmp_path / "e.mat", {"features": np.eye(4, dtype=np.float32)})
    content = bytearray((tmp_path / "e.mat").read_bytes())
    place = content.index(b"features") + 8
    content[place] = 8
    (tmp_path / "e.mat").write_bytes(content)
    with pytest.raises(InputError, match=r"e\.mat: damaged, or no MATLAB file.*numbers of type 8"):
        read_matlab(tmp_path / "e.mat")


def test_version_4_is_refused(tmp_path):
    scipy.io.savemat(tmp_path / "e.mat", {"features": np.eye(20)}, format="4")
    with pytest.raises(InputError, match=r"no MATLAB file of version 5 to 7\.3"):
        read_matlab(tmp_path / "e.mat")
