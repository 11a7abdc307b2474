"""The same rows in every format that people keep features in, each written exactly as its own program does."""

import json

import h5py
import numpy as np
import pytest

RNG = np.random.default_rng(0)
ROWS = 72
# of which bfloat16 and float16 keep every bit
FEATURES = (RNG.integers(-64, 64, size=(ROWS, 5)) / 16).astype(np.float32)
FEATURES[:, 0] += np.arange(ROWS) % 7 / 8
CODES = np.resize([0, 0, 0, 1, 1, 2], ROWS)
NAMES = np.array(["ant", "bee", "cow"])
# sites of three rows each; two rows belong to none
SITES = np.array([f"{site:03d}" for site in np.arange(ROWS) // 3])
SITES[[4, 50]] = ""
NUMBERS = np.arange(ROWS) // 3 + 5
NUMBERS[[4, 50]] = 0, 1  # of five numbers without a name
EVENTS = np.array([f"e{event}" for event in np.arange(ROWS) // 2])
SPLIT = np.resize(np.repeat(["train", "val", "test"], [24, 6, 6]), ROWS)
BFLOAT16 = (FEATURES.view(np.uint32) >> 16).astype(np.uint16).view("V2")


def arrays(**more):
    return {"features": FEATURES, "labels": NAMES[CODES], "groups": SITES, "events": EVENTS, "split": SPLIT, **more}


def npz(path):
    np.savez(path / "e.npz", **arrays())
    return path / "e.npz"


def npz_objects(path):
    """As pandas gives words."""
    objects = {name: array.astype(object) for name, array in arrays().items() if array.dtype.kind == "U"}
    objects["groups"][objects["groups"] == ""] = None
    np.savez_compressed(path / "e.npz", features=BFLOAT16, **(objects | {"split": SPLIT}))
    return path / "e.npz"


def write_hdf5(path, content, **how):
    with h5py.File(path, "w") as file:
        for name, array in content.items():
            words = array.dtype.kind in "UO"
            extra = how if name == "features" else {}
            file.create_dataset(name, data=array.astype(object) if words else array,
                                dtype=h5py.string_dtype() if words else None, **extra)  # fmt: skip
    return path


def hdf5(path):
    return write_hdf5(path / "e.h5", arrays())


def hdf5_compressed(path):
    return write_hdf5(path / "e.hdf5", arrays(features=FEATURES.astype(">f4")), compression="gzip", chunks=(7, 2))


def hdf5_bfloat16(path):
    return write_hdf5(path / "e.h5", arrays(features=BFLOAT16, groups=SITES.astype("S")))


def cells(words):
    column = np.empty((len(words), 1), dtype=object)
    column[:, 0] = words
    return column


def matlab_7(path):
    """As save does by default: columns, cells of words."""
    import scipy.io

    content = {name: array if array.ndim == 2 else cells(array) for name, array in arrays().items()}
    scipy.io.savemat(path / "e.mat", content, do_compression=True)
    return path / "e.mat"


def matlab_5_images_as_columns(path):
    """Lines of characters for words, and an image a column."""
    import scipy.io

    scipy.io.savemat(path / "e.mat", arrays(features=FEATURES.astype(np.float64).T, events=cells(EVENTS)))
    return path / "e.mat"


def write_matlab_73(path, content):
    """As save -v7.3 does: HDF5 with 512 bytes in front, the axes turned, words as numbers behind references."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, array in content.items():
            if array.dtype.kind == "U":
                references = [_characters(file, f"#refs#/{name}{row}", word) for row, word in enumerate(array)]
                file.create_dataset(name, data=np.array([references], dtype=h5py.ref_dtype), dtype=h5py.ref_dtype)
                file[name].attrs["MATLAB_class"] = np.bytes_("cell")
            else:
                columns = array.reshape(len(array), -1).astype(np.float64).T
                file.create_dataset(name, data=columns, chunks=True, compression="gzip")
                file[name].attrs["MATLAB_class"] = np.bytes_("double")
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64, HDF5 schema 1.00 .".ljust(124) + b"\0\2IM")
    return path


def _characters(file, place, word):
    file[place] = np.array([[ord(letter)] for letter in word] or [0, 0], dtype=np.uint16 if word else np.uint64)
    file[place].attrs["MATLAB_class"] = np.bytes_("char")
    if not word:
        file[place].attrs["MATLAB_empty"] = np.uint8(1)
    return file[place].ref


def matlab_73(path):
    return write_matlab_73(path / "e.mat", arrays())


def zarr_group(path, version):
    zarr = pytest.importorskip("zarr", reason="zarr is not installed")
    content = arrays(groups=NUMBERS, labels=CODES)
    numbers = {name: array for name, array in content.items() if array.dtype.kind != "U"}
    group = zarr.open_group(path / "e.zarr", mode="w", zarr_format=version)
    for name, array in numbers.items():
        group.create_array(name, data=array, chunks=(7, 2)[: array.ndim])
    split = group.create_array("split", shape=(ROWS,), dtype=str, chunks=(40,))
    split[:] = SPLIT
    events = group.create_array("events", shape=(ROWS,), dtype=str, chunks=(40,))
    events[:] = EVENTS
    group.attrs["class_names"] = NAMES.tolist()
    group.attrs["group_names"] = [""] * 5 + [f"{site:03d}" for site in range(24)]
    return path / "e.zarr"


def zarr_2(path):
    return zarr_group(path, 2)


def zarr_3(path):
    return zarr_group(path, 3)


def write_safetensors(path, dtype):
    import torch
    from safetensors.torch import save_file

    tensors = {
        "features": torch.from_numpy(FEATURES.copy()).to(dtype),
        "labels": torch.from_numpy(CODES),
        "groups": torch.from_numpy(NUMBERS),
        "events": torch.from_numpy(np.arange(ROWS) // 2),
    }
    sites = [""] * 5 + [f"{site:03d}" for site in range(24)]
    names = {"class_names": NAMES.tolist(), "group_names": sites, "event_names": [f"e{event}" for event in range(36)]}
    save_file(tensors, path, metadata={name: json.dumps(words) for name, words in names.items()})
    return path


def safetensors_bfloat16(path):
    import torch

    return write_safetensors(path / "e.safetensors", torch.bfloat16)


def safetensors_float16(path):
    import torch

    return write_safetensors(path / "e.safetensors", torch.float16)


def text(path):
    head = ["split", "species", "site", "seq", *(f"f{d}" for d in range(5))]
    rows = [[*words, *map(str, values)] for *words, values in zip(SPLIT, NAMES[CODES], SITES, EVENTS, FEATURES)]  # noqa: B905
    (path / "e.tsv").write_text("\n".join("\t".join(row) for row in [head, *rows]) + "\n")
    return path / "e.tsv"


def parquet_lists(path):
    """As Hugging Face's datasets push features: lists, and class names in the metadata of the schema."""
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    import pyarrow.parquet as parquet

    about = {"info": {"features": {"label": {"names": NAMES.tolist(), "_type": "ClassLabel"}}}}
    sites = [site or None for site in SITES.tolist()]
    columns = {"features": list(FEATURES), "label": CODES, "site": sites, "seq": EVENTS, "split": SPLIT}
    table = pyarrow.table(columns).replace_schema_metadata({"huggingface": json.dumps(about)})
    parquet.write_table(table, path / "e.parquet")
    return path / "e.parquet"


def npy_pair(path):
    for name, array in {"X": FEATURES, "y": NAMES[CODES], "groups": SITES, "events": EVENTS.astype(object)}.items():
        np.save(path / f"{name}.npy", array)
    return path


def npy_by_split(path, features="X_{}", labels="y_{}"):
    for split in ("train", "val", "test"):
        rows = split == SPLIT
        named = {features: FEATURES[rows], labels: NAMES[CODES][rows], "groups_{}": SITES[rows]}
        for name, array in {**named, "events_{}": EVENTS[rows]}.items():
            np.save(path / f"{name.format(split)}.npy", array)
    return path


ARRAYS = (npz, npz_objects, hdf5, hdf5_compressed, hdf5_bfloat16, matlab_7, matlab_5_images_as_columns, matlab_73)
WITH_SPLITS = (*ARRAYS, zarr_2, zarr_3, text, parquet_lists, npy_by_split)
FORMATS = (*WITH_SPLITS, safetensors_bfloat16, safetensors_float16, npy_pair)
TABLES = (text, parquet_lists)
