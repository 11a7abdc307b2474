"""What a fitted head shows of itself in a notebook: a small table."""

import inspect
from html import escape
from typing import Any

import numpy as np

__all__ = ["head_table"]

MOST_NAMES, MOST_LETTERS = 8, 120
CHOSEN_ON = {"val": "on the validation rows", "train-cv": "by cross-validation on train", "test": "on the test rows"}


def head_table(head: Any) -> str:
    """Return a fitted head as an HTML table: settings, classes, features, what was chosen, notes.

    Args:
        head: fitted; only its parameters and public attributes are read.

    Returns:
        One `<table>`; everything that somebody may have written is escaped.

    Example:
        >>> from longtail.heads import NearestClassMean
        >>> table = head_table(NearestClassMean(metric="l2").fit(np.eye(3), ["cat", "dog", "dog"]))
        >>> "NearestClassMean" in table, "cat (1 row)" in table, "dog (2 rows)" in table
        (True, True, True)
    """
    rows = {
        "settings": _settings(head),
        "classes": _classes(head),
        "features": _features(head),
        "chosen": _chosen(head),
        "members": ", ".join(getattr(head, "members_", ())),
        "head": _title(head.head_) if hasattr(head, "head_") else "",
        "notes": "\n".join(head.notes_),
    }
    lines = [
        f'<tr><th scope="row" style="text-align: left">{name}</th>'
        f'<td style="text-align: left">{escape(text).replace(chr(10), "<br>")}</td></tr>'
        for name, text in rows.items()
        if text
    ]
    title = f'<caption style="text-align: left"><b>{escape(_title(head))}</b></caption>'
    return f"<table>{title}<tbody>{''.join(lines)}</tbody></table>"


def _title(head: Any) -> str:
    return type(head).__name__


def _settings(head: Any) -> str:
    """Return the parameters that somebody has set, as they would be typed."""
    values = head.get_params(deep=False)
    given = [
        f"{name} = {_short(values[name])}"
        for name, parameter in inspect.signature(type(head)).parameters.items()
        if not _is_same(values[name], parameter.default)
    ]
    return ", ".join(given) or "all as by default"


def _is_same(value: Any, default: Any) -> bool:
    return value is default or (type(value) is type(default) and bool(np.all(value == default)))


def _short(value: Any) -> str:
    """Return a value on one line; of arrays and heads what they are."""
    if isinstance(value, tuple | list) and any(hasattr(part, "shape") or hasattr(part, "get_params") for part in value):
        return f"({', '.join(_short(part) for part in value)})"
    if hasattr(value, "shape") and value.shape:
        return f"{type(value).__name__} {tuple(value.shape)}"
    text = " ".join((type(value).__name__ if hasattr(value, "get_params") else repr(value)).split())
    return text if len(text) <= MOST_LETTERS else f"{text[: MOST_LETTERS - 1]}…"


def _classes(head: Any) -> str:
    names = [" ".join(str(name).split()) for name in getattr(head, "class_names_", head.classes_)[:MOST_NAMES]]
    counts = getattr(head, "class_counts_", None)
    if counts is not None:
        names = [f"{name} ({n:,} row{'' if n == 1 else 's'})" for name, n in zip(names, counts, strict=False)]
    return f"{len(head.classes_):,}: {_listed(names, len(head.classes_))}"


def _features(head: Any) -> str:
    names = getattr(head, "feature_names_", getattr(head, "feature_names_in_", ()))
    listed = _listed([" ".join(str(name).split()) for name in names[:MOST_NAMES]], len(names))
    return f"{head.n_features_in_:,}" + (f": {listed}" if listed else "")


def _listed(names: list[str], total: int) -> str:
    short = [name if len(name) <= MOST_LETTERS else f"{name[: MOST_LETTERS - 1]}…" for name in names]
    return ", ".join([*short, f"… ({total - len(names):,} more)"] if total > len(names) else short)


def _chosen(head: Any) -> str:
    """Return the parameters that the fit settled, and on which rows."""
    values = (f"{name} = {_plain(value)}" for name, value in head.chosen_parameters().items())
    settled, where = ", ".join(values), CHOSEN_ON.get(getattr(head, "selected_on_", ""), "")
    return " ".join(part for part in (settled or ("chosen" if where else ""), where) if part)


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
