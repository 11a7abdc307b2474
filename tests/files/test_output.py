"""A disk that fills up while HDF5 is being written: an exception, nothing half-written, and no crash."""

import h5py
import numpy as np
import pytest

from longtail.files.hdf5 import create_hdf5

# the limit on a file's size fails a write just as a full disk does, in this process alone
FULL = """
import gc, resource, sys
from pathlib import Path
from longtail.data.image_pack import write_pack

resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
images = ((bytes(3000), index % 2, "train") for index in range(1000))
try:
    write_pack(Path(sys.argv[1]), images, ("a", "b"), source="made up")
except OSError as error:
    print("told", error.errno)
gc.collect()
"""


@pytest.mark.parametrize("limit", [100, 5_000, 1_100_000, 2_900_000])
def test_a_full_disk_is_told_and_leaves_the_old_file(forked, tmp_path, limit):
    (tmp_path / "p.h5").write_text("before")
    done = forked.run("-c", FULL, tmp_path / "p.h5", limit)
    assert (done.returncode, done.said()) == (0, "told 27\n"), done.told()
    assert [path.name for path in tmp_path.iterdir()] == ["p.h5"]
    assert (tmp_path / "p.h5").read_text() == "before"


def test_what_is_written_can_be_read(tmp_path):
    values = np.random.default_rng(0).normal(size=(300, 7))
    with create_hdf5(tmp_path / "x.h5") as (file, output):
        file["values"] = values
        output.check()
    with h5py.File(tmp_path / "x.h5", "r") as file:
        np.testing.assert_array_equal(file["values"][:], values)
