"""Small samples of the formats of Hugging Face and of WebDataset: 12 images of three classes, A 6, B 4 and C 2."""

import io
import json
import tarfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

LABELS = "AAAAAABBBBCC"
NAMES = ["A", "B", "C"]


def picture(number, kind="PNG"):
    """Return a file of 16 x 16 pixels."""
    pixels = np.random.default_rng(number).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def write_tar(path, members):
    """Write an archive of (name, content), in that order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in members:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def sample_members(numbers, labels=LABELS):
    """Return image, class and fields of some samples as WebDataset lays them out."""
    for number in numbers:
        key, label = f"{number:04}", labels[number]
        fields = {"label": label, "site": f"s{number % 3}", "width": 16}
        yield f"{key}.cls", str(NAMES.index(label)).encode()
        yield f"{key}.json", json.dumps(fields).encode()
        yield f"{key}.png", picture(number)


def web_dataset(folder):
    """Three shards, and the names of the classes beside them."""
    for shard in range(3):
        write_tar(folder / f"data-{shard:03}.tar", sample_members(range(shard, 12, 3)))
    (folder / "classes.txt").write_text("A\nB\nC\n")
    return folder


def parquet_table(numbers, *, embedded=True, folder=None):
    """Return a table as `datasets` writes it."""
    features = {
        "image": {"_type": "Image"},
        "label": {"names": NAMES, "_type": "ClassLabel"},
        "site": {"dtype": "string", "_type": "Value"},
    }
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema([("image", kind), ("label", pa.int64()), ("site", pa.string())])
    schema = schema.with_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    rows = [
        {
            "image": {
                "bytes": picture(one) if embedded else None,
                "path": f"{one}.png" if embedded else str(folder / f"{one}.png"),
            },
            "label": NAMES.index(LABELS[one]),
            "site": f"s{one % 3}",
        }
        for one in numbers
    ]
    return pa.Table.from_pylist(rows, schema)


def parquet_with_images(folder):
    """Two files in row groups of two images."""
    (folder / "data").mkdir(parents=True)
    for part in range(2):
        path = folder / "data" / f"train-{part:05}-of-00002.parquet"
        pq.write_table(parquet_table(range(part, 12, 2)), path, row_group_size=2)
    return folder


def image_folder(folder):
    """Images in one folder, and metadata.csv beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(12):
        (folder / f"{number}.png").write_bytes(picture(number))
    lines = [f"{number}.png,{label},s{number % 3}" for number, label in enumerate(LABELS)]
    (folder / "metadata.csv").write_text("\n".join(["file_name,label,site", *lines]) + "\n")
    return folder


SAMPLES = {"imagefolder": image_folder, "hf-parquet": parquet_with_images, "webdataset": web_dataset}
