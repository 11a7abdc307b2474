"""Every verb and study says what each of its settings means, in phrases that fit any terminal."""

import re
from dataclasses import dataclass, field, fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated, Literal, get_type_hints

import pytest
import tyro

from longtail.cli import VERBS, main
from longtail.command_help import help_text, join_help_lines
from longtail.ranges import Range
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


@dataclass
class Base:
    """A group that another adds to."""

    shared: int = 0
    """Of both."""


@dataclass
class Further(Base):
    """More."""

    more: int = 0
    """Its own."""


@pytest.mark.parametrize("order", [(Base, Further), (Further, Base)])
def test_what_is_inherited_is_explained_whichever_comes_first(order):
    """The field of both is one object, and may not lose the words that the other class has for it."""
    for kind in order:
        for one in fields(kind):
            one.metadata = {}
    join_help_lines(order[0])
    assert [one.metadata["help"] for one in fields(order[0])] == ["Of both.", "Its own."][: len(fields(order[0]))]


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


@dataclass
class Inside:
    """How it is done, and by what.

    This paragraph is for readers of the code.
    """

    rate: Annotated[float, Range(above=0)] = 5e-4
    """Rate of it."""
    kind: Literal["auto"] | Literal["one", "two"] = "auto"
    """Kind of it."""
    longer: Literal["a-word-that-is-long", "another-word-that-is-long", "a-third"] = "a-third"
    """Word of a list that is too long to stand behind the flag."""


@dataclass
class Everything:
    """Settings of each kind."""

    where: tyro.conf.Positional[Path]
    """Where it is."""
    out: Path
    """Where it goes."""
    more: tyro.conf.Positional[str | None] = None
    """What else, ..."""
    hidden: tyro.conf.Suppress[str] = "x"
    count: int | None = None
    """Number of them."""
    names: tuple[str, ...] = ("a", "b")
    """Names of them."""
    mean: tuple[float, float] | None = None
    """Mean of each."""
    off: bool = False
    """Quiet work."""
    on: bool = True
    """Loud work."""
    inside: Inside = field(default_factory=Inside)


EVERYTHING = """\
usage: longtail all WHERE [MORE] --out PATH [OPTIONS]

It does all.

arguments:
  WHERE                   Where it is
  MORE                    What else, ...

options ([x]: x is the default):
  --out PATH              Where it goes
  --count INT             Number of them
  --names TEXT ...        Names of them [a b]
  --mean FLOAT FLOAT      Mean of each
  --off                   Quiet work
  --no-on                 Leave out: Loud work
  --config FILE           Settings of a config.json or of TOML; typed ones win
  -h, --help              This list

how it is done, and by what:
  --rate FLOAT            Rate of it [0.0005]
  --kind auto|one|two     Kind of it [auto]
  --longer WORD           Word of a list that is too long to stand behind the
                          flag (a-word-that-is-long|another-word-that-is-long|
                          a-third) [a-third]"""


def test_every_kind_of_setting_has_its_line():
    assert help_text(Everything, "longtail all", "It does all.") == EVERYTHING


def test_other_defaults_are_listed_in_place_of_the_usual_ones():
    default = Everything(Path("here"), Path("there"), count=3, off=True, on=False, inside=Inside(rate=0.1))
    text = help_text(Everything, "longtail all", "It does all.", default)
    assert text.startswith("usage: longtail all [WHERE] [MORE] [OPTIONS]")
    for phrase in (
        "Where it is [here]",
        "goes [there]",
        "--no-off ",
        "--on ",
        "Number of them [3]",
        "Rate of it [0.1]",
    ):
        assert phrase in text


def printed(command, capsys):
    with pytest.raises(SystemExit) as end:
        main([*command, "--help"])
    assert end.value.code == 0
    return capsys.readouterr().out


def phrases_of(text):
    """Return {flag or argument: its words}, each of which begins a line that is indented by two."""
    entries = re.split(r"\n  (?=\S)", "\n".join(line for line in text.splitlines() if line.startswith("  ")))
    return {entry.split()[0].strip(","): " ".join(entry.split()) for entry in entries if entry.strip()}


def kind_of(command):
    place = STUDIES[command[1]] if command[0] == "study" else VERBS[command[0]]
    return getattr(import_module(place[0]), place[1])


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_lists_every_setting_in_lines_that_fit(command, width, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    text = printed(command, capsys)
    assert text.startswith(f"usage: longtail {' '.join(command)} ")
    assert max(map(len, text.splitlines())) <= width
    listed = phrases_of(text)
    names = {name.split(".")[1] for name, _ in settings_of(kind_of(command))} - {"config"}
    hidden = {"dataset", "recipe", "recipe_set"} if "RunConfig.recipe" in dict(settings_of(kind_of(command))) else set()
    for name in names - hidden:
        flag = name.replace("_", "-")
        assert {f"--{flag}", f"--no-{flag}", name.upper()} & listed.keys(), name
    assert {"--config", "-h"} <= listed.keys()
    whole = " ".join(text.replace("|", " ").split())
    for name, words in settings_of(kind_of(command)):
        # each stands there to its last word
        assert name.split(".")[1] in hidden or words.removesuffix(".").replace("|", " ") in whole, name


@pytest.mark.parametrize("place", [*VERBS.values(), *STUDIES.values()], ids=[*VERBS, *STUDIES])
def test_a_phrase_is_short_and_means_something_alone(place):
    config = getattr(import_module(place[0]), place[1])
    join_help_lines(config)
    for name, words in settings_of(config):
        assert len(words) <= 120, name
        assert not words.startswith(("Of ", "The same", "There", "That ")), name


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize(("command", "most"), [(["run", "folder"], 250), (["fit"], 100)])
def test_help_can_be_read(command, most, width, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    assert len(printed(command, capsys).splitlines()) <= most


def test_help_states_the_settings_of_the_recipe_and_of_the_file(tmp_path, capsys):
    assert "--epochs INT" in (text := printed(["run", "folder"], capsys))
    assert "Passes over the training images [30]" in text
    (tmp_path / "a.toml").write_text('recipe = "folder"\nepochs = 7\n')
    text = printed(["run", "--config", str(tmp_path / "a.toml")], capsys)
    assert "Passes over the training images [7]" in text
    (tmp_path / "b.toml").write_text('methods = "tau"\n')
    assert "usage: longtail fit FEATURES [OPTIONS]" in printed(["fit", "--config", str(tmp_path / "b.toml")], capsys)
