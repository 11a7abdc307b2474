"""What belongs to the images of WebDataset: labels, keys, groups and events, in files of the same sample."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from longtail.data.foreign_label_files import class_column
from longtail.data.manifests.rows import ManifestChoice
from longtail.data.manifests.tar_members import TarMember
from longtail.errors import InputError, did_you_mean
from longtail.files.text import printable, read_text

__all__ = ["Sample", "SampleColumns"]

_NUMBERED = ("cls", "cls2", "class", "index", "inx", "id")  # written as whole numbers
_NOWHERE = "-"  # of samples that are to be predicted
_MOST_OF_A_LABEL = 2**20  # bytes


@dataclass
class Sample:
    """The files of a sample.

    Attributes:
        key: their name in front of its first dot, with folders.
        members: by what stands behind it, in small letters.
    """

    key: str
    members: dict[str, TarMember] = field(default_factory=dict)

    def listed(self) -> str:
        """Return what there is, in words."""
        names = [f".{printable(extension)}" for extension in self.members]
        return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")


class SampleColumns:
    """Labels, keys, groups and events of samples, one after the other; where labels stand is settled by the first.

    Args:
        names: the file classes.txt beside the shards, which need not be there.
        choice: what a person said of the samples.
    """

    def __init__(self, names: Path, choice: ManifestChoice) -> None:
        self.labels: list[str] = []
        self.keys: list[str] = []
        self.groups: list[str] = []
        self.events: list[str] = []
        self._choice, self._place = choice, ""
        self._path = names
        self._names = _names(names) if names.is_file() else None

    def add(self, file: Path, sample: Sample, image: str) -> None:
        """Take one sample in."""
        where = f"{printable(file)}: the sample {printable(sample.key)}"
        if not self._place:
            self._place = self._where_labels_stand(file, sample, image, where)
        fields = _Fields(file, sample, where)
        self.keys.append(sample.key)
        self.labels.append(self._label(file, sample, fields, where))
        for column, name in ((self.groups, self._choice.group_column), (self.events, self._choice.event_column)):
            if name not in (None, "none"):
                column.append(fields.word(name, where, "group_column" if column is self.groups else "event_column"))

    def class_names(self) -> tuple[str, ...] | None:
        """Return all classes in their order, where a file says them."""
        return self._names

    def _where_labels_stand(self, file: Path, sample: Sample, image: str, where: str) -> str:
        """Return the extension of the labels, or "json" and a field behind a colon."""
        given = self._choice.label_column
        others = [extension for extension in sample.members if extension != image]
        if given is not None:
            return given.lower() if given.lower() in sample.members else f"json:{given}"
        for extension in ("cls", "cls2"):
            if extension in others:
                return extension
        if "json" in others:
            column = class_column(_Fields(file, sample, where).values)
            if column is not None:
                return f"json:{column}"
        if "txt" in others:
            return "txt"
        if not self._choice.labelled:
            return _NOWHERE
        raise InputError(
            f"{where}: which of its files holds the class cannot be told ({sample.listed()}). Say it: `label_column` "
            "cls, or the name of a field of its .json."
        )

    def _label(self, file: Path, sample: Sample, fields: "_Fields", where: str) -> str:
        extension, _, name = self._place.partition(":")
        if self._place == _NOWHERE:
            return ""
        if name:
            word = fields.word(name, where, "label_column")
            return word if self._names is None else self._named(word, where)  # as it stands: 001 is not 1
        member = sample.members.get(extension)
        if member is None:
            return ""  # nobody has labelled it
        word = _text(file, member, where).strip()
        is_numbered = extension in _NUMBERED or self._names is not None
        return self._named(word, where) if is_numbered else word

    def _named(self, word: str, where: str) -> str:
        """Return the name of the class that a number means, where there are names."""
        if not (word.isascii() and word.isdigit()):
            return word
        number = str(int(word))
        if self._names is None:
            return number
        if int(number) >= len(self._names):
            raise InputError(
                f"{where}: is of class {number}, and {printable(self._path)} names {len(self._names)} classes from 0. "
                "Add the missing names."
            )
        return self._names[int(number)]


class _Fields:
    """What stands in the .json of a sample, read when it is asked for."""

    def __init__(self, file: Path, sample: Sample, where: str) -> None:
        self._file, self._sample, self._where = file, sample, where
        self._values: Mapping[str, Any] | None = None

    @property
    def values(self) -> Mapping[str, Any]:
        """By name; none where there is no .json."""
        if self._values is None:
            member = self._sample.members.get("json")
            self._values = {} if member is None else _object(_text(self._file, member, self._where), self._where)
        return self._values

    def word(self, name: str, where: str, argument: str) -> str:
        """Return one of them as it stands; "" for none."""
        if name not in self.values and "json" in self._sample.members:
            raise InputError(
                f"{where}: its .json has no {name!r} (`{argument}`).{did_you_mean(name, self.values)} It has "
                f"{', '.join(map(printable, list(self.values)[:8])) or 'nothing'}."
            )
        if "json" not in self._sample.members:
            raise InputError(f"{where}: has no .json, and no file .{printable(name)} (`{argument}`).")
        value = self.values[name]
        if value is None:
            return ""
        if isinstance(value, dict | list | bool):
            raise InputError(f"{where}: {name!r} in its .json is {json.dumps(value)[:40]}; expected a word or number.")
        return str(value).strip()


def _object(text: str, where: str) -> Mapping[str, Any]:
    try:
        # numbers as they stand: 3.0 and 3 are two words
        values = json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise InputError(f'{where}: its .json is no object of JSON. Expected one, such as {{"label": 3}}.')
    return values


def _text(file: Path, member: TarMember, where: str) -> str:
    if member.size > _MOST_OF_A_LABEL:
        raise InputError(f"{where}: {printable(member.name)} has {member.size:,} bytes; expected a label.")
    try:
        with file.open("rb") as archive:
            archive.seek(member.offset)
            return archive.read(member.size).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{where}: {printable(member.name)} is no text in UTF-8 (byte {error.start}).") from error


def _names(path: Path) -> tuple[str, ...]:
    lines = read_text(path, expected="the name of a class a line").split("\n")
    names = tuple(line.strip() for line in lines)
    while names and not names[-1]:
        names = names[:-1]
    if "" in names or len(set(names)) < len(names):
        raise InputError(f"{printable(path)}: an empty line, or a name twice. Expected the name of a class a line.")
    return names
