"""`longtail fit` of a small table: CPU time of this checkout against an older one's, start-up and report included.

    git worktree add ../before COMMIT
    python benchmarks/speed/small_fit.py --before ../before

Both fit the default methods to the same made-up CSV (350 rows, 8 features, 5 classes) in processes of their own that
take turns, each on one thread, after one call each that warms the caches. Prints the CPU seconds of each call (user and
system), the medians and their ratio, and whether both wrote the same heads and predictions, which an older commit need
not do. `--methods auto` fits what auto does, `--features FOLDER` fits other features than the made-up ones.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from checkouts import HELP, HERE, checked, environment_of

COUNTS = (200, 80, 40, 20, 10)
FEATURES = 8


def write_table(path: Path) -> None:
    """Write the rows: Gaussians around a centre a class."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(len(COUNTS), FEATURES))
    lines = [",".join([f"x{column}" for column in range(FEATURES)] + ["label"])]
    for number, count in enumerate(COUNTS):
        rows = rng.normal(centres[number], 1.0, size=(count, FEATURES))
        lines += [",".join(f"{value:.4f}" for value in row) + f",class {number}" for row in rows]
    path.write_text("\n".join(lines) + "\n")


def cpu_seconds(checkout: Path, words: list[str], bytecode: Path) -> float:
    """Fit in a process of its own; return its CPU time."""
    command = [sys.executable, "-m", "longtail", "fit", *words, "--quiet"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environment_of(checkout, bytecode), check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files of heads and predictions, which must not depend on the version."""
    paths = [path for part in ("heads", "predictions") for path in (folder / part).rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--before", type=Path, required=True, help=HELP)
    parser.add_argument("--features", type=Path, help="feature files or a table, in place of the made-up one")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--methods", help="of the fit; those that it takes by itself if not given")
    parser.add_argument("--quick", action="store_true", help="once")
    options = parser.parse_args()
    checkouts = {"before": checked(options.before), "now": HERE}
    seconds: dict[str, list[float]] = {name: [] for name in checkouts}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.features is None:
            write_table(folder / "small.csv")
        features = options.features or folder / "small.csv"
        methods = ["--methods", options.methods] if options.methods else []
        for turn in range(2 if options.quick else options.repeat + 1):
            for version, checkout in checkouts.items():
                words = [str(features), "--out", str(folder / version), *methods]
                taken = cpu_seconds(checkout, words, folder / "bytecode")
                if turn:  # the first call writes the bytecode
                    seconds[version].append(taken)
        same = contents(folder / "before") == contents(folder / "now")
    for version, values in seconds.items():
        print(f"{version:<8}{statistics.median(values):6.2f} s of CPU  ({', '.join(f'{v:.2f}' for v in values)})")
    ratios = [now / before for now, before in zip(seconds["now"], seconds["before"], strict=True)]
    ratio = statistics.median(seconds["now"]) / statistics.median(seconds["before"])
    print(f"ratio   {ratio:6.2f}  ({', '.join(f'{r:.2f}' for r in ratios)})")
    print(f"heads and predictions: {'the same bytes' if same else 'DIFFERENT'}")


if __name__ == "__main__":
    main()
