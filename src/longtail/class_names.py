"""Names of classes: which are one name written in two ways, and what to do about it."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Literal

from longtail.errors import InputError

__all__ = ["AlikeNames", "alike_names", "check_names", "merged_names", "settled_names"]

AlikeNames = Literal["ask", "keep", "merge"]

# blanks, underscores, and all that Unicode calls a dash
_SEPARATORS = re.compile(r"[\s_\-\u2010-\u2015\u2212\u2043\ufe58\ufe63\uff0d]+")
# between two digits a separator tells numbers apart: 1_12 is not 11_2
_NEEDLESS = re.compile(r"(?<!\d) | (?!\d)")
_NEGATIVE = re.compile(r"\s*[-\u2212]\d[\d.]*\s*")


def alike_names(names: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return the names that differ in case, blanks, `_`, `-` or Unicode form only.

    Args:
        names: of classes, C of them.

    Returns:
        A group for each name that is written in several ways, or stands there twice, in the order of `names`.

    Example:
        >>> alike_names(["Bear", "black bear", "bear ", "Black_Bear", "cat"])
        (('Bear', 'bear '), ('black bear', 'Black_Bear'))
        >>> alike_names(["1_12", "11_2", "-1", "1"])
        ()
    """
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(_essence(name), []).append(name)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)


def merged_names(names: Sequence[str]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Make one class of names that are alike.

    Args:
        names: of classes, C of them.

    Returns:
        The names that are left, in order: the first of each group, without blanks around it, stands for all of it; and
        the number among them of each of `names`.

    Example:
        >>> merged_names(["ant ", "Ant", "bee"])
        (('ant', 'bee'), (0, 0, 1))
    """
    written_twice = {_essence(group[0]) for group in alike_names(names)}
    numbers: dict[str, int] = {}
    merged: list[str] = []
    for name in names:
        essence = _essence(name)
        if essence not in numbers:
            numbers[essence] = len(merged)
            merged.append(name.strip() if essence in written_twice else name)
    return tuple(merged), tuple(numbers[_essence(name)] for name in names)


def settled_names(names: Sequence[str], answer: AlikeNames, origin: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return the classes that a person wants where names are alike.

    Args:
        names: of classes, C of them.
        answer: "ask" refuses names that are alike, "keep" leaves them as they are, "merge" makes one class of them.
        origin: where the names stand, for messages.

    Returns:
        As `merged_names`.

    Raises:
        InputError: names that cannot be written down, names that are alike and nobody said what that means, or the same
            name twice where names are to be kept.

    Example:
        >>> settled_names(["ant", "Ant"], "keep", "photos")
        (('ant', 'Ant'), (0, 1))
    """
    check_names(names, origin)
    groups = alike_names(names)
    if answer == "merge" or not groups:
        return merged_names(names) if groups else (tuple(names), tuple(range(len(names))))
    twice = next((group for group in groups if len(set(group)) < len(group)), None)
    if answer == "keep" and twice is None:
        return tuple(names), tuple(range(len(names)))
    if answer == "keep":
        raise InputError(
            f"{origin}: two classes are called {twice[0] if twice else ''!r}. Expected another name for each, or "
            "`alike_names='merge'`."
        )
    listed = "; ".join(" = ".join(repr(name) for name in group) for group in groups[:5])
    several = "1 class name is" if len(groups) == 1 else f"{len(groups):,} class names are"
    raise InputError(
        f"{origin}: {several} written in several ways that differ in case, blanks, '_', '-' or Unicode form only: "
        f"{listed}{'; ...' if len(groups) > 5 else ''}. Say whether each group is one class, `alike_names='merge'`, or "
        "several, `alike_names='keep'`."
    )


def check_names(names: Sequence[str], origin: str) -> None:
    r"""Refuse names that no file could hold, and names of nothing.

    Args:
        names: of classes.
        origin: where they stand, for messages.

    Raises:
        InputError: a name that is empty, or that is no text in Unicode.

    Example:
        >>> check_names(["ant", "b\udce4r"], "photos")
        Traceback (most recent call last):
        ...
        longtail.errors.InputError: photos: the class name 'b\xe4r' is no text in UTF-8. Rename it.
    """
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError as error:
            # bytes that came from a file name as backslash and number, as a terminal shows them
            shown = name.encode("utf-8", "surrogateescape" if _are_bytes(name) else "backslashreplace")
            text = shown.decode("utf-8", "backslashreplace")
            raise InputError(f"{origin}: the class name '{text}' is no text in UTF-8. Rename it.") from error
        if not name.strip():
            raise InputError(f"{origin}: the class name {name!r} is empty. Give it a name.")


def _are_bytes(name: str) -> bool:
    return all(0xDC80 <= ord(character) <= 0xDCFF for character in name if 0xD800 <= ord(character) <= 0xDFFF)


def _essence(name: str) -> str:
    if _NEGATIVE.fullmatch(name):
        return name.strip()
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    # marks that are not seen, such as the zero-width space
    seen = "".join(character for character in folded if unicodedata.category(character) != "Cf")
    return _NEEDLESS.sub("", _SEPARATORS.sub(" ", seen).strip()) or name
