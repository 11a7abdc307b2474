"""Images of each format, packs, lists and folders of them, and what may lie beside."""

import contextlib
import io
import json
import tarfile
import zlib
from functools import cache

import numpy as np
from PIL import Image

from damaged.features import hdf5_of
from damaged.kind import Kind, holding
from damaged.tables import coco_content
from damaged.ways import damaged_arrays, damaged_bytes, damaged_json, damaged_table
from longtail.errors import InputError

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 20, 3), dtype=np.uint8)
DEEP = np.random.default_rng(1).integers(0, 2**16, (24, 20), dtype=np.uint16)


def encoded(kind, pixels=PIXELS, **settings):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **settings)
    return file.getvalue()


def photograph():
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    return encoded("JPEG", exif=exif)


def damaged_png(content, rng):
    """Damage the bytes, or a chunk whose checksum is right all the same."""
    if rng.random() < 0.3:
        return damaged_bytes(content, rng)
    chunks, at = [], 8
    while at < len(content):
        length = int.from_bytes(content[at : at + 4], "big")
        chunks.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + length]))
        at += length + 12
    number = int(rng.integers(len(chunks)))
    name, inside = chunks[number]
    match int(rng.integers(4)):
        case 0:
            del chunks[number]
        case 1:
            chunks.insert(int(rng.integers(len(chunks))), chunks[number])
        case _:
            chunks[number] = name, damaged_bytes(inside, rng)
    parts = [
        len(inside).to_bytes(4, "big") + name + inside + zlib.crc32(name + inside).to_bytes(4, "big")
        for name, inside in chunks
    ]
    return content[:8] + b"".join(parts)


def shard():
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, content in (("0.png", _six()[0]), ("0.cls", b"1"), ("1.png", _six()[1]), ("1.cls", b"0")):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


def look_at(path):
    from longtail.data.foreign_label_files import recognised

    result = recognised(path)
    assert result is None or result.sentence().encode()


def palette():
    file = io.BytesIO()
    Image.fromarray(PIXELS).quantize(16).save(file, "PNG", transparency=0)
    return file.getvalue()


def several(kind):
    file = io.BytesIO()
    pictures = [Image.fromarray(np.roll(PIXELS, shift, axis=0)) for shift in (0, 3, 9)]
    pictures[0].save(file, kind, save_all=True, append_images=pictures[1:])
    return file.getvalue()


def open_image(path):
    from longtail.data.decode import needs_a_white_level, number_of_pictures
    from longtail.data.files import ImageFiles

    content = path.read_bytes()
    needs_a_white_level(content)
    number_of_pictures(content)
    source = ImageFiles([path], [0], ("ant",), "ants")
    source.fingerprint(0)
    image = source.load(0)
    assert image.shape[0] == 3
    assert image.numel()


@cache
def _six():
    """Return six different images, as PNG."""
    rng = np.random.default_rng(0)
    return [encoded("PNG", rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)) for _ in range(6)]


def _load_all(splits):
    for source in (splits.train, splits.val, splits.test):
        for row in range(0 if source is None else len(source)):
            assert source.identify(row).encode()
            source.fingerprint(row)
            with contextlib.suppress(InputError):
                source.load(row)


def open_images(path):
    from longtail.data import open_data

    _load_all(open_data(str(path)))


def open_folder(path):
    from longtail.data import open_data

    _load_all(open_data(str(path.parent)))


def write_pack(path):
    contents = _six()
    arrays = {
        "bytes": np.frombuffer(b"".join(contents), np.uint8),
        "offset": np.cumsum([0, *map(len, contents)]),
        "label": np.arange(6) % 2,
        "split": np.array([0, 0, 0, 0, 1, 2], np.uint8),
        "class_names": np.array(["ant", "bee"]),
    }
    path.write_bytes(hdf5_of(arrays))


def damaged_pack(content, rng):
    # bytes alone crash HDF5 itself now and then: what is damaged is what it says
    import h5py

    with h5py.File(io.BytesIO(content), "r") as file:
        arrays = {name: np.asarray(item[()]) for name, item in file.items()}
    arrays["class_names"] = arrays["class_names"].astype(str)
    match int(rng.integers(4)):
        case 0:
            return content[: int(rng.integers(len(content)))]
        case 1:
            whole = bytearray(arrays["bytes"].tobytes())
            arrays["bytes"] = np.frombuffer(damaged_bytes(bytes(whole), rng), np.uint8)
        case _:
            arrays = damaged_arrays(arrays, rng)
    return hdf5_of(arrays)


def write_list(path):
    for number, content in enumerate(_six()):
        path.with_name(f"{number}.png").write_bytes(content)
    lines = [f"{number}.png {number % 2}" for number in range(6)]
    path.with_name("train.txt").write_text("\n".join(lines))
    path.with_name("classes.txt").write_text("ant\nbee\n")


def damaged_list(content, rng):
    """Damage a list as a table whose columns are parted by blanks, or its bytes."""
    if rng.random() < 0.4:
        return damaged_bytes(content, rng)
    return damaged_table(content.replace(b" ", b","), rng).replace(b",", b" ")


def open_list_beside(path):
    open_images(path.with_name("train.txt"))


def beside(content):
    """Return what writes a folder of two classes, and bytes beside them."""

    def make(path):
        for number, image in enumerate(_six()):
            place = path.with_name("ab"[number % 2]) / f"{number}.png"
            place.parent.mkdir(exist_ok=True)
            place.write_bytes(image)
        path.write_bytes(content)

    return make


def _rows(sign="\n"):
    return sign.join(["image,label", *(f"{number}.png,species {number % 2}" for number in range(6))]).encode()


def _lines():
    rows = [{"file_name": f"{number}.png", "label": f"species {number % 2}"} for number in range(6)]
    return "\n".join(map(json.dumps, rows)).encode()


IMAGES = [
    Kind("image.png", holding(lambda: encoded("PNG")), damaged_png, open_image),
    Kind("palette.png", holding(palette), damaged_png, open_image),
    Kind("grey.png", holding(lambda: encoded("PNG", DEEP)), damaged_png, open_image),
    Kind("photograph.jpg", holding(photograph), damaged_bytes, open_image),
    Kind("progressive.jpg", holding(lambda: encoded("JPEG", progressive=True)), damaged_bytes, open_image),
    Kind("image.tiff", holding(lambda: encoded("TIFF")), damaged_bytes, open_image, prints=True),
    Kind("lzw.tiff", holding(lambda: encoded("TIFF", compression="tiff_lzw")), damaged_bytes, open_image, prints=True),
    Kind("grey.tiff", holding(lambda: encoded("TIFF", DEEP)), damaged_bytes, open_image, prints=True),
    Kind("pages.tiff", holding(lambda: several("TIFF")), damaged_bytes, open_image, prints=True),
    Kind("pages.gif", holding(lambda: several("GIF")), damaged_bytes, open_image),
    Kind("image.webp", holding(lambda: encoded("WEBP")), damaged_bytes, open_image),
    Kind("image.bmp", holding(lambda: encoded("BMP")), damaged_bytes, open_image),
    Kind("image.ppm", holding(lambda: encoded("PPM")), damaged_bytes, open_image),
    Kind("image.jp2", holding(lambda: encoded("JPEG2000")), damaged_bytes, open_image),
    Kind("shard.tar", holding(shard), damaged_bytes, look_at),
    Kind("pack.h5", write_pack, damaged_pack, open_images, cost=4),
    Kind("train.txt", write_list, damaged_list, open_images, cost=4),
    Kind("classes.txt", write_list, damaged_list, open_list_beside, cost=4),
    Kind("labels.csv beside", beside(_rows()), damaged_table, open_folder, "images/labels.csv", cost=8),
    Kind("labels.jsonl beside", beside(_lines()), damaged_bytes, open_folder, "images/labels.jsonl", cost=8),
    Kind("COCO beside", beside(coco_content()), damaged_json, open_folder, "images/annotations.json", cost=8),
]
