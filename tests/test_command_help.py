"""Every verb and study says what each of its settings means, in paragraphs that fit any terminal."""

from dataclasses import dataclass, field, fields, is_dataclass
from importlib import import_module
from typing import get_type_hints

import pytest

from longtail.cli import VERBS, main
from longtail.command_help import join_help_lines
from longtail.recipes import RECIPES
from longtail.studies import STUDIES

COMMANDS = [
    *([verb] for verb in VERBS if verb != "run"),
    *(["run", recipe] for recipe in RECIPES),
    *(["study", name, *(["digits"] if takes_recipe else [])] for name, (_, _, takes_recipe, _) in STUDIES.items()),
]


@dataclass
class Inner:
    """A group."""

    deep: int = 1
    """Of the group,
    and deep."""


@dataclass
class Outer:
    """Settings."""

    silent: int = 0
    spoken: int = 0
    """One line
    and another."""
    inner: Inner = field(default_factory=Inner)


def test_lines_become_paragraphs_in_groups_too():
    join_help_lines(Outer)
    assert [dict(one.metadata) for one in fields(Outer)] == [{}, {"help": "One line and another."}, {}]
    assert fields(Inner)[0].metadata["help"] == "Of the group, and deep."


def settings_of(kind):
    """Give all settings of a dataclass and of the groups in it: (name, words)."""
    hints = get_type_hints(kind)
    for one in fields(kind):
        if is_dataclass(hints[one.name]):
            yield from settings_of(hints[one.name])
        else:
            yield f"{kind.__name__}.{one.name}", one.metadata.get("help", "")


@pytest.mark.parametrize("place", [*VERBS.values(), *STUDIES.values()], ids=[*VERBS, *STUDIES])
def test_every_setting_is_explained(place):
    config = getattr(import_module(place[0]), place[1])
    join_help_lines(config)
    found = dict(settings_of(config))
    assert found
    # the recipe sets the data set; nobody types it
    assert [name for name, words in found.items() if not words.endswith(".") and name != "RunConfig.dataset"] == []
    assert not any("\n" in words for words in found.values())


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_is_printed(command, capsys):
    with pytest.raises(SystemExit) as end:
        main([*command, "--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert " ".join(command) in text
    assert "--config FILE" in text
