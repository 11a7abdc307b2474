"""What all formats of laboratories and annotation tools share: recognised, opened, described."""

from collections import Counter

import numpy as np
import pytest

from data.manifests.samples_lab import KINDS, LABELS, SAMPLES, pictures, write
from longtail.cli import main
from longtail.data import open_data
from longtail.data.manifests import FORMATS, ManifestChoice, format_of, read_manifest
from longtail.errors import InputError

COUNTS = {"crab": 6, "egg": 4, "worm": 2}


def labels_of(manifest):
    """Class names of the rows, in their order; "" without one."""
    settled = manifest.settled
    return ["" if label < 0 else settled.class_names[label] for label in settled.labels]


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_recognised_and_read(tmp_path, name):
    path = SAMPLES[name](tmp_path / "data")
    assert format_of(path) is FORMATS[name]
    manifest = read_manifest(path)
    assert manifest.settled.class_names == KINDS
    assert Counter(labels_of(manifest)) == COUNTS
    assert sum(map(len, manifest.splits.values())) == 12
    loaded = {manifest.source(np.arange(12)).fingerprint(row) for row in range(12)}
    assert len(loaded) in (12, 6, 7, 8)  # the sample of a split repeats the images of another
    assert read_manifest(path, ManifestChoice(format=name)).settled.rows.images == manifest.settled.rows.images


@pytest.mark.parametrize("name", [name for name, form in FORMATS.items() if form.in_folders and name in SAMPLES])
def test_a_folder_that_holds_it_is_opened(tmp_path, name):
    SAMPLES[name](tmp_path / "data")
    splits = open_data(str(tmp_path / "data"), table=ManifestChoice(drop_labels=()))
    assert splits.class_names == KINDS
    assert any("read as" in note for note in splits.notes)


@pytest.mark.parametrize("name", SAMPLES)
def test_describe_shows_it(tmp_path, capsys, name):
    path = SAMPLES[name](tmp_path / "data")
    assert main(["describe", str(path), "--out", str(tmp_path / "out")]) == 0
    shown = capsys.readouterr()
    assert "worm" in shown.out + shown.err


def test_a_folder_whose_classes_a_table_denies_says_how_to_read_the_table(tmp_path, capsys):
    names = [f"{place}/{place}{number}.png" for place in ("Alpha", "Beta") for number in range(6)]
    pictures(tmp_path / "data", names)
    rows = [(name, LABELS[at % 5 * 2]) for at, name in enumerate(names)]
    table = write(tmp_path / "data" / "labels.csv", [("file", "species"), *rows])
    assert main(["describe", str(tmp_path / "data"), "--out", str(tmp_path / "out")]) == 2
    shown = capsys.readouterr().err
    assert "are no classes" in shown
    assert f"give it as the data: --data {table}" in shown
    assert "not read" not in shown
    assert main(["describe", str(table), "--out", str(tmp_path / "out")]) == 0


def test_a_format_that_nobody_knows_is_named(tmp_path):
    with pytest.raises(InputError, match=r"'ecotax' is no format. Did you mean .*ecotaxa"):
        read_manifest(tmp_path, ManifestChoice(format="ecotax"))
