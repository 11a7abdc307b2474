"""EcoTaxa: exports with and without a line of types, labels of other states, several images an object."""

import pytest

from data.manifests.samples_lab import LABELS, ecotaxa, ecotaxa_rows, pictures, write
from longtail.data.manifests import ManifestChoice, read_manifest
from longtail.errors import InputError


@pytest.fixture
def export(tmp_path):
    """A general export: no line of types, images in a folder of the sample."""
    heading, *rows = ecotaxa_rows("net1/")
    pictures(tmp_path, [row[0] for row in rows])
    return heading, rows, tmp_path / "ecotaxa_export.tsv"


def labels_of(manifest):
    settled = manifest.settled
    return ["" if label < 0 else settled.class_names[label] for label in settled.labels]


def test_a_backup_has_a_table_a_sample(tmp_path):
    manifest = read_manifest(ecotaxa(tmp_path))
    rows = manifest.settled.rows
    assert rows.images[0] == "net1/o0_0.png"
    assert rows.ids[:3] == ["o0", "o0", "o1"]
    assert manifest.settled.groups.by == "object"
    assert manifest.settled.groups.number == manifest.settled.events.number == 6
    assert rows.place(8) == "line 3 of net2/ecotaxa_net2.tsv"
    by_sample = read_manifest(tmp_path, ManifestChoice(group_column="sample_id", event_column="none"))
    assert by_sample.settled.groups.names == ("net1", "net2")
    assert by_sample.settled.events is None


def test_line_two_of_a_general_export_is_an_object(export):
    heading, rows, path = export
    write(path, [heading, *rows], "\t")
    assert labels_of(read_manifest(path)) == list(LABELS)


def test_only_validated_labels_count_and_others_are_told(export):
    heading, rows, path = export
    states = ["predicted", "dubious", ""]
    rows = [(*row[:3], states[at] if at < 3 else "validated", *row[4:]) for at, row in enumerate(rows)]
    write(path, [heading, *rows], "\t")
    manifest = read_manifest(path)
    assert labels_of(manifest) == ["", "", "", *LABELS[3:]]
    note = next(note for note in manifest.notes if "only labels" in note)
    assert "1 dubious, 1 predicted do not" in note or "1 of no state, 1 dubious, 1 predicted do not" in note
    assert "`label_status` validated predicted dubious takes them too" in note
    both = read_manifest(path, ManifestChoice(label_status=("validated", "predicted")))
    assert labels_of(both) == [LABELS[0], "", "", *LABELS[3:]]
    with pytest.raises(InputError, match=r"`label_status` 'wrong' is the state of no label. States: dubious"):
        read_manifest(path, ManifestChoice(label_status=("wrong",)))


def test_annotations_alone_find_images_by_object(tmp_path):
    pictures(tmp_path / "shots", [f"o{number}.png" for number in range(4)])
    rows = [(f"o{number}", "validated", ("egg", "worm")[number % 2]) for number in range(4)]
    heading = ("object_id", "object_annotation_status", "object_annotation_category")
    manifest = read_manifest(write(tmp_path / "annotations.tsv", [heading, ["[t]"] * 3, *rows], "\t"))
    assert manifest.images.contents.path(3).name == "o3.png"
    assert any("looked for by object_id" in note for note in manifest.notes)
    assert manifest.settled.groups is None  # each object has one image


def test_two_taxa_of_one_name_are_two_classes(export):
    heading, rows, path = export
    trees = ["living>egg", "other>egg"]
    rows = [(*row[:4], "egg", row[5], trees[at % 2]) for at, row in enumerate(rows)]
    write(path, [(*heading, "object_annotation_hierarchy"), *rows], "\t")
    assert read_manifest(path).settled.class_names == ("egg (living>egg)", "egg (other>egg)")


def test_an_object_without_an_image_is_left_out(export):
    heading, rows, path = export
    write(path, [heading, ("", "", "o99", "validated", "egg", "net1"), *rows], "\t")
    manifest = read_manifest(path)
    assert len(manifest.settled.rows) == 12
    assert any("1 row without an image left out" in note for note in manifest.notes)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (
            lambda h, rows: [[w for w in h if w != "object_annotation_category"], *(r[:4] + r[5:] for r in rows)],
            "label",
        ),
        (lambda h, rows: [h, *rows, rows[0]], "line 14 names the image net1/o0_0.png with the same label as line 2"),
        (lambda h, rows: [h, *rows, h], "line 14 repeats the names of the columns"),
        (lambda h, rows: [h, ("../../x.png", *rows[0][1:]), *rows[1:]], "line 2: ../../x.png leads out of"),
        (lambda h, rows: [h, ["[t]"] * 6], "holds no object"),
        (lambda h, rows: [h, *rows, rows[0][:3]], "line 14 has 3 values; expected 6"),
    ],
    ids=["no column", "twice", "two headings", "outside", "no object", "short"],
)
def test_what_is_wrong_is_told_with_file_and_line(export, damage, told):
    heading, rows, path = export
    write(path, damage(heading, rows), "\t")
    with pytest.raises(InputError, match=told) as caught:
        read_manifest(path, ManifestChoice(format="ecotaxa"))
    assert str(path) in str(caught.value)
