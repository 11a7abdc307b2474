"""Packs that were damaged or made by others; packs read by several processes."""

import multiprocessing

import h5py
import numpy as np
import pytest
import torch

from longtail.data import image_pack as pack
from longtail.data import open_data
from longtail.data.image_pack import ImagePack, write_pack
from longtail.errors import InputError


@pytest.fixture
def packed(tmp_path, save):
    contents = [save(tmp_path / f"{index}.png", seed=index).read_bytes() for index in range(6)]
    splits = ("train", "train", "train", "train", "test", "val")
    rows = zip(contents, (0, 1, 0, 1, 0, 1), splits, strict=True)
    write_pack(tmp_path / "p.h5", rows, ("a", "é"), source="made up")
    return tmp_path / "p.h5"


def replaced(path, name, value):
    with h5py.File(path, "a") as file:
        del file[name]
        file[name] = value


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("split", np.zeros(3, np.uint8), "6 labels, 7 offsets, 3 split codes"),
        ("split", np.full(6, 7, np.uint8), r"split codes \[7\]; expected 0 \(train\), 1 \(test\), 2 \(val\)"),
        ("split", np.ones(6, np.uint8), "no image of it is of the training split"),
        ("offset", np.array([0, 9, 5, 9, 9, 9, 9]), "offsets that do not rise"),
        ("offset", np.array([-5, 0, 5, 9, 9, 9, 9]), "offsets that do not rise"),
        ("offset", np.arange(7) * 10**6, "offsets that do not rise"),
        ("offset", np.arange(6), "6 labels, 6 offsets"),
        ("label", np.full(6, np.nan), "label is of shape .* expected a row of whole numbers"),
        ("label", np.full(6, 2), r"labels outside 0 \.\. 1"),
        ("label", np.array(3), "expected a row of whole numbers"),
    ],
)
def test_contents_that_do_not_fit_are_told(packed, name, value, told):
    replaced(packed, name, value)
    with pytest.raises(InputError, match=told):
        open_data(str(packed))


def test_names_in_another_encoding_are_refused(packed):
    assert ImagePack(packed).class_names == ("a", "é")
    replaced(packed, "class_names", np.array([b"a", b"\xe9"]))
    with pytest.raises(InputError, match=r"p\.h5: class_names holds a name that is no text in UTF-8"):
        ImagePack(packed)


def test_an_image_that_is_damaged_is_named(packed):
    with h5py.File(packed, "a") as file:
        file["bytes"][: int(file["offset"][1])] = 0
    with pytest.raises(InputError, match=r"p\.h5\[0\]: cannot be read as an image"):
        ImagePack(packed).load(0)
    assert ImagePack(packed).load(1).shape == (3, 9, 12)


def test_a_pack_that_has_gone_is_told(packed):
    source = ImagePack(packed)
    packed.unlink()
    with pytest.raises(InputError, match="the pack is damaged or gone"):
        source.load(0)


def test_a_pack_of_another_cifar(packed):
    with pytest.raises(InputError, match="2 classes; expected those of cifar100"):
        open_data("cifar100", root=packed)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("in_memory", [True, False])
def test_forked_processes_open_it_anew(packed, monkeypatch, in_memory):
    if not in_memory:
        monkeypatch.setattr(pack, "MOST_IN_MEMORY", 0)
    source = ImagePack(packed)
    expected = [source.load(index) for index in range(6)]

    def read(queue):
        before = id(source._bytes)
        same = all(torch.equal(source.load(index), expected[index]) for index in range(6))
        queue.put((same, id(source._bytes) == before))

    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    process = context.Process(target=read, args=(queue,))
    process.start()
    assert queue.get(timeout=60) == (True, in_memory)
    process.join()
