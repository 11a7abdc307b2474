"""ISIC and HAM10000: lesions stand beside the labels, UNK in the test set alone, images in two folders."""

import pytest

from data.manifests.samples_lab import KINDS, LABELS, STEMS, isic, pictures, write
from longtail.data import open_data
from longtail.data.manifests import ManifestChoice, read_manifest
from longtail.errors import InputError


def ham(folder):
    """Metadata, and two folders of images."""
    pictures(folder / "HAM10000_images_part_1", [f"{stem}.jpg" for stem in STEMS[:6]])
    pictures(folder / "HAM10000_images_part_2", [f"{stem}.jpg" for stem in STEMS[6:]])
    rows = [
        (f"HAM_{at // 2}", stem, label, "histo") for at, (stem, label) in enumerate(zip(STEMS, LABELS, strict=True))
    ]
    return write(folder / "HAM10000_metadata.csv", [("lesion_id", "image_id", "dx", "dx_type"), *rows])


def test_lesions_of_the_metadata_are_groups(tmp_path):
    settled = read_manifest(isic(tmp_path)).settled
    assert settled.class_names == KINDS
    assert settled.groups.by == "lesion_id"
    assert settled.groups.number == 7  # the last image has no lesion: a group of its own
    assert settled.rows.ids == list(STEMS)
    assert any("lesion_id of its images from ISIC_2019_Training_Metadata.csv" in note for note in settled.notes)
    assert read_manifest(isic(tmp_path), ManifestChoice(group_column="none")).settled.groups is None
    by_place = read_manifest(isic(tmp_path), ManifestChoice(group_column="anatom_site_general")).settled
    assert by_place.groups.names == ("back",)
    with pytest.raises(InputError, match=r"has no column 'ward' \(`group_column`\)"):
        read_manifest(isic(tmp_path), ManifestChoice(group_column="ward"))


def test_ham10000_as_it_is_downloaded(tmp_path):
    splits = open_data(str(ham(tmp_path).parent))
    assert splits.class_names == KINDS
    # the Dataverse gives it without an ending
    settled = read_manifest((tmp_path / "HAM10000_metadata.csv").rename(tmp_path / "HAM10000_metadata")).settled
    assert settled.groups.number == 6
    assert settled.groups.by == "lesion_id"


def test_training_and_test_tables_are_splits_and_unk_is_left_out(tmp_path):
    isic(tmp_path)
    names = [f"ISIC_9{number}" for number in range(4)]
    pictures(tmp_path / "ISIC_2019_Test_Input", [f"{name}.jpg" for name in names])
    rows = [(name, *(float(at == number) for at in range(4)), 1.0) for number, name in enumerate(names)]
    write(tmp_path / "ISIC_2019_Test_GroundTruth.csv", [("image", *KINDS, "UNK", "score_weight"), *rows])
    manifest = read_manifest(tmp_path)
    assert {split: len(part) for split, part in manifest.splits.items()} == {"train": 12, "test": 3}
    assert any("1 row of UNK left out: no training image is of it" in note for note in manifest.notes)


def test_isic_2020_has_patients(tmp_path):
    pictures(tmp_path / "train", [f"{stem}.jpg" for stem in STEMS])
    rows = [
        (stem, f"IP_{at % 4}", label, "benign", 0) for at, (stem, label) in enumerate(zip(STEMS, LABELS, strict=True))
    ]
    heading = ("image_name", "patient_id", "diagnosis", "benign_malignant", "target")
    settled = read_manifest(write(tmp_path / "ISIC_2020_Training_GroundTruth.csv", [heading, *rows])).settled
    assert settled.class_names == KINDS
    assert settled.groups.by == "patient_id"
    assert settled.groups.number == 4


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda h, rows: [h[:1], *(row[:1] for row in rows)], "which column holds the class cannot be told"),
        (lambda h, rows: [h, *rows, rows[0]], "line 14 names the image ISIC_0000000 with the same label as line 2"),
        (lambda h, rows: [h, *rows, h], "line 14 repeats the names of the columns"),
        (lambda h, rows: [h, *rows, ("ISIC_7", *rows[0][1:])], "1 of 13 listed .ISIC_7. images are not in"),
        (lambda h, rows: [h, ("../x", *rows[0][1:]), *rows[1:]], "line 2: ../x leads out of"),
    ],
    ids=["no class", "twice", "two headings", "not there", "outside"],
)
def test_what_is_wrong_is_told_with_file_and_line(tmp_path, damage, told):
    isic(tmp_path)
    path = tmp_path / "ISIC_2019_Training_GroundTruth.csv"
    heading, *rows = [line.split(",") for line in path.read_text().splitlines()]
    write(path, damage(heading, rows))
    with pytest.raises(InputError, match=told) as caught:
        read_manifest(path, ManifestChoice(format="isic"))
    assert str(path) in str(caught.value)
