"""Camtrap DP, Wildlife Insights and Snapshot Serengeti: what their tables leave to be joined, and what is wrong."""

import pytest

from data.manifests.samples_camera import (
    BOX,
    DEPLOYMENTS,
    NAMES,
    camtrap_package,
    media_rows,
    observation_rows,
    pictures,
    serengeti_rows,
    snapshot_serengeti,
    wildlife_insights,
    wildlife_rows,
    write_table,
)
from longtail.data.manifests import ManifestChoice, read_manifest
from longtail.data.manifests.camtrap_dp import read_camtrap_dp
from longtail.data.manifests.serengeti import read_serengeti
from longtail.data.manifests.wildlife_insights import read_wildlife_insights
from longtail.errors import InputError


def observed(changes):
    """Return the observations of the sample, those of some numbers changed."""
    return [{**row, **changes.get(number, {})} for number, row in enumerate(observation_rows())]


def test_what_is_no_animal_has_its_type_as_label(tmp_path):
    nothing = {"scientificName": ""}
    changes = {
        0: {"observationType": "blank", **nothing},
        1: {"observationType": "human", "scientificName": "Homo sapiens"},
        2: {"observationType": "vehicle", **nothing},
        3: {"observationType": "unknown", **nothing},
        4: {"observationType": "unclassified", **nothing},
        5: nothing,
    }
    rows = read_camtrap_dp(camtrap_package(tmp_path, observations=observed(changes)), ManifestChoice())
    assert rows.labels[:7] == ["blank", "human", "vehicle", "unknown", "", "animal", "B"]
    assert any("'blank', 'unknown' is a class like the others" in note for note in rows.notes)


def test_observations_of_events_are_those_of_their_images(tmp_path):
    event = {"mediaID": "", "observationLevel": "event", "eventStart": "2020-06-01T12:00:00Z"}
    changes = {
        0: {**event, "eventEnd": "2020-06-01T14:05:00+02:00"},  # of m0 and m4, at the same camera
        4: {"observationType": "unclassified", "scientificName": ""},
        1: {**event, "eventEnd": "2020-06-01T12:00:30Z", "eventID": ""},  # ends before m1
        2: {**event, "eventStart": "2020-06-01T12:01:00Z", "eventEnd": "2020-06-01T12:30:00Z", "eventID": ""},
    }
    rows = read_camtrap_dp(camtrap_package(tmp_path, observations=observed(changes)), ManifestChoice())
    assert rows.labels[:6] == ["A", "", "A", "A", "A", "A"]
    assert [rows.events[k] for k in (0, 1, 2, 4, 10)] == ["e0", "", "d-r 2020-06-01T12:01:00Z", "e2", "e5"]
    assert any("3 images labelled by the event" in note for note in rows.notes)


def test_boxes_and_several_observations_of_a_medium(tmp_path):
    box = dict(zip(("bboxX", "bboxY", "bboxWidth", "bboxHeight"), map(str, BOX), strict=True))
    more = [{**observation_rows()[0], "observationID": "more", "lifeStage": "juvenile"}]
    observations = [{**row, "lifeStage": ""} for row in observed({3: box})] + more
    rows = read_camtrap_dp(camtrap_package(tmp_path, observations=observations), ManifestChoice())
    assert len(rows) == 12
    assert rows.boxes[3].tolist() == BOX
    assert any("1 observations that say the same" in note for note in rows.notes)
    by_stage = ManifestChoice(label_column="lifeStage", several="rarest", group_column="locationID")
    assert read_camtrap_dp(tmp_path, by_stage).labels[0] == "juvenile"


def test_media_on_the_web_are_found_by_the_names_that_they_have_here(tmp_path):
    media = media_rows()
    for number, row in enumerate(media):
        row["filePath"] = f"https://multimedia.agouti.eu/assets/{number}/file"
        row["fileName"] = f"IMG_{number // 4}.JPG"  # three names at four cameras
    media[5]["filePath"] = "https://example.org/clip.mp4"
    media[6]["fileMediatype"] = "video/mp4"
    path = camtrap_package(tmp_path / "package", media=media)
    with pytest.raises(InputError, match=r"is an address.*Download them"):
        read_manifest(path)
    here = tmp_path / "here"
    pictures(here, [f"{row['deploymentID']}/{row['fileName']}" for row in media[:4]])
    pictures(here, [f"m{k}.jpg" for k in range(4, 12)])
    manifest = read_manifest(path, ManifestChoice(root=here))
    assert len(manifest.settled.labels) == 10
    assert manifest.settled.rows.images[:5] == [f"d-{site}/IMG_0.JPG" for site in "pqrs"] + ["m4.jpg"]
    assert any("2 videos and sounds left out" in note for note in manifest.notes)


def test_deployments_of_a_location_are_told(tmp_path):
    path = camtrap_package(tmp_path)
    write_table(tmp_path / "deployments.csv", [{**row, "locationID": "loc"} for row in DEPLOYMENTS])
    assert any("4 deployments at 1 locations" in note for note in read_camtrap_dp(path, ManifestChoice()).notes)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"observations": observed({2: {"mediaID": "m99"}})}, r"observations.csv: line 4: the mediaID 'm99' is not in"),
        ({"observations": observed({2: {"deploymentID": "x"}})}, "line 4: the deploymentID 'x' is not in"),
        ({"observations": observed({2: {"observationLevel": "x"}})}, "line 4: the observationLevel 'x' is none"),
        ({"observations": observed({2: {"mediaID": ""}})}, "line 4: an observation of a medium names no mediaID"),
        ({"observations": observed({2: {"bboxX": "0.5"}})}, "line 4: the box .* is none"),
        ({"media": media_rows() + media_rows()[:1]}, r"media.csv: line 14 has the same mediaID 'm0' as line 2"),
        ({"version": "0.6"}, r"is of Camtrap DP 0\.6\. Expected 1\.0"),
        ({"media": [{"mediaID": "m0", "deploymentID": "d-p"}]}, "has no column timestamp, filePath"),
        (
            {"observations": observed({2: {"mediaID": "", "observationLevel": "event", "eventStart": "noon"}})},
            "line 4: the eventStart 'noon' is no time",
        ),
    ],
)
def test_a_package_that_is_wrong_is_one_sentence(changes, told, tmp_path):
    with pytest.raises(InputError, match=told):
        read_manifest(camtrap_package(tmp_path, **changes))


def test_a_package_without_its_tables(tmp_path):
    path = camtrap_package(tmp_path)
    (tmp_path / "media.csv").unlink()
    with pytest.raises(InputError, match=r"media\.csv: no such file"):
        read_manifest(path)


def identified(*changes):
    rows = wildlife_rows()
    return [{**row, **change} for row, change in zip(rows, changes, strict=False)] + rows[len(changes) :]


def test_names_of_wildlife_insights(tmp_path):
    none = dict.fromkeys(("class", "order", "family"), "")
    no_result = dict.fromkeys(("class", "order", "family", "genus", "species", "common_name"), "No CV Result")
    path = write_table(
        tmp_path / "images.csv",
        identified(
            {"genus": "Panthera", "species": "onca"},
            {"is_blank": "1", **none},
            {"common_name": "Blank", **none},
            no_result,
            {"common_name": "Vehicle", **none},
            {"is_blank": "1"},  # the two disagree: what somebody saw counts
            {"genus": "Sus"},
        ),
    )
    rows = read_wildlife_insights(path, ManifestChoice())
    assert rows.labels[:8] == ["Panthera onca", "blank", "blank", "", "Vehicle", "A", "Sus", "B"]
    assert rows.lines[:2] == [2, 3]
    named = read_wildlife_insights(path, ManifestChoice(label_column="class"))
    assert named.labels[:2] == ["Mammalia", "blank"]


def test_sequences_of_wildlife_insights_label_their_images(tmp_path):
    taxon = ("class", "order", "family", "genus", "species", "common_name")
    images = [{**row, **dict.fromkeys(taxon, ""), "sequence_id": f"s{k // 4}"} for k, row in enumerate(wildlife_rows())]
    images = [{name: value for name, value in row.items() if name != "is_blank"} for row in images]
    path = write_table(tmp_path / "images_1.csv", images)
    seen = dict.fromkeys(taxon, "")
    sequences = [
        {"sequence_id": "s0", "is_blank": "1", **seen},
        {"sequence_id": "s1", "is_blank": "0", **seen, "genus": "Panthera", "species": "onca"},
        {"sequence_id": "s2", "is_blank": "0", **seen, "genus": "Tapirus", "species": "terrestris"},
        {"sequence_id": "s2", "is_blank": "0", **seen, "genus": "Panthera", "species": "onca"},
    ]
    write_table(tmp_path / "sequences.csv", sequences)
    for where in (path, tmp_path / "sequences.csv", tmp_path):
        rows = read_wildlife_insights(where, ManifestChoice())
        assert rows.labels == ["blank"] * 4 + ["Panthera onca"] * 4 + ["Tapirus terrestris", "Panthera onca"] * 4
        assert rows.events[:5] == ["s0"] * 4 + ["s1"]
    write_table(tmp_path / "sequences.csv", sequences[:2])
    with pytest.raises(InputError, match=r"images_1\.csv: line 10: the sequence_id 's2' is not in sequences\.csv"):
        read_wildlife_insights(path, ManifestChoice())


def test_tables_of_wildlife_insights_that_are_wrong(tmp_path):
    path = wildlife_insights(tmp_path)
    write_table(tmp_path / "deployments.csv", [{"deployment_id": "d-p", "placename": "hill"}])
    with pytest.raises(InputError, match=r"line 3: the deployment_id 'd-q' is not in .*deployments\.csv"):
        read_wildlife_insights(path, ManifestChoice())
    write_table(tmp_path / "deployments.csv", [{"deployment_id": f"d-{s}", "placename": "hill"} for s in "pqrs"])
    assert set(read_wildlife_insights(path, ManifestChoice(group_column="placename")).groups) == {"hill"}
    with pytest.raises(InputError, match=r"has its own columns for that\. Leave `image_column` out"):
        read_wildlife_insights(path, ManifestChoice(image_column="filename"))
    write_table(tmp_path / "images_7.csv", wildlife_rows())
    with pytest.raises(InputError, match=r"images_2004252\.csv, .*images_7\.csv\. Name the one"):
        read_wildlife_insights(tmp_path, ManifestChoice())
    write_table(path, [{name: value for name, value in row.items() if name != "genus"} for row in wildlife_rows()])
    with pytest.raises(InputError, match="has no column genus"):
        read_wildlife_insights(path, ManifestChoice())


def test_images_of_a_capture_have_all_its_species(tmp_path):
    path = snapshot_serengeti(tmp_path)
    _, annotations = serengeti_rows()
    write_table(
        tmp_path / "SnapshotSerengeti_v2_1_annotations.csv",
        [*annotations[:5], {**annotations[0], "question__species": "zebra"}, {**annotations[0], "capture_id": "gone"}],
    )
    rows = read_serengeti(path, ManifestChoice())
    assert rows.labels == ["A", "zebra"] * 2 + ["A"] * 4 + ["B"] * 4 + ["", ""]
    assert rows.groups[-1] == "q01"
    assert any("1 capture without an image" in note for note in rows.notes)
    with pytest.raises(InputError, match="has 2 labels: 'A' and 'zebra'"):
        read_manifest(path)
    write_table(tmp_path / "SnapshotSerengeti_v2_1_annotations.csv", [{**annotations[0], "capture_id": "gone"}])
    with pytest.raises(InputError, match="has no capture of"):
        read_serengeti(path, ManifestChoice())


def test_tables_of_other_seasons_and_of_none(tmp_path):
    images, annotations = serengeti_rows()
    for season in ("KRU_S1", "KRU_S2"):
        write_table(tmp_path / f"{season}_report_lila.csv", annotations)
        write_table(tmp_path / f"{season}_report_lila_image_inventory.csv", images)
    with pytest.raises(InputError, match="name one of the two"):
        read_serengeti(tmp_path, ManifestChoice())
    assert len(read_serengeti(tmp_path / "KRU_S2_report_lila.csv", ManifestChoice())) == 12
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="holds no tables of Snapshot Serengeti"):
        read_serengeti(tmp_path / "x.csv", ManifestChoice())


def test_consensus_of_dryad(tmp_path):
    paths = [f"S1/B0{k % 2}/B0{k % 2}_R1/S1_B0{k % 2}_R1_PICT{k:04d}.JPG" for k in range(4)]
    pictures(tmp_path, paths)
    images = [{"CaptureEventID": f"ASG00{k}", "URL_Info": path} for k, path in enumerate(paths)]
    write_table(tmp_path / "all_images.csv", images)
    consensus = [
        {"CaptureEventID": f"ASG00{k}", "SiteID": f"B0{k}", "NumSpecies": 1, "Species": "zebra"} for k in range(3)
    ]
    path = write_table(tmp_path / "consensus_data.csv", consensus)
    settled = read_manifest(path).settled
    assert settled.labels.tolist() == [0, 0, 0, -1]
    assert settled.groups.names == ("B00", "B01")
    assert len(NAMES) == 12
