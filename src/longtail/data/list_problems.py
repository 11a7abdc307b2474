"""What is wrong with a list of images: a line of another format, or an image that stands there twice."""

import posixpath
import re
from collections.abc import Mapping, Sequence
from itertools import combinations

from longtail.data.image_kinds import IMAGE_SUFFIXES
from longtail.errors import InputError

__all__ = ["images_of_two_lists", "repeated_images", "what_is_wrong"]

_EXPECTED = "expected a path and a class number of at least 0"
_IMAGE = re.compile(rf"({'|'.join(re.escape(suffix) for suffix in sorted(IMAGE_SUFFIXES))})\b", re.IGNORECASE)
_SHOWN = 3


def what_is_wrong(line: str, lines: Sequence[str], number: int) -> str | None:
    """Return what is wrong with a line, and how to mend it; None where it is a path and a class number.

    Args:
        line: without white space around it, not empty.
        lines: all of the file.
        number: of the line, from 1.

    Example:
        >>> what_is_wrong("a b.jpg 3", ["a b.jpg 3"], 1)
        >>> what_is_wrong("a.jpg,3", ["a.jpg,3"], 1)
        'expected a path and a class number of at least 0 with a blank between them: this has a comma'
    """
    name, *last = line.rsplit(maxsplit=1)
    if last and _is_label(last[0]):
        return _several_labels(name)
    if number == 1 and not _IMAGE.search(line):
        row = next((other for other in lines[1:50] if _IMAGE.search(other) or _is_row(other)), None)
        if row is not None:
            wrong = what_is_wrong(row, (), 0)
            also = "" if wrong is None else f"; and of {row[:80]!r}: {wrong}"
            return f"{_EXPECTED}: this looks like a heading. Take the line away{also}"
    for separator, word in ((",", "comma"), (";", "semicolon"), ("|", "bar")):
        left, result, right = line.rpartition(separator)
        if result and (_is_label(right.strip(" \"'")) or _is_label(left.strip(" \"'"))):
            return f"{_EXPECTED} with a blank between them: this has a {word}"
    first, *rest = line.split(maxsplit=1)
    if rest and _is_label(first) and _IMAGE.search(rest[0]):
        return f"{_EXPECTED}: here the number stands first. Turn them round: the path, a blank, the number"
    if last and re.fullmatch(r"\d+\.0*", last[0], re.ASCII):
        return f"{_EXPECTED}, a whole one: {last[0].split('.')[0]} and not {last[0]}"
    if last and _is_image(name):
        return f"{_EXPECTED}: {last[0]!r} is no number. Number the classes from 0, and put their names into classes.txt"
    return _EXPECTED


def repeated_images(lists: Mapping[str, tuple[Sequence[str], Sequence[int], Sequence[int]]]) -> tuple[str, ...]:
    """Refuse images that stand under two labels; tell of those that stand twice under one.

    Args:
        lists: by the name of the file: paths, labels and numbers of lines.

    Returns:
        Notes for people.

    Raises:
        InputError: an image under two labels, in one list or in two.

    Example:
        >>> repeated_images({"train.txt": (["a.jpg", "./a.jpg"], [0, 0], [1, 2])})
        ('train.txt: 1 image stands in it more than once (a.jpg, lines 1 and 2)',)
    """
    first: dict[str, tuple[str, int, int]] = {}
    of_two: list[str] = []
    twice: dict[str, list[str]] = {}
    for name, (paths, labels, lines) in lists.items():
        for path, label, line in zip(paths, labels, lines, strict=True):
            image = posixpath.normpath(path)
            before = first.setdefault(image, (name, label, line))
            other, other_label, other_line = before
            if before == (name, label, line):
                continue
            if other_label != label:
                of_two.append(f"{image} ({other}:{other_line} says {other_label}, {name}:{line} says {label})")
            elif other == name:
                twice.setdefault(name, []).append(f"{image}, lines {other_line} and {line}")
    if of_two:
        raise InputError(
            f"{next(iter(lists))}: {_counted(len(of_two))} under two labels: {_some(of_two)}. Expected one class an "
            "image: take the wrong lines away."
        )
    return tuple(
        f"{name}: {_counted(len(result))} in it more than once ({_some(result)})" for name, result in twice.items()
    )


def images_of_two_lists(lists: Mapping[str, tuple[Sequence[str], Sequence[int], Sequence[int]]]) -> tuple[str, ...]:
    """Tell of images that stand in several lists, such as those of train and val.

    Args:
        lists: as of `repeated_images`.

    Example:
        >>> images_of_two_lists({"train.txt": (["a.jpg"], [0], [1]), "val.txt": (["a.jpg", "b.jpg"], [0, 0], [1, 2])})
        ('1 image stands in train.txt and in val.txt (a.jpg): it is learnt from and measured on',)
    """
    images = {name: dict.fromkeys(map(posixpath.normpath, paths)) for name, (paths, _, _) in lists.items()}
    notes = []
    for (first, first_images), (second, others) in combinations(images.items(), 2):
        both = [image for image in others if image in first_images]
        if both:
            it = "it is" if len(both) == 1 else "they are"
            notes.append(
                f"{_counted(len(both))} in {first} and in {second} ({_some(both)}): {it} learnt from and measured on"
            )
    return tuple(notes)


def _several_labels(name: str) -> str | None:
    *path, last = name.rsplit(maxsplit=1)
    if path and _is_label(last) and _is_image(path[0]):
        return f"{_EXPECTED}, one: an image of several classes cannot be learnt here. Take the other numbers away"
    if len(name) > 1 and name[0] == name[-1] and name[0] in "\"'":
        return f"{_EXPECTED}: take the quotation marks away"
    return None


def _is_label(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 9


def _is_row(line: str) -> bool:
    return what_is_wrong(line, (), 0) is None if line else False


def _is_image(name: str) -> bool:
    return posixpath.splitext(name)[1].lower() in IMAGE_SUFFIXES


def _counted(number: int) -> str:
    return f"{number:,} image stands" if number == 1 else f"{number:,} images stand"


def _some(images: Sequence[str]) -> str:
    return ", ".join(images[:_SHOWN]) + (", ..." if len(images) > _SHOWN else "")
