"""The images of all splits on their way into a pack."""

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["packed_images", "unreadable_images"]


def unreadable_images(sources: Mapping[str, Any], *, quiet: bool) -> dict[str, dict[int, str]]:
    """Return the reason for each image that cannot be read, by split and place; what white is need not be known yet."""
    from longtail.data.readable import find_unreadable
    from longtail.training.progress import progress_bar

    with progress_bar("check", sum(len(source) for source in sources.values()), quiet=quiet) as bar:
        return {
            split: dict(find_unreadable(source, unstated=False, advance=bar.advance))
            for split, source in sources.items()
        }


def packed_images(
    sources: Mapping[str, Any], bad: Mapping[str, Any], *, quiet: bool
) -> Iterator[tuple[bytes, int, str]]:
    """Walk over bytes, class index and split of each image that can be read."""
    from longtail.training.progress import progress_bar

    with progress_bar("pack", sum(len(source) for source in sources.values()), quiet=quiet) as bar:
        for split, source in sources.items():
            for index, label in enumerate(source.labels):
                bar.advance(1)
                if index not in bad[split]:
                    yield source.encoded(index), int(label), split
