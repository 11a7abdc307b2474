"""Which methods a text such as "joint,tau", "usual", "all" or "auto" means."""

from collections.abc import Sequence

from longtail.comparison.methods import METHODS
from longtail.errors import InputError, did_you_mean

__all__ = [
    "USUAL_METHODS",
    "affordable_methods",
    "is_alone",
    "is_named",
    "methods_text",
    "wanted_methods",
    "wants_auto",
]

USUAL_METHODS = ("joint", "ncm", "crt", "tau", "la", "lws", "mlp")  # the paper's, and two that are hard to beat
MOST_NEIGHBOURS = 50_000  # training rows, above which methods that keep and compare with all are fitted when named
SETS = ("usual", "all")


def wanted_methods(text: str) -> tuple[str, ...]:
    """Read a list of methods; `auto` alone is made of a few that are unlike each other.

    Args:
        text: names with commas between, usual, all, auto.

    Raises:
        InputError: an unknown method, or none.

    Example:
        >>> wanted_methods("tau, joint, auto"), "lda" in wanted_methods("usual"), "lda" in wanted_methods("auto")
        (('joint', 'tau'), False, True)
    """
    words = _words(text)
    names = [name for name in words if name not in ("auto", *SETS)]
    for name in names:
        if name not in METHODS:
            perhaps = did_you_mean(name, METHODS)
            raise InputError(f"no method {name!r}.{perhaps} Methods: {', '.join(METHODS)}, usual, all, auto.")
    if not words:
        raise InputError(f"`methods` is empty; expected some of {', '.join(METHODS)}, usual, all or auto.")
    if words == ["auto"]:
        names = [name for name, method in METHODS.items() if method.part is not None]
    if names and len(words) == len(names) and all(METHODS[name].cost == "others" for name in names):
        raise InputError(
            f"`methods` {','.join(names)} alone: it is made of other methods. Name some, such as lda,mlp,ensemble."
        )
    wanted = {*names, *(name for word in words if word in SETS for name in _members(word))}
    # tables begin with the paper's; what is made of the others stands last
    order = (*(name for name in USUAL_METHODS if name != "mlp"), *METHODS)
    return tuple(name for name in dict.fromkeys(order) if name in wanted)


def methods_text(methods: str | Sequence[str]) -> str:
    """Return methods as a text; a list of names is one too.

    Raises:
        InputError: something else.

    Example:
        >>> methods_text(["joint", "tau"])
        'joint,tau'
    """
    if isinstance(methods, str):
        return methods
    if not isinstance(methods, Sequence) or not all(isinstance(name, str) for name in methods):
        raise InputError(f"`methods` is {methods!r:.80}; expected names, such as 'joint,tau' or ['joint', 'tau'].")
    return ",".join(methods)


def wants_auto(text: str) -> bool:
    """Return whether the best of the methods is to be chosen and fitted again."""
    return "auto" in _words(text)


def affordable_methods(text: str, num_rows: int) -> tuple[str, ...]:
    """Leave out what would take long on so many training rows, where it was not named.

    Example:
        >>> "knn" in affordable_methods("all", 1000), "knn" in affordable_methods("all", 100_000)
        (True, False)
    """
    return tuple(
        name
        for name in wanted_methods(text)
        if num_rows <= MOST_NEIGHBOURS or METHODS[name].cost != "all rows" or is_named(name, text)
    )


def is_alone(name: str, text: str) -> bool:
    """Return whether nothing but this was asked for.

    Example:
        >>> is_alone("auto", "auto"), is_alone("auto", "lda,auto")
        (True, False)
    """
    return _words(text) == [name]


def is_named(name: str, text: str) -> bool:
    """Return whether a method was asked for by its name, and not as one of all.

    Example:
        >>> is_named("knn", "lda, knn"), is_named("knn", "all")
        (True, False)
    """
    return name in _words(text)


def _members(word: str) -> tuple[str, ...]:
    everything = tuple(name for name, method in METHODS.items() if not method.named_only)
    return USUAL_METHODS if word == "usual" else everything


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]
