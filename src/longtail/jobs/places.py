"""Where results go that nobody named a folder for."""

from pathlib import Path

from longtail.files.atomic import write_text
from longtail.files.result_files import MADE_OF

__all__ = ["place_for", "remember_source"]

GENERIC = frozenset({"features", "embeddings", "data", "images", "train", "model", "pytorch_model", "last", "best"})


def place_for(verb: str, source: Path | str, given: Path | None = None) -> Path:
    """Return the folder for the results of a verb: the given one, or one of its own for each source.

    Args:
        verb: begins the folder's name, such as "fit".
        source: what the results are made of.
        given: as a person named it.

    Example:
        >>> place_for("fit", "runs/photos/features").as_posix(), place_for("fit", "birds.csv").as_posix()
        ('runs/fit-photos-features', 'runs/fit-birds')
    """
    if given is not None:
        return given
    full = Path(source).resolve()
    name = full.stem if full.stem not in GENERIC else f"{full.parent.name}-{full.stem}".strip("-")
    for number in range(1, 1000):
        folder = Path("runs") / f"{verb}-{name}{f'-{number}' if number > 1 else ''}"
        if not folder.exists() or _source_of(folder) in (None, str(full)):
            return folder
    return folder


def remember_source(folder: Path, source: Path | str) -> None:
    """Note down what a folder's results were made of, so that those of another source go elsewhere."""
    write_text(folder / MADE_OF, str(Path(source).resolve()))


def _source_of(folder: Path) -> str | None:
    try:
        return (folder / MADE_OF).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
