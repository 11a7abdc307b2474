"""Shards of images, and what workers on them write."""

import io
import json
import tarfile

import numpy as np

from damaged.features import hdf5_of
from damaged.images import _six
from damaged.kind import Kind, holding
from damaged.ways import damaged_arrays, damaged_bytes, damaged_json

__all__ = ["SHARDS"]


def tar_content():
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for number, image in enumerate(_six()):
            fields = json.dumps({"label": f"species {number % 2}", "site": "a"}).encode()
            for ending, content in (("png", image), ("json", fields)):
                member = tarfile.TarInfo(f"{number}.{ending}")
                member.size, member.mtime = len(content), 1.5  # a header of more than numbers, as WebDataset writes it
                archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


def parquet_content():
    import pyarrow as pa
    import pyarrow.parquet as pq

    features = {"image": {"_type": "Image"}, "label": {"names": ["ant", "bee"], "_type": "ClassLabel"}}
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema([("image", kind), ("label", pa.int64())])
    rows = [{"image": {"bytes": one, "path": f"{at}.png"}, "label": at % 2} for at, one in enumerate(_six())]
    table = pa.Table.from_pylist(
        rows, schema.with_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    )
    file = io.BytesIO()
    pq.write_table(table, file, row_group_size=2)
    return file.getvalue()


def opened_as(form):
    """Return what reads a file as shards of a format, and looks at all of it."""

    def use(path):
        import contextlib

        from longtail.data.manifests import ManifestChoice, read_manifest
        from longtail.errors import InputError

        manifest = read_manifest(path, ManifestChoice(format=form, label_column="label"))
        source = manifest.source(np.arange(len(manifest.settled.rows)))
        for row in range(len(source)):
            assert source.identify(row).encode()
            with contextlib.suppress(InputError):
                source.fingerprint(row)
                source.load(row)

    return use


def plan():
    return {
        "shards": ["a.tar"],
        "place": "/data",
        "weights": "w",
        "backbone": "resnet20",
        "preprocessing": {"size": 16},
        "classes": ["ant", "bee"],
        "data": {},
        "dtype": "float32",
        "device": "cpu",
        "precision": "float32",
        "threads": 1,
    }


def arrays():
    return {
        "features": np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32),
        "labels": np.arange(6) % 2,
        "ids": np.array([f"a.tar/{row}" for row in range(6)]),
        "marks": np.array([f"{row:032x}" for row in range(6)]),
        "splits": np.array(["train"] * 4 + ["test"] * 2),
    }


ATTRIBUTES = {
    "shard": "a.tar",
    "samples": 6,
    "left_out": 0,
    "class_names": '["ant", "bee"]',
    "stated_classes": "[]",
    "weights": "w",
    "backbone": "resnet20",
    "preprocessing": "{}",
    "plan": "p",
    "images": "i",
}


def shard_file(content):
    """Return an HDF5 file of arrays, with words as bytes of one length, as they are written."""
    return hdf5_of({name: _stored(one) for name, one in content.items()}, ATTRIBUTES)


def _stored(array):
    try:
        return np.strings.encode(array) if array.dtype.kind == "U" else array
    except UnicodeError:
        return array


def damaged_shard(content, rng):
    # bytes alone crash HDF5 itself now and then: what is damaged is what it says
    return (
        content[: int(rng.integers(len(content)))] if rng.random() < 0.2 else shard_file(damaged_arrays(arrays(), rng))
    )


def merge(path):
    import tempfile
    from pathlib import Path

    from longtail.features.merging import check_shards, write_merged

    with tempfile.TemporaryDirectory() as folder:
        write_merged(check_shards({"a.tar": path}), Path(folder))


def open_plan(path):
    from longtail.jobs.sharding.plan import plan_key, read_plan

    assert len(plan_key(read_plan(path.parent))) == 64


SHARDS = [
    Kind("samples.tar", holding(tar_content), damaged_bytes, opened_as("webdataset"), cost=2),
    Kind("images.parquet", holding(parquet_content), damaged_bytes, opened_as("hf-parquet"), cost=2),
    Kind("shard.tar.h5", holding(lambda: shard_file(arrays())), damaged_shard, merge, cost=4),
    Kind("plan.json", holding(lambda: json.dumps(plan()).encode()), damaged_json, open_plan),
]
