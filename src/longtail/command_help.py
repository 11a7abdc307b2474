"""The words that stand under settings, and `--help`, which lists them."""

import ast
import dataclasses
import inspect
import textwrap
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import tyro

from longtail.setting_kinds import bare_type, choices_of

__all__ = ["Option", "help_text", "join_help_lines", "setting_groups", "with_config_flag"]

_CONFIG_HELP = "Settings of a config.json or of TOML; typed ones win."
_COLUMN = 26  # where phrases begin
_WIDEST_CHOICES = 30  # of a flag with its choices; longer ones stand behind the phrase
_VALUES: dict[Any, str] = {int: "INT", float: "FLOAT", Path: "PATH"}
_POSITIONAL = tyro.conf.Positional[int].__metadata__[0]  # type: ignore[attr-defined]
_HIDDEN = tyro.conf.Suppress[int].__metadata__[0]  # type: ignore[attr-defined]


@dataclasses.dataclass(frozen=True)
class Option:
    """A setting as it is listed.

    Attributes:
        left: its flag with the value that follows, or the name of an argument.
        phrase: what it is.
        is_positional: whether it is typed without a flag.
        is_required: whether it has no default.
    """

    left: str
    phrase: str
    is_positional: bool = False
    is_required: bool = False


def help_text(kind: type, program: str, description: str, default: Any = None, *, width: int = 80) -> str:
    """Return what `--help` prints: the arguments, then the options group by group.

    Args:
        kind: dataclass of a verb's settings, whose fields may be groups of settings.
        program: the command as it is typed, such as "longtail fit".
        description: paragraphs on what it does.
        default: settings that hold where nothing is typed; None: those of `kind`.
        width: of a line, in characters.

    Example:
        >>> from longtail.jobs.report import ReportConfig
        >>> print(help_text(ReportConfig, "longtail report", "the page again from results.json"))
        usage: longtail report RUN [OPTIONS]
        <BLANKLINE>
        the page again from results.json
        <BLANKLINE>
        arguments:
          RUN                     Folder of the run, or its results.json
        <BLANKLINE>
        options ([x]: x is the default):
          --quiet                 Silence about where the page is
          --config FILE           Settings of a config.json or of TOML; typed ones win
          -h, --help              This list
    """
    main_group, *groups = setting_groups(kind, default)
    arguments = [option for option in main_group[1] if option.is_positional]
    options = [option for option in main_group[1] if not option.is_positional]
    typed = [
        *(option.left if option.is_required else f"[{option.left}]" for option in arguments),
        *(option.left for option in options if option.is_required),
    ]
    options += [Option("--config FILE", _CONFIG_HELP.rstrip(".")), Option("-h, --help", "This list")]
    paragraphs = [
        textwrap.fill(one, width, break_on_hyphens=False) for one in inspect.cleandoc(description).split("\n\n")
    ]
    sections = [("arguments:", arguments), ("options ([x]: x is the default):", options)]
    sections += [(f"{heading}:", inside) for heading, inside in groups]
    blocks = [
        "\n".join([*textwrap.wrap(heading, width), *(line for option in inside for line in _lines(option, width))])
        for heading, inside in sections
        if inside
    ]
    return "\n\n".join([f"usage: {' '.join([program, *typed])} [OPTIONS]", *paragraphs, *blocks])


def setting_groups(kind: type, default: Any = None) -> list[tuple[str, list[Option]]]:
    """Return the settings of a verb as they are listed: (heading, settings), those without a heading first.

    Args:
        kind: dataclass of a verb's settings, whose fields may be groups of settings.
        default: settings that hold where nothing is typed; None: those of `kind`.

    Example:
        >>> from longtail.jobs.report import ReportConfig
        >>> [(heading, [option.left for option in options]) for heading, options in setting_groups(ReportConfig)]
        [('', ['RUN', '--quiet'])]
    """
    join_help_lines(kind)
    return list(_groups(kind, default, ""))


def join_help_lines(kind: type) -> None:
    """Make one paragraph of the words under each setting of a dataclass and of the groups in it.

    tyro, which takes the metadata of a field first, repeats them where an argument is missing.

    Args:
        kind: a dataclass; the metadata of its fields are changed.

    Example:
        >>> from longtail.jobs.report import ReportConfig
        >>> join_help_lines(ReportConfig)
        >>> [field.metadata["help"] for field in dataclasses.fields(ReportConfig)]
        ['Folder of the run, or its results.json.', 'Silence about where the page is.']
    """
    # a class has the words of those that it inherits from, which stand in their own source
    words = {name: text for base in reversed(kind.__mro__) for name, text in _attribute_docs(base).items()}
    hints = get_type_hints(kind)
    for field in dataclasses.fields(kind):
        if field.name in words:
            field.metadata = {**field.metadata, "help": words[field.name]}  # type: ignore[assignment]
        if dataclasses.is_dataclass(group := hints[field.name]):
            join_help_lines(group)  # type: ignore[arg-type]


def with_config_flag(kind: type) -> Any:
    """Return the same settings with a further one, `config`, for the parser of the command line alone.

    Args:
        kind: a dataclass; the one that is returned inherits from it.

    Example:
        >>> from longtail.jobs.report import ReportConfig
        >>> [field.name for field in dataclasses.fields(with_config_flag(ReportConfig))]
        ['run', 'quiet', 'config']
    """
    flag = dataclasses.field(default=None, metadata={"help": _CONFIG_HELP})
    hint = Annotated[str | None, tyro.conf.arg(metavar="FILE", help_behavior_hint="")]
    is_frozen = kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
    return dataclasses.make_dataclass(kind.__name__, [("config", hint, flag)], bases=(kind,), frozen=is_frozen)


def _groups(kind: type, default: Any, heading: str) -> Iterator[tuple[str, list[Option]]]:
    """Yield the settings that stand in a dataclass itself, under its heading, then those of each group in it."""
    hints = get_type_hints(kind, include_extras=True)
    options = []
    inside = []
    for field in dataclasses.fields(kind):
        hint = hints[field.name]
        value = getattr(default, field.name) if default is not None else _default_of(field)
        marks = getattr(hint, "__metadata__", ())
        if dataclasses.is_dataclass(hint):
            sentence = inspect.cleandoc(hint.__doc__ or field.name).split("\n\n")[0].rstrip(".")
            inside.append((hint, value, sentence[:1].lower() + sentence[1:]))
        elif _HIDDEN not in marks:
            options.append(_option(field, hint, value, is_positional=_POSITIONAL in marks))
    yield heading, options
    for group, value, sentence in inside:
        yield from _groups(group, value, sentence)  # type: ignore[arg-type]


def _default_of(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return tyro.MISSING if field.default is dataclasses.MISSING else field.default


def _option(field: dataclasses.Field[Any], hint: Any, value: Any, *, is_positional: bool) -> Option:
    bare = bare_type(hint)
    phrase = field.metadata.get("help", "")
    phrase = phrase if phrase.endswith("...") else phrase.rstrip(".")
    is_required = value is tyro.MISSING
    if is_positional:
        return Option(field.name.upper(), f"{phrase}{_shown(value)}", is_positional=True, is_required=is_required)
    name = field.name.replace("_", "-")
    if bare is bool:
        return Option(f"--no-{name}", f"Leave out: {phrase}") if value is True else Option(f"--{name}", phrase)
    word, choices = _value(bare)
    left = f"--{name} {choices}{word}"
    if choices and len(left) > _WIDEST_CHOICES:
        left, phrase = f"--{name} WORD{word}", f"{phrase} ({choices.replace('|', '| ')})"
    return Option(left, f"{phrase}{_shown(value)}", is_required=is_required)


def _value(bare: Any) -> tuple[str, str]:
    """Return the word for a value and its choices; where it has choices, the word says only whether it has several."""
    parts = [part for part in get_args(bare) if part is not NoneType]
    choices = choices_of(bare)
    if choices:
        return "", "|".join(map(str, choices))
    if get_origin(bare) is tuple:
        word, inside = _value(parts[0])
        if Ellipsis in parts:
            return f"{word} ...", inside
        return " ".join([word] * len(parts)), inside
    if get_origin(bare) is Union:
        return _value(parts[0])
    return _VALUES.get(bare, "TEXT"), ""


def _shown(value: Any) -> str:
    """Return a default as it is typed, in brackets; nothing where there is none, or it is empty."""
    match value:
        case tyro.MISSING:
            return ""
        case None | () | "" | False:
            return ""
        case tuple():
            return f" [{' '.join(map(str, value))}]"
        case float() if float(f"{value:g}") == value:
            return f" [{value:g}]"
    return f" [{value}]"


def _lines(option: Option, width: int) -> Iterator[str]:
    """Yield the lines of an option; its phrase begins in the column of all, or behind the flag where that is longer."""
    start = max(_COLUMN, len(option.left) + 4)
    first = f"  {option.left}".ljust(start)
    text = textwrap.fill(
        option.phrase,
        width,
        initial_indent=first,
        subsequent_indent=" " * _COLUMN,
        break_long_words=False,
        break_on_hyphens=False,
    )
    yield from text.replace("| ", "|").splitlines()


@cache
def _attribute_docs(kind: type) -> dict[str, str]:
    try:
        source = inspect.getsource(kind)
    except (OSError, TypeError):  # installed without its source, or built in
        return {}
    definition: Any = ast.parse(textwrap.dedent(source)).body[0]
    result = {}
    for setting, words in pairwise(definition.body):
        match setting, words:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                result[name] = " ".join(text.split())
    return result
