"""`longtail describe`: know your tail before you train."""

import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tyro
from numpy.typing import NDArray

from longtail.counts import GROUPS, class_counts, gini, group_of_class, imbalance_ratio
from longtail.data.source import DataSplits, ImageSource, Joined
from longtail.errors import InputError
from longtail.jobs.options import DataOptions, RuntimeOptions

__all__ = ["DescribeConfig", "describe_splits", "run"]


@dataclass(frozen=True)
class DescribeConfig:
    """Count classes, find unreadable and identical images, draw the tail."""

    dataset: tyro.conf.Positional[str]
    """digits, cifar10, cifar100, imagenet-lt, places-lt, inat18 (without --data: their published counts), or the path
    of a folder, list file or image pack."""
    data: DataOptions = field(default_factory=DataOptions)
    runtime: RuntimeOptions = field(default_factory=RuntimeOptions)
    many_above: int = 100
    """A class with more training images is called many."""
    few_below: int = 20
    """A class with fewer training images is called few."""
    look: Literal["auto", "yes", "no"] = "auto"
    """Open every image, to find those that cannot be read and those that are the same; auto: except of imagenet-lt,
    places-lt and inat18, which have 100,000s."""
    build_lists: bool = False
    """With imagenet-lt and --data of ImageNet: draw lists by the published counts into --out, for who has none."""


def run(config: DescribeConfig) -> dict[str, Any]:
    """Print what there is; write describe.json and counts.png.

    Raises:
        InputError: data that cannot be opened, or lists that cannot be built.
    """
    from longtail.data.published import PUBLISHED
    from longtail.jobs.stage_one.images import open_splits

    is_published = config.dataset in PUBLISHED
    data = _build_lists(config) if config.build_lists else config.data
    if is_published and data.data is None:
        found = describe_published(config.dataset, many_above=config.many_above, few_below=config.few_below)
        return _write(found, config)
    # unreadable images are found below, and named: they need not stop the opening
    splits = open_splits(config.dataset, replace(data, skip_bad=data.skip_bad and is_published))
    found = describe_splits(
        splits,
        many_above=config.many_above,
        few_below=config.few_below,
        look=config.look == "yes" or (config.look == "auto" and not is_published),
        quiet=config.runtime.quiet,
    )
    return _write(found, config)


def _build_lists(config: DescribeConfig) -> DataOptions:
    from longtail.data.imagenet_lists import build_imagenet_lt

    if config.dataset != "imagenet-lt":
        raise InputError(f"--build-lists is for imagenet-lt, not {config.dataset}: no other is drawn from known data.")
    if config.data.data is None:
        raise InputError("--build-lists needs --data: ImageNet's folder, with train/ and val/ in it.")
    folder = _folder(config, config.dataset)
    build_imagenet_lt(config.data.data, folder, config.runtime.seed)
    return replace(config.data, lists=folder)


def _folder(config: DescribeConfig, name: str) -> Path:
    return config.runtime.out or Path("runs") / f"describe-{Path(name).stem}"


def _write(found: dict[str, Any], config: DescribeConfig) -> dict[str, Any]:
    from longtail.files.atomic import write_json

    folder = _folder(config, found["name"])
    write_json(folder / "describe.json", found)
    _draw(found, folder / "counts.png")
    _print(found, config.dataset, folder)
    return found


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
    return _facts(
        name,
        [str(c) for c in range(len(counts))],
        counts,
        {"train": int(counts.sum()), **PUBLISHED[name].held_out},
        (note,),
        many_above,
        few_below,
    )


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
    parts = {name: getattr(splits, name) for name in ("train", "val", "test")}
    sources: dict[str, ImageSource] = {name: part for name, part in parts.items() if part is not None}
    sizes = {name: len(source) for name, source in sources.items()}
    return {
        **_facts(splits.name, list(splits.class_names), counts, sizes, splits.notes, many_above, few_below),
        **(_look(sources, quiet=quiet) if look else {}),
    }


def _facts(
    name: str,
    class_names: list[str],
    counts: NDArray[np.int64],
    sizes: dict[str, int],
    notes: tuple[str, ...],
    many_above: int,
    few_below: int,
) -> dict[str, Any]:
    groups = group_of_class(counts, many_above, few_below)
    return {
        "name": name,
        "class_names": class_names,
        "train_counts": counts.tolist(),
        "splits": sizes,
        "imbalance_ratio": imbalance_ratio(counts),
        "gini": gini(counts),
        "group_thresholds": {"many_above": many_above, "few_below": few_below},
        "groups": {group: int((groups == group).sum()) for group in GROUPS},
        "notes": list(notes),
    }


def _look(sources: dict[str, ImageSource], *, quiet: bool) -> dict[str, Any]:
    from longtail.data.readable import find_duplicates, find_unreadable
    from longtail.training.progress import progress_bar

    with progress_bar("look", sum(len(source) for source in sources.values()), quiet=quiet) as bar:
        unreadable = [
            {"image": source.identify(index), "reason": reason}
            for source in sources.values()
            for index, reason in find_unreadable(source, advance=bar.advance)
        ]
    joined = Joined(tuple(sources.values()))
    # the same photograph may lie in train and in test
    same, labels = find_duplicates(joined), joined.labels
    return {
        "unreadable": unreadable,
        "identical": [[joined.identify(index) for index in members] for members in same],
        "identical_with_two_labels": [
            [joined.identify(index) for index in members] for members in same if len(set(labels[members].tolist())) > 1
        ],
    }


def _print(found: dict[str, Any], dataset: str, folder: Path) -> None:
    counts, names = np.array(found["train_counts"]), found["class_names"]
    largest, smallest = int(counts.argmax()), int(counts.argmin())
    total = sum(found["splits"].values())
    thresholds, groups = found["group_thresholds"], found["groups"]
    indent = " " * (len(dataset) + 3)
    sizes = ", ".join(f"{number:,} {name}" for name, number in found["splits"].items())
    print(
        f"{dataset}   {len(counts)} classes, {total:,} images ({sizes})\n"
        f"{indent}train from {counts.max():,} ({names[largest]}) down to {counts.min():,} ({names[smallest]}) a class: "
        f"ratio {found['imbalance_ratio']:,.0f}, Gini {found['gini']:.2f}\n"
        f"{indent}many (> {thresholds['many_above']}): {groups['many']} classes   medium: {groups['medium']}   "
        f"few (< {thresholds['few_below']}): {groups['few']}"
    )
    for note in found["notes"]:
        print(indent + note)
    if found.get("unreadable"):
        bad = _counted(len(found["unreadable"]), "file")
        print(f"{indent}{bad} cannot be read (named in describe.json); leave them out with --skip-bad")
    if found.get("identical"):
        same, two = _counted(len(found["identical"]), "set"), len(found["identical_with_two_labels"])
        print(f"{indent}{same} of byte-identical images, {two} of them with two labels (describe.json)")
    print(f"{indent}{folder / 'counts.png'}")


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _draw(found: dict[str, Any], path: Path) -> None:
    from matplotlib.figure import Figure

    from longtail.files.atomic import atomic_path

    counts = np.sort(np.array(found["train_counts"]))[::-1]
    thresholds = found["group_thresholds"]
    groups = group_of_class(counts, thresholds["many_above"], thresholds["few_below"])
    colors = dict(zip(GROUPS, ("#2b5fae", "#13796b", "#c2410c"), strict=True))
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for group in GROUPS:
        members = np.flatnonzero(groups == group)
        if len(members):
            # one outline a group: thousands of bars would take thousands of shapes
            edges = np.append(members, members[-1] + 1) + 0.5
            label = f"{group}: {len(members)} classes"
            axes.stairs(counts[members], edges, baseline=0.5, fill=True, color=colors[group], label=label)
    axes.set(
        yscale="log",
        ylim=(0.5, None),
        xlabel="classes, largest first",
        ylabel="training images",
        title=f"{found['name']}: ratio {found['imbalance_ratio']:,.0f}, Gini {found['gini']:.2f}".replace("$", r"\$"),
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    with atomic_path(path) as temporary, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # a name in letters that the font lacks
        figure.savefig(temporary, dpi=150, format="png")
