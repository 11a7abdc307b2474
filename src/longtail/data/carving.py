"""The images of each split while splits are completed: some left out, some taken off train, copies kept together."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from longtail.counts import class_counts
from longtail.data.fingerprint import fingerprints, same_content
from longtail.data.readable import check_white_levels, find_unreadable, has_deep_images, note_on_stacks
from longtail.data.shared_images import SharedImages, shared_images
from longtail.data.source import ImageSource, Joined, Subset, groups_of
from longtail.errors import InputError
from longtail.files.text import counted
from longtail.grouping import joined_groups
from longtail.holdout import stratified_holdout
from longtail.whole_groups.grouped_split import carved_in_groups

__all__ = ["Carving", "Progress"]

IntArray = NDArray[np.int64]

# of a piece of work and its number of images: enters into what is called with the number that is done
Progress = Callable[[str, int], AbstractContextManager[Callable[[int], object]]]


class Carving:
    """The images of each split while splits are completed.

    Args:
        parts: the splits that the data has, "train" among them.
        progress: shows how far a look at all images is.

    Attributes:
        rows: of each split, into its part.
        notes: sentences for people.
    """

    def __init__(self, parts: Mapping[str, ImageSource], progress: Progress) -> None:
        self.parts = dict(parts)
        self.rows: dict[str, IntArray] = {split: np.arange(len(source)) for split, source in parts.items()}
        self.notes: list[str] = []
        self._progress = progress
        # of each split a number for each image that it shares with its copies; empty as long as nobody has looked
        self._content: dict[str, IntArray] = {}

    @property
    def sources(self) -> dict[str, ImageSource]:
        """The images that each split has by now."""
        return {split: Subset(self.parts[split], rows) for split, rows in self.rows.items()}

    def leave_out_unreadable(self) -> list[dict[str, str]]:
        """Leave out what cannot be read; return split, name and reason of each.

        Raises:
            InputError: nothing is left of a split.
        """
        skipped = []
        with self._progress("look", sum(map(len, self.parts.values()))) as advance:
            for split, source in self.parts.items():
                bad = find_unreadable(source, advance=advance)
                skipped += [
                    {"split": split, "image": source.identify(index), "reason": reason} for index, reason in bad
                ]
                self.rows[split] = np.setdiff1d(self.rows[split], [index for index, _ in bad])
                if len(source) and not len(self.rows[split]):
                    raise InputError(f"none of the {len(source):,} {split} images can be read. The first: {bad[0][1]}")
        if skipped:
            names = ", ".join(item["image"] for item in skipped[:3])
            more = ", ..." if len(skipped) > 3 else ""
            self.notes.append(f"{len(skipped)} unreadable images were left out: {names}{more}")
        return skipped

    def keep_of_train(self, chosen: IntArray) -> Subset:
        """Keep chosen rows of train; return the images that this leaves out."""
        rest = Subset(self.parts["train"], np.delete(self.rows["train"], chosen))
        self.rows["train"] = self.rows["train"][chosen]
        return rest

    def look(self, bits: int | None) -> None:
        """Compare the contents of all images, and ask what is white where nobody knows.

        Args:
            bits: of grey images of more than 8, as a person says.

        Raises:
            InputError: an image that does not say what is white, or a file that cannot be opened.
        """
        train, joined = self.sources["train"], Joined(tuple(self.sources.values()))
        self.notes += note_on_stacks(train)
        if bits is None and has_deep_images(train):
            with self._progress("range", len(joined)) as advance:
                check_white_levels(joined, advance=advance)
        with self._progress("compare", len(joined)) as advance:
            content = same_content(joined, fingerprints(joined, advance=advance))
        ends = np.cumsum([len(rows) for rows in self.rows.values()])[:-1]
        self._content = dict(zip(self.rows, np.split(content, ends), strict=True))
        self.notes += _of_two_classes(train, self._content["train"])

    def split_off(self, fractions: Mapping[str, float], seed: int) -> None:
        """Take splits that are not there off train, class by class; copies stay on one side.

        Args:
            fractions: of each split its share of train; 0 for none.
            seed: of the choice.
        """
        missing = {split: share for split, share in fractions.items() if split not in self.parts and share > 0}
        content = self._content.get("train")
        copies = 0 if content is None else len(content) - len(np.unique(content))
        if copies and missing:
            self.notes.append(
                f"training images that are copies of others, byte for byte: {copies:,}; they stay in one split"
            )
        groups = groups_of(self.sources["train"])
        if groups is not None and missing:
            self._split_off_groups(groups.codes, missing, seed)
            return
        for split, share in missing.items():
            train, content = self.sources["train"], self._content.get("train")
            rest, held_out = stratified_holdout(np.asarray(train.labels), share, seed, content)
            self.notes.append(
                f"no {split} split: {len(held_out):,} of {len(train):,} training images were split off, class by "
                f"class, seed {seed}"
            )
            self._take_off({split: held_out}, rest)

    def _split_off_groups(self, groups: IntArray, missing: Mapping[str, float], seed: int) -> None:
        """Take splits off train at once, in whole groups; copies of an image join the groups that they are in."""
        train, content = self.sources["train"], self._content.get("train")
        together = groups if content is None else joined_groups(groups, content)
        result = carved_in_groups(np.asarray(train.labels), together, missing, seed)
        self.notes += result.sentences(train.class_names)
        if content is not None and len(np.unique(together)) < len(np.unique(groups)):
            self.notes.append("groups that hold copies of one image, byte for byte, were kept together")
        self._take_off({split: result.rows[split] for split in missing if split in result.rows}, result.rows["train"])

    def _take_off(self, held_out: Mapping[str, IntArray], rest: IntArray) -> None:
        """Move rows of train to other splits; the rest stays."""
        for of_split in (self.rows, self._content):
            if "train" in of_split:
                of_split |= {split: of_split["train"][rows] for split, rows in held_out.items()}
                of_split["train"] = of_split["train"][rest]
        self.parts |= dict.fromkeys(held_out, self.parts["train"])

    def shared(self) -> SharedImages | None:
        """Return the images that several splits share, and tell of them."""
        sources = self.sources
        result = shared_images(
            self._content,
            {split: np.asarray(source.labels) for split, source in sources.items()},
            {split: source.identity for split, source in sources.items()},
        )
        if result is not None:
            self.notes += result.sentences({split: len(source) for split, source in sources.items()})
        return result

    def tell_of_crossing_groups(self) -> None:
        """Tell of groups that the data's own splits have on both sides."""
        groups = {split: groups_of(source) for split, source in self.sources.items()}
        for first, second in combinations(self.rows, 2):
            one, other = groups[first], groups[second]
            if one is None or other is None or one.names != other.names:
                continue
            both = np.intersect1d(one.codes, other.codes)
            if len(both):
                rows = int(np.isin(other.codes, both).sum())
                self.notes.append(
                    f"{counted(len(both), 'group')} of {first} {'is' if len(both) == 1 else 'are'} in {second} too, "
                    f"with {rows:,} of its {len(other):,} images: what is measured on them may be remembered"
                )

    def tell_of_classes_without_images(self) -> None:
        """Tell of classes on which nothing can be chosen, or measured."""
        for split in ("val", "test"):
            source = self.sources.get(split)
            if source is None or not len(source):
                continue
            empty = np.flatnonzero(class_counts(source.labels, len(source.class_names)) == 0)
            if len(empty):
                shown = ", ".join(source.class_names[c] for c in empty[:3])
                more = f" and {len(empty) - 3:,} more" if len(empty) > 3 else ""
                them = "it" if len(empty) == 1 else "them"
                self.notes.append(f"no {split} image of {shown}{more}: {split} figures say nothing of {them}")


def _of_two_classes(train: ImageSource, content: IntArray) -> list[str]:
    """Tell of training images that lie under two labels."""
    first = {number: row for row, number in reversed(list(enumerate(content.tolist())))}
    labels = np.asarray(train.labels)
    result = [
        (first[number], row) for row, number in enumerate(content.tolist()) if labels[first[number]] != labels[row]
    ]
    if not result:
        return []
    named = ", ".join(f"{train.identity(row)} = {train.identity(other)}" for row, other in result[:3])
    return [
        f"training images that lie in another class too, byte for byte: {len(result):,} ({named}"
        f"{', ...' if len(result) > 3 else ''}); one of the labels is wrong"
    ]
