"""A table of a million rows: seconds and memory from the call to its first image, beside what others do first.

    python benchmarks/speed/manifest.py
    python benchmarks/speed/manifest.py --rows 50000

Makes a CSV of image, species, site and date, and the images that it names: hard links to a few small files, 1,000 in a
folder. Four processes take turns, each on one thread: `read_manifest` with groups by site and the first image decoded;
the `csv.DictReader` of Python over the file, which keeps image and label and looks for no file; `pandas.read_csv`,
where pandas is there; and a listing of all folders as torchvision's ImageFolder does it. Prints seconds by the clock
and of CPU (medians), and the most memory. What they do is not the same: ours checks each row, and that each file is
there.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).parents[2]
IN_A_FOLDER, LINKS = 1000, 50_000
BEFORE = "import sys, time, resource\npath = sys.argv[1]\n"
AFTER = """
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(time.perf_counter() - clock, time.process_time() - cpu, memory)
"""
START = "clock, cpu = time.perf_counter(), time.process_time()\n"
CHILDREN = {
    "longtail, first image": BEFORE
    + "from pathlib import Path\nfrom longtail.data.manifests import ManifestChoice, read_manifest\n"
    + START
    + "manifest = read_manifest(Path(path), ManifestChoice(group_column='site'))\n"
    + "manifest.source(manifest.splits['train']).load(0)",
    "csv.DictReader": BEFORE
    + "import csv\n"
    + START
    + "rows = [(row['file'], row['species']) for row in csv.DictReader(open(path, newline=''))]",
    "pandas.read_csv": BEFORE + "import pandas\n" + START + "pandas.read_csv(path)",
    "ImageFolder's listing": BEFORE
    + "import os\n"
    + START
    + "root = os.path.dirname(path)\nfiles = []\n"
    + "for folder, _, names in sorted(os.walk(root, followlinks=True)):\n"
    + "    files += [os.path.join(folder, n) for n in sorted(names) if n.lower().endswith(('.jpg', '.png'))]",
}


def make_table(folder: Path, rows: int) -> Path:
    """Write images and the table that names them."""
    rng = np.random.default_rng(0)
    species = np.minimum(rng.zipf(1.3, rows), 8000)
    with (folder / "all.csv").open("w") as table:
        table.write("file,species,site,date\n")
        for row, kind in enumerate(species):
            site, place = row // IN_A_FOLDER, row % IN_A_FOLDER
            first = folder / f"first_{row // LINKS}.png"
            if row % LINKS == 0:
                Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(first)
            if place == 0:
                (folder / f"site_{site:05d}").mkdir()
            os.link(first, folder / f"site_{site:05d}" / f"IMG_{place:05d}.png")
            table.write(f"site_{site:05d}/IMG_{place:05d}.png,species {kind},site {site},2024-01-{row % 28 + 1:02d}\n")
    return folder / "all.csv"


def measured(code: str, table: Path) -> tuple[float, float, float] | None:
    """Return seconds by the clock, seconds of CPU and GiB of one process; None where it needs what is not there."""
    environment = os.environ | {"PYTHONPATH": str(HERE / "src"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code + AFTER, str(table)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode and "ModuleNotFoundError" in done.stderr:
        return None
    done.check_returncode()
    clock, cpu, memory = map(float, done.stdout.split())
    return clock, cpu, memory


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="20,000 rows, once")
    options = parser.parse_args()
    rows, repeat = (20_000, 1) if options.quick else (options.rows, options.repeat)
    with tempfile.TemporaryDirectory() as name:
        table = make_table(Path(name), rows)
        print(f"{rows:,} rows, {table.stat().st_size / 2**20:.0f} MiB")
        results: dict[str, list[tuple[float, float, float]]] = {child: [] for child in CHILDREN}
        for _ in range(repeat):
            for child, code in CHILDREN.items():
                result = measured(code, table)
                results[child] += [] if result is None else [result]
        for child, values in results.items():
            if values:
                clock, cpu, memory = (statistics.median(column) for column in zip(*values, strict=True))
                print(f"  {child:<24}{clock:7.2f} s{cpu:7.2f} s of CPU{memory:7.2f} GiB")
            else:
                print(f"  {child:<24} is not installed")


if __name__ == "__main__":
    main()
