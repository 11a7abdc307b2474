"""A run's folder, read: its settings, its results, its heads, and the features that they were fitted on."""

from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from longtail.arguments import as_path
from longtail.class_names import AlikeNames
from longtail.errors import InputError
from longtail.features import Changed, ColumnChoice, FeatureSplits, Reading, open_features
from longtail.features.columns import Orientation
from longtail.files.json_file import check_kind, read_json
from longtail.files.replacement import settle
from longtail.files.text import checksum_of, printable
from longtail.identity import RowIdentity, read_identities
from longtail.published import MODEL_WEIGHTS, is_published, read_published
from longtail.report.results import read_results

if TYPE_CHECKING:
    from longtail.heads.base import Head

__all__ = ["Run", "run_of_head"]

ROWS = "rows.npz"  # the rows that a run of `fit` was made of
_Share = Annotated[float, Meta(ge=0, lt=1)]


class _Read(TypedDict, total=False):
    """What config.json says of how features were read."""

    features: str | None
    logits: bool
    val_fraction: _Share
    test_fraction: _Share
    split_seed: Annotated[int, Meta(ge=0, lt=2**31)]


class _Columns(TypedDict, total=False):
    """As `ColumnChoice` has them."""

    label_column: str | None
    id_column: str | None
    split_column: str | None
    drop_columns: list[str]
    keep_columns: list[str]
    alike_names: AlikeNames
    group_column: str | None
    event_column: str | None
    weight_column: str | None
    orientation: Orientation | None


@dataclass(frozen=True, repr=False)
class Run:
    """The folder of a finished run of `fit`, `run` or `balance`, a published model, or one that holds a head alone.

    Args:
        folder: as a person named it.

    Raises:
        InputError: no such folder.
    """

    folder: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", as_path(self.folder, "folder"))
        settle(self.folder)
        if not self.folder.is_dir():
            what = "is a file" if self.folder.exists() else "no such folder"
            raise InputError(
                f"{printable(self.folder)}: {what}. Expected the folder of a finished run, a head (.npz) or a "
                "checkpoint (.pt)."
            )

    @cached_property
    def settings(self) -> dict[str, Any]:
        """What config.json holds, and longtail.json of a published model; empty where there is none.

        Raises:
            InputError: it is damaged.
        """
        if self.is_published:
            return read_published(self.folder)["settings"]
        path = self.folder / "config.json"
        return read_json(path, dict[str, Any], expected="the settings of a run") if path.is_file() else {}

    def group(self, name: str) -> dict[str, Any]:
        """Return a group of settings, such as "heads"; empty where there is none.

        Raises:
            InputError: it is no group.
        """
        origin = f"{printable(self.folder / 'config.json')}: {name}"
        return check_kind(self.settings.get(name) or {}, dict[str, Any], origin=origin, expected="a group of settings")

    @property
    def name(self) -> str:
        """What it is called: as its folder, or as it was published."""
        return read_published(self.folder)["name"] if self.is_published else self.folder.resolve().name

    @property
    def is_published(self) -> bool:
        """Whether `longtail publish` wrote it, to be read where the data of the run are not."""
        return is_published(self.folder)

    @property
    def is_balanced(self) -> bool:
        """Whether it is one of `balance`, which has a model beside its results."""
        return self.is_measured and bool(self.results.get("model"))

    @property
    def is_measured(self) -> bool:
        """Whether there are results."""
        return (self.folder / "results.json").is_file()

    @cached_property
    def results(self) -> dict[str, Any]:
        """What results.json holds.

        Raises:
            InputError: there is none, it is damaged, or the folder holds several runs.
        """
        if not self.is_measured:
            seeds = sorted(inside.parent.name for inside in self.folder.glob("seed-*/results.json"))
            if seeds:
                first = printable(self.folder / seeds[0])
                raise InputError(
                    f"{printable(self.folder)}: holds several runs, {', '.join(seeds)}. Name one of them: {first}."
                )
            raise InputError(
                f"{printable(self.folder)}: no results.json. Expected the folder of a finished run, a head (.npz) or a "
                "checkpoint (.pt)."
            )
        return read_results(self.folder)

    @property
    def class_names(self) -> tuple[str, ...]:
        """C names in the order of the classes."""
        return tuple(self.results["data"]["class_names"])

    @property
    def train_counts(self) -> NDArray[np.int64]:
        """n_c, shape (C,)."""
        return np.array(self.results["data"]["train_counts"], dtype=np.int64)

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        """Names of the D columns that the heads were fitted on, where they have any."""
        names = self.results["data"].get("feature_names") if self.is_measured else None
        return None if names is None else tuple(names)

    @property
    def recommended(self) -> str:
        """The method that the report recommends, or that the balanced model has.

        Raises:
            InputError: it recommends none.
        """
        verdict = self.results["verdict"]
        best: str | None = self.results["model"]["method"] if self.is_balanced else verdict.get("best")
        if best is None:
            raise InputError(
                f"{printable(self.folder)}: its results.json recommends no method. Say which: `method`, one of "
                f"{', '.join(self.results['methods'])}."
            )
        return best

    def head_path(self, method: str | None = None) -> Path:
        """Return the file of a head.

        Args:
            method: default: the one that the report recommends.

        Raises:
            InputError: the run has no such method.
        """
        wanted = method or self.recommended
        if wanted not in self.results["methods"]:
            raise InputError(
                f"no method {wanted!r} in {printable(self.folder)}. It has {', '.join(self.results['methods'])}."
            )
        return self.folder / "heads" / f"{wanted}.npz"

    @property
    def heads(self) -> tuple[str, ...]:
        """Names of the methods that have a head."""
        return tuple(self.results["methods"])

    def head(self, method: str | None = None) -> "Head":
        """Read a fitted head.

        Args:
            method: default: the one that the report recommends.

        Raises:
            InputError: the run has no such method, or its file is missing or damaged.
        """
        from longtail.heads import load_head

        return load_head(self.head_path(method))

    def checkpoint(self, which: str | None = None) -> Path:
        """Return the file of the network; a run of features has none.

        Args:
            which: "last" or "best"; default: the one that the features are of.
        """
        if self.is_published:
            return self.folder / MODEL_WEIGHTS
        chosen = which or str(self.group("stage").get("use", "last"))
        return self.folder / "checkpoints" / f"{chosen}.pt"

    def calibration(self, method: str | None = None) -> Path:
        """Return the file of a head's calibration, which `longtail calibrate` writes."""
        return self.folder / "calibration" / f"{self.head_path(method).stem}.json"

    def __repr__(self) -> str:
        if not self.is_measured:
            return f"Run({str(self.folder)!r})"
        from longtail.comparison.method_table import table_rows, table_text
        from longtail.comparison.verdict import verdict_lines

        lines = [table_text(table_rows(self.results)), "", *verdict_lines(self.results["verdict"])]
        return "\n".join([f"Run({str(self.folder)!r})", *lines])

    def _repr_html_(self) -> str:
        """Return the table and the verdict for a notebook; names are escaped."""
        from longtail.comparison.method_table import table_html, table_rows, table_title
        from longtail.comparison.verdict import verdict_lines

        if not self.is_measured:
            return f"<p>{escape(repr(self))}</p>"
        verdict, title = self.results["verdict"], f"{self.name}. {table_title(self.results)}"
        return table_html(table_rows(self.results), verdict_lines(verdict), title=title, best=verdict.get("best"))

    def doubts_of(self, head: Path) -> tuple[str, ...]:
        """Return whether a head's file is another than the run wrote; empty where nothing is to be said.

        Args:
            head: file of a head in this folder.

        Raises:
            InputError: no such file.
        """
        known = self.facts(head.stem).get("head_sha256")  # older versions did not write it
        if known is None or known == checksum_of(head, expected="a fitted head"):
            return ()
        return (
            f"{printable(head)} is not the head that the results in {printable(self.folder)} were measured with: what "
            "they say of it does not hold",
        )

    def facts(self, method: str) -> dict[str, Any]:
        """Return what results.json says of a method; empty where nothing is known."""
        entry: dict[str, Any] = self.results["methods"].get(method, {}) if self.is_measured else {}
        return entry

    @property
    def reading(self) -> Reading:
        """How the features were read."""
        origin, expected = printable(self.folder / "config.json"), "the settings of a run"
        settings: Any = check_kind(self.settings, _Read, origin=origin, expected=expected)
        columns: Any = check_kind(self.group("columns"), _Columns, origin=f"{origin}: columns", expected=expected)
        usual = Reading()
        return Reading(
            logits=settings.get("logits", usual.logits),
            val_fraction=settings.get("val_fraction", usual.val_fraction),
            test_fraction=settings.get("test_fraction", usual.test_fraction),
            seed=settings.get("split_seed", usual.seed),
            columns=_column_choice(columns, f"{origin}: columns"),
        )

    @cached_property
    def rows(self) -> dict[str, RowIdentity] | None:
        """The rows of each split that the heads were fitted on; None for features that lie in the run's own folder.

        Raises:
            InputError: damaged.
        """
        path = self.folder / ROWS
        return read_identities(path) if path.is_file() else None

    @property
    def features(self) -> Path:
        """Folder or file of the features: the run's own, or what `longtail fit` was given."""
        inside, given = self.folder / "features", self.settings.get("features")
        return Path(given) if isinstance(given, str) and not inside.is_dir() else inside

    def open_features(self, path: Path | None = None, *, changed: Changed = "ask") -> FeatureSplits:
        """Open the features that the heads were fitted on, divided as they were then, whatever has become of the file.

        Args:
            path: where they are now; default: where they were.
            changed: what becomes of rows that are another than they were.

        Raises:
            InputError: they are not there, cannot be used, or have changed.
        """
        where = path or self.features
        if not where.exists():
            raise InputError(f"{printable(where)}: the features are not there. Say where they are: `features`.")
        is_stored_here = where.resolve() == (self.folder / "features").resolve()
        known = None if is_stored_here else self.rows
        opened = open_features(where, self.reading, known=known, features=self.feature_names, changed=changed)
        self._check(opened, where)
        return opened

    def _check(self, opened: FeatureSplits, where: Path) -> None:
        """Make sure that these are the classes, in the numbers, that the run knows."""
        names = opened.splits["train"].class_names
        if not self.is_measured or names is None or names == self.class_names:
            return
        different = next((name for name in names if name not in self.class_names), None)
        what = f"{different!r} is none of its classes" if different is not None else "they stand in another order"
        raise InputError(
            f"{printable(where)}: has other classes than the run in {printable(self.folder)}: {what}. Expected "
            f"{', '.join(self.class_names[:8])}{', ...' if len(self.class_names) > 8 else ''}."
        )


def _column_choice(stored: dict[str, Any], origin: str) -> ColumnChoice:
    unknown = next((name for name in stored if name not in _Columns.__annotations__), None)
    if unknown is not None:
        raise InputError(
            f"{origin}: holds {unknown!r}, which this version of longtail does not know. Expected "
            f"{', '.join(_Columns.__annotations__)}; use the version that wrote it."
        )
    plain: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()}
    return ColumnChoice(**plain)


def run_of_head(head: Path) -> Run:
    """Return the run that RUN/heads/NAME.npz, or RUN/checkpoints/NAME.pt, belongs to.

    Raises:
        InputError: no such file, nor a folder where it could be.
    """
    if not head.parent.parent.is_dir():
        raise InputError(f"{printable(head)}: no such file. Expected RUN/heads/NAME.npz or RUN/checkpoints/NAME.pt.")
    return Run(head.parent.parent)
