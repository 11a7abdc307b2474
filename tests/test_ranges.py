"""Numbers outside their range: of every verb and study, every flag says so in a sentence before anything is done."""

import math
from dataclasses import MISSING, fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import get_type_hints

import pytest

from longtail.cli import VERBS, main
from longtail.errors import InputError
from longtail.ranges import Range, check_ranges, range_of
from longtail.studies import STUDIES

NONSENSE = {
    int: (-(2**63), -1, 0, 2**31, 2**63, 10**30),
    float: (-1e300, -1.0, 0.0, 1.0, math.inf, -math.inf, math.nan),
}


COMMANDS = (*VERBS, *STUDIES)


def config_of(command):
    module, name, *_ = VERBS[command] if command in VERBS else STUDIES[command]
    return getattr(import_module(module), name)


def numbers_of(kind):
    """Give name, type and range of every setting of a verb that is a number."""
    hints = get_type_hints(kind)
    told = get_type_hints(kind, include_extras=True)
    for field in fields(kind):
        if is_dataclass(hints[field.name]):
            yield from numbers_of(hints[field.name])
        elif found := {int, float} & {hints[field.name], *getattr(hints[field.name], "__args__", ())}:
            yield field.name, found.pop(), range_of(told[field.name])


def with_number(kind, name, value):
    """Give the options of a verb in which one number, perhaps of a group in them, has a value."""
    hints, changed = get_type_hints(kind), {}
    for field in fields(kind):
        if is_dataclass(hints[field.name]):
            changed[field.name] = with_number(hints[field.name], name, value)
        elif field.name == name:
            changed[name] = (value,) * 3 if "tuple" in str(hints[name]) else value
        elif field.default is MISSING:
            changed[field.name] = Path("x")
    return kind(**changed)


@pytest.mark.parametrize("command", COMMANDS)
def test_nonsense_is_told(command):
    for name, kind, allowed in numbers_of(config_of(command)):
        for value in NONSENSE[kind]:
            if value in allowed:
                continue
            with pytest.raises(InputError) as caught:
                check_ranges(with_number(config_of(command), name, value))
            assert str(caught.value) == f"--{name.replace('_', '-')} {value}; expected {allowed}."


@pytest.mark.parametrize(
    "words",
    [
        ["train", "digits", "--epochs", "0"],
        ["pretrain", "digits", "--temperature", "nan"],
        ["run", "digits", "--seed", "99999999999999999999"],
        ["study", "representations", "digits", "--momentum", "1.0"],
    ],
)
def test_nothing_is_begun_with_nonsense(words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    (told,) = capsys.readouterr().err.strip().splitlines()
    assert told.startswith(f"longtail: {' '.join(words[-2:])}; expected ")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_number_has_its_range(command):
    assert not [name for name, _, allowed in numbers_of(config_of(command)) if allowed == Range()]


@pytest.mark.parametrize("command", COMMANDS)
def test_defaults_lie_in_their_ranges(command):
    check_ranges(with_number(config_of(command), None, None))


@pytest.mark.parametrize(
    ("allowed", "inside", "outside"),
    [
        (Range(), (0, -1.5, 2**63 - 1), (2**63, math.inf, math.nan)),
        (Range(1), (1, 2.5), (0, 0.999, math.nan)),
        (Range(above=0, most=1), (1e-9, 1), (0, 1.0001)),
        (Range(0, below=1), (0, 0.999), (-1e-9, 1)),
    ],
)
def test_bounds(allowed, inside, outside):
    assert all(number in allowed for number in inside)
    assert not any(number in allowed for number in outside)


@pytest.mark.parametrize("given", ["3", None, 2.0, math.nan, 0])
def test_arguments_are_told_by_their_name(given):
    with pytest.raises(InputError, match=r"epochs is .*; expected a whole number of at least 1"):
        Range(1).check(given, "epochs", whole=True)


def test_what_is_no_number_is_left_alone():
    from longtail.jobs.options import StageOneOptions

    check_ranges(StageOneOptions(image_size=None, reweight=True))
