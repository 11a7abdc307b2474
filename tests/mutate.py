"""Damage every file that the program reads, many times over: what comes of it is the right answer or one sentence.

    python tests/mutate.py --count 100000            # all kinds, about an hour
    python tests/mutate.py --kinds csv,npz --count 500

For each kind a sound file is made once, damaged in its structure or its bytes, and read as the program reads it.
Counted are errors that are none of ours, warnings of libraries, files that are left behind, more than 2 GiB of memory,
and calls of more than 20 seconds. tests/test_mutations.py does the same a few hundred times for each kind.
"""

import argparse
import collections
import io
import json
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from longtail.errors import LongtailError
from mutations import damaged_arrays, damaged_bytes, damaged_json, damaged_table

SECONDS = 20
BYTES = 2**31
ROWS = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
CODES = np.repeat([0, 1, 2], 10)


@dataclass(frozen=True)
class Kind:
    """A file that the program reads: how a sound one is made, how it is damaged, and how it is read."""

    name: str
    make: object
    damage: object
    use: object


class Outcome(Exception):
    """Something that must never come of a damaged file."""


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
    from longtail.embeddings import open_embeddings
    from longtail.jobs.fitting.problem import check_problem

    check_problem(open_embeddings(path).splits)


def open_blocks(path):
    from longtail.embeddings import feature_blocks

    for _ in feature_blocks(path)[1]:
        pass


def open_head_beside(path):
    from longtail.features import FeatureFile
    from longtail.jobs.fitting.problem import check_problem

    file = FeatureFile(path, ROWS, CODES, {"class_names": '["ant", "bee", "cow"]'})
    check_problem({"train": file}, head=path)


def damaged_head(content, rng):
    if rng.random() < 0.6:
        return damaged_npz(content, rng)
    with np.load(io.BytesIO(content)) as file:
        arrays = dict(file)
    meta = damaged_json(str(arrays["meta"]).encode(), rng)
    return write_arrays(arrays | {"meta": np.array(meta.decode("utf-8", "replace"))})


def head_content():
    from longtail.heads import Ensemble, LogitAdjusted, NearestClassMean, Transformed, save_head

    head = Ensemble([LogitAdjusted(tau=1.0), Transformed(NearestClassMean(), "standardise")]).fit(ROWS, CODES)
    path = Path(tempfile.mkdtemp()) / "head.npz"
    save_head(head, path)
    return path.read_bytes()


def open_head(path):
    from longtail.heads import load_head

    head = load_head(path)
    head.predict(np.zeros((2, head.n_features_in_)))


def open_rows(path):
    from longtail.identity import read_identities

    read_identities(path)


def rows_content():
    from longtail.identity import identify_rows, write_identities

    path = Path(tempfile.mkdtemp()) / "rows.npz"
    write_identities(path, {"train": identify_rows([b"1", b"2"], ["a", "b"]), "val": identify_rows([b"3"])})
    return path.read_bytes()


def parquet_content():
    import pyarrow
    import pyarrow.parquet as parquet

    columns = {"label": np.array(["ant", "bee", "cow"])[CODES], **{f"f{d}": ROWS[:, d] for d in range(4)}}
    columns |= {"embedding": list(ROWS), "when": np.array(["2020-01-01"] * 30, "M8[s]")}
    file = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), file)
    return file.getvalue()


def predictions_content():
    lines = ["row,label,joint,crt", *(f"{row},{code},{code},0" for row, code in enumerate(CODES))]
    return "\n".join(lines).encode()


def open_predictions(path):
    from longtail.jobs.comparing.predictions_file import read_predictions

    read_predictions(path)


def open_prior(path):
    from longtail.jobs.predicting.target_prior import read_prior

    read_prior(path, ["ant", "bee", "cow"])


def open_counts(path):
    from longtail.jobs.evaluate import _read_counts

    _read_counts(path, None)


def open_settings(path):
    from longtail.runs import Run

    run = Run(path.parent)
    assert run.settings is not None
    assert run.reading is not None
    run.group("heads")


def settings_content():
    from dataclasses import asdict

    from longtail.jobs.fit import FitConfig
    from longtail.jobs.stage_one.settings import plain

    return json.dumps(plain(asdict(FitConfig(Path("features"))))).encode()


def damaged_pickle(content, rng):
    return damaged_bytes(content, rng)


def pickle_content():
    import pickle

    return pickle.dumps({"feats": ROWS, "labels": CODES, "idxs": np.arange(30)})


def open_pickle(path):
    from longtail.features import read_original_pickle

    read_original_pickle(path)


KINDS = [
    Kind("e.csv", csv_of, damaged_table, open_table),
    Kind("blocks.csv", csv_of, damaged_table, open_blocks),
    Kind("e.tsv", lambda: csv_of().replace(b",", b"\t"), damaged_table, open_table),
    Kind("e.npz", lambda: write_arrays({"features": ROWS, "labels": CODES}), damaged_npz, open_table),
    Kind("e.npy", lambda: _npy(ROWS), damaged_npy, open_blocks),
    Kind(
        "e.h5",
        lambda: hdf5_of({"features": ROWS, "labels": CODES}, {"class_names": '["ant", "bee", "cow"]'}),
        damaged_hdf5,
        open_table,
    ),
    Kind("e.parquet", parquet_content, damaged_bytes, open_table),
    Kind(
        "joint_head.npz",
        lambda: write_arrays({"weight": np.ones((3, 4)), "bias": np.zeros(3), "prior": np.array("train")}),
        damaged_npz,
        open_head_beside,
    ),
    Kind("head.npz", head_content, damaged_head, open_head),
    Kind("rows.npz", rows_content, damaged_npz, open_rows),
    Kind("predictions.csv", predictions_content, damaged_table, open_predictions),
    Kind("prior.csv", lambda: b"class,share\nant,0.2\nbee,0.3\ncow,0.5\n", damaged_table, open_prior),
    Kind("counts.txt", lambda: b"10\n5\n2\n", damaged_table, open_counts),
    Kind("config.json", settings_content, damaged_json, open_settings),
    Kind("trainfeat_all.pkl", pickle_content, damaged_pickle, open_pickle),
]


def _npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def run_kind(kind, count, seed, report):
    """Damage and read one kind of file `count` times; call `report` with each outcome that must not be."""
    sound, rng = kind.make(), np.random.default_rng(seed)
    accepted = 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / kind.name
        path.write_bytes(sound)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            kind.use(path)  # the sound one is read
        for number in range(count):
            content = kind.damage(sound, rng)
            path.write_bytes(content)
            try:
                with warnings.catch_warnings(), _limited():
                    warnings.simplefilter("error")
                    kind.use(path)
                accepted += 1
            except LongtailError as error:
                if "\n" in str(error) or not str(error):
                    report(kind, number, content, f"not one sentence: {error!r}")
            except Exception as error:
                last = traceback.extract_tb(error.__traceback__)[-1]
                where = f"{Path(last.filename).name}:{last.lineno}"
                report(kind, number, content, f"{type(error).__name__} at {where}: {str(error)[:120]}")
            left = {other.name for other in path.parent.iterdir()} - {kind.name}
            if left:
                report(kind, number, content, f"left behind: {sorted(left)}")
                for name in left:
                    (path.parent / name).unlink(missing_ok=True)
    return accepted


class _limited:
    """Stop a call that takes too long or too much memory."""

    def __enter__(self):
        signal.signal(signal.SIGALRM, self._late)
        signal.alarm(SECONDS)
        self._before = resource.getrlimit(resource.RLIMIT_AS)
        pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc/self/statm").exists() else None
        if pages is not None:
            resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + BYTES, self._before[1]))

    def __exit__(self, *_):
        signal.alarm(0)
        resource.setrlimit(resource.RLIMIT_AS, self._before)

    @staticmethod
    def _late(*_):
        raise Outcome(f"took more than {SECONDS} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=2000, help="damaged files in all")
    parser.add_argument("--kinds", default="", help="names of files with commas between; default: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for the files that must be looked at")
    arguments = parser.parse_args()
    kinds = [kind for kind in KINDS if not arguments.kinds or kind.name in arguments.kinds.split(",")]
    found = collections.Counter()

    def report(kind, number, content, what):
        found[f"{kind.name}: {what}"] += 1
        if arguments.keep and found[f"{kind.name}: {what}"] == 1:
            arguments.keep.mkdir(parents=True, exist_ok=True)
            (arguments.keep / f"{number}-{kind.name}").write_bytes(content)

    for kind in kinds:
        started, each = time.perf_counter(), arguments.count // len(kinds)
        accepted = run_kind(kind, each, arguments.seed, report)
        seconds = time.perf_counter() - started
        print(f"{kind.name:<22}{each:>8,} damaged  {accepted:>8,} still read  {seconds:7.1f} s", flush=True)
    for what, number in found.most_common():
        print(f"{number:>6} x {what}")
    print(f"{sum(found.values()):,} of {arguments.count:,} ended otherwise than they must")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
