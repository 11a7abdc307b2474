"""Darwin Core archives: meta.xml alone says what a column is, and how cells and lines end."""

import zipfile

import pytest

from data.manifests.samples_lab import META, darwin_core, pictures, write
from longtail.cli import main
from longtail.data.manifests import ManifestChoice, format_of, read_manifest
from longtail.errors import InputError


def test_pictures_of_an_occurrence_are_a_group_and_an_event(tmp_path):
    settled = read_manifest(darwin_core(tmp_path)).settled
    assert settled.groups.by == "occurrence"
    assert settled.groups.number == settled.events.number == 6
    assert settled.rows.ids[:3] == ["900", "900", "901"]
    assert settled.rows.place(0) == "line 1"  # no heading, by the standard's default
    by_place = read_manifest(tmp_path, ManifestChoice(group_column="locationID", format="darwin-core")).settled
    assert by_place.groups.names == ("lake 0", "lake 1")


def test_any_file_of_it_opens_it_and_a_zip_does(tmp_path):
    folder = darwin_core(tmp_path / "a").parent
    archive = tmp_path / "0001.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for name in ("meta.xml", "occurrence.txt", "multimedia.csv"):
            file.write(folder / name, name)
    assert format_of(archive).title == "a Darwin Core archive"
    first = read_manifest(archive, ManifestChoice(root=folder)).settled.rows
    (folder / "occurrence.txt").write_text("gbifID" + (folder / "occurrence.txt").read_text()[8:])
    second = read_manifest(folder / "occurrence.txt").settled.rows
    assert first.images == second.images
    assert first.labels == second.labels


def test_addresses_are_found_by_their_names_below_the_root(tmp_path, capsys):
    path = darwin_core(tmp_path / "a")
    table = path.parent / "multimedia.csv"
    table.write_text(table.read_text().replace("pictures/", "https://media.example/x/").replace(".png", ".png?size=2"))
    with pytest.raises(InputError, match=r"line 1: https://media.example/.* is an address.*Download them"):
        read_manifest(path)
    manifest = read_manifest(path, ManifestChoice(root=path.parent / "pictures"))
    assert len(manifest.settled.rows) == 12
    words = ["describe", str(path), "--root", str(path.parent / "pictures"), "--out", str(tmp_path / "out")]
    assert main(words) == 0
    assert "12 images were found by their names" in "".join(capsys.readouterr()).replace("\n", " ")


def test_sounds_are_left_out(tmp_path):
    path = darwin_core(tmp_path)
    rows = [line.replace('"', "").split(",") for line in (tmp_path / "multimedia.csv").read_text().splitlines()]
    write(tmp_path / "multimedia.csv", [*rows, ("905", "Sound", "a.wav"), ("905", "StillImage", "")])
    manifest = read_manifest(path)
    assert len(manifest.settled.rows) == 12
    assert any("2 lines of sounds, films or without a file left out" in note for note in manifest.notes)


@pytest.mark.parametrize(
    ("name", "before", "after", "told"),
    [
        ("multimedia.csv", '"905"', '"77"', "multimedia.csv: line 11: the id '77' is none of .*occurrence.txt"),
        (
            "multimedia.csv",
            '"905","StillImage",',
            '"905",',
            "multimedia.csv: line 11 has 2 values; meta.xml speaks of 3",
        ),
        ("multimedia.csv", "pictures/ISIC_0000000", "../ISIC_0000000", "line 1: ../ISIC_0000000.png leads out of"),
        (
            "meta.xml",
            "scientificName",
            "vernacularName",
            "has no term 'scientificName' .*Terms: gbifID, vernacularName",
        ),
        ("meta.xml", "1.0/Multimedia", "1.0/Other", "no extension of it is of multimedia"),
        ("meta.xml", "occurrence.txt", "../o.txt", "the file ../o.txt is not in the archive"),
        ("meta.xml", "occurrence.txt", "gone.txt", "holds no gone.txt"),
        ("meta.xml", 'index="2"', 'index="two"', "the index 'two' of a column is no number"),
        ("meta.xml", "<archive", "<archive <", "meta.xml: line 2 is no XML"),
        ("meta.xml", "<archive", '<!DOCTYPE a [<!ENTITY b "c">]><archive', "has a DOCTYPE"),
        ("meta.xml", 'encoding="UTF-8" rowType', 'encoding="klingon" rowType', "names an encoding that there is not"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_line(tmp_path, name, before, after, told):
    path = darwin_core(tmp_path)
    text = (tmp_path / name).read_text()
    assert before in text
    (tmp_path / name).write_text(text.replace(before, after))
    with pytest.raises(InputError, match=told):
        read_manifest(path, ManifestChoice(format="darwin-core"))


def test_two_lines_of_a_picture_and_a_damaged_zip_are_told(tmp_path):
    path = darwin_core(tmp_path)
    table = tmp_path / "multimedia.csv"
    table.write_text(table.read_text() + table.read_text().splitlines()[0] + "\n")
    with pytest.raises(InputError, match=r"line 13 names the image .* with the same label as line 1"):
        read_manifest(path)
    pictures(tmp_path, ["a.png"])
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as file:
        file.writestr("meta.xml", META)
    with pytest.raises(InputError, match=r"b.zip: holds no occurrence.txt"):
        read_manifest(tmp_path / "b.zip")
