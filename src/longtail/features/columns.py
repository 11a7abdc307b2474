"""What the columns of a table are: the label, an id, a split, features, and numbers that only look like features."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self, get_args

from longtail.arguments import brief
from longtail.class_names import AlikeNames
from longtail.errors import InputError, did_you_mean
from longtail.grouping import LIKELY_GROUPS

__all__ = [
    "PERHAPS_LABELS",
    "ColumnChoice",
    "Columns",
    "left_out_note",
    "likely_group_note",
    "quoted",
    "says_which",
    "sort_columns",
    "words_of",
]

# names in small letters; more than one of the first line, or one of the second beside another name of a class, is a
# question
LABELS = ("label", "labels", "target", "targets")
PERHAPS_LABELS = ("class", "y")
RANKS = (
    *("kingdom", "phylum", "order", "family", "genus", "species", "subspecies", "specific_epithet"),
    *(
        "scientific_name",
        "scientificname",
        "common_name",
        "commonname",
        "vernacular_name",
        "vernacularname",
        "binomial",
    ),
    *("species_name", "taxon", "taxon_name", "category"),
)
SPLITS = ("split", "splits", "subset")
IDS = (
    *("id", "ids", "path", "paths", "file", "files", "file_path", "filepath", "filename", "file_name"),
    *("image", "images", "image_id", "image_path", "image_name", "img_file_name", "name"),
)
# what programs put in front of a table that they write: the number of the row
INDEX = re.compile(r"|unnamed: ?\d+|__index_level_\d+__|index|level_\d+|row_?names?|row(_?(number|nr|no|id))?|rownum")
# a number that says which one, and not how much
WHICH = frozenset(
    (
        *("id", "ids", "idx", "index", "key", "uid", "uuid", "guid", "nr", "no", "number", "patient", "subject"),
        *("case", "person", "participant", "animal", "individual", "specimen", "lesion", "site", "plot"),
        *("location", "station", "camera", "cam", "deployment", "sequence", "seq", "event", "burst", "frame"),
        *("fold", "group", "batch", "cluster", "cruise", "haul", "dive", "transect", "plate", "slide", "well"),
        *("donor", "study", "series", "visit", "barcode", "accession", "code"),
    )
)
JOINED = re.compile(
    r"(gbif|taxon|tax|image|img|object|obj|label|class|species|patient|subject|sample|record|event|media|capture|file)id"
)
NAMED = 8
ROLES = ("label_column", "id_column", "split_column", "group_column", "event_column", "weight_column")
GIVEN = (*ROLES, "drop_columns", "keep_columns")
MAY_BE_NONE = ("id_column", "split_column", "group_column", "event_column", "weight_column")
Orientation = Literal["rows", "columns"]


@dataclass(frozen=True)
class ColumnChoice:
    """What a person said of a table's columns.

    Attributes:
        label_column: holds the label; None looks for one by its name.
        id_column: names the rows; None looks for one by its name, "none" takes none.
        split_column: says where a row belongs; None looks for one by its name, "none" takes none.
        group_column: says which rows belong together (a site, a lesion), and so stay on one side of any split; of files
            of arrays the name of an array. None takes the array `groups` and no column, "none" takes none.
        event_column: the same of the event (a sequence of a camera); None takes the array `events`.
        weight_column: says how many rows each counts for where it is learnt from, a number of at least 0; of files of
            arrays the name of an array. None takes the array `weights` and no column, "none" weighs all alike.
        drop_columns: no features; a single name is a list of one.
        keep_columns: features, even if they look like numbers of something.
        alike_names: of labels that differ in case, blanks, `_`, `-` or Unicode form only, as of `settled_names`.
        orientation: whether the "rows" or the "columns" of a square array of features are images, as MATLAB shows it;
            None asks where MATLAB wrote it. Of others, the number of labels tells.

    Raises:
        InputError: columns that are no names.
    """

    label_column: str | None = None
    id_column: str | None = None
    split_column: str | None = None
    drop_columns: tuple[str, ...] = ()
    keep_columns: tuple[str, ...] = ()
    alike_names: AlikeNames = "ask"
    group_column: str | None = None
    event_column: str | None = None
    weight_column: str | None = None
    orientation: Orientation | None = None

    def __post_init__(self) -> None:
        for argument in ("drop_columns", "keep_columns"):
            given: Any = getattr(self, argument)
            names = (given,) if isinstance(given, str) else given
            if not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
                raise InputError(f"`{argument}` is {brief(given)}; expected names of columns, such as ['patient'].")
            object.__setattr__(self, argument, tuple(names))
        if self.orientation not in (None, *get_args(Orientation)):
            raise InputError(f"`orientation` is {brief(self.orientation)}; expected rows or columns.")

    def present_in(self, names: Sequence[str], *, labelled: bool) -> Self:
        """Return what of it concerns these columns: rows that are new need not have what no feature was.

        Args:
            names: of the columns that are there.
            labelled: whether the label has to be among them.
        """

        def there(name: str | None) -> str | None:
            return name if name is None or name == "none" or name in names else None

        return replace(
            self,
            label_column=self.label_column if labelled else there(self.label_column),
            id_column=there(self.id_column),
            split_column=there(self.split_column),
            drop_columns=tuple(name for name in self.drop_columns if name in names),
            keep_columns=tuple(name for name in self.keep_columns if name in names),
            group_column=there(self.group_column),
            event_column=there(self.event_column),
            weight_column=self.weight_column if labelled else None,
        )


@dataclass(frozen=True)
class Columns:
    """The columns of a table by what they are.

    Attributes:
        label: name, or None.
        split: name, or None.
        id: name, or None.
        features: names, D of them.
        left_out: why each other column is no feature, by name.
        group: name, or None.
        event: name, or None.
        weight: name, or None.
    """

    label: str | None
    split: str | None
    id: str | None
    features: tuple[str, ...]
    left_out: dict[str, str] = field(default_factory=dict)
    group: str | None = None
    event: str | None = None
    weight: str | None = None


def sort_columns(
    names: Sequence[str], numeric: Iterable[str], choice: ColumnChoice, *, origin: str, labelled: bool = True
) -> Columns:
    """Return what each column is, by its name and by whether it holds numbers.

    Args:
        names: of all columns, in order.
        numeric: those of them that hold numbers.
        choice: what a person said.
        origin: the file, for messages.
        labelled: whether a label is needed; else there may be one, which is no feature.

    Raises:
        InputError: a name twice, none that is a label, several that could be, a choice that is not there, or no
            features.

    Example:
        >>> sort_columns(["", "id", "label", "area"], ["", "area"], ColumnChoice(), origin="e.csv")
        Columns(label='label', split=None, id='id', features=('area',), left_out={'': 'the number of the row'}, \
group=None, event=None, weight=None)
    """
    twice = next((name for name in names if list(names).count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{origin}: two columns are called {quoted(twice)}. Expected another name for each.")
    for argument in GIVEN:
        given = getattr(choice, argument)
        for name in (given,) if isinstance(given, str) else given or ():
            if name not in names and not (name == "none" and argument in MAY_BE_NONE):
                perhaps = did_you_mean(name, names)
                shown = name if name.isprintable() else repr(name)
                raise InputError(
                    f"{origin}: `{argument}` {shown}: there is no such column.{perhaps} Columns: {_listed(names)}."
                )
    numbers = set(numeric)
    roles = choice.group_column, choice.event_column, choice.weight_column
    group, event, weight = (_named(given, names, ()) for given in roles)
    _refuse_two_roles(choice, origin)
    free = [name for name in names if name not in (*choice.drop_columns, *choice.keep_columns, group, event, weight)]
    label = choice.label_column or _label(free, numbers, origin, labelled=labelled)
    free = [name for name in free if name != label]
    split = _named(choice.split_column, free, SPLITS)
    row_id = _named(choice.id_column, [name for name in free if name != split], IDS)
    left_out = dict.fromkeys(choice.drop_columns, "as asked")
    features = []
    for name in names:
        if name in (label, split, row_id, group, event, weight) or name in left_out:
            continue
        if name not in numbers:
            if name in choice.keep_columns:
                raise InputError(f"{origin}: `keep_columns` {name}: holds no numbers. Leave it out of that option.")
            left_out[name] = "no numbers"
        elif name not in choice.keep_columns and INDEX.fullmatch(name.lower()):
            left_out[name] = "the number of the row"
        else:
            features.append(name)
    if not features:
        raise InputError(
            f"{origin}: has no column of numbers that could be a feature. It holds {_listed(names)}; "
            f"{_listed([f'{quoted(name)} is {why}' for name, why in left_out.items()]) or 'nothing else'}."
        )
    return Columns(label, split, row_id, tuple(features), left_out, group, event, weight)


def _refuse_two_roles(choice: ColumnChoice, origin: str) -> None:
    """Refuse a group, event or weight that is to be something else too; one column may be group and event."""
    for argument in ("group_column", "event_column", "weight_column"):
        name = getattr(choice, argument)
        others = ROLES[:3] if argument != "weight_column" else ROLES[:5]
        other = next((other for other in others if getattr(choice, other) == name), None)
        other = "keep_columns" if name in choice.keep_columns else other
        if name not in (None, "none") and other is not None:
            raise InputError(
                f"{origin}: `{argument}` and `{other}` both name {quoted(name)}; expected another column for each. "
                "Neither a group nor a weight is a feature, and each row has its own label and name."
            )


def says_which(name: str) -> bool:
    """Return whether a column is called as what says which one it is: patient_nr, and not patient_age.

    Example:
        >>> says_which("patientId"), says_which("lesion_3"), says_which("patient_age")
        (True, True, False)
    """
    last = words_of(name)[-1]
    return last in WHICH or JOINED.fullmatch(last) is not None


def words_of(name: str) -> list[str]:
    """Return the words of a name in small letters, numbers at its end left out.

    Example:
        >>> words_of("predictedLabel_2")
        ['predicted', 'label']
    """
    return re.split(r"[^a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.rstrip("_0123456789")).lower())


def _label(names: Sequence[str], numbers: set[str], origin: str, *, labelled: bool) -> str | None:
    small = {name.lower().replace(" ", "_"): name for name in names}
    sure = [small[name] for name in LABELS if name in small]
    perhaps = [small[name] for name in PERHAPS_LABELS if name in small]
    # x and y are places, and class is a rank among others
    perhaps = [name for name in perhaps if not (name.lower() == "y" and "x" in small and name in numbers)]
    ranks = [small[name] for name in RANKS if name in small and small[name] not in numbers]
    if len(sure) == 1 or (not labelled and sure):
        return sure[0]
    candidates = sure or [*perhaps, *ranks]
    if not sure and len(perhaps) == 1 and not ranks:
        return perhaps[0]
    if not labelled:
        return None
    if candidates:
        which = "could each be the label" if len(candidates) > 1 else "may be the label"
        raise InputError(
            f"{origin}: {_listed([quoted(name) for name in candidates])} {which}. Say which one is: `label_column` "
            f"{quoted(candidates[-1])}, for example."
        )
    texts = [name for name in names if name not in numbers and name.lower() not in (*SPLITS, *IDS)]
    hint = f" If {quoted(texts[0])} is it: `label_column` {quoted(texts[0])}." if texts else ""
    raise InputError(
        f"{origin}: no column is called label. It has the columns {_listed(names)}. Say which one holds the class: "
        f"`label_column`.{hint}"
    )


def _named(given: str | None, names: Sequence[str], usual: Sequence[str]) -> str | None:
    if given is not None:
        return None if given == "none" and "none" not in names else given
    small = {name.lower(): name for name in names}
    return next((small[name] for name in usual if name in small), None)


def left_out_note(origin: str, left_out: Mapping[str, str]) -> tuple[str, ...]:
    """Return a note that names the columns that are no features, and why; nothing where there are none."""
    whys = dict.fromkeys(left_out.values())
    parts = [f"{_listed([quoted(name) for name, reason in left_out.items() if reason == why])} ({why})" for why in whys]
    return (f"{origin}: no features: {'; '.join(parts)}",) if parts else ()


def likely_group_note(origin: str, columns: Columns, choice: ColumnChoice) -> tuple[str, ...]:
    """Return a note on a column that says by its name what belongs together, where nobody has said so.

    Example:
        >>> columns = Columns("label", None, None, ("f0",), {"site": "no numbers", "weather": "no numbers"})
        >>> likely_group_note("e.csv", columns, ColumnChoice(group_column="none"))
        ()
        >>> likely_group_note("e.csv", columns, ColumnChoice())[0][:70]
        'e.csv: the column site says what belongs together, as it seems: `group'
    """
    words = {name.lower(): name for name, why in columns.left_out.items() if why == "no numbers"}
    likely = next((quoted(words[name]) for name in LIKELY_GROUPS if name in words), None)
    if likely is None or choice.group_column is not None:
        return ()
    return (
        f"{origin}: the column {likely} says what belongs together, as it seems: `group_column` {likely} keeps those "
        "on one side of every split; `group_column` none says that they are apart",
    )


def quoted(name: str) -> str:
    """Return the name of a column as a message can hold it, and a shell."""
    return f"'{name}'" if not name or not name.isascii() or " " in name else name


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED:,} more" if len(names) > NAMED else "")
