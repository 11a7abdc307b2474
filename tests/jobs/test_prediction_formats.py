"""Predictions in the formats of other programs hold what their readers and schemas ask for."""

import csv
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from longtail.data import open_unlabelled
from longtail.data.manifests import ManifestChoice, Rows, read_manifest
from longtail.data.source import Joined
from longtail.errors import InputError
from longtail.grouping import grouping_of
from longtail.jobs.predicting.formats import OUTPUT_FORMATS, About
from longtail.jobs.predicting.input_rows import InputRows, rows_of_images

NAMES = ("fox", "lynx", "blank")
PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.2, 0.2, 0.6], [0.25, 0.5, 0.25]])
WHEN = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
SHARES = np.array([[0.5, 0.25, 0.25, 0.5], [np.nan] * 4, [0.0, 0.0, 1.0, 1.0], [0.1, 0.1, 0.2, 0.2]])


def rows(**columns):
    images = columns.pop("images", ["a/1.jpg", "a/2.jpg", "b/3.jpg", "b/3.jpg"])
    return Rows(images, [""] * len(images), Path(), **columns)


def write(key, path, table, events=None, inputs=Path("new.csv"), **about):
    given = InputRows(table, None if events is None else grouping_of(events), about.pop("source", None))
    blocks = iter([(list(table.images[:3]), PROBABILITIES[:3]), (list(table.images[3:]), PROBABILITIES[3:])])
    usual = {"detector": inputs, "class_names": NAMES, "model": "longtail 1 birds/tau", "when": WHEN, "top": 2}
    return OUTPUT_FORMATS[key].write(path, blocks, About(given, inputs, **(usual | about)))


def table_of(path, delimiter=",", encoding="utf-8"):
    with path.open(encoding=encoding, newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


@pytest.fixture
def images(tmp_path):
    """Four images of 40 x 20 pixels, the last of which is turned by a quarter, in a/ and b/."""
    for name in ("a/1.jpg", "a/2.jpg", "b/3.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        turned = Image.Exif()
        if name == "b/3.jpg":
            turned[0x0112] = 6
        Image.new("RGB", (40, 20)).save(tmp_path / name, exif=turned)
    return tmp_path


# a table of ours


def test_a_manifest_is_read_again(images):
    table = rows(groups=["x", "x", "", "y"], ids=["1", "2", "3", "4"], boxes=SHARES)
    write("manifest", images / "out.csv", table, events=["e", "e", "f", "f"])
    again = read_manifest(images / "out.csv").settled
    assert again.rows.labels == ["fox", "lynx", "blank", "lynx"]
    assert again.rows.ids == ["1", "2", "3", "4"]
    assert again.rows.groups == ["x", "x", "y", "y"]  # the third and the fourth are crops of one image
    assert again.rows.events == ["e", "e", "f", "f"]
    np.testing.assert_allclose(again.crops.boxes, SHARES)
    first = table_of(images / "out.csv")[0]
    assert (first["probability"], first["class_2"], first["probability_2"]) == ("0.7", "lynx", "0.2")
    assert first["model"] == "longtail 1 birds/tau"


# Camtrap DP


@pytest.fixture
def package(images):
    content = {
        "name": "park",
        "profile": "https://raw.githubusercontent.com/tdwg/camtrap-dp/1.0/camtrap-dp-profile.json",
        "taxonomic": [{"scientificName": "fox", "taxonRank": "genus"}],
        "resources": [
            {"name": name, "path": f"tables/{name}.csv", "profile": "tabular-data-resource"}
            for name in ("deployments", "media", "observations")
        ],
    }
    (images / "tables").mkdir()
    (images / "datapackage.json").write_text(json.dumps(content))
    (images / "tables" / "deployments.csv").write_text("deploymentID,latitude\nd1,50\nd2,51\n")
    (images / "tables" / "observations.csv").write_text("observationID\no1\n")
    (images / "tables" / "media.csv").write_text(
        "mediaID,deploymentID,timestamp,filePath\n"
        "m1,d1,2020-03-01T22:00:00Z,a/1.jpg\nm2,d1,2020-03-01T22:00:05Z,./a/2.jpg\nm3,d2,2020-03-02T01:00:00Z,b/3.jpg\n"
    )
    return images


# of observations-table-schema.json, version 1.0: fields that are required, words, and bounds
REQUIRED = (
    *("observationID", "deploymentID", "eventStart", "eventEnd", "observationLevel", "observationType"),
    *("classificationMethod", "classifiedBy", "classificationTimestamp", "classificationProbability"),
)
WORDS = {
    "observationLevel": {"media", "event"},
    "observationType": {"animal", "human", "vehicle", "blank", "unknown", "unclassified"},
    "classificationMethod": {"machine"},
}
BOUNDS = {"bboxX": 0, "bboxY": 0, "bboxWidth": 1e-15, "bboxHeight": 1e-15, "classificationProbability": 0}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)")
FIELDS = [
    *("observationID", "deploymentID", "mediaID", "eventID", "eventStart", "eventEnd", "observationLevel"),
    *("observationType", "cameraSetupType", "scientificName", "count", "lifeStage", "sex", "behavior"),
    *("individualID", "individualPositionRadius", "individualPositionAngle", "individualSpeed", "bboxX"),
    *("bboxY", "bboxWidth", "bboxHeight", "classificationMethod", "classifiedBy", "classificationTimestamp"),
    *("classificationProbability", "observationTags", "observationComments"),
]


def check_observations(path, package):
    observations = table_of(path)
    assert list(observations[0]) == FIELDS
    media = {row["mediaID"]: row["deploymentID"] for row in table_of(package / "tables" / "media.csv")}
    assert len({row["observationID"] for row in observations}) == len(observations)
    for row in observations:
        assert all(row[name] for name in REQUIRED)
        assert all(row[name] in words for name, words in WORDS.items())
        assert all(not row[name] or least <= float(row[name]) <= 1 for name, least in BOUNDS.items())
        assert all(TIME.fullmatch(row[name]) for name in ("eventStart", "eventEnd", "classificationTimestamp"))
        if row["observationLevel"] == "media":
            assert media[row["mediaID"]] == row["deploymentID"]
        else:
            assert (row["mediaID"], row["deploymentID"] in media.values()) == ("", True)
    return observations


def test_camtrap_dp_of_media(package):
    out = package / "out"
    table = rows(ids=["m1", "m2", "m3", "m3"], boxes=SHARES)
    (note,) = write("camtrap-dp", out, table, inputs=package, events=["e", "e", "f", "f"])
    assert "filePath" in note
    written = check_observations(out / "observations.csv", package)
    assert [row["scientificName"] for row in written] == ["fox", "lynx", "", "lynx"]
    assert [row["observationType"] for row in written] == ["animal", "animal", "blank", "animal"]
    assert [row["bboxWidth"] for row in written] == ["0.25", "", "1.0", "0.2"]
    assert (written[0]["eventStart"], written[0]["eventEnd"]) == ("2020-03-01T22:00:00Z", "2020-03-01T22:00:05Z")
    assert written[0]["classifiedBy"] == "longtail 1 birds/tau"
    content = json.loads((out / "datapackage.json").read_text())
    assert [one["path"] for one in content["resources"]] == ["deployments.csv", "media.csv", "observations.csv"]
    assert [one["scientificName"] for one in content["taxonomic"]] == ["fox", "lynx"]
    assert content["created"] == "2026-05-04T03:02:01Z"
    assert all((out / one["path"]).is_file() for one in content["resources"])


def test_camtrap_dp_of_events_as_a_table_alone(package):
    table = rows()  # without ids: media are found by their paths
    write("camtrap-dp", package / "o.csv", table, events=["e", "e", "f", "f"], inputs=package, by_event=True)
    first, second = check_observations(package / "o.csv", package)
    assert (first["eventID"], first["eventEnd"], first["observationLevel"]) == ("e", "2020-03-01T22:00:05Z", "event")
    pooled = np.sqrt(PROBABILITIES[0] * PROBABILITIES[1])
    assert float(first["classificationProbability"]) == pytest.approx((pooled / pooled.sum()).max(), abs=1e-6)
    assert (second["observationType"], second["scientificName"]) == ("blank", "")


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda place: (place / "datapackage.json").unlink(), r"datapackage.json is not there"),
        (lambda place: (place / "tables" / "media.csv").write_text("mediaID\nm1\n"), "has no column 'deploymentID'"),
        (lambda place: (place / "datapackage.json").write_text('{"resources": []}'), "names no file 'media'"),
        (
            lambda place: (place / "tables" / "media.csv").write_text(
                "mediaID,deploymentID,timestamp,filePath\nx,d,2020-03-01T22:00:00Z,else.jpg\n"
            ),
            r"'m1' \(a/1.jpg\) is not known",
        ),
    ],
)
def test_a_package_that_does_not_fit(package, damage, told):
    damage(package)
    with pytest.raises(InputError, match=told):
        write("camtrap-dp", package / "out", rows(ids=["m1", "m2", "m3", "m3"]), inputs=package)
    assert not (package / "out" / "observations.csv").exists()


# EcoTaxa


def test_ecotaxa_imports_the_table(tmp_path):
    path = tmp_path / "ecotaxa_new.tsv"
    table = rows(ids=["o1", "o2", "o3", "o3"], class_names=NAMES[:2], class_ids=("12", "34"))
    (note,) = write("ecotaxa", path, table)
    assert "3 objects" in note
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")  # else it is read as Latin-1
    kinds, *objects = table_of(path, "\t", "utf-8-sig")
    assert all(name.split("_", 1)[0] == "object" for name in kinds)
    assert set(kinds.values()) == {"[t]", "[f]"}
    assert [name for name, kind in kinds.items() if kind == "[f]"] == [
        "object_longtail_probability",
        "object_annotation_category_id",
    ]
    assert [one["object_id"] for one in objects] == ["o1", "o2", "o3"]
    assert {one["object_annotation_status"] for one in objects} == {"predicted"}
    first = objects[0]
    assert (first["object_annotation_date"], first["object_annotation_time"]) == ("20260504", "030201")
    assert (first["object_annotation_category"], first["object_annotation_category_id"]) == ("fox", "12")
    pooled = np.sqrt(PROBABILITIES[2] * PROBABILITIES[3])
    assert float(objects[2]["object_longtail_probability"]) == pytest.approx((pooled / pooled.sum()).max(), abs=1e-6)


def test_ids_are_asked_for(tmp_path):
    with pytest.raises(InputError, match=r"needs the object_id of each input.*`id_column`"):
        write("ecotaxa", tmp_path / "e.tsv", rows())
    with pytest.raises(InputError, match="line 5 has no object_id"):
        write("ecotaxa", tmp_path / "e.tsv", rows(ids=["a", "", "b", "c"], lines=[4, 5, 6, 7]))
    assert not list(tmp_path.iterdir())


# MegaDetector


def check_results(content):
    """What validate_batch_results of the package megadetector (10.0) checks."""
    assert re.fullmatch(r"\d+\.\d+", content["info"]["format_version"])
    for key in ("detection_categories", "classification_categories"):
        assert all(number.isdecimal() and name.strip() for number, name in content[key].items())
    for image in content["images"]:
        for detection in image["detections"]:
            assert detection["category"] in content["detection_categories"]
            assert isinstance(detection["conf"], float)
            assert len(detection["bbox"]) == 4
            scores = [score for _, score in detection.get("classifications", [])]
            assert scores == sorted(scores, reverse=True)
            assert all(c in content["classification_categories"] for c, _ in detection.get("classifications", []))


def test_megadetector_of_images_and_boxes(tmp_path):
    write("megadetector", tmp_path / "p.json", rows(boxes=SHARES))
    content = json.loads((tmp_path / "p.json").read_text())
    check_results(content)
    assert content["info"]["classifier"] == "longtail 1 birds/tau"
    assert [image["file"] for image in content["images"]] == ["a/1.jpg", "a/2.jpg", "b/3.jpg"]
    assert [len(image["detections"]) for image in content["images"]] == [1, 1, 2]
    assert content["images"][0]["detections"][0] == {
        "category": "1",
        "conf": 1.0,
        "bbox": [0.5, 0.25, 0.25, 0.5],
        "classifications": [["0", 0.7], ["1", 0.2]],
    }
    assert content["images"][1]["detections"][0]["bbox"] == [0.0, 0.0, 1.0, 1.0]


def test_what_the_detector_said_is_kept(tmp_path):
    detected = {
        "info": {"format_version": "1.5", "detector": "md_v5a.0.0.pt"},
        "detection_categories": {"1": "animal", "2": "person"},
        "images": [
            {
                "file": "a/1.jpg",
                "detections": [
                    {"category": "1", "conf": 0.91, "bbox": [0.5, 0.2501, 0.25, 0.5]},
                    {"category": "2", "conf": 0.03, "bbox": [0, 0, 0.1, 0.1]},
                ],
            },
            {"file": "c/9.jpg", "failure": "Failure image access", "detections": None},
        ],
    }
    (tmp_path / "md.json").write_text(json.dumps(detected))
    write("megadetector", tmp_path / "p.json", rows(boxes=SHARES), inputs=tmp_path / "md.json")
    content = json.loads((tmp_path / "p.json").read_text())
    first, *_, last = content["images"]
    assert [one["conf"] for one in first["detections"]] == [0.91, 0.03]
    assert ["classifications" in one for one in first["detections"]] == [True, False]
    assert last == detected["images"][1]
    assert content["info"]["detector"] == "md_v5a.0.0.pt"


def test_pixels_become_shares_of_the_upright_image(images):
    pixels = np.array([[10, 5, 10, 10], [np.nan] * 4, [0, 0, 20, 40], [2, 4, 4, 8]], dtype=float)
    lines = "".join(
        f"{name},{','.join('' if np.isnan(edge) else f'{edge:g}' for edge in box)}\n"
        for name, box in zip(rows().images, pixels, strict=True)
    )
    (images / "t.csv").write_text("file,l,t,w,h\n" + lines)
    source = open_unlabelled(images / "t.csv", table=ManifestChoice(box_columns=("l", "t", "w", "h")))
    table = rows_of_images(source).rows
    write("megadetector", images / "p.json", table, source=source)
    content = json.loads((images / "p.json").read_text())
    boxes = [one["bbox"] for image in content["images"] for one in image["detections"]]
    assert boxes == [[0.25, 0.25, 0.25, 0.5], [0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0], [0.1, 0.1, 0.2, 0.2]]
    write("coco", images / "c.json", table, source=source)
    content = json.loads((images / "c.json").read_text())
    assert [(one["width"], one["height"]) for one in content["images"]] == [(40, 20), (40, 20), (20, 40)]
    assert [one["bbox"] for one in content["annotations"]][1:3] == [[0, 0, 40, 20], [0.0, 0.0, 20.0, 40.0]]


# COCO


def test_coco_keeps_the_ids_of_its_file(tmp_path):
    images = [
        {"id": f"img-{name}", "file_name": f"{name}.jpg", "width": 100, "height": 50} for name in ("a/1", "a/2", "b/3")
    ]
    categories = [{"id": 0, "name": "blank"}, {"id": 7, "name": "fox", "supercategory": "canid"}]
    given = tmp_path / "in.json"
    given.write_text(json.dumps({"images": images, "annotations": [], "categories": categories}))
    write("coco", tmp_path / "out.json", rows(boxes=SHARES), inputs=given)
    content = json.loads((tmp_path / "out.json").read_text())
    results = json.loads((tmp_path / "out.results.json").read_text())
    assert content["images"] == images
    assert content["categories"] == [*categories, {"id": 8, "name": "lynx"}]
    assert [one["category_id"] for one in results] == [7, 8, 0, 8]
    assert [one["image_id"] for one in results] == ["img-a/1", "img-a/2", "img-b/3", "img-b/3"]
    assert [one["bbox"] for one in results] == [[50, 12.5, 25, 25], [0, 0, 100, 50], [0, 0, 100, 50], [10, 5, 20, 10]]
    keys = ("image_id", "category_id", "bbox", "score")
    assert [{key: one[key] for key in keys} for one in content["annotations"]] == results
    assert len({one["id"] for one in content["annotations"]}) == 4
    with pytest.raises(InputError, match=r"x.jpg has no id in it"):
        write("coco", tmp_path / "no.json", rows(images=["x.jpg"] * 4), inputs=given)


# Wildlife Insights


def test_wildlife_insights_keeps_origin_and_ranks(tmp_path):
    (tmp_path / "images.csv").write_text(
        "project_id,deployment_id,image_id,filename,location,timestamp,wi_taxon_id,class,order,family,genus,species,"
        "common_name\n"
        "1,d1,i1,1.jpg,gs://x/1.jpg,2020-01-01 00:00:00,t1,Mammalia,Carnivora,Canidae,Vulpes,vulpes,Fox\n"
        "1,d2,i2,2.jpg,gs://x/2.jpg,2020-01-01 00:00:09,t2,Mammalia,Carnivora,,,,Carnivorous Mammal\n"
    )
    (note,) = write("wildlife-insights", tmp_path / "o.csv", rows(ids=["i1", "i2", "i1", "i2"]), inputs=tmp_path)
    assert "no ranks are known of lynx" in note
    first, second, third, _ = table_of(tmp_path / "o.csv")
    assert (first["deployment_id"], first["wi_taxon_id"], first["species"]) == ("d1", "t1", "vulpes")
    assert (first["identified_by"], first["cv_confidence"], first["is_blank"]) == ("longtail 1 birds/tau", "0.7", "0")
    assert (second["common_name"], second["genus"]) == ("lynx", "")
    assert (third["common_name"], third["is_blank"], third["number_of_objects"]) == ("Blank", "1", "0")
    notes = write("wildlife-insights", tmp_path / "p.csv", rows(), inputs=tmp_path / "new.csv")
    assert "no export of Wildlife Insights" in notes[-1]
    assert table_of(tmp_path / "p.csv")[0]["image_id"] == "1.jpg"


@pytest.mark.parametrize("key", sorted(OUTPUT_FORMATS))
def test_a_write_that_fails_leaves_nothing(package, key):
    table = rows(ids=["m1", "m2", "m3", "m3"], boxes=replace(rows(), boxes=SHARES).boxes)
    out = package / "new"
    path = out if key == "camtrap-dp" else out / OUTPUT_FORMATS[key].name

    def broken():
        yield list(table.images[:3]), PROBABILITIES[:3]
        raise InputError("the last image is damaged")

    given = InputRows(table, None, Joined((open_unlabelled(package / "a"), open_unlabelled(package / "a"))))
    about = About(given, package, package, NAMES, "m", WHEN, 2)
    with pytest.raises(InputError, match="damaged"):
        OUTPUT_FORMATS[key].write(path, broken(), about)
    assert not [file for file in out.rglob("*") if file.is_file()]
