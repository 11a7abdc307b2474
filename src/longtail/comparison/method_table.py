"""The table of a comparison: a row a method."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, TypedDict

__all__ = [
    "Row",
    "aligned_text",
    "chosen_text",
    "measured_split",
    "table_html",
    "table_rows",
    "table_text",
    "table_title",
]

MOST_NUMBERS = 2  # of what a method chose
# in a table of text: methods and what they chose speak for themselves
HEADINGS = {"method": "", "95 %": "[95 %]", "seconds": "time", "chosen": ""}

Row = TypedDict(
    "Row",
    {
        "method": str,
        "chosen on": str,
        "all": float,
        "balanced": float,
        "95 %": str,
        "many": float | None,
        "medium": float | None,
        "few": float | None,
        "seconds": float,
        "chosen": str,
    },
)


def measured_split(results: Mapping[str, Any]) -> str:
    """Return the split that a table shows: test, or val where there is no test split."""
    return "test" if any("test" in entry["metrics"] for entry in results["methods"].values()) else "val"


def table_rows(results: Mapping[str, Any]) -> list[Row]:
    """Return a row a method: accuracies in percent, the 95 % interval of the balanced one, what was chosen.

    Args:
        results: content of results.json.
    """
    split = measured_split(results)
    rows: list[Row] = []
    for name, entry in results["methods"].items():
        if (metrics := entry["metrics"].get(split)) is None:
            continue
        interval = (metrics.get("intervals") or {}).get("balanced")  # other versions may not have measured it
        rows.append(
            {
                "method": name,
                "chosen on": {"not selected": "-", "given": "-"}.get(entry["selected_on"], entry["selected_on"]),
                "all": metrics["all"],
                "balanced": metrics["balanced"],
                "95 %": "-" if interval is None else f"{interval[0]:.1f} .. {interval[1]:.1f}",
                "many": metrics["many"],
                "medium": metrics["medium"],
                "few": metrics["few"],
                "seconds": entry["seconds"],
                "chosen": chosen_text(entry),
            }
        )
    return rows


def chosen_text(entry: Mapping[str, Any]) -> str:
    """Return what a method chose: the method that `auto` is, or its first numbers, such as "tau = 0.7".

    Example:
        >>> chosen_text({"chosen": {"tau": 0.7}}), chosen_text({"choice": {"method": "lda"}})
        ('tau = 0.7', '= lda')
    """
    if "choice" in entry:
        return f"= {entry['choice']['method']}"
    chosen = entry.get("chosen") or {}
    numbers = {name: value for name, value in chosen.items() if type(value) in (int, float)}
    return ", ".join(f"{name} = {value:.3g}" for name, value in list(numbers.items())[:MOST_NUMBERS])


def table_text(rows: Sequence[Row]) -> str:
    """Return a table as aligned text, numbers to the right.

    Example:
        >>> row = {"method": "tau", "chosen on": "val", "all": 62.0, "balanced": 51.5, "95 %": "40.1 .. 61.2"}
        >>> row |= {"many": None, "medium": 60.0, "few": 33.3, "seconds": 0.04, "chosen": "tau = 0.7"}
        >>> print(table_text([row]))
             chosen on   all  balanced        [95 %]  many  medium   few   time
        tau  val        62.0      51.5  40.1 .. 61.2     -    60.0  33.3  0.0 s  tau = 0.7
    """
    if not rows:
        return "nothing was measured: there is neither a val nor a test split"
    lines = [[HEADINGS.get(name, name) for name in rows[0]], *map(_cells, rows)]
    return aligned_text(lines, [name in ("method", "chosen on", "chosen") for name in rows[0]])


def aligned_text(lines: Sequence[Sequence[str]], is_word: Sequence[bool]) -> str:
    """Return a table as aligned text.

    Args:
        lines: of the table, its heading first: a cell a column.
        is_word: which columns stand to the left, as words do.

    Example:
        >>> print(aligned_text([["", "A"], ["few", "3.5"], ["balanced", "12.0"]], [True, False]))
                     A
        few        3.5
        balanced  12.0
    """
    columns = [(max(map(len, column)), left) for column, left in zip(zip(*lines, strict=True), is_word, strict=True)]
    aligned = (
        [cell.ljust(width) if left else cell.rjust(width) for cell, (width, left) in zip(line, columns, strict=True)]
        for line in lines
    )
    return "\n".join("  ".join(line).rstrip() for line in aligned)


def table_html(rows: Sequence[Row], lines: Sequence[str], *, title: str = "", best: str | None = None) -> str:
    """Return a table, and lines below it, as HTML; whatever somebody may have written is escaped.

    It has no colours of its own, so that it is read on a light page and on a dark one.

    Args:
        rows: as `table_rows` gives them.
        lines: paragraphs below.
        title: above it.
        best: method whose row is bold.

    Example:
        >>> table_html([], ["a < b"])
        '<table><thead><tr></tr></thead><tbody></tbody></table><p>a &lt; b</p>'
    """
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in (rows[0] if rows else ()))
    body = "".join(_row_html(row, is_best=row["method"] == best) for row in rows)
    words = "".join(f"<p>{escape(line)}</p>" for line in lines)
    caption = f'<caption style="text-align: left">{escape(title)}</caption>' if title else ""
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{words}"


def table_title(results: Mapping[str, Any]) -> str:
    """Return what a table shows, in words."""
    split = measured_split(results)
    images = results["data"].get("splits", {}).get(split, {}).get("images")
    return f"Accuracy in percent, on {split}{'' if images is None else f' ({images:,} rows)'}"


def _row_html(row: Row, *, is_best: bool) -> str:
    cells = "".join(f"<td>{escape(cell)}</td>" for cell in _cells(row))
    return f'<tr style="font-weight: bold">{cells}</tr>' if is_best else f"<tr>{cells}</tr>"


def _cells(row: Row) -> list[str]:
    return [f"{_cell(value)} s" if name == "seconds" else _cell(value) for name, value in row.items()]


def _cell(value: Any) -> str:
    return "-" if value is None else f"{value:.1f}" if isinstance(value, float) else str(value)
