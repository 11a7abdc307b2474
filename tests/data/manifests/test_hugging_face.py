"""Folders and Parquet files of Hugging Face, as `datasets` lays them out."""

import json
import pickle

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.manifests.samples_shards import LABELS, image_folder, parquet_table, parquet_with_images, picture
from longtail.cli import main
from longtail.data import open_data
from longtail.data.manifests import ManifestChoice, format_of, read_manifest
from longtail.errors import InputError


def names_of(manifest):
    settled = manifest.settled
    return [settled.class_names[label] if label >= 0 else "" for label in settled.labels]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return image_folder(tmp_path_factory.mktemp("folder"))


@pytest.fixture(scope="module")
def parquet(tmp_path_factory):
    return parquet_with_images(tmp_path_factory.mktemp("parquet"))


def test_metadata_say_what_a_folder_holds(folder, tmp_path, capsys):
    assert format_of(folder).title.startswith("an imagefolder")
    manifest = read_manifest(folder, ManifestChoice(group_column="site"))
    assert names_of(manifest) == list(LABELS)
    assert manifest.settled.groups.number == 3
    splits = open_data(str(folder), table=ManifestChoice(group_column="none"), test_fraction=0.3)
    assert splits.class_names == ("A", "B", "C")
    assert main(["describe", str(folder), "--group-column", "none", "--out", str(tmp_path / "d")]) == 0
    assert "12" in capsys.readouterr().out


def test_images_that_the_metadata_do_not_list_are_not_there(tmp_path):
    image_folder(tmp_path)
    (tmp_path / "metadata.csv").write_text("file_name,label\n3.png,NA\n5.png,007\n")
    manifest = read_manifest(tmp_path)
    assert names_of(manifest) == ["NA", "007"]  # words as they stand


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_metadata_of_each_kind_and_split(tmp_path, suffix):
    for split, numbers in (("train", range(8)), ("validation", (8, 9)), ("test", (10, 11))):
        part = tmp_path / split
        part.mkdir()
        rows = [{"file_name": f"{number}.png", "label": LABELS[number]} for number in numbers]
        for number in numbers:
            (part / f"{number}.png").write_bytes(picture(number))
        if suffix == "csv":
            (part / "metadata.csv").write_text(
                "\n".join(["file_name,label", *(",".join(row.values()) for row in rows)])
            )
        elif suffix == "jsonl":
            (part / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
        else:
            pq.write_table(pa.Table.from_pylist(rows), part / "metadata.parquet")
    assert format_of(tmp_path).title.startswith("an imagefolder")
    manifest = read_manifest(tmp_path)
    assert {split: len(rows) for split, rows in manifest.splits.items()} == {"train": 8, "val": 2, "test": 2}
    assert manifest.settled.rows.images[::5] == ["test/10.png", "train/3.png", "validation/8.png"]
    assert manifest.source(np.arange(12)).load(11).shape == (3, 16, 16)


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"metadata.csv": "name,label\n1.png,A\n"}, "no column is called file_name"),
        ({"metadata.jsonl": '{"file_names": ["1.png"], "label": "A"}'}, "file_names names several images a row"),
        ({"metadata.csv": "left_file_name,right_file_name,label\n1.png,2.png,A\n"}, "Say which are meant"),
        ({"metadata.csv": "file_name,label\n1.png,A\n", "metadata.jsonl": "{}"}, "holds no row|metadata of one kind"),
        ({"metadata.csv": "file_name,label\n1.png,A\nfile_name,label\n"}, "line 3 repeats the names"),
        ({"metadata.csv": "file_name,label\n1.png,A\n1.png,A\n"}, "line 3 names the image 1.png with the same label"),
        ({"metadata.csv": "file_name,label\n../1.png,A\n"}, "leads out of"),
        ({"metadata.csv": "file_name,label\n99.png,A\n"}, "1 of 1 listed"),
        ({"metadata.csv": "file_name,label\n1.png,A\n", "train/metadata.csv": "file_name,x\n1.png,A\n"}, "same in all"),
    ],
)
def test_metadata_that_cannot_be_used(tmp_path, files, told):
    image_folder(tmp_path)
    (tmp_path / "metadata.csv").unlink()
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=told):
        read_manifest(tmp_path, ManifestChoice(format="imagefolder"))


def test_parquet_has_names_in_its_schema(parquet, tmp_path, capsys):
    assert format_of(parquet).title.startswith("Parquet files")
    manifest = read_manifest(parquet, ManifestChoice(group_column="site"))
    order = [*range(0, 12, 2), *range(1, 12, 2)]
    assert names_of(manifest) == [LABELS[number] for number in order]
    assert manifest.settled.rows.ids == [f"{number}.png" for number in order]
    assert manifest.settled.groups.number == 3
    source = manifest.source(np.arange(12))
    again = pickle.loads(pickle.dumps(source))
    for row in (0, 11, 5, 6):
        assert again.encoded(row) == picture(order[row])
    assert source.identify(7).endswith("train-00001-of-00002.parquet[1]")
    assert len({source.fingerprint(row) for row in range(12)}) == 12
    one = str(parquet / "data" / "train-00000-of-00002.parquet")
    assert main(["describe", one, "--out", str(tmp_path / "d")]) == 0
    assert open_data(f"{parquet}/data/train-*.parquet", test_fraction=0.3).class_names == ("A", "B", "C")


def test_few_row_groups_are_in_memory(parquet):
    source = read_manifest(parquet).source(np.arange(12))
    for row in range(12):
        source.load(row)
    assert len(source.images.contents._kept) == 2


def test_names_of_files_give_splits(tmp_path):
    for split, numbers in (("train", range(8)), ("validation", (8, 9)), ("test", (10, 11))):
        pq.write_table(parquet_table(numbers), tmp_path / f"{split}-00000-of-00001.parquet")
    splits = read_manifest(tmp_path).splits
    assert {split: len(rows) for split, rows in splits.items()} == {"train": 8, "val": 2, "test": 2}
    assert read_manifest(tmp_path, ManifestChoice(split_column="none")).settled.splits is None
    pq.write_table(pa.table({"image": ["a"], "label": [1]}), tmp_path / "train-1.parquet")
    with pytest.raises(InputError, match="has other columns"):
        read_manifest(tmp_path, ManifestChoice(format="hf-parquet", image_column="image"))


def test_files_that_hold_paths_alone(tmp_path):
    """As `Dataset.to_parquet` writes what was read from a folder."""
    image_folder(tmp_path / "images")
    table = parquet_table(range(12), embedded=False, folder=tmp_path / "images")
    pq.write_table(table, tmp_path / "local.parquet")
    manifest = read_manifest(tmp_path / "local.parquet")
    assert manifest.source(np.arange(12)).encoded(3) == picture(3)
    assert "paths alone" in manifest.notes[0]
    (tmp_path / "images").rename(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "3.png").unlink()
    with pytest.raises(InputError, match="`root`"):
        read_manifest(tmp_path / "local.parquet")
    (tmp_path / "elsewhere" / "3.png").write_bytes(picture(3))
    moved = read_manifest(tmp_path / "local.parquet", ManifestChoice(root=tmp_path / "elsewhere"))
    assert moved.source(np.arange(12)).encoded(3) == picture(3)


def test_what_is_minus_one_has_no_label(tmp_path):
    table = parquet_table(range(12))
    labels = pa.array([-1, None, *table.column("label").to_pylist()[2:]])
    pq.write_table(table.set_column(1, table.schema.field("label"), labels), tmp_path / "a.parquet")
    assert names_of(read_manifest(tmp_path / "a.parquet"))[:3] == ["", "", "A"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda table: table.set_column(1, "label", pa.array([7] * 12)), "entry 1: label is 7; expected 0 to 2"),
        (lambda table: table.rename_columns(["image", "x", "site"]), "which column holds the class"),
        (lambda table: table.append_column("other", table.column("image")), None),
        (lambda table: table.slice(0, 0), "holds no row"),
    ],
)
def test_parquet_that_cannot_be_used(tmp_path, change, told):
    table = parquet_table(range(12))
    metadata = table.schema.metadata
    pq.write_table(change(table).replace_schema_metadata(metadata), tmp_path / "a.parquet")
    if told is None:
        assert len(read_manifest(tmp_path / "a.parquet").settled.rows) == 12
        return
    with pytest.raises(InputError, match=told):
        read_manifest(tmp_path / "a.parquet")


def test_a_damaged_file_is_told(parquet, tmp_path):
    content = next((parquet / "data").iterdir()).read_bytes()
    (tmp_path / "a.parquet").write_bytes(content[:4] + bytes(len(content) // 2) + content[4 + len(content) // 2 :])
    with pytest.raises(InputError, match=r"a\.parquet: damaged"):
        read_manifest(tmp_path / "a.parquet")
