"""The pages as Sphinx reads them: those of the checkout, whose links are led to where their aim lies on the site."""

import os
import re
import shutil
from pathlib import Path

from navigation import ELSEWHERE, SECTIONS

__all__ = ["gather", "sources", "toctree"]

_LINK = re.compile(r"(?<!`)(\]\()([^()\s]+)(\))")


def sources(root: Path) -> dict[str, str]:
    """Return {path in the repository: path on the site} of every page that is written by hand."""
    written = [path.relative_to(root) for path in sorted((root / "docs").rglob("*.md"))]
    return {path.as_posix(): path.relative_to("docs").as_posix() for path in written} | ELSEWHERE


def gather(root: Path, out: Path, pages: dict[str, str] | None = None) -> None:
    """Lay the written pages, and the files that they show or offer, into a folder.

    Args:
        root: of the checkout.
        out: the folder.
        pages: as `sources` gives them.
    """
    pages = sources(root) if pages is None else pages
    for source, place in pages.items():
        lines = (root / source).read_text().splitlines()
        text = "\n".join(line if line.startswith("    ") else _led(line, source, root, out, pages) for line in lines)
        _write(out / place, text + "\n" + (_navigation() if place == "index.md" else ""))


def _led(line: str, source: str, root: Path, out: Path, pages: dict[str, str]) -> str:
    here = Path(pages[source]).parent

    def led(match: re.Match[str]) -> str:
        target, hash_sign, anchor = match[2].partition("#")
        if not target or ":" in target:
            return match[0]
        aim = Path(os.path.normpath(Path(source).parent / target)).as_posix()
        aim = "docs/index.md" if aim == "README.md" else aim
        if aim not in pages and not (root / aim).is_file():
            raise SystemExit(f"{source}: the link to {match[2]} leads nowhere.")
        place = pages.get(aim, f"files/{aim}")
        if aim not in pages:
            (out / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / aim, out / place)
        return f"{match[1]}{os.path.relpath(place, here)}{hash_sign}{anchor}{match[3]}"

    return _LINK.sub(led, line)


def _navigation() -> str:
    return "\n".join(toctree(entries, f":caption: {heading}") for heading, entries in SECTIONS.items())


def toctree(entries: list[str], *options: str) -> str:
    """Return the list of pages that stand below a page at the side."""
    return "\n".join(["", "```{toctree}", ":hidden:", *options, "", *entries, "```", ""])


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
