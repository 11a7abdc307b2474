"""What a comparison gives: heads, what they predict, what was measured, and the page that says it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longtail.arguments import as_path
from longtail.comparison.method_table import Row, table_html, table_rows, table_text, table_title
from longtail.comparison.protocol import Protocol
from longtail.comparison.verdict import verdict, verdict_lines
from longtail.environment import provenance
from longtail.errors import InputError
from longtail.features.memory_arrays import IN_MEMORY
from longtail.features.named_columns import in_order_of
from longtail.files.atomic import write_json, write_text
from longtail.files.replacement import replacing
from longtail.files.result_files import parts_with
from longtail.files.text import printable
from longtail.files.unwritable import telling_why
from longtail.heads import folded, save_head
from longtail.heads.base import Head, Prior

__all__ = ["Comparison"]


@dataclass(frozen=True, repr=False)
class Comparison:
    """Methods that were compared under one protocol.

    Attributes:
        protocol: the problem, and how was chosen and measured.
        heads: fitted, by method; "auto" is the chosen one, fitted again.
        predictions: class indices of each on val and test, shape (N,).
        measured: what was measured, as results.json has it; `results` has besides when and where.
        classes: what the classes are called in what was given, shape (C,); None: by their names.
    """

    protocol: Protocol
    heads: Mapping[str, Head]
    predictions: Mapping[str, Mapping[str, NDArray[np.int64]]]
    measured: Mapping[str, Any]
    classes: NDArray[Any] | None = None

    @property
    def best(self) -> str:
        """The recommended method; it was never chosen by its results on test, unless the rules say so."""
        return str(self.results["verdict"]["best"])

    @property
    def table(self) -> list[Row]:
        """A row a method: accuracies on test, or on val where there is no test split, in percent."""
        return table_rows(self.measured)

    @property
    def class_names(self) -> tuple[str, ...]:
        """C names in the order of the class indices."""
        return self.protocol.problem.class_names

    @cached_property
    def results(self) -> dict[str, Any]:
        """What results.json holds."""
        return {
            "title": _title(self.protocol.problem.splits["train"].path),
            **self.measured,
            "verdict": verdict(dict(self.measured)),
            **provenance(),
        }

    def predict(self, features: ArrayLike, *, method: str | None = None, prior: Prior | None = None) -> NDArray[Any]:
        """Return the classes that a head says: their names, or whole numbers where labels in memory were numbers.

        Args:
            features: shape (N, D); a table whose columns have names goes by them, as train does.
            method: default: the recommended one.
            prior: how common the classes are where these features come from: "uniform", "train", or shares (C,).

        Returns:
            Shape (N,).

        Raises:
            InputError: no such method, or unusable features, such as a table of other columns.
        """
        head = self._head(method)
        indices = head.predict(self._rows(features), prior=prior)
        return np.asarray(self.class_names if self.classes is None else self.classes)[indices]  # type: ignore[no-any-return]

    def predict_proba(
        self, features: ArrayLike, *, method: str | None = None, prior: Prior | None = None
    ) -> NDArray[Any]:
        """Return the softmax of a head's scores, not calibrated, shape (N, C); arguments as in `predict`."""
        return self._head(method).predict_proba(self._rows(features), prior=prior)

    @telling_why()
    def report(self, path: Path | str) -> Path:
        """Write the page of the comparison.

        Args:
            path: an HTML file, or a folder, which gets report.html, results.json and heads/NAME.npz; of a run or report
                that stood there nothing is left but what the compared features lie in.

        Returns:
            Path of the page.

        Raises:
            InputError: a file that is no page, a folder that holds something of these names which no run wrote, or a
                place that cannot be written.
        """
        from longtail.report import render_report, write_report

        place = as_path(path, "path").expanduser()
        if place.suffix.lower() not in ("", ".html", ".htm") and not place.is_dir():
            raise InputError(f"`path` is {printable(place)}; expected a folder, or a file that ends in .html.")
        if place.suffix.lower() in (".html", ".htm"):
            write_text(place, render_report(self.results, place.parent))
            return place
        with replacing(place, stays=parts_with(place, self.protocol.problem.splits["train"].path)) as new:
            self.save_heads(new / "heads")
            write_json(new / "results.json", self.results)
            write_report(new)
        return place / "report.html"

    def save_heads(self, folder: Path | str) -> dict[str, Path]:
        """Write each head as folder/METHOD.npz, with the names of classes and features.

        Returns:
            By method, the path of its file.

        Raises:
            InputError: the folder cannot be written.
        """
        paths, place = {}, as_path(folder, "folder")
        for name, head in self.heads.items():
            stored = folded(head)
            stored.class_names_ = np.array(self.class_names)
            if self.protocol.problem.feature_names is not None:
                stored.feature_names_ = np.array(self.protocol.problem.feature_names)
            paths[name] = place / f"{name}.npz"
            save_head(stored, paths[name])
        return paths

    def to_json(self) -> str:
        """Return what was measured as JSON, as results.json has it."""
        return json.dumps(self.results, indent=1)

    def _rows(self, features: ArrayLike) -> NDArray[Any]:
        problem = self.protocol.problem
        rows, width = (
            in_order_of(problem.feature_names, features, "features"),
            problem.splits["train"].features.shape[1],
        )
        if rows.ndim != 2 or not len(rows) or rows.shape[1] != width or rows.dtype.kind not in "iuf":
            raise InputError(
                f"features have shape {rows.shape} and type {rows.dtype}; expected numbers (N, {width}), as train has."
            )
        return rows

    def _head(self, method: str | None) -> Head:
        name = method or self.best
        if not isinstance(name, str) or name not in self.heads:
            raise InputError(f"`method` is {name!r}; expected one of {', '.join(self.heads)}.")
        return self.heads[name]

    def __repr__(self) -> str:
        return "\n".join([table_text(self.table), "", *self._lines()])

    def _repr_html_(self) -> str:
        """Return the table and the verdict for a notebook; names are escaped."""
        return table_html(self.table, self._lines(), title=table_title(self.measured), best=self.best)

    def _lines(self) -> list[str]:
        """Return the verdict, and what is to be known of the data and the settings."""
        notes = [f"note: {note}" for note in self.results["data"]["notes"]]
        return [*verdict_lines(self.results["verdict"]), *notes]


def _title(train: Path) -> str:
    """Return what the data are called: their file, or its folder where the file's name is that of the split alone."""
    if train.parent == IN_MEMORY and not train.suffix:
        return "Features in memory"
    return train.resolve().parent.name if re.fullmatch(r"(\w+_)?train(ing)?", train.stem) else train.stem
