"""Parquet files of Hugging Face datasets: images inside, names of the classes in the metadata of the schema."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from longtail.data.foreign_label_files import class_column
from longtail.data.manifests.parquet import open_parquet
from longtail.data.manifests.parquet_columns import ParquetColumns, class_label_names, features_of, word_of
from longtail.data.manifests.parquet_images import ParquetImages
from longtail.data.manifests.plain_table import read_table
from longtail.data.manifests.rows import ManifestChoice, Rows
from longtail.data.manifests.shards import shard_files, splits_of_shards
from longtail.errors import InputError, did_you_mean
from longtail.files.text import counted, printable

__all__ = ["read_hugging_face_parquet"]


def read_hugging_face_parquet(path: Path, choice: ManifestChoice) -> Rows:
    """Read Parquet files with images in a column.

    Args:
        path: a file, a folder of them, or a pattern such as data/train-*.parquet.
        choice: names of columns that cannot be found by their names.

    Raises:
        InputError: pyarrow is not installed, files of different columns, or a column that cannot be told.
    """
    files = shard_files(path, ".parquet")
    with open_parquet(files[0]) as first:
        schema = first.schema_arrow
    features = features_of(schema)
    image = _image_column(schema, features, choice, files[0])
    if image is None:
        if len(files) == 1:
            return read_table(files[0], choice)
        raise InputError(f"{printable(files[0])}: no column holds images. Columns: {', '.join(schema.names)}.")
    table = ParquetColumns(files, image, schema)
    label = _label_column(schema, features, choice, files[0])
    names = class_label_names(features.get(label))
    columns = {
        argument: _named_column(schema, name, argument, files[0])
        for argument, name in (("group_column", choice.group_column), ("event_column", choice.event_column))
    }
    split = _split_column(schema, choice, files[0])
    table.read([label, *filter(None, (*columns.values(), split))])
    root = files[0].parent if len({file.parent for file in files}) == 1 else _top(files)
    of_shards = None if choice.split_column == "none" or split else splits_of_shards(files, root)
    splits = table.words(split) if split else None
    if of_shards is not None:
        splits = [of_shards[number] for number in table.file_of_row]
    paths = table.paths
    has_bytes = table.has_bytes()
    rows = [
        f"{file.relative_to(root).as_posix()}/{row}"
        for file, number in zip(files, table.lengths, strict=True)
        for row in range(number)
    ]
    images = rows if has_bytes else paths
    group, event = columns["group_column"], columns["event_column"]
    return Rows(
        images,
        _labels(table.columns[label], names, files, label),
        root,
        splits=splits,
        groups=None if group is None else table.words(group),
        grouped_by=group or "",
        events=None if event is None else table.words(event),
        ids=paths if all(paths) and len(set(paths)) == len(paths) else None,
        class_names=names,
        contents=ParquetImages(files, table.row_groups(), images, table.content, is_struct=table.is_struct)
        if has_bytes
        else None,
        notes=(
            f"{printable(path)}: {len(rows):,} images in {counted(len(files), 'Parquet file')}"
            + ("" if has_bytes else ", which hold their paths alone"),
        ),
    )


def _top(files: Sequence[Path]) -> Path:
    return next(one for one in files[0].parents if all(one in file.parents for file in files))


def _image_column(schema: Any, features: Mapping[str, Any], choice: ManifestChoice, path: Path) -> str | None:
    if choice.image_column is not None:
        return _named_column(schema, choice.image_column, "image_column", path)
    known = [name for name, one in features.items() if one.get("_type") == "Image" and name in schema.names]
    columns = known or [field.name for field in schema if _is_image(field.type)]
    if len(columns) > 1:
        raise InputError(
            f"{printable(path)}: {len(columns)} columns hold images: {', '.join(columns)}. Say which: `image_column`."
        )
    return columns[0] if columns else None


def _is_image(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_struct(kind)) and {"bytes", "path"} == {
        kind.field(at).name for at in range(kind.num_fields)
    }


def _label_column(schema: Any, features: Mapping[str, Any], choice: ManifestChoice, path: Path) -> str:
    if choice.label_column is not None:
        return str(_named_column(schema, choice.label_column, "label_column", path))
    known = [name for name in schema.names if class_label_names(features.get(name)) is not None]
    usual = class_column(schema.names)
    if usual in known or (usual is not None and not known):
        return str(usual)
    if len(known) == 1:
        return str(known[0])
    raise InputError(
        f"{printable(path)}: which column holds the class cannot be told. Say it: `label_column`. Columns: "
        f"{', '.join(known or schema.names)}."
    )


def _named_column(schema: Any, name: str | None, argument: str, path: Path) -> str | None:
    if name in (None, "none"):
        return None
    if name not in schema.names:
        raise InputError(
            f"{printable(path)}: has no column {name!r} (`{argument}`).{did_you_mean(name, schema.names)} Columns: "
            f"{', '.join(schema.names)}."
        )
    return name


def _split_column(schema: Any, choice: ManifestChoice, path: Path) -> str | None:
    usual = "split" if choice.split_column is None and "split" in schema.names else choice.split_column
    return _named_column(schema, usual, "split_column", path)


def _labels(values: Sequence[Any], names: tuple[str, ...] | None, files: Sequence[Path], column: str) -> list[str]:
    """Return words; of numbers that stand for names the names. Nobody has labelled what is -1 or missing."""
    if names is None:
        return [word_of(value) for value in values]
    words = []
    for row, value in enumerate(values):
        if value is None or value == -1:
            words.append("")
        elif isinstance(value, int) and 0 <= value < len(names):
            words.append(names[value])
        else:
            raise InputError(
                f"{printable(files[0].parent)}: entry {row + 1}: {column} is {value!r}; expected 0 to "
                f"{len(names) - 1}, as there are names of classes in the schema, or -1 for none."
            )
    return words
