"""Every format of camera traps and detectors: told by what it holds, read, opened, described."""

import json

import pytest

from data.manifests.samples_camera import LABELS, NAMES, SAMPLES, SITES, write_json
from longtail.cli import main
from longtail.data import open_data
from longtail.data.manifests import FORMATS, ManifestChoice, format_of, read_manifest
from longtail.data.unlabelled import open_unlabelled
from longtail.errors import InputError

LABELLED = ("coco", "camtrap-dp", "wildlife-insights", "snapshot-serengeti")
GROUPED_BY = {
    "coco": "location",
    "camtrap-dp": "deployment",
    "wildlife-insights": "deployment",
    "snapshot-serengeti": "site",
}


@pytest.mark.parametrize("key", SAMPLES)
def test_each_is_told_by_what_it_holds(key, tmp_path):
    assert format_of(SAMPLES[key](tmp_path)) is FORMATS[key]


@pytest.mark.parametrize("key", LABELLED)
def test_rows_and_groups_are_what_they_should_be(key, tmp_path):
    path = SAMPLES[key](tmp_path)
    for where in (path, path.parent):
        settled = read_manifest(where).settled
        assert settled.class_names == ("A", "B", "C")
        assert "".join("ABC"[label] for label in settled.labels) == "".join(LABELS)
        assert settled.groups.by == GROUPED_BY[key]
        assert settled.groups.number == 4
        assert len(set(settled.rows.ids)) == 12
    splits = open_data(str(path), table=ManifestChoice(), test_fraction=0.2, val_fraction=0)
    assert splits.class_names == ("A", "B", "C")
    assert splits.train.load(0).shape == (3, 16, 16)
    assert not set(splits.train.groups.codes) & set(splits.test.groups.codes)


@pytest.mark.parametrize("key", ["coco", "camtrap-dp"])
def test_events_are_the_sequences(key, tmp_path):
    settled = read_manifest(SAMPLES[key](tmp_path)).settled
    assert settled.events.codes.tolist() == [k // 2 for k in range(12)]


@pytest.mark.parametrize("key", LABELLED)
def test_groups_and_events_can_be_others_or_none(key, tmp_path):
    path = SAMPLES[key](tmp_path)
    column = {"coco": "seq_id", "camtrap-dp": "locationID", "wildlife-insights": "project_id"}.get(key, "season")
    settled = read_manifest(path, ManifestChoice(group_column=column, event_column="none")).settled
    assert (settled.groups.by, settled.events) == ({"seq_id": "sequence"}.get(column, column), None)
    assert read_manifest(path, ManifestChoice(group_column="none")).settled.groups is None
    with pytest.raises(InputError, match=r"'sit'.*olumns: .*|'sit'.*Fields: "):
        read_manifest(path, ManifestChoice(group_column="sit"))


@pytest.mark.parametrize("key", ["megadetector", "speciesnet"])
def test_results_of_a_detector_are_boxes_to_predict(key, tmp_path):
    path = SAMPLES[key](tmp_path)
    images = open_unlabelled(path)
    assert len(images) == 12
    assert images.load(0).shape == (3, 8, 8)
    assert images.identity(0) == "site/IMG_0000.JPG[0.25,0.25,0.5x0.5]"
    with pytest.raises(InputError, match="no row has a label"):
        open_data(str(path))


@pytest.mark.parametrize("key", ["coco"])
def test_the_command_describes_it(key, tmp_path, capsys):
    path = SAMPLES[key](tmp_path / "data")
    assert main(["describe", str(path), "--out", str(tmp_path / "out"), "--quiet"]) == 0
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("key", SAMPLES)
def test_paths_that_lead_out_and_images_that_are_missing(key, tmp_path):
    path = SAMPLES[key](tmp_path)
    for file in tmp_path.rglob("*.JPG"):
        if file.name.endswith("0003.JPG"):
            file.unlink()
    with pytest.raises(InputError, match=r"0003\.JPG.*`root`"):
        read_manifest(path)
    rows = read_manifest(path, skip_missing=True).settled.rows
    assert len(rows) == 11


@pytest.mark.parametrize("key", ["coco", "megadetector", "speciesnet"])
@pytest.mark.parametrize("text", ["{", "[]", "\ud800".encode("utf-8", "surrogatepass"), '{"images": 1}', "[" * 10**5])
def test_damaged_json_is_one_sentence(key, text, tmp_path):
    path = tmp_path / "x.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=r"x\.json"):
        read_manifest(path, ManifestChoice(format=key))


def test_names_of_samples_are_those_that_the_tests_speak_of():
    assert (len(NAMES), len(SITES), LABELS.count("A")) == (12, 12, 6)
    assert json.loads(json.dumps(list(SAMPLES))) == list(SAMPLES)
    assert callable(write_json)
