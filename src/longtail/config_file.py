"""Settings of a command from a file: the config.json of a run, or TOML of the same shape."""

import difflib
import json
from collections.abc import Iterable, Iterator
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, get_type_hints

from longtail.errors import InputError, did_you_mean
from longtail.files.json_file import read_json
from longtail.files.replacement import settle
from longtail.files.text import printable
from longtail.files.toml_file import read_toml
from longtail.old_flags import OF_COMPUTING, OLD_FLAGS
from longtail.setting_kinds import converted

__all__ = ["ConfigFile", "placed_settings", "read_config", "taken_from", "with_settings"]

Place = tuple[str, ...]  # of a setting: the names of its groups, and its own
# settings of `run` that earlier versions wrote into the config.json of other verbs, where nothing else was allowed
_IDLE = {
    "heads.images": {"crt_from": "features", "bn_mode": "frozen", "crt_part": "classifier", "crt_backbone_rate": 0.1}
}
_OLD_GROUPS = ("heads.training", "heads.own", "heads.dlsa")  # of settings of methods
_EXPECTED = "the config.json of a run, or settings in TOML (.toml)"


@dataclass(frozen=True)
class ConfigFile:
    """A file of settings, read but not yet compared with the settings of a verb.

    Attributes:
        path: of the file.
        content: groups of settings as config.json has them, or single ones by the names of their flags.
        verb: that the settings belong to, where the file says it; "study NAME" of a study.
    """

    path: Path
    content: dict[str, Any]
    verb: str | None = None

    def check_verb(self, verb: str, known: Iterable[str]) -> None:
        """Refuse the settings of another verb.

        Args:
            verb: that was typed.
            known: all that there are, "study NAME" of a study.

        Raises:
            InputError: the file belongs to another, or to none.
        """
        if self.verb is None or self.verb == verb:
            return
        if self.verb not in (verbs := list(known)):
            raise InputError(
                f"{printable(self.path)}: verb is {self.verb!r:.80}, and there is no such verb."
                f"{did_you_mean(self.verb, verbs)} Expected {json.dumps(verb)} here; write that, or leave verb out."
            )
        raise InputError(
            f"{printable(self.path)}: holds the settings of `longtail {self.verb}`, not of `longtail {verb}`. Call "
            f"`longtail {self.verb} --config {printable(self.path)}`, or name another file."
        )

    def settings(self, kind: type) -> dict[Place, Any]:
        """Return the settings that the file names; as `placed_settings`."""
        return placed_settings(self.content, kind, printable(self.path), "--help lists those that there are")


def placed_settings(content: dict[str, Any], kind: type, origin: str, advice: str) -> dict[Place, Any]:
    """Return named settings as values of their kinds and in their ranges, by the places where they belong.

    Args:
        content: groups of settings as config.json has them, or single ones by the names of their flags.
        kind: dataclass of a verb's settings, whose fields may be groups of settings.
        origin: where they come from, for messages.
        advice: where a person finds the names that there are.

    Raises:
        InputError: a name that is no setting, one that may be several or stands there twice, a value of another kind or
            outside its range.

    Example:
        >>> from longtail.jobs.report import ReportConfig
        >>> placed_settings({"run": "runs/x", "quiet": True}, ReportConfig, "a.toml", "see --help")
        {('run',): PosixPath('runs/x'), ('quiet',): True}
        >>> placed_settings({"quite": True}, ReportConfig, "a.toml", "see --help")
        Traceback (most recent call last):
        ...
        longtail.errors.InputError: a.toml: no such settings here: 'quite' (did you mean quiet?). ... see --help.
    """
    hints = dict(_hints(kind))
    former = _former_places(hints)
    then = hints | {place: hints[now] for place, now in former.items()}
    named = [
        (list(dict.fromkeys(former.get(place, place) for place in places)), name, value)
        for places, name, value in _named(content, (), then)
        if places or not _was_idle(name, value, hints)
    ]
    unknown = [f"{name!r}{_meant(name, hints)}" for places, name, _ in named if not places]
    if unknown:
        more = f", and {len(unknown) - 5} more" if len(unknown) > 5 else ""
        listed = f"{', '.join(unknown[:5])}{more}"
        now = _spelled_now([name for places, name, _ in named if not places])
        raise InputError(f"{origin}: no such settings here: {listed}. {now or 'Leave them out'}; {advice}.")
    result: dict[Place, Any] = {}
    for places, name, value in named:
        if len(places) > 1:
            several = " or ".join(".".join(one) for one in places)
            raise InputError(f"{origin}: {name} may be {several}. Expected one of these names.")
        if places[0] not in hints:
            raise InputError(f"{origin}: {name} is {value!r}; expected a group of settings.")
        if places[0] in result:
            raise InputError(f"{origin}: {name} stands there twice, with its group and alone. Leave one of them out.")
        if places[0][-1] == "methods" and isinstance(value, list) and all(isinstance(one, str) for one in value):
            value = ",".join(value)  # as it is typed
        result[places[0]] = converted(value, hints[places[0]], f"{origin}: {name}")
    return result


def taken_from(arguments: list[str]) -> tuple[ConfigFile | None, list[str]]:
    """Read the file that is named by --config.

    Args:
        arguments: what was typed behind a verb.

    Returns:
        The file, None where none is named, and all other arguments.

    Raises:
        InputError: --config without a file, or twice; or as `read_config`.

    Example:
        >>> taken_from(["digits", "--quiet"])
        (None, ['digits', '--quiet'])
    """
    paths: list[str] = []
    others: list[str] = []
    words = iter(arguments)
    for word in words:
        flag, sign, value = word.partition("=")
        if flag != "--config":
            others.append(word)
        elif value := (value if sign else next(words, "")):
            paths.append(value)
        else:
            raise InputError(f"--config: no file behind it. Expected {_EXPECTED}.")
    if len(paths) > 1:
        raise InputError(f"--config {paths[1]}: a second file, beside {paths[0]}. Expected one.")
    return (read_config(Path(paths[0])) if paths else None), others


def read_config(path: Path) -> ConfigFile:
    """Read a file of settings.

    Args:
        path: .json, as runs write it, or .toml.

    Raises:
        InputError: no such file, or none of settings.
    """
    if path.is_dir():
        inside = path / "config.json"
        hint = f"Perhaps you meant {printable(inside)}." if inside.is_file() else f"Expected {_EXPECTED}."
        raise InputError(f"--config {printable(path)}: is a folder. {hint}")
    match path.suffix.lower():
        case ".json":
            if path.name == "config.json":
                settle(path.parent)
            content = read_json(path, dict[str, Any], expected=_EXPECTED)
        case ".toml":
            content = read_toml(path, expected=_EXPECTED)
        case _:
            raise InputError(f"--config {printable(path)}: ends neither in .json nor in .toml. Expected {_EXPECTED}.")
    verb = content.pop("verb", None)
    if verb is not None and not isinstance(verb, str):
        raise InputError(
            f'{printable(path)}: verb is {json.dumps(verb, default=str)}; expected text, such as "fit". Leave it out '
            "where the settings are of the verb that is typed."
        )
    return ConfigFile(path, content, verb)


def with_settings(kind: type, default: Any, settings: dict[Place, Any], missing: Any) -> Any:
    """Return the settings of a verb with those of a file in the place of the defaults.

    Args:
        kind: dataclass of the settings.
        default: settings to begin with; None: those of `kind`.
        settings: as `ConfigFile.settings` returns them.
        missing: takes the place of a setting that has no default.

    Example:
        >>> from longtail.jobs.report import ReportConfig
        >>> with_settings(ReportConfig, None, {("quiet",): True}, missing=...)
        ReportConfig(run=Ellipsis, quiet=True)
    """
    if default is None:
        required = [one.name for one in fields(kind) if one.default is MISSING and one.default_factory is MISSING]
        default = kind(**dict.fromkeys(required, missing))
    changes: dict[str, Any] = {place[0]: value for place, value in settings.items() if len(place) == 1}
    for group in {place[0] for place in settings if len(place) > 1}:
        inside = {place[1:]: value for place, value in settings.items() if len(place) > 1 and place[0] == group}
        before = getattr(default, group)
        changes[group] = with_settings(type(before), before, inside, missing)
    return replace(default, **changes)


def _hints(kind: type, above: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Yield the place and the type of each setting, with what stands beside the type."""
    hints = get_type_hints(kind, include_extras=True)
    for field in fields(kind):
        hint = hints[field.name]
        if is_dataclass(hint):
            yield from _hints(hint, (*above, field.name))  # type: ignore[arg-type]
        else:
            yield (*above, field.name), hint


def _was_idle(name: str, value: Any, hints: dict[Place, Any]) -> bool:
    """Return whether earlier versions took a setting that had no effect, which is therefore left out."""
    if name in _IDLE:
        return bool(_IDLE[name] == value)
    group, _, last = name.rpartition(".")
    return last in OF_COMPUTING and group in ("", "runtime") and ("runtime", "seed") in hints


def _spelled_now(names: Iterable[str]) -> str | None:
    """Return how settings of methods are written that earlier versions had by themselves; None where there are none."""
    settings = [OLD_FLAGS.get("--" + name.rpartition(".")[2].replace("_", "-")) for name in names]
    example = next((setting for setting in settings if setting is not None), None)
    if example is None and not any(name in _OLD_GROUPS for name in names):
        return None
    typed = example or "tau.tau"
    typed = typed if "=" in typed else f"{typed}=VALUE"
    return f"Settings of methods now stand in set = [{json.dumps(typed)}], and the rest is to be left out"


def _former_places(hints: dict[Place, Any]) -> dict[Place, Place]:
    """Return where settings stood in the files of earlier versions, each with the place where it stands now."""
    return {(*place[:-2], "heads", *place[-2:]): place for place in hints if place[-2:-1] == ("images",)}


def _named(content: dict[str, Any], above: Place, hints: dict[Place, Any]) -> Iterator[tuple[list[Place], str, Any]]:
    """Yield for each value of a file the places that it may be meant for, its name there, and the value."""
    for key, value in content.items():
        place = (*above, key.replace("-", "_"))
        depth = len(place)
        is_group = any(len(one) > depth and one[:depth] == place for one in hints)
        if is_group and isinstance(value, dict):
            yield from _named(value, place, hints)
        elif place in hints:
            yield [place], ".".join((*above, key)), value
        else:
            inside = [one for one in hints if one[: depth - 1] == above and one[-1] == place[-1]]
            yield inside or [place] * is_group, ".".join((*above, key)), value


def _meant(name: str, hints: dict[Place, Any]) -> str:
    """Return a question for the setting that is nearest to a name, with its groups where those were named."""
    last = name.split(".")[-1].replace("-", "_")
    close = difflib.get_close_matches(last, {place[-1] for place in hints}, n=1)
    places = [place for place in hints if close and place[-1] == close[0]]
    in_group = "." in name or len(places) > 1
    nearest = next((".".join(place) if in_group else place[-1] for place in places), None)
    return f" (did you mean {nearest}?)" if nearest else ""
