"""Build the site: `python docs/site/build.py [--out FOLDER] [--check-links]`; `make docs` does."""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from command_pages import command_pages
from gathering import gather
from method_table import method_table
from python_pages import python_pages

ROOT = Path(__file__).parents[2]


def build(out: Path, builder: str = "html") -> int:
    """Make the site anew; return 0, or what Sphinx says of a warning or an error."""
    pages = out.parent / f"{out.name}-pages"
    for folder in (pages, out):
        shutil.rmtree(folder, ignore_errors=True)
    gather(ROOT, pages)
    made = {**python_pages(), **command_pages(), "methods/table.md": method_table(ROOT)}
    for place, text in made.items():
        (pages / place).parent.mkdir(parents=True, exist_ok=True)
        (pages / place).write_text(text)
    words = [
        "-b",
        builder,
        "-W",
        "--keep-going",
        "-q",
        "-j",
        "auto",
        "-c",
        str(Path(__file__).parent),
        "-d",
        str(pages / ".doctrees"),
    ]
    return subprocess.call([sys.executable, "-m", "sphinx", *words, str(pages), str(out)])


def main() -> int:
    """Build as the words behind the command say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "build/site", help="folder of the site")
    parser.add_argument("--check-links", action="store_true", help="ask for every address outside of the site instead")
    given = parser.parse_args()
    status = build(given.out, "linkcheck" if given.check_links else "html")
    if status == 0:
        print(f"Open {given.out / ('output.txt' if given.check_links else 'index.html')}")
    return status


if __name__ == "__main__":
    raise SystemExit(main())
