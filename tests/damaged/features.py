"""Files of features, and fitted heads."""

import io
import zipfile

import h5py
import numpy as np

from damaged.kind import Kind, holding
from damaged.ways import damaged_arrays, damaged_bytes, damaged_json, damaged_table

ROWS = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
CODES = np.repeat([0, 1, 2], 10)


def write_arrays(arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def damaged_npz(content, rng):
    if rng.random() < 0.35:
        return damaged_bytes(content, rng)
    with np.load(io.BytesIO(content)) as file:
        arrays = damaged_arrays(dict(file), rng)
    if rng.random() < 0.1:
        return _lying(arrays, rng)
    return write_arrays(arrays)


def _lying(arrays, rng):
    """Write headers that promise another shape than follows."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            head = io.BytesIO()
            shape = (int(10 ** rng.integers(1, 18)), *array.shape[1:])
            np.lib.format.write_array_header_1_0(
                head, {"shape": shape, "fortran_order": False, "descr": array.dtype.str}
            )
            archive.writestr(f"{name}.npy", head.getvalue() + array.tobytes())
    return file.getvalue()


def damaged_npy(content, rng):
    array = next(iter(damaged_arrays({"x": np.load(io.BytesIO(content))}, rng).values()), ROWS)
    file = io.BytesIO()
    np.save(file, array)
    return damaged_bytes(content, rng) if rng.random() < 0.5 else file.getvalue()


def hdf5_of(arrays, attributes=None):
    file = io.BytesIO()
    with h5py.File(file, "w") as out:
        for name, array in arrays.items():
            if array.dtype.kind == "U":
                array = array.astype(h5py.string_dtype())
            if array.dtype.kind in "Mm":
                array = array.astype(np.int64)
            out[name] = array
        for name, value in (attributes or {}).items():
            out.attrs[name] = value
    return file.getvalue()


def damaged_hdf5(content, rng):
    # bytes alone crash the library itself now and then: what is damaged is what it says
    with h5py.File(io.BytesIO(content), "r") as file:
        arrays = {name: np.asarray(item[()]) for name, item in file.items()}
        attributes = dict(file.attrs)
    for name, array in arrays.items():
        if array.dtype.kind == "O":
            arrays[name] = array.astype(str)
    match int(rng.integers(4)):
        case 0:
            return content[: int(rng.integers(len(content)))]
        case 1 if attributes:
            name = list(attributes)[int(rng.integers(len(attributes)))]
            odd = (
                "",
                "x",
                "[" * 30_000,
                '["ant"]',
                '["a", 2]',
                "{}",
                5,
                2.5,
                np.array([1, 2]),
                "[null]",
                "NaN",
                '["é"]',
            )
            attributes[name] = odd[int(rng.integers(len(odd)))]
        case _:
            arrays = damaged_arrays(arrays, rng)
    return hdf5_of(arrays, attributes)


def csv_of(rows=ROWS):
    names = ["ant", "bee", "cow"]
    lines = ["id,label,split,f0,f1,f2,f3"]
    split = ["train", "val", "test"]
    for row, (values, code) in enumerate(zip(rows.tolist(), CODES.tolist(), strict=True)):
        place = split[0 if row % 10 < 6 else 1 if row % 10 < 8 else 2]
        lines.append(",".join([f"{row}.jpg", names[code], place, *(f"{value:.4f}" for value in values)]))
    return "\n".join(lines).encode()


def open_table(path):
    from longtail.comparison.problem import check_problem
    from longtail.features import open_features

    check_problem(open_features(path).splits)


def open_blocks(path):
    from longtail.features import feature_blocks

    for _ in feature_blocks(path)[1]:
        pass


def write_folder(path):
    from longtail.features import write_features

    for split, start in (("val", 1), ("test", 2), ("train", 0)):
        place = path.with_name(f"feature_{split}.h5")
        write_features(place, ROWS[start::3], CODES[start::3], attributes={"class_names": ["ant", "bee", "cow"]})


def open_folder(path):
    open_table(path.parent)


def open_head_beside(path):
    from longtail.comparison.problem import check_problem
    from longtail.features import FeatureFile

    file = FeatureFile(path, ROWS, CODES, {"class_names": '["ant", "bee", "cow"]'})
    check_problem({"train": file}, head=path)


def damaged_head(content, rng):
    if rng.random() < 0.6:
        return damaged_npz(content, rng)
    with np.load(io.BytesIO(content)) as file:
        arrays = dict(file)
    meta = damaged_json(str(arrays["meta"]).encode(), rng)
    return write_arrays(arrays | {"meta": np.array(meta.decode("utf-8", "replace"))})


def write_head(path):
    from longtail.heads import Ensemble, LogitAdjusted, NearestClassMean, Transformed, save_head

    head = Ensemble([LogitAdjusted(tau=1.0), Transformed(NearestClassMean(), "standardise")]).fit(ROWS, CODES)
    save_head(head, path)


def open_head(path):
    from longtail.heads import load_head

    head = load_head(path)
    head.predict(np.zeros((2, head.n_features_in_)))


def parquet_of(columns):
    import pyarrow
    import pyarrow.parquet as parquet

    file = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), file)
    return file.getvalue()


COLUMNS = {
    "label": np.array(["ant", "bee", "cow"])[CODES],
    **{f"f{d}": ROWS[:, d] for d in range(4)},
    "embedding": ROWS,
    "when": np.array(["2020-01-01"] * 30, "M8[s]"),
}


def damaged_parquet(content, rng):
    """Damage the columns, as far as such a file can hold them, or the bytes."""
    if rng.random() < 0.4:
        return damaged_bytes(content, rng)
    columns = {
        name: list(column) if column.ndim > 1 else column for name, column in damaged_arrays(COLUMNS, rng).items()
    }
    longest = max((len(column) for column in columns.values() if np.ndim(column)), default=0)
    for name, column in columns.items():
        if np.ndim(column) and len(column) < longest:
            columns[name] = [*column, *[None] * (longest - len(column))]
    try:
        return parquet_of(columns)
    except (TypeError, ValueError, NotImplementedError):  # of pyarrow: no column of a table
        return damaged_bytes(content, rng)


def pickle_content():
    import pickle

    return pickle.dumps({"feats": ROWS, "labels": CODES, "idxs": np.arange(30)})


def open_pickle(path):
    from longtail.files.original_pickle import read_original_pickle

    read_original_pickle(path)


def _npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def matlab_of(arrays):
    import scipy.io

    file = io.BytesIO()
    scipy.io.savemat(file, arrays)
    return file.getvalue()


def safetensors_content():
    from safetensors.numpy import save

    return save({"features": ROWS, "labels": CODES}, {"class_names": '["ant", "bee", "cow"]'})


def words_content():
    names = np.array(["ant", "bee", "cow"], dtype=object)[CODES]
    return write_arrays({"features": ROWS, "labels": names, "groups": names})


FEATURES = [
    Kind("e.csv", holding(csv_of), damaged_table, open_table),
    Kind("blocks.csv", holding(csv_of), damaged_table, open_blocks),
    Kind("e.tsv", holding(lambda: csv_of().replace(b",", b"\t")), damaged_table, open_table),
    Kind("e.npz", holding(lambda: write_arrays({"features": ROWS, "labels": CODES})), damaged_npz, open_table),
    Kind("words.npz", holding(words_content), damaged_bytes, open_table),
    Kind("e.mat", holding(lambda: matlab_of({"features": ROWS, "labels": CODES})), damaged_bytes, open_table),
    Kind("e.safetensors", holding(safetensors_content), damaged_bytes, open_table),
    Kind("e.npy", holding(lambda: _npy(ROWS)), damaged_npy, open_blocks),
    Kind(
        "e.h5",
        holding(lambda: hdf5_of({"features": ROWS, "labels": CODES}, {"class_names": '["ant", "bee", "cow"]'})),
        damaged_hdf5,
        open_table,
        cost=2,
    ),
    Kind("e.parquet", holding(lambda: parquet_of({**COLUMNS, "embedding": list(ROWS)})), damaged_parquet, open_table),
    Kind("feature folder", write_folder, damaged_hdf5, open_folder, "features/feature_train.h5", cost=3),
    Kind(
        "joint_head.npz",
        holding(lambda: write_arrays({"weight": np.ones((3, 4)), "bias": np.zeros(3), "prior": np.array("train")})),
        damaged_npz,
        open_head_beside,
    ),
    Kind("head.npz", write_head, damaged_head, open_head, cost=2),
    Kind("trainfeat_all.pkl", holding(pickle_content), damaged_bytes, open_pickle, prints=True),
]
