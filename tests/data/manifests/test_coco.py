"""COCO-style files: boxes, several annotations an image, splits of their own, and every way to be wrong."""

import numpy as np
import pytest

from data.manifests.samples_camera import NAMES, coco, coco_content, pictures, write_json
from longtail.data import open_data
from longtail.data.manifests import ManifestChoice, read_manifest
from longtail.data.manifests.coco import read_coco_rows
from longtail.errors import InputError


def detection(names, labels, first=0, **changes):
    """Return a file of COCO detection with a box in the upper left quarter for each label of each image."""
    pairs = [(k, label) for k, own in enumerate(labels) for label in own]
    content = {
        "images": [{"id": first + k, "file_name": name, "width": 16, "height": 16} for k, name in enumerate(names)],
        "annotations": [
            {"id": 900 + n, "image_id": first + k, "category_id": label, "bbox": [n % 4, 0, 8, 8], "iscrowd": 0}
            for n, (k, label) in enumerate(pairs)
        ],
        "categories": [
            {"id": number, "name": name, "supercategory": "animal"} for number, name in ((17, "cat"), (5, "ant"))
        ],
    }
    return {**content, **changes}


def test_boxes_become_shares_and_those_of_an_image_stay_together(tmp_path):
    pictures(tmp_path, ["a.png", "b.png"])
    path = write_json(tmp_path / "x.json", detection(["a.png", "b.png"], [(5, 17, 17), ()]))
    settled = read_manifest(path).settled
    assert settled.class_names == ("ant", "cat")
    assert settled.labels.tolist() == [0, 1, 1, -1]
    assert settled.rows.boxes[1].tolist() == [1 / 16, 0, 0.5, 0.5]
    assert np.isnan(settled.rows.boxes[3]).all()
    assert (settled.groups.by, settled.groups.codes.tolist()) == ("image", [0, 0, 0, 1])
    assert list(settled.rows.ids) == ["900", "901", "902", "1"]
    assert settled.rows.class_ids == ("5", "17")


def test_pixels_stay_pixels_where_the_size_is_unknown(tmp_path):
    content = detection(["a.png"], [(5,)])
    del content["images"][0]["width"]
    rows = read_coco_rows(write_json(tmp_path / "x.json", content), ManifestChoice())
    assert (rows.box_unit, rows.boxes.tolist()) == ("pixels", [[0, 0, 8, 8]])
    content["annotations"].append({"image_id": 0, "category_id": 5, "bbox_relative": [0, 0, 1, 0.5]})
    with pytest.raises(InputError, match=r"`bbox_relative`.*Write width and height"):
        read_coco_rows(write_json(tmp_path / "x.json", content), ManifestChoice())


def test_new_boxes_need_no_class(tmp_path):
    content = detection(["a.png", "b.png"], [(5, 5), (17,)])
    for annotation in content["annotations"]:
        del annotation["category_id"]
    path = write_json(tmp_path / "x.json", content)
    rows = read_coco_rows(path, ManifestChoice(labelled=False))
    assert (len(rows), set(rows.labels)) == (3, {""})
    with pytest.raises(InputError, match="entry 1 of the annotations has no `category_id`"):
        read_coco_rows(path, ManifestChoice())


def test_boxes_are_cut_to_their_image_and_those_of_nothing_left_out(tmp_path):
    content = detection(["a.png", "b.png"], [(5, 5, 5), (17,)])
    for annotation, box in zip(
        content["annotations"], ([-2, -2, 10, 40], [3, 3, 0, 5], [1, 1, 2, 2], [20, 0, 4, 4]), strict=True
    ):
        annotation["bbox"] = box
    content["annotations"][2]["iscrowd"] = 1
    rows = read_coco_rows(write_json(tmp_path / "x.json", content), ManifestChoice())
    assert rows.boxes.tolist() == [[0, 0, 0.5, 1]]
    assert any("2 boxes with nothing in them" in note for note in rows.notes)
    assert any("1 boxes around crowds" in note for note in rows.notes)


def test_several_labels_are_a_question_and_equal_ones_are_none(tmp_path):
    pictures(tmp_path / "images", NAMES)
    more = [{"id": "x", "image_id": "im0", "category_id": 0}, {"id": "y", "image_id": "im1", "category_id": 2}]
    content = coco_content()
    path = write_json(tmp_path / "cct.json", {**content, "annotations": [*content["annotations"], *more]})
    with pytest.raises(InputError, match=r"IMG_0001\.JPG has 2 labels: 'A' and 'C'"):
        read_manifest(path)
    rarest = read_manifest(path, ManifestChoice(several="rarest")).settled
    assert (len(rarest.labels), rarest.labels[1]) == (12, 2)
    assert len(read_manifest(path, ManifestChoice(several="each")).settled.labels) == 13


def test_empty_is_a_class_that_can_be_left_out(tmp_path):
    pictures(tmp_path / "images", NAMES)
    content = coco_content()
    content["categories"][0]["name"] = "empty"
    path = write_json(tmp_path / "cct.json", content)
    manifest = read_manifest(path)
    assert manifest.settled.class_names == ("empty", "B", "C")
    assert any("'empty' is a class like the others" in note for note in manifest.notes)
    assert any("12 labels of whole sequences" in note for note in manifest.notes)
    assert read_manifest(path, ManifestChoice(drop_labels=("empty",))).settled.class_names == ("B", "C")


def test_sequences_are_groups_where_there_is_no_location(tmp_path):
    content = coco_content()
    for number, image in enumerate(content["images"]):
        del image["location"]
        image["corrupt"] = number == 11
    rows = read_coco_rows(write_json(tmp_path / "cct.json", content), ManifestChoice())
    assert (rows.grouped_by, rows.groups[:3]) == ("sequence", ["s0", "s0", "s1"])
    assert len(rows) == 11
    assert any("corrupt" in note for note in rows.notes)


@pytest.mark.parametrize("whole", [False, True])
def test_files_of_coco_2017_are_splits(tmp_path, whole):
    for split, number in (("train", 8), ("val", 4)):
        names = [f"{k:012d}.jpg" for k in range(number)]  # the same names in both folders
        pictures(tmp_path / f"{split}2017", names)
        content = detection(names, [(5,) if k % 2 else (17,) for k in range(number)])
        write_json(tmp_path / "annotations" / f"instances_{split}2017.json", content)
        write_json(tmp_path / "annotations" / f"captions_{split}2017.json", {**content, "annotations": []})
    path = tmp_path if whole else tmp_path / "annotations" / "instances_train2017.json"
    splits = open_data(str(path), test_fraction=0.2)
    assert (len(splits.val), len(splits.train) + len(splits.test)) == (4, 8)
    assert splits.val.identity(0).startswith("val2017/000000000000.jpg[")
    assert splits.val.load(0).shape == (3, 8, 8)
    alone = tmp_path / "annotations" / "instances_train2017.json"
    assert read_manifest(alone, ManifestChoice(split_column="none")).settled.splits is None
    assert len(read_manifest(tmp_path / "annotations" / "instances_val2017.json").settled.labels) == 4


def test_names_of_inaturalist_2021_begin_with_the_split(tmp_path):
    ranks = {"kingdom": "Animalia", "supercategory": "Birds", "specific_epithet": "x"}
    for split, number in (("train", 6), ("val", 2)):
        names = [f"{split}/0000{k % 2}_Animalia_x/{k}.jpg" for k in range(number)]
        pictures(tmp_path, names)
        content = {
            "images": [{"id": k, "width": 16, "height": 16, "file_name": name} for k, name in enumerate(names)],
            "annotations": [{"id": k, "image_id": k, "category_id": k % 2} for k in range(number)],
            "categories": [
                {
                    "id": k,
                    "name": f"Avis {k}",
                    "common_name": f"bird {k}",
                    "genus": "Avis",
                    "image_dir_name": "x",
                    **ranks,
                }
                for k in range(2)
            ],
        }
        write_json(tmp_path / f"{split}.json", content)
    splits = read_manifest(tmp_path / "train.json").splits
    assert {split: len(rows) for split, rows in splits.items()} == {"train": 6, "val": 2}
    named = read_manifest(tmp_path / "train.json", ManifestChoice(label_column="common_name")).settled
    assert named.class_names == ("bird 0", "bird 1")
    one = read_manifest(tmp_path / "train.json", ManifestChoice(label_column="genus")).settled
    assert (one.class_names, one.rows.class_ids) == (("Avis",), None)


def test_a_folder_with_a_file_a_split_as_roboflow_writes_it(tmp_path):
    for split in ("train", "valid"):
        pictures(tmp_path / split, ["a.jpg", "b.jpg"])
        write_json(tmp_path / split / "_annotations.coco.json", detection(["a.jpg", "b.jpg"], [(5,), (17,)]))
    manifest = read_manifest(tmp_path)
    assert {split: len(rows) for split, rows in manifest.splits.items()} == {"train": 2, "val": 2}
    assert manifest.settled.rows.images[2] == "valid/a.jpg"


def test_several_files_of_other_things_are_a_question(tmp_path):
    for name in ("ants", "bees"):
        write_json(tmp_path / f"{name}.json", detection(["a.jpg"], [(5,)]))
    with pytest.raises(InputError, match=r"holds 2 COCO files: ants\.json, bees\.json\. Name the file"):
        read_manifest(tmp_path)


def wrong(**changes):
    return coco_content(**changes)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (wrong(annotations=[{"image_id": "im99", "category_id": 0}]), r"entry 1 of the annotations is of image 'im99'"),
        (wrong(annotations=[{"image_id": "im0", "category_id": 9}]), "of category 9, which is not listed"),
        (wrong(annotations=[{"image_id": "im0"}]), "entry 1 of the annotations has no `category_id`"),
        (wrong(annotations=[{"image_id": "im0", "category_id": 0, "bbox": [1, 2, 3]}]), "has 3 numbers"),
        (wrong(images=coco_content()["images"][:1] * 2), "stand in it as several images"),
        (wrong(images=[{"id": 1, "file_name": "a.jpg"}, {"id": 1, "file_name": "b.jpg"}]), "two images have the id 1"),
        (wrong(images=[]), "no image in it"),
        (wrong(categories=[{"id": 0, "name": "A"}] * 2), "two categories have the id 0"),
        (wrong(categories=[{"id": k, "name": "A"} for k in range(3)]), "0 and 1 and 2 are both called 'A'"),
        (wrong(categories=[{"id": 0, "name": "A"}, {"id": "1", "name": "B"}]), "Expected one kind"),
        (wrong(images=[{"id": "im0", "file_name": "\ud800.jpg"}], annotations=[]), "no text in Unicode"),
        (
            wrong(images=[{"id": "im0", "file_name": "../../x.jpg"}], annotations=[]),
            r"entry 1: \.\./\.\./x\.jpg leads out",
        ),
    ],
)
def test_what_is_wrong_is_one_sentence(content, told, tmp_path):
    with pytest.raises(InputError, match=told):
        read_manifest(write_json(tmp_path / "cct.json", content), ManifestChoice(format="coco"))


def test_fields_that_are_not_there(tmp_path):
    path = coco(tmp_path)
    with pytest.raises(InputError, match=r"no field 'common' \(`label_column`\).*Fields: id, name"):
        read_manifest(path, ManifestChoice(label_column="common"))
    train = write_json(tmp_path / "train.json", coco_content())
    write_json(tmp_path / "val.json", coco_content(categories=[{"id": 0, "name": "Z"}]))
    with pytest.raises(InputError, match=r"category 0 is 'Z', and 'A' in another of its files"):
        read_manifest(train)
