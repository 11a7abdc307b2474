"""`longtail describe`: know your tail before you train."""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import tyro
from numpy.typing import NDArray

from longtail.counts import GROUPS, class_counts, gini, group_of_class, imbalance_ratio
from longtail.data.source import DataSplits, ImageSource, Joined, groups_of
from longtail.errors import InputError
from longtail.features import SPLITS
from longtail.files.text import counted, printable
from longtail.jobs.describe_network import describe_network, network_lines
from longtail.jobs.flags import as_typed
from longtail.jobs.options import DataOptions, OutputOptions, PixelSize
from longtail.jobs.tail_figure import draw_tail
from longtail.ranges import Range

__all__ = ["DescribeConfig", "describe_splits", "run"]

_MOST_ROWS, _RAREST = 40, 10


@dataclass(frozen=True)
class DescribeConfig:
    """Count classes, find unreadable and identical images, draw the tail."""

    dataset: tyro.conf.Positional[str | None] = None
    """digits, cifar10, cifar100, imagenet-lt, places-lt, inat18, or a folder, list or pack; default: --data."""
    data: DataOptions = field(default_factory=DataOptions)
    runtime: OutputOptions = field(default_factory=OutputOptions)
    many_above: Annotated[int, Range(0)] = 100
    """Training images above which a class is many."""
    few_below: Annotated[int, Range(0)] = 20
    """Training images below which a class is few."""
    look: Literal["auto", "yes", "no"] = "auto"
    """Search for unreadable and for equal images; auto: except in the large published sets."""
    backbone: str | None = None
    """Network whose parameters and multiply-adds are counted, beside data or alone."""
    backbone_set: tuple[str, ...] = ()
    """Arguments NAME=VALUE that the backbone is built with."""
    image_size: PixelSize | None = None
    """Height and width of the backbone's images; default: those that it was made for."""
    build_lists: bool = False
    """Draw ImageNet-LT's lists by its published counts into --out, with --data of ImageNet."""


def run(config: DescribeConfig) -> dict[str, Any]:
    """Print what there is; write describe.json and counts.png.

    Raises:
        InputError: data that cannot be opened, or lists that cannot be built.
    """
    from longtail.data.published import PUBLISHED
    from longtail.jobs.stage_one.images import open_splits

    if config.backbone is not None and config.dataset is None and config.data.data is None:
        return _write_network(config, config.backbone)
    dataset, data = _named(config)
    is_published = dataset in PUBLISHED
    if config.build_lists:
        data = _build_lists(config, dataset, data)
    if is_published and data.data is None:
        facts = describe_published(dataset, many_above=config.many_above, few_below=config.few_below)
        return _write(facts, config, dataset)
    quiet = config.runtime.quiet
    splits = open_splits(dataset, data, quiet=quiet)
    facts = describe_splits(
        splits,
        many_above=config.many_above,
        few_below=config.few_below,
        look=config.look == "yes" or (config.look == "auto" and not is_published),
        quiet=quiet,
    )
    return _write(facts, config, dataset)


def _named(config: DescribeConfig) -> tuple[str, DataOptions]:
    """Return the data's name or path, and the settings to open it with: `describe X` and `describe --data X`."""
    if config.dataset is not None:
        return config.dataset, config.data
    if config.data.data is None:
        raise InputError(
            "describe needs data: a folder, a list file, an image pack or a name such as digits; or --backbone NAME."
        )
    return str(config.data.data), replace(config.data, data=None)


def _build_lists(config: DescribeConfig, dataset: str, data: DataOptions) -> DataOptions:
    from longtail.data.imagenet_lists import build_imagenet_lt

    if dataset != "imagenet-lt":
        raise InputError(f"--build-lists is for imagenet-lt, not {dataset}: no other is drawn from known data.")
    if data.data is None:
        raise InputError("--build-lists needs --data: ImageNet's folder, with train/ and val/ in it.")
    folder = _folder(config, dataset)
    try:
        build_imagenet_lt(data.data, folder, config.runtime.seed)
    except InputError as error:
        raise InputError(as_typed(str(error))) from error
    return replace(data, lists=folder)


def _folder(config: DescribeConfig, name: str) -> Path:
    return config.runtime.out or Path("runs") / f"describe-{Path(name).stem}"


def _write(facts: dict[str, Any], config: DescribeConfig, dataset: str) -> dict[str, Any]:
    from longtail.files.atomic import write_json

    folder = _folder(config, facts["name"])
    if config.backbone is not None:
        facts["network"] = describe_network(
            config.backbone,
            config.backbone_set,
            image_size=config.image_size,
            num_classes=len(facts["class_names"]),
        )
    write_json(folder / "describe.json", facts)
    draw_tail(facts, folder / "counts.png")
    _print(facts, dataset, folder)
    if "network" in facts:
        print("\n".join(network_lines(facts["network"])))
    return facts


def _write_network(config: DescribeConfig, name: str) -> dict[str, Any]:
    """Describe a network alone."""
    from longtail.files.atomic import write_json

    network = describe_network(name, config.backbone_set, image_size=config.image_size)
    folder = _folder(config, name.removeprefix("hf:"))
    write_json(folder / "describe.json", {"network": network})
    print("\n".join([*network_lines(network), str(folder / "describe.json")]))
    return {"network": network}


def describe_published(name: str, *, many_above: int, few_below: int) -> dict[str, Any]:
    """Describe a benchmark from its published class counts, without an image of it.

    Args:
        name: key of `longtail.data.published.PUBLISHED`.
        many_above: a class with more training images is "many".
        few_below: a class with fewer is "few".

    Returns:
        JSON-ready facts, as of `describe_splits`.
    """
    from longtail.data.published import PUBLISHED, published_counts

    counts = published_counts(name)
    note = f"from the published counts; give the folder of {PUBLISHED[name].title} with --data to look at its images"
    facts = {
        "name": name,
        "class_names": [str(c) for c in range(len(counts))],
        "splits": {"train": int(counts.sum()), **PUBLISHED[name].held_out},
        "notes": [note],
    }
    return facts | _imbalance(counts, many_above, few_below)


def describe_splits(
    splits: DataSplits, *, many_above: int, few_below: int, look: bool = True, quiet: bool = True
) -> dict[str, Any]:
    """Count the classes of all splits.

    Args:
        splits: an opened data set.
        many_above: a class with more training images is "many".
        few_below: a class with fewer is "few".
        look: open every image.
        quiet: show no progress of that.

    Returns:
        JSON-ready facts: counts, imbalance, groups, unreadable and byte-identical images.
    """
    counts = class_counts(splits.train.labels, len(splits.class_names))
    parts = {name: getattr(splits, name) for name in SPLITS}
    sources: dict[str, ImageSource] = {name: part for name, part in parts.items() if part is not None}
    sizes = {name: len(source) for name, source in sources.items()}
    facts = {
        "name": splits.name,
        "class_names": list(splits.class_names),
        "splits": sizes,
        "notes": list(splits.notes),
        **_imbalance(counts, many_above, few_below),
        "counts": {
            name: class_counts(source.labels, len(splits.class_names)).tolist() for name, source in sources.items()
        },
        **_grouped(sources, len(splits.class_names), look=look, quiet=quiet),
    }
    return {**facts, **(_look(sources, quiet=quiet) if look else {})}


def _grouped(sources: dict[str, ImageSource], num_classes: int, *, look: bool, quiet: bool) -> dict[str, Any]:
    """Return how many groups each class has; where nobody gave any, the signs that there are some."""
    from longtail.data.signs_of_groups import signs_of_groups
    from longtail.training.progress import progress_bar

    groups = {name: groups_of(source) for name, source in sources.items()}
    if any(groups.values()):
        return {
            "group_counts": {
                name: [len(np.unique(one.codes[sources[name].labels == c])) for c in range(num_classes)]
                for name, one in groups.items()
                if one is not None
            }
        }
    with progress_bar("groups", sum(len(source) for source in sources.values()), quiet=quiet) as bar:
        signs = signs_of_groups(sources, pictures=look, advance=bar.advance)
    return {"signs_of_groups": [sign.to_json() | {"sentence": as_typed(sign.sentence())} for sign in signs]}


def _imbalance(counts: NDArray[np.int64], many_above: int, few_below: int) -> dict[str, Any]:
    groups = group_of_class(counts, many_above, few_below)
    return {
        "train_counts": counts.tolist(),
        "imbalance_ratio": imbalance_ratio(counts),
        "gini": gini(counts),
        "group_thresholds": {"many_above": many_above, "few_below": few_below},
        "groups": {group: int((groups == group).sum()) for group in GROUPS},
    }


def _look(sources: dict[str, ImageSource], *, quiet: bool) -> dict[str, Any]:
    from longtail.data.readable import find_stacks, find_unreadable
    from longtail.training.progress import progress_bar

    with progress_bar("look", sum(len(source) for source in sources.values()), quiet=quiet) as bar:
        unreadable = [
            {"image": source.identify(index), "reason": as_typed(reason)}
            for source in sources.values()
            for index, reason in find_unreadable(source, advance=bar.advance)
        ]
    joined = Joined(tuple(sources.values()))
    split_of = np.repeat(list(sources), [len(source) for source in sources.values()])
    same = _copies(joined)
    named = [[joined.identify(index) for index in members] for members in same]
    labels = joined.labels
    return {
        "unreadable": unreadable,
        "stacks": [joined.identify(index) for index in find_stacks(joined)],
        "identical": named,
        "identical_with_two_labels": [
            names for names, members in zip(named, same, strict=True) if len(set(labels[members].tolist())) > 1
        ],
        # the same photograph may lie in train and in test
        "identical_in_two_splits": [
            names for names, members in zip(named, same, strict=True) if len(set(split_of[members].tolist())) > 1
        ],
    }


def _copies(images: Joined) -> list[list[int]]:
    """Return the rows of each set of images that are the same byte for byte."""
    from longtail.data.fingerprint import fingerprints, same_content

    members: dict[int, list[int]] = defaultdict(list)
    for row, first in enumerate(same_content(images, fingerprints(images)).tolist()):
        members[first].append(row)
    return [rows for rows in members.values() if len(rows) > 1]


def _print(facts: dict[str, Any], dataset: str, folder: Path) -> None:
    counts, names = np.array(facts["train_counts"]), facts["class_names"]
    largest, smallest = int(counts.argmax()), int(counts.argmin())
    total = sum(facts["splits"].values())
    thresholds, groups = facts["group_thresholds"], facts["groups"]
    shown = printable(dataset)
    indent = " " * (len(shown) + 3)
    sizes = ", ".join(f"{number:,} {name}" for name, number in facts["splits"].items())
    print(
        f"{shown}   {len(counts)} classes, {total:,} images ({sizes})\n"
        f"{indent}train from {counts.max():,} ({names[largest]}) down to {counts.min():,} ({names[smallest]}) a class: "
        f"ratio {facts['imbalance_ratio']:,.0f}, Gini {facts['gini']:.2f}\n"
        f"{indent}many (> {thresholds['many_above']}): {groups['many']} classes   medium: {groups['medium']}   "
        f"few (< {thresholds['few_below']}): {groups['few']}"
    )
    for line in [*facts["notes"], *_look_notes(facts)]:
        print(indent + line)
    for row in _table(facts):
        print(indent + row)
    print(f"{indent}picture of it: {printable(folder / 'counts.png')}")


def _look_notes(facts: dict[str, Any]) -> list[str]:
    notes = [sign["sentence"] for sign in facts.get("signs_of_groups", ())]
    if not notes and "signs_of_groups" in facts and "unreadable" in facts:
        notes.append("no sign that some images belong together (looked at: names, times, likeness)")
    if facts.get("unreadable"):
        bad = counted(len(facts["unreadable"]), "file")
        notes.append(f"{bad} cannot be read (named in describe.json); leave them out with --skip-bad")
    if facts.get("stacks"):
        stacks = facts["stacks"]
        notes.append(
            f"{counted(len(stacks), 'file')} of several pictures, of which the first is taken ({stacks[0]}, ...)"
        )
    if facts.get("identical"):
        same, two = counted(len(facts["identical"]), "set"), len(facts["identical_with_two_labels"])
        crossing = len(facts["identical_in_two_splits"])
        notes.append(
            f"{same} of byte-identical images, {two} of them with two labels, {crossing} of them in two splits "
            "(describe.json)"
        )
    return notes


def _table(facts: dict[str, Any]) -> list[str]:
    """Return a row for each class, from the commonest to the rarest; of many classes for the rarest alone."""
    if "counts" not in facts:
        return []
    names, counts = facts["class_names"], facts["counts"]
    order = np.argsort(-np.array(facts["train_counts"]), kind="stable").tolist()
    shown = order if len(order) <= _MOST_ROWS else order[-_RAREST:]
    width = max(len(names[c]) for c in shown)
    heading = "class" if len(shown) == len(order) else f"the {_RAREST} rarest"
    width = max(width, len(heading))
    groups = {f"{split} groups": numbers for split, numbers in facts.get("group_counts", {}).items()}
    columns = {name: (max(len(name), 7), numbers) for name, numbers in (counts | groups).items()}
    rows = [f"{heading:<{width}}  " + "  ".join(f"{name:>{wide}}" for name, (wide, _) in columns.items())]
    return rows + [
        f"{names[c]:<{width}}  " + "  ".join(f"{numbers[c]:>{wide},}" for wide, numbers in columns.values())
        for c in shown
    ]
