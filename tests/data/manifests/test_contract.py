"""What every format of tables has in common: told by what it holds, opened, described, converted, read again."""

from collections import Counter

import numpy as np
import pytest

from data.manifests import samples_camera, samples_lab, samples_shards
from longtail import cli
from longtail.data import open_data
from longtail.data.group_by import group_words
from longtail.data.manifests import FORMATS, ManifestChoice, format_of, read_manifest
from longtail.data.source import Joined, groups_of
from longtail.jobs.table_options import TableFormat

SAMPLES = samples_camera.SAMPLES | samples_lab.SAMPLES | samples_shards.SAMPLES
# detectors say where something is, and no person what it is
UNLABELLED = ("megadetector", "speciesnet")
ALL = ManifestChoice(several="rarest")


@pytest.fixture(scope="module", params=FORMATS)
def sample(request, tmp_path_factory):
    """The name of a format, and a sample of it: 12 images of three classes, six, four and two."""
    return request.param, SAMPLES[request.param](tmp_path_factory.mktemp(request.param) / "data")


def words(manifest):
    settled = manifest.settled
    return ["" if label < 0 else settled.class_names[label] for label in settled.labels.tolist()]


def test_the_formats_on_the_command_line_are_those_that_are_read():
    assert set(TableFormat.__args__) == set(FORMATS) == set(SAMPLES)


def test_it_is_told_by_what_it_holds_and_read_alike_when_it_is_named(sample):
    name, path = sample
    assert format_of(path) is FORMATS[name]
    manifest = read_manifest(path, ALL)
    assert words(manifest) == words(read_manifest(path, ManifestChoice(format=name, several="rarest")))
    counts = sorted(Counter(filter(None, words(manifest))).values())
    assert counts == ([] if name in UNLABELLED else [2, 4, 6])
    assert len(manifest.settled.rows.ids or words(manifest)) == len(words(manifest))


def test_its_images_are_loaded_and_have_names(sample):
    _, path = sample
    manifest = read_manifest(path, ALL)
    source = manifest.source(np.arange(len(manifest.settled.labels)))
    assert all(source.load(row).shape[0] == 3 for row in range(len(source)))
    assert len({source.identity(row) for row in range(len(source))}) == len(source)
    assert all(source.encoded(row) for row in range(len(source)))


def test_groups_stay_on_one_side(sample):
    name, path = sample
    if name in UNLABELLED:
        pytest.skip("has no labels")
    splits = open_data(str(path), table=ALL, val_fraction=0.2)
    parts = [part for part in (splits.train, splits.val, splits.test) if part is not None and len(part)]
    assert sum(map(len, parts)) == 12
    groups = groups_of(Joined(tuple(parts)))
    if groups is None or read_manifest(path, ALL).settled.splits is not None:
        return
    sides = {code: set() for code in groups.codes.tolist()}
    for number, part in enumerate(parts):
        for code in groups_of(part).codes.tolist():
            sides[code].add((number, groups_of(part).names[code]))
    assert all(len({number for number, _ in of_group}) == 1 for of_group in sides.values())


def test_describe_and_convert_take_it(sample, tmp_path, capsys):
    name, path = sample
    arguments = ["--several-labels", "rarest"]
    if name not in UNLABELLED:
        assert cli.main(["describe", str(path), "--out", str(tmp_path / "d"), *arguments]) == 0
    assert cli.main(["convert", str(path), str(tmp_path / "all.csv"), *arguments]) == 0, capsys.readouterr().err
    before, after = read_manifest(path, ALL), read_manifest(tmp_path / "all.csv")
    assert Counter(words(before)) == Counter(words(after))
    assert before.settled.class_names == after.settled.class_names
    for what in ("groups", "events"):
        one, other = getattr(before.settled, what), getattr(after.settled, what)
        assert (one is None) == (other is None), what
        if one is not None:
            assert sorted(Counter(one.codes.tolist()).values()) == sorted(Counter(other.codes.tolist()).values())
    assert (before.images.crops is None) == (after.images.crops is None)


def test_groups_by_path_work_with_names_of_any_format(sample):
    _, path = sample
    manifest = read_manifest(path, ALL)
    source = manifest.source(np.arange(len(manifest.settled.labels)))
    names = [source.identity(row) for row in range(len(source))]
    assert len(group_words(names, "(.)")) == len(names)
