"""WebDataset: archives (.tar) in which the files of a sample share all of their name in front of the first dot."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from longtail.data.image_kinds import IMAGE_SUFFIXES
from longtail.data.manifests.rows import ManifestChoice, Rows
from longtail.data.manifests.shard_contents import ShardContents
from longtail.data.manifests.shards import shard_files, splits_of_shards
from longtail.data.manifests.tar_members import TarMember, tar_members
from longtail.data.manifests.web_dataset_labels import Sample, SampleColumns
from longtail.errors import InputError
from longtail.files.text import counted, printable

__all__ = ["read_web_dataset"]

_NAME = re.compile(r"((?:.*/)?[^./]+)\.([^/]*)", re.DOTALL)
_META = re.compile(r"__[^/]*__($|/)")
_IMAGES = tuple(suffix.removeprefix(".") for suffix in sorted(IMAGE_SUFFIXES))


def read_web_dataset(path: Path, choice: ManifestChoice) -> Rows:
    """Read shards of WebDataset.

    Args:
        path: a shard (.tar), a folder of them, or a pattern such as data-{000..127}.tar.
        choice: `image_column` is the extension of the images, `label_column` that of the labels or a field of the
            samples' .json, `group_column` and `event_column` are fields of it; `split_column` "none" takes no split
            from the names of shards.

    Raises:
        InputError: no shard, a damaged one, samples without an image or with several, or labels that cannot be told.
    """
    files = shard_files(path, ".tar")
    root = _root(files)
    images: list[str] = []
    members: list[str] = []
    columns = SampleColumns(files[0].with_name("classes.txt"), choice)
    shard, spans = [], []
    for number, file in enumerate(files):
        name = file.relative_to(root).as_posix()
        for sample in _samples(file):
            extension, member = _image(sample, file, choice)
            columns.add(file, sample, extension)
            images.append(f"{name}/{member.name}")
            members.append(member.name)
            shard.append(number)
            spans.append((member.offset, member.size))
    if not images:
        raise InputError(f"{printable(path)}: holds no sample. Expected images in archives, as WebDataset writes them.")
    of_shards = None if choice.split_column == "none" else splits_of_shards(files, root)
    contents = ShardContents(files, np.array(shard), images, members, np.array(spans, dtype=np.int64).reshape(-1, 2))
    return Rows(
        images,
        columns.labels,
        root,
        splits=None if of_shards is None else [of_shards[number] for number in shard],
        groups=columns.groups or None,
        grouped_by=choice.group_column or "",
        events=columns.events or None,
        ids=columns.keys,
        class_names=columns.class_names(),
        contents=contents,
        notes=(f"{printable(path)}: {len(images):,} samples in {counted(len(files), 'shard')}",),
    )


def _root(files: list[Path]) -> Path:
    folders = {file.parent for file in files}
    if len(folders) == 1:
        return folders.pop()
    return next(
        parent for parent in files[0].parents if all(parent in folder.parents or parent == folder for folder in folders)
    )


def _samples(file: Path) -> Iterator[Sample]:
    sample, keys = Sample(""), set()
    for member in tar_members(file):
        name = _NAME.fullmatch(member.name)
        if name is None or _META.match(member.name):
            continue
        key, extension = name[1], name[2].lower()
        if key != sample.key:
            if sample.members:
                yield sample
            if key in keys:
                raise InputError(
                    f"{printable(file)}: the files of the sample {printable(key)} do not lie one after the other, or "
                    "it is there twice. Expected all of a sample together, as `tar --sort=name` puts them."
                )
            keys.add(key)
            sample = Sample(key)
        if extension in sample.members:
            raise InputError(
                f"{printable(file)}: the sample {printable(key)} has two files .{printable(extension)}. Expected one; "
                "all behind the first dot of a name is the extension, in small letters."
            )
        sample.members[extension] = member
    if sample.members:
        yield sample


def _image(sample: Sample, file: Path, choice: ManifestChoice) -> tuple[str, TarMember]:
    where = f"{printable(file)}: the sample {printable(sample.key)}"
    if choice.image_column is not None:
        extension = choice.image_column.lower().removeprefix(".")
        if extension not in sample.members:
            raise InputError(f"{where} has no file .{printable(extension)} (`image_column`). It has {sample.listed()}.")
        return extension, sample.members[extension]
    images = [extension for extension in sample.members if extension.rpartition(".")[2] in _IMAGES]
    if len(images) == 1:
        return images[0], sample.members[images[0]]
    if images:
        raise InputError(
            f"{where} has {len(images)} images: {sample.listed()}. All behind the first dot of a name is the "
            "extension. Where these are images of their own, write their names without the first dot; else say which "
            f"is meant, as `image_column` {printable(images[0])}."
        )
    raise InputError(f"{where} has no image. It has {sample.listed()}; expected one of .{', .'.join(_IMAGES)}.")
