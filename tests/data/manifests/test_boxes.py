"""Boxes of a detector joined with the labels of a table, and results of a detector by themselves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.manifests.samples_camera import (
    BOX,
    NAMES,
    coco,
    megadetector,
    megadetector_content,
    pictures,
    speciesnet,
    speciesnet_content,
    write_json,
    write_table,
)
from longtail.data import open_data
from longtail.data.manifests import ManifestChoice, read_manifest
from longtail.data.manifests.detector_results import read_detections
from longtail.data.manifests.same_files import same_files
from longtail.errors import InputError

UPPER = [0.0, 0.0, 0.5, 0.25]


def found(confidence, box=BOX, category="1"):
    return {"category": category, "conf": confidence, "bbox": box}


def results(folder, *detections, files=NAMES):
    """Write results for the first images; a word in the place of detections is a failure."""
    images = [
        {"file": file, "detections": None, "failure": own}
        if isinstance(own, str)
        else {"file": file, "detections": own}
        for file, own in zip(files, detections, strict=False)
    ]
    return write_json(folder / "md.json", {**megadetector_content(), "images": images})


def table(folder, names=NAMES[:4], label="ABAB"):
    pictures(folder, names)
    return write_table(folder / "t.csv", [{"file": n, "species": s} for n, s in zip(names, label, strict=True)])


def test_each_box_is_a_row_of_its_images_group(tmp_path):
    boxes = results(tmp_path / "md", [found(0.9), found(0.21, UPPER), found(0.1)], [found(0.9)], [], "cannot be read")
    manifest = read_manifest(table(tmp_path), ManifestChoice(box_file=boxes))
    settled = manifest.settled
    assert settled.labels.tolist() == [0, 0, 1, 0, 1]
    assert settled.rows.boxes[:3].tolist() == [BOX, UPPER, BOX]
    assert np.isnan(settled.rows.boxes[3:]).all()
    assert (settled.groups.by, settled.groups.codes.tolist()) == ("image", [0, 0, 1, 2, 3])
    assert list(settled.rows.lines) == [2, 2, 3, 4, 5]
    assert manifest.source(np.arange(5)).load(1).shape == (3, 4, 8)
    told = " ".join(manifest.notes)
    assert "3 boxes of 2 images cut out: confidence 0.2 or more" in told
    assert "1 image without a detection of that confidence: taken whole" in told
    assert "1 image on which the detector failed, IMG_0003.JPG for example (cannot be read): taken whole" in told
    surer = read_manifest(tmp_path / "t.csv", ManifestChoice(box_file=boxes, box_confidence=0.5))
    assert len(surer.settled.labels) == 4


def test_groups_of_the_table_are_larger(tmp_path):
    boxes = results(tmp_path / "md", *[[found(0.9), found(0.8, UPPER)]] * 12, files=[f"images/{n}" for n in NAMES])
    settled = read_manifest(coco(tmp_path), ManifestChoice(box_file=boxes)).settled
    assert (len(settled.labels), settled.groups.by, settled.groups.number) == (24, "location", 4)
    splits = open_data(str(tmp_path / "cct.json"), table=ManifestChoice(box_file=boxes), test_fraction=0.3)
    assert not set(splits.train.groups.codes) & set(splits.test.groups.codes)
    none = ManifestChoice(box_file=boxes, group_column="none")
    assert read_manifest(tmp_path / "cct.json", none).settled.groups is None


def test_people_beside_animals_are_left_out_and_alone_are_not(tmp_path):
    boxes = results(tmp_path / "md", [found(0.9, UPPER, "2"), found(0.8)], [found(0.9, UPPER, "2")])
    manifest = read_manifest(table(tmp_path, NAMES[:2], "AB"), ManifestChoice(box_file=boxes))
    assert manifest.settled.rows.boxes.tolist() == [BOX, UPPER]
    assert any("beside those of animals left out: 1 person" in note for note in manifest.notes)


def test_several_labels_of_an_image_with_boxes_are_a_question(tmp_path):
    pictures(tmp_path, NAMES[:1])
    path = write_table(tmp_path / "t.csv", [{"file": NAMES[0], "species": label} for label in "AB"])
    boxes = results(tmp_path / "md", [found(0.9), found(0.8, UPPER)])
    with pytest.raises(InputError, match="has 2 labels: 'A' and 'B'"):
        read_manifest(path, ManifestChoice(box_file=boxes))
    assert len(read_manifest(path, ManifestChoice(box_file=boxes, several="rarest")).settled.labels) == 2


def test_what_cannot_be_joined(tmp_path):
    path = table(tmp_path)
    with pytest.raises(InputError, match=r"md\.json: names none of the 4 images of .*t\.csv: x\.jpg there, IMG_0000"):
        read_manifest(path, ManifestChoice(box_file=results(tmp_path / "md", [], files=["x.jpg"])))
    twice = results(tmp_path / "md", [], [], files=[f"{folder}/{NAMES[0]}" for folder in "ab"])
    with pytest.raises(InputError, match=r"IMG_0000\.JPG may be any of 2 files in it: a/IMG_0000\.JPG, b/IMG_0000"):
        read_manifest(path, ManifestChoice(box_file=twice))
    own = write_table(tmp_path / "t.csv", [{"file": NAMES[0], "species": "A", **dict(zip("xywh", BOX, strict=True))}])
    choice = ManifestChoice(box_file=results(tmp_path / "md", []), box_columns=tuple("xywh"))
    with pytest.raises(InputError, match=r"t\.csv: has boxes of its own"):
        read_manifest(own, choice)
    few = read_manifest(table(tmp_path), ManifestChoice(box_file=results(tmp_path / "md", [found(1)])))
    assert any("3 images of the table not in it, IMG_0001.JPG for example: taken whole" in n for n in few.notes)


@pytest.mark.parametrize(
    ("images", "told"),
    [
        (
            [{"file": "a.jpg", "detections": [found(0.9, category="7")]}],
            r"category '7', which is not among .*: 1, 2, 3",
        ),
        ([{"file": "a.jpg", "detections": [found(0.9, [1, 2, 3])]}], "length >= 4|at least 4|bbox"),
        ([{"file": "a.jpg", "detections": [found(0.9, [10, 20, 30, 40])]}], r"in pixels, as it seems"),
        ([{"file": "a.jpg", "detections": []}] * 2, r"a\.jpg stands in it twice, at /images/0 and /images/1"),
        ([{"detections": []}], "missing required field `file`"),
        ([], "no image in it"),
    ],
)
def test_results_that_are_wrong_are_one_sentence(images, told, tmp_path):
    path = write_json(tmp_path / "md.json", {**megadetector_content(), "images": images})
    with pytest.raises(InputError, match=told):
        read_detections(path, 0.2)
    with pytest.raises(InputError, match=r"`box_confidence` is 2"):
        read_detections(path, 2)


def test_old_results_of_speciesnet(tmp_path):
    rows = [
        {
            "filepath": f"C:\\site\\{NAMES[0]}",
            "classifications": {"classes": ["x"], "scores": [1.0]},
            "detections": [{**found(0.9), "label": "animal"}, {**found(0.8, UPPER, "2"), "label": "human"}],
            "prediction": "guid;mammalia;proboscidea;elephantidae;loxodonta;africana;african elephant",
            "prediction_score": 0.99,
        },
        {"filepath": NAMES[1], "failures": ["CLASSIFIER"], "detections": []},
        {"filepath": NAMES[2], "failures": ["CLASSIFIER", "DETECTOR"]},
    ]
    path = write_json(tmp_path / "old.json", {"predictions": rows})
    images = read_detections(path, 0.2)
    assert [image.failure for image in images] == ["", "", "CLASSIFIER, DETECTOR"]
    assert [one.category for one in images[0].detections] == ["animal", "human"]
    settled = read_manifest(table(tmp_path, NAMES[:3], "ABA"), ManifestChoice(box_file=path)).settled
    assert settled.rows.boxes[0].tolist() == BOX


def test_what_speciesnet_settled_on_is_a_label_only_where_a_person_says_so(tmp_path):
    path = speciesnet(tmp_path)
    assert read_manifest(path).settled.class_names == ()
    settled = read_manifest(path, ManifestChoice(label_column="prediction")).settled
    assert settled.class_names == ("a", "b", "c")
    assert settled.labels.tolist() == [0] * 6 + [1] * 4 + [2] * 2
    assert settled.rows.ids[3] == "/predictions/3/detections/0"
    with pytest.raises(InputError, match="no field 'species' to learn from"):
        read_manifest(path, ManifestChoice(label_column="species"))
    with pytest.raises(InputError, match="states no prediction"):
        read_manifest(megadetector(tmp_path), ManifestChoice(label_column="prediction"))


def test_a_classifier_of_whole_images_states_no_box(tmp_path):
    content = speciesnet_content()
    whole = {**content["predictions"][0]["detections"][0], "category": "0", "label": "whole_image_classification"}
    content["predictions"] = [{"filepath": NAMES[0], "detections": [{**whole, "conf": 1.0, "bbox": [0, 0, 1, 1]}]}]
    pictures(tmp_path, NAMES[:1])
    settled = read_manifest(write_json(tmp_path / "x.json", content), ManifestChoice(label_column="prediction")).settled
    assert (settled.class_names, settled.crops, settled.rows.ids) == (("a",), None, ["/predictions/0"])


def test_videos_are_left_out(tmp_path):
    content = megadetector_content()
    content["images"][0] = {"file": "clip.MP4", "frame_rate": 30, "detections": [{**found(0.9), "frame_number": 3}]}
    pictures(tmp_path / "site", NAMES)
    manifest = read_manifest(write_json(tmp_path / "md.json", content))
    assert len(manifest.settled.labels) == 11
    assert any("1 video left out" in note for note in manifest.notes)


@given(st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map("/".join), max_size=8, unique=True))
def test_a_path_is_the_same_file_as_itself_whatever_else_is_there(paths):
    assert same_files(paths, paths, origin="x") == list(range(len(paths)))
    assert same_files(paths, [f"/disk/{path}" for path in paths], origin="x") == list(range(len(paths)))


def test_names_without_ending_and_files_that_two_names_may_be():
    assert same_files(["ISIC_1"], ["x/ISIC_2.jpg", "x/ISIC_1.jpg"], origin="x") == [1]
    assert same_files(["a\\1.jpg", "b/1.jpg"], ["./a/1.jpg"], origin="x") == [0, -1]
    with pytest.raises(InputError, match=r"1\.jpg may be any of 2 images: a/1\.jpg, b/1\.jpg"):
        same_files(["a/1.jpg", "b/1.jpg"], ["1.jpg"], origin="x")
