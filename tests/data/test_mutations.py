"""Packs, lists, COCO files and folders that something has damaged: data, or a sentence, and nothing else."""

import contextlib
import json
import os
import shutil

import h5py
import numpy as np
import pytest

from longtail.data import open_data
from longtail.data.coco_file import read_coco
from longtail.errors import InputError

ODD = [None, True, -1, 0, 1, 10**12, 2**70, 0.5, "", "a", "\ud800", " ", [], [[]], {}, "a" * 3000, "\0"]


@contextlib.contextmanager
def told():
    """Admit a sentence that a terminal can print; warnings are errors here."""
    try:
        yield
    except InputError as error:
        if len(str(error).encode()) > 20_000:
            raise AssertionError("a sentence of many screens") from error


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Six different images, as bytes of PNG."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for number in range(6):
        Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    return folder


def everything(splits):
    """Do with opened data what a run does."""
    for source in (splits.train, splits.val, splits.test):
        for row in range(0 if source is None else len(source)):
            assert source.identify(row).encode()
            with told():
                source.load(row)


def packs(rng):
    names = np.array([b"ant", b"bee"])
    others = [
        np.zeros(0, np.int64),
        np.arange(7.0),
        np.arange(7).reshape(1, 7),
        np.array(3),
        np.full(7, -1),
        np.full(7, 2**62),
        np.full(7, 2**64 - 1, np.uint64),
        np.array([b"ant", b"\xff"]),
        np.array([b"ant", b"ant"]),
        np.array([b"Ant", b"ant"]),
        np.array([b"", b"ant"]),
        names,
        np.array([True, False]),
        np.zeros(7, dtype=[("a", "i4")]),
        np.zeros(7, dtype=complex),
        np.arange(6)[::-1].copy(),
        np.arange(7) * 10,
    ]
    for _ in range(120):
        yield {
            name: others[rng.integers(len(others))]
            for name in rng.choice(
                ["bytes", "offset", "label", "split", "class_names"], rng.integers(1, 4), replace=False
            )
        }


def test_packs(images, tmp_path):
    rng = np.random.default_rng(0)
    contents = [(images / f"{number}.png").read_bytes() for number in range(6)]
    sound = {
        "bytes": np.frombuffer(b"".join(contents), np.uint8),
        "offset": np.cumsum([0, *map(len, contents)]),
        "label": np.arange(6) % 2,
        "split": np.array([0, 0, 0, 0, 1, 2], np.uint8),
        "class_names": np.array([b"ant", b"bee"]),
    }
    opened = 0
    for number, changes in enumerate(packs(rng)):
        path = tmp_path / "p.h5"
        with h5py.File(path, "w") as file:
            for name, value in (sound | changes).items():
                if number % 7 == 0 and name in changes:
                    file.create_group(name)
                elif number % 7 == 1 and name in changes:
                    file.create_dataset(name, shape=(10**13,), dtype=value.dtype if value.dtype.kind in "iuf" else "i8")
                elif number % 7 != 2 or name not in changes:
                    file[name] = value
        if number % 11 == 0:
            whole = path.read_bytes()
            path.write_bytes(whole[: int(rng.integers(len(whole)))])
        with told():
            everything(open_data(str(path)))
            opened += 1
    assert opened < 100


def test_names_of_variable_length_that_were_never_written(images, tmp_path):
    with h5py.File(tmp_path / "p.h5", "w") as file:
        file["bytes"], file["offset"], file["label"] = np.zeros(9, np.uint8), np.array([0, 4, 9]), np.array([0, 1])
        file.create_dataset("class_names", shape=(10**12,), dtype=h5py.string_dtype())
    with pytest.raises(InputError, match="class_names promises 1,000,000,000,000 names, more than the file holds"):
        open_data(str(tmp_path / "p.h5"))


def test_lists(images, tmp_path):
    rng = np.random.default_rng(1)
    sound = "".join(f"{number}.png {number % 2}\n" for number in range(6)).encode()
    pieces = [
        b"\0",
        b"\xff",
        b"\n",
        b" ",
        b"\t",
        b",",
        b"-1",
        b"1e9",
        b"99999999999",
        b"\\",
        b"/",
        b"..",
        b"\xef\xbb\xbf",
        "é".encode(),
    ]
    shutil.copytree(images, tmp_path / "images")
    opened = 0
    for _ in range(300):
        content = bytearray(sound)
        for _ in range(int(rng.integers(1, 4))):
            place = int(rng.integers(len(content)))
            content[place : place + int(rng.integers(0, 4))] = pieces[rng.integers(len(pieces))]
        path = tmp_path / "images" / "list.txt"
        path.write_bytes(bytes(content))
        with told():
            everything(open_data(str(path)))
            opened += 1
    assert 0 < opened < 250


def test_coco_files(tmp_path):
    rng = np.random.default_rng(2)

    def sound():
        return {
            "images": [{"id": number, "file_name": f"{number}.png"} for number in range(4)],
            "annotations": [{"id": n, "image_id": n, "category_id": n % 2, "bbox": [0, 0, 1, 1]} for n in range(4)],
            "categories": [{"id": number, "name": f"species {number}"} for number in range(2)],
        }

    opened = 0
    for number in range(400):
        content = sound()
        part = content[rng.choice(list(content))]
        row = part[rng.integers(len(part))]
        value = ODD[rng.integers(len(ODD))]
        match number % 4:
            case 0:
                row[rng.choice(list(row))] = value
            case 1:
                row.pop(rng.choice(list(row)))
            case 2:
                part[rng.integers(len(part))] = value
            case 3:
                content[rng.choice(list(content))] = value
        text = json.dumps(content)
        if number % 10 == 0:
            text = text[: int(rng.integers(len(text)))]
        (tmp_path / "x.json").write_text(text)
        with told():
            paths, labels, names, notes = read_coco(tmp_path / "x.json")
            assert len(paths) == len(labels) == 4
            assert "".join([*paths, *names, *notes]).encode()
            opened += 1
    assert 0 < opened < 200


def odd_entries(folder, images, rng):
    """Put one of many odd things into a folder."""
    name = ["1.png", "x", "Ant", " ant", "no_label", "train", "images", "cam_1", os.fsdecode(b"\xff"), "a" * 200][
        rng.integers(10)
    ]
    place = folder / name
    if os.path.lexists(place):
        return
    match rng.integers(9):
        case 0:
            place.write_bytes(b"")
        case 1:
            place.write_bytes(bytes(rng.integers(0, 256, 50, dtype=np.uint8)))
        case 2:
            place.symlink_to("nowhere")
        case 3:
            place.symlink_to(folder)
        case 4:
            place.symlink_to(name)
        case 5:
            os.mkfifo(place)
        case 6:
            place.mkdir()
        case 7:
            place.mkdir()
            shutil.copy(images / f"{rng.integers(6)}.png", place / "2.png")
        case 8:
            shutil.copy(images / f"{rng.integers(6)}.png", place)


def test_odd_entries_of_folders(images, tmp_path):
    rng = np.random.default_rng(3)
    opened = 0
    for number in range(150):
        root = tmp_path / str(number)
        for row in range(6):
            place = root / ("train" if number % 3 == 0 else "") / ("ant", "bee")[row % 2]
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(images / f"{row}.png", place)
        folders = [root, *(path for path in root.rglob("*") if path.is_dir())]
        for _ in range(int(rng.integers(1, 4))):
            odd_entries(folders[rng.integers(len(folders))], images, rng)
        settings = {"layout": ("auto", "classes")[number % 2], "alike_names": ("ask", "keep", "merge")[number % 3]}
        with told():
            everything(open_data(str(root), **settings))
            opened += 1
    assert 0 < opened < 150
