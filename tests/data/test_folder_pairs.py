"""Folders that hold the same images twice are no classes; running numbers that stand in each of them say nothing."""

from pathlib import Path

from longtail.data.folder_pairs import look_of_files


def paths(*stems):
    return [Path(f"{stem}.png") for stem in stems]


def test_a_stray_name_among_running_numbers_is_no_pair():
    numbers = [f"im{number:03d}" for number in range(30)]
    assert look_of_files({"bee": paths(*numbers, "added"), "cow": paths(*numbers), "dog": paths(*numbers[:12])}) is None


def test_names_that_are_none_of_a_count_tell_pairs():
    names = [f"{7919 * number % 100_003:06d}" for number in range(30)]
    told = look_of_files({"images": paths(*names), "labels": paths(*names)})
    assert told is not None
    assert "the same images twice" in told.looks_like
