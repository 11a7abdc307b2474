"""Folders, lists, packs, CIFAR and digits: what is read, and what is said of data that cannot be used."""

import io
import pickle

import numpy as np
import pytest
import torch
from PIL import Image

from longtail.counts import class_counts
from longtail.data import open_data, open_unlabelled
from longtail.data.decode import decode_image
from longtail.data.fingerprint import fingerprints, same_content
from longtail.data.image_pack import ImagePack, write_pack
from longtail.data.list_file import Listed, read_list
from longtail.data.long_tailed import long_tailed_indices
from longtail.data.readable import find_unreadable
from longtail.errors import InputError


def picture(seed=0, size=(20, 14), mode="RGB"):
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 256, (*size[::-1], 3), dtype=np.uint8)).convert(mode)


def save(path, seed=0, **arguments):
    path.parent.mkdir(parents=True, exist_ok=True)
    picture(seed, **arguments).save(path)
    return path


@pytest.fixture
def photos(tmp_path):
    """Three classes of 10, 4 and 1 images of several formats and sizes."""
    root = tmp_path / "photos"
    for c, (name, number) in enumerate({"ant": 10, "bee hive": 4, "cat": 1}.items()):
        for i in range(number):
            suffix = ("jpg", "png", "bmp")[i % 3]
            save(root / name / f"{name} {i}.{suffix}", seed=100 * c + i, size=(12 + i, 10))
    return root


class TestDecode:
    @pytest.mark.parametrize(
        ("mode", "form"), [("RGB", "PNG"), ("L", "PNG"), ("P", "PNG"), ("RGBA", "PNG"), ("LA", "PNG"), ("1", "PNG")]
    )
    def test_modes_become_rgb(self, mode, form):
        image, buffer = picture(mode=mode), io.BytesIO()
        image.save(buffer, form)
        expected = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)
        assert torch.equal(decode_image(buffer.getvalue(), "x"), expected)

    @pytest.mark.parametrize(("mode", "form"), [("RGB", "JPEG"), ("L", "JPEG"), ("CMYK", "JPEG"), ("CMYK", "TIFF")])
    def test_lossy_and_print_formats(self, mode, form):
        smooth = Image.fromarray(np.outer(np.arange(0, 200, 10), np.ones(14)).astype(np.uint8)).convert(mode)
        buffer = io.BytesIO()
        smooth.save(buffer, form)
        decoded = decode_image(buffer.getvalue(), "x").float()
        expected = torch.from_numpy(np.array(smooth.convert("RGB"))).permute(2, 0, 1).float()
        assert decoded.shape == (3, 20, 14)
        assert (decoded - expected).abs().mean() < 8

    def test_sixteen_bits_are_scaled(self):
        buffer = io.BytesIO()
        Image.fromarray(np.array([[0, 257 * 100, 65535]], dtype=np.uint16)).save(buffer, "PNG")
        assert decode_image(buffer.getvalue(), "x")[0].tolist() == [[0, 100, 255]]

    def test_turned_as_exif_says(self):
        buffer, exif = io.BytesIO(), Image.Exif()
        exif[0x0112] = 6
        picture(size=(20, 14)).save(buffer, "JPEG", exif=exif)
        assert decode_image(buffer.getvalue(), "x").shape == (3, 20, 14)

    @pytest.mark.parametrize("content", [b"", b"no image", b"\xff\xd8\xff\xe0 broken", b"\x89PNG\r\n\x1a\n cut"])
    def test_what_is_no_image_is_named(self, content):
        with pytest.raises(InputError, match=r"ants/3\.jpg: cannot be read as an image.*`skip_bad=True`"):
            decode_image(content, "ants/3.jpg")

    def test_a_truncated_photograph(self):
        buffer = io.BytesIO()
        picture(size=(200, 200)).save(buffer, "PNG")
        with pytest.raises(InputError, match=r"cannot be read"):
            decode_image(buffer.getvalue()[:400], "x")


class TestFolder:
    def test_undivided_is_split_class_by_class(self, photos):
        splits = open_data(str(photos), val_fraction=0.25, test_fraction=0.25)
        assert splits.class_names == ("ant", "bee hive", "cat")
        assert class_counts(splits.test.labels, 3).tolist() == [2, 1, 0]
        assert class_counts(splits.val.labels, 3).tolist() == [2, 1, 0]
        assert class_counts(splits.train.labels, 3).tolist() == [6, 2, 1]
        every = [row for split in ("train", "val", "test") for row in splits.record["indices"][split]]
        assert sorted(every) == list(range(15))
        assert splits.train.load(0).dtype == torch.uint8
        assert any("no test split" in note for note in splits.notes)
        assert open_data(str(photos), val_fraction=0).val is None

    def test_divided_is_taken_as_it_is(self, photos):
        for seed, split in enumerate(("train", "validation", "test")):
            save(photos.parent / "divided" / split / "ant" / "deeper" / f"{split}.png", seed=seed)
            save(photos.parent / "divided" / split / "cat" / "deeper" / f"{split}.png", seed=10 + seed)
        splits = open_data(str(photos.parent / "divided"))
        assert [len(part) for part in (splits.train, splits.val, splits.test)] == [2, 2, 2]
        assert splits.notes == ()

    def test_other_files_are_passed_over_and_told(self, photos):
        (photos / "ant" / "notes.txt").write_text("x")
        (photos / "ant" / ".DS_Store").write_text("x")
        save(photos / ".thumbnails" / "x.png")
        splits = open_data(str(photos))
        assert len(splits.class_names) == 3
        assert any("1 files that are no images" in note for note in splits.notes)

    def test_a_class_that_train_lacks(self, photos):
        for path in ("train/a/1.png", "train/b/1.png", "test/a/2.png", "test/zebra/2.png"):
            save(photos.parent / "d" / path)
        with pytest.raises(InputError, match="'zebra' has no images in"):
            open_data(str(photos.parent / "d"))

    def test_empty_and_one_class_only(self, tmp_path):
        (tmp_path / "empty" / "a").mkdir(parents=True)
        with pytest.raises(InputError, match="no image in any sub-folder"):
            open_data(str(tmp_path / "empty"))
        save(tmp_path / "one" / "a" / "1.png")
        with pytest.raises(InputError, match="one class only"):
            open_data(str(tmp_path / "one"))

    def test_an_unreadable_image_is_named_or_left_out(self, photos):
        (photos / "ant" / "broken.jpg").write_text("no image")
        source = open_data(str(photos), val_fraction=0, test_fraction=0).train
        ((index, reason),) = find_unreadable(source)
        assert "broken.jpg" in reason
        with pytest.raises(InputError, match=r"broken\.jpg"):
            source.load(index)
        splits = open_data(str(photos), skip_bad=True)
        assert splits.record["skipped"][0]["image"].endswith("broken.jpg")
        assert find_unreadable(splits.train) == []
        assert any("1 unreadable images were left out" in note for note in splits.notes)

    def test_identical_files_are_found(self, photos):
        (photos / "cat" / "copy.jpg").write_bytes((photos / "ant" / "ant 0.jpg").read_bytes())
        source = open_data(str(photos), val_fraction=0, test_fraction=0).train
        first = same_content(source, fingerprints(source))
        ((second,),) = np.nonzero(first != np.arange(len(source)))[:1]
        assert {source.labels[first[second]], source.labels[second]} == {0, 2}


class TestListFile:
    def write(self, path, photos, rows):
        path.write_text("".join(f"{file.relative_to(photos).as_posix()} {label}\n" for file, label in rows))

    def test_spaces_siblings_and_names(self, photos, tmp_path):
        ants, bees = sorted((photos / "ant").iterdir()), sorted((photos / "bee hive").iterdir())
        rows = [(file, 0) for file in ants] + [(file, 1) for file in bees]
        self.write(tmp_path / "X_LT_train.txt", photos, rows[:8] + rows[-3:])
        self.write(tmp_path / "X_LT_val.txt", photos, rows[8:9])
        self.write(tmp_path / "X_LT_test.txt", photos, rows[9:11])
        (tmp_path / "classes.txt").write_text("ants\nbees\n")
        splits = open_data(str(tmp_path / "X_LT_train.txt"), root=photos)
        assert [len(part) for part in (splits.train, splits.val, splits.test)] == [11, 1, 2]
        assert splits.class_names == ("ants", "bees")
        assert "bee hive 3" in splits.train.identify(10)
        assert splits.train.load(10).shape[0] == 3

    def test_lines_that_cannot_be_read(self, tmp_path):
        path = tmp_path / "list.txt"
        path.write_text("a b.jpg 0\r\n\r\nc.jpg\t1\r\nd.jpg x\r\n")
        with pytest.raises(InputError, match=r"list\.txt:4: 'd\.jpg x'"):
            read_list(path)
        path.write_text("a b.jpg 0\r\n\r\nc.jpg\t1\r\n")
        assert read_list(path) == Listed(["a b.jpg", "c.jpg"], [0, 1], [1, 3])
        path.write_text("\n")
        with pytest.raises(InputError, match="is empty"):
            read_list(path)

    def test_missing_images_and_gaps(self, photos, tmp_path):
        path = tmp_path / "list.txt"
        path.write_text("ant/nothing.jpg 0\nant/neither.jpg 1\n")
        with pytest.raises(InputError, match=r"2 of 2 train \(ant/nothing\.jpg, .*images are not in .*`root`"):
            open_data(str(path), root=photos)
        path.write_text("ant/ant 0.jpg 0\nant/ant 1.png 2\n")
        with pytest.raises(InputError, match=r"class 1 has no training image"):
            open_data(str(path), root=photos)


class TestPack:
    def images(self):
        for index in range(9):
            buffer = io.BytesIO()
            picture(index).save(buffer, "PNG")
            yield buffer.getvalue(), index % 2, ("train", "test", "val")[index // 3]

    def test_round_trip(self, tmp_path):
        assert write_pack(tmp_path / "p.h5", self.images(), ("a", "b"), source="made up") == 9
        splits = open_data(str(tmp_path / "p.h5"))
        assert [len(part) for part in (splits.train, splits.val, splits.test)] == [3, 3, 3]
        for index in range(3):
            expected = torch.from_numpy(np.array(picture(index))).permute(2, 0, 1)
            assert torch.equal(splits.train.load(index), expected)
        again = pickle.loads(pickle.dumps(splits.train))  # as a DataLoader worker that is not forked gets it
        assert torch.equal(again.load(1), splits.train.load(1))

    def test_truncated_and_other_files(self, tmp_path):
        write_pack(tmp_path / "p.h5", self.images(), ("a", "b"), source="made up")
        whole = (tmp_path / "p.h5").read_bytes()
        (tmp_path / "cut.h5").write_bytes(whole[: len(whole) // 2])
        with pytest.raises(InputError, match="truncated"):
            ImagePack(tmp_path / "cut.h5")
        from longtail.features import write_features

        write_features(tmp_path / "f.h5", np.eye(3), np.arange(3))
        with pytest.raises(InputError, match=r"no image pack: bytes, .* missing"):
            open_data(str(tmp_path / "f.h5"))

    def test_nothing_half_written_is_left(self, tmp_path):
        def failing():
            yield next(iter(self.images()))
            raise OSError(28, "No space left on device")

        with pytest.raises(OSError, match="no space left"):
            write_pack(tmp_path / "p.h5", failing(), ("a", "b"), source="made up")
        assert list(tmp_path.iterdir()) == []

    def test_no_image(self, tmp_path):
        with pytest.raises(InputError, match="no image to pack"):
            write_pack(tmp_path / "p.h5", [], ("a",), source="x")


class TestCifar:
    @pytest.fixture
    def files(self, tmp_path, monkeypatch):
        """Made-up files in torchvision's layout, with checksums that fit them."""
        import hashlib

        from torchvision import datasets

        base = tmp_path / "cifar-10-batches-py"
        base.mkdir()

        def write(name, content):
            (base / name).write_bytes(pickle.dumps(content))
            return [name, hashlib.md5((base / name).read_bytes()).hexdigest()]

        def batch(seed):
            rng = np.random.default_rng(seed)
            pixels = rng.integers(0, 256, (200, 3072), dtype=np.uint8)
            return {"data": pixels, "labels": (np.arange(200) % 10).tolist()}

        names = [f"c{i}" for i in range(10)]
        monkeypatch.setattr(datasets.CIFAR10, "train_list", [write("data_batch_1", batch(1))])
        monkeypatch.setattr(datasets.CIFAR10, "test_list", [write("test_batch", batch(2))])
        meta = write("batches.meta", {"label_names": names})
        monkeypatch.setattr(datasets.CIFAR10, "meta", {"filename": meta[0], "key": "label_names", "md5": meta[1]})
        return tmp_path

    def test_long_tailed_with_its_official_test_split(self, files):
        splits = open_data("cifar10", root=files, profile="exp", ratio=10, val_fraction=0)
        assert class_counts(splits.train.labels, 10).tolist() == [20, 15, 11, 9, 7, 5, 4, 3, 2, 2]
        assert len(splits.test) == 200
        pixels = pickle.loads((files / "cifar-10-batches-py" / "test_batch").read_bytes())["data"][7]
        assert torch.equal(splits.test.load(7), torch.from_numpy(pixels).view(3, 32, 32))

    def test_changed_files_are_never_unpickled(self, files):
        with (files / "cifar-10-batches-py" / "data_batch_1").open("ab") as file:
            file.write(b" ")
        with pytest.raises(InputError, match="`download=True`"):
            open_data("cifar10", root=files, profile="exp", ratio=10)

    def test_needs_a_folder(self):
        with pytest.raises(InputError, match="needs `root`"):
            open_data("cifar10")

    def test_published_counts_from_the_shared_pack(self, shared):
        splits = open_data("cifar10", root=shared / "data/cifar10.h5", profile="exp", ratio=100, val_fraction=0)
        expected = [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]
        assert class_counts(splits.train.labels).tolist() == expected
        assert splits.test.load(0).shape == (3, 32, 32)


class TestDigits:
    def test_fixed_balanced_test_and_long_tailed_train(self):
        first, second = (open_data("digits", seed=seed) for seed in (0, 1))
        assert class_counts(first.test.labels).tolist() == [40] * 10
        assert class_counts(first.val.labels).tolist() == [15] * 10
        assert class_counts(first.train.labels).tolist() == [119, 78, 52, 34, 23, 15, 10, 6, 4, 2]
        assert first.record["indices"]["test"] == second.record["indices"]["test"]
        assert first.record["indices"]["train"] != second.record["indices"]["train"]
        indices = first.record["indices"]
        assert not set(indices["train"]) & (set(indices["val"]) | set(indices["test"]))


def test_long_tailed_indices_hold_the_counts_and_depend_on_the_seed():
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(4), 30))
    chosen = long_tailed_indices(labels, [20, 10, 3, 1], seed=0)
    assert class_counts(labels[chosen]).tolist() == [20, 10, 3, 1]
    assert len(set(chosen.tolist())) == 34
    assert not np.array_equal(chosen, long_tailed_indices(labels, [20, 10, 3, 1], seed=1))
    with pytest.raises(InputError, match="class 2 has 30 images, the profile wants 31"):
        long_tailed_indices(labels, [1, 1, 31, 1], seed=0)


def test_unknown_data_lists_the_valid_ones():
    with pytest.raises(InputError, match=r"Did you mean cifar10\? Expected digits, cifar10, cifar100"):
        open_data("cifar_10")


def test_a_profile_needs_a_ratio(photos):
    with pytest.raises(InputError, match="needs `ratio`"):
        open_data(str(photos), profile="exp")


def test_unlabelled_images(photos):
    assert len(open_unlabelled(photos)) == 15
    assert open_unlabelled(photos / "cat" / "cat 0.jpg", channels=1).load(0).shape[0] == 1
    (photos / "broken.png").write_text("x")
    assert len(open_unlabelled(photos, skip_bad=True)) == 15
    with pytest.raises(InputError, match="no such file or folder"):
        open_unlabelled(photos / "nothing")
