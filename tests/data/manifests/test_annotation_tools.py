"""Label Studio, CVAT and Roboflow: annotators that differ, tags and boxes, copies of one photograph."""

import json

import numpy as np
import pytest

from data.manifests.samples_lab import (
    KINDS,
    LABELS,
    STEMS,
    cvat,
    label_studio,
    picture,
    pictures,
    roboflow,
    task,
    write,
)
from longtail.data import open_data
from longtail.data.manifests import ManifestChoice, read_manifest
from longtail.errors import InputError


def labels_of(manifest):
    settled = manifest.settled
    return ["" if label < 0 else settled.class_names[label] for label in settled.labels]


def tasks_file(folder, tasks):
    pictures(folder, [f"{stem}.png" for stem in STEMS])
    (folder / "tasks.json").write_text(json.dumps(tasks))
    return folder / "tasks.json"


class TestLabelStudio:
    def test_images_are_found_under_the_names_they_had(self, tmp_path):
        manifest = read_manifest(label_studio(tmp_path), ManifestChoice(group_column="site"))
        assert manifest.settled.rows.images[0] == f"{STEMS[0]}.png"
        assert manifest.settled.rows.ids[:2] == ["0", "1"]
        assert manifest.settled.groups.names == ("s0", "s1", "s2")

    def test_annotators_that_differ_are_told(self, tmp_path):
        said = [("crab",), ("crab", "crab", "egg"), ("crab", "egg"), ("egg", "egg"), ()]
        tasks = [task(number, f"{STEMS[number]}.png", *names) for number, names in enumerate(said)]
        tasks[0]["annotations"].append({**task(9, "", "egg")["annotations"][0], "was_cancelled": True})
        manifest = read_manifest(tasks_file(tmp_path, tasks))
        assert labels_of(manifest) == ["crab", "crab", "", "egg", ""]
        assert any("differ in 2 images: 1 have the class that more than half" in note for note in manifest.notes)

    def test_several_choices_of_one_annotator_are_several_labels(self, tmp_path):
        tasks = [task(0, f"{STEMS[0]}.png", "crab"), task(1, f"{STEMS[1]}.png", "egg")]
        tasks[1]["annotations"][0]["result"][0]["value"]["choices"] = ["egg", "crab"]
        path = tasks_file(tmp_path, tasks)
        with pytest.raises(InputError, match="has 2 labels: 'crab' and 'egg'"):
            read_manifest(path)
        assert sorted(labels_of(read_manifest(path, ManifestChoice(several="each")))) == ["crab", "crab", "egg"]

    @pytest.mark.parametrize("kind", ["json_min", "csv"])
    def test_flat_exports(self, tmp_path, kind):
        rows = [
            {
                **{"id": number, "image": f"/data/local-files/?d=sub/{stem}.png", "annotator": at, "lead_time": 1.0},
                **{"annotation_id": number, "created_at": "2024", "updated_at": "2024", "choice": label},
            }
            for number, (stem, label) in enumerate(zip(STEMS, LABELS, strict=True))
            for at in range(1 + (number == 0))
        ]
        pictures(tmp_path / "sub", [f"{stem}.png" for stem in STEMS])
        if kind == "csv":
            path = write(tmp_path / "project.csv", [list(rows[0]), *(row.values() for row in rows)])
        else:
            rows[3]["choice"] = {"choices": [LABELS[3]]}
            path = tmp_path / "project.json"
            path.write_text(json.dumps(rows))
        assert labels_of(read_manifest(path)) == list(LABELS)

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            ("[{", "no JSON"),
            ("[]", "holds no task"),
            ('[{"data": {"image": "a.png"}, "annotations": [3]}]', "entry 1: its annotations are no list of objects"),
            ('[{"data": {"image": "a.png"}, "annotations": []}]', "holds no choices of an annotator"),
            ('[{"data": {"text": "words"}, "was_cancelled": false}]', "which field names the image cannot be told"),
        ],
    )
    def test_what_is_wrong_is_told(self, tmp_path, content, told):
        (tmp_path / "a.json").write_text(content)
        with pytest.raises(InputError, match=told):
            read_manifest(tmp_path / "a.json", ManifestChoice(format="label-studio"))

    def test_a_field_that_no_task_has_is_named(self, tmp_path):
        with pytest.raises(InputError, match=r"no task has a field 'sight' \(`group_column`\). Fields: image, site"):
            read_manifest(label_studio(tmp_path), ManifestChoice(group_column="sight"))


class TestCvat:
    def test_boxes_are_shares_and_those_of_an_image_a_group(self, tmp_path):
        path = cvat(tmp_path, "box")
        path.write_text(path.read_text().replace("</box>", "</box><polygon label='egg' points='1,1;2,2;3,1'/>", 1))
        manifest = read_manifest(path)
        assert manifest.settled.rows.boxes[0].tolist() == [0.25, 0.5, 0.25, 0.25]
        assert manifest.settled.groups.number == 12
        assert manifest.source(np.arange(2)).load(0).shape == (3, 4, 4)
        assert any("1 polygon passed over" in note for note in manifest.notes)

    def test_images_without_a_tag_are_unlabelled_and_subsets_are_splits(self, tmp_path):
        path = cvat(tmp_path)
        text = path.read_text().replace('<tag label="worm" source="manual"></tag>', "", 1)
        text = text.replace("<image ", '<image subset="Train" ', 8).replace(
            "<image id", '<image subset="Validation" id'
        )
        path.write_text(text)
        manifest = read_manifest(path)
        assert labels_of(manifest).count("") == 1
        assert {split: len(part) for split, part in manifest.splits.items()} == {"train": 8, "val": 3}

    def test_folders_of_several_tags(self, tmp_path):
        for number, kind in enumerate(("crab", "egg", "crab", "egg", "no_label")):
            picture(tmp_path / kind / f"{number}.png", number)
        picture(tmp_path / "egg" / "0.png", 0)
        choice = ManifestChoice(format="cvat", several="rarest")
        assert sorted(labels_of(read_manifest(tmp_path, choice))) == ["", "crab", "crab", "egg", "egg"]
        with pytest.raises(InputError, match=r"crab/0.png has 2 labels: 'crab' and 'egg'"):
            read_manifest(tmp_path, ManifestChoice(format="cvat"))

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            ("<annotations>", "line 1 is no XML"),
            ('<!DOCTYPE a [<!ENTITY b SYSTEM "/etc/passwd">]><annotations/>', "has a DOCTYPE"),
            ("<annotations><track/></annotations>", "tracks of a video"),
            ("<annotations><image name='a' id='0'/></annotations>", "neither tags nor boxes"),
            ("<annotations><image id='0'><tag label='a'/></image></annotations>", "a <image> has no 'name'"),
            (
                "<annotations><image name='a' width='0' height='4'>"
                "<box label='x' xtl='1' ytl='1' xbr='2' ybr='2'/></image></annotations>",
                "a box of a has the sizes and edges 0, 4, 1",
            ),
        ],
    )
    def test_what_is_wrong_is_told(self, tmp_path, content, told):
        (tmp_path / "a.xml").write_text(content)
        with pytest.raises(InputError, match=told) as caught:
            read_manifest(tmp_path / "a.xml", ManifestChoice(format="cvat"))
        assert "a.xml" in str(caught.value)


class TestRoboflow:
    def test_copies_of_a_photograph_are_a_group_and_folders_are_splits(self, tmp_path):
        manifest = read_manifest(roboflow(tmp_path))
        assert manifest.settled.class_names == KINDS  # without the blanks in front
        assert manifest.settled.groups.by == "photograph"
        assert manifest.settled.groups.number == 6
        assert {split: len(part) for split, part in manifest.splits.items()} == {"train": 8, "val": 2, "test": 2}
        splits = open_data(str(tmp_path))
        assert len(splits.train) == 8

    def test_several_ones_are_several_labels_and_none_is_unlabelled(self, tmp_path):
        names = [f"a{number}_png.rf.{number:032x}.png" for number in range(3)]
        pictures(tmp_path, names)
        rows = list(zip(names, (1, 1, 0), (0, 1, 0), strict=True))
        path = write(tmp_path / "_classes.csv", [("filename", " crab", " egg"), *rows])
        with pytest.raises(InputError, match=r"has 2 labels: 'crab' and 'egg' \(line 3 and line 3\)"):
            read_manifest(path)
        assert labels_of(read_manifest(path, ManifestChoice(several="rarest"))) == ["crab", "egg", ""]

    def test_a_table_in_no_folder_of_a_split_is_a_question(self, tmp_path):
        roboflow(tmp_path)
        (tmp_path / "valid").rename(tmp_path / "other")
        with pytest.raises(InputError, match=r"other/_classes.csv is in no folder of a split"):
            read_manifest(tmp_path)
