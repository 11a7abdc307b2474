"""Is `longtail.compare(data, "auto")` as good as what a practitioner with scikit-learn would find?

Beside it: logistic regression, linear discriminant analysis, ridge regression, kernel methods, nearest neighbours, a
network on resampled rows, LightGBM, each tuned by balanced accuracy on the same validation rows (a fifth of train where
there are none) and fitted again on train and validation, as auto is; and the mean of the three that are best on
validation. Sets: plankton, CIFAR-10-LT, digits, what is derived from them (auto_sets/derived.py), or any features.

    python benchmarks/accuracy/auto.py --results DIR --cache DIR [--sets "digits;600 rows"] [--seeds 0,1,2]
    python benchmarks/accuracy/auto.py --results DIR --features PATH [PATH ...]
    python benchmarks/accuracy/auto.py --results DIR --cache DIR --only auto --label NEW
    python benchmarks/accuracy/auto.py --results DIR --table [--label NEW]

A stopped run goes on: what stands in --results is not computed again. Needs `LONGTAIL_SHARED`, unless --features names
other data; LightGBM is left out where it is not installed. Seconds are of CPU.
"""

import argparse
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from auto_measuring import measure_auto, measure_peers
from auto_results import Place
from auto_sets.bases import Bases, opened
from auto_sets.derived import SETS, make_set
from auto_sets.splits import DataSet, without_a_tenth
from auto_table import table

import longtail


def main() -> None:
    """Measure what is missing, or print the table."""
    options = _parser().parse_args()
    label = options.label or _commit()
    if options.table:
        print(table(options.results, options.label))
        return
    for data, seed in _sets(options):
        if "test" not in data.splits:
            raise SystemExit(f"{data.name}: no test rows, so that nothing can be measured.")
        if options.only != "auto":
            measure_peers(data, seed, options.results)
        place = Place.of(options.results, data.name, seed)
        if options.only != "peers" and not place.auto(label):
            found = measure_auto(data, seed)
            place.write_auto(label, found)
            told = found.get("error") or f"{found['method']} {found['balanced']:.1f} ({found['seconds']:.0f} s)"
            print(f"  {data.name}, seed {seed}: auto {told}", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, required=True, help="folder for what is measured")
    parser.add_argument("--cache", type=Path, help="folder for extracted features; default: RESULTS/cache")
    parser.add_argument("--sets", help="names with ; between; default: all")
    parser.add_argument("--features", type=Path, nargs="+", help="other data: anything that `longtail fit` takes")
    parser.add_argument("--seeds", default="0", help="numbers with commas between")
    parser.add_argument("--only", choices=("auto", "peers"))
    parser.add_argument("--label", help="of auto's column; default: the commit")
    parser.add_argument("--table", action="store_true", help="print what is there as Markdown")
    return parser


def _sets(options: argparse.Namespace) -> Iterator[tuple[DataSet, int]]:
    """Yield each set with each seed, all sets of the first seed first."""
    seeds = [int(seed) for seed in options.seeds.split(",")]
    if options.features:
        for seed in seeds:
            for path in options.features:
                data = opened(path, path.resolve().stem)
                yield (data if seed == 0 else without_a_tenth(data, np.random.default_rng(seed))), seed
        return
    names = [name.strip() for name in options.sets.split(";")] if options.sets else list(SETS)
    unknown = [name for name in names if name not in SETS]
    if unknown:
        raise SystemExit(f"no set {unknown[0]!r}. Sets: {'; '.join(SETS)}.")
    if "LONGTAIL_SHARED" not in os.environ:
        raise SystemExit("LONGTAIL_SHARED is not set: expected the folder that holds data/ and models/.")
    bases = Bases(Path(os.environ["LONGTAIL_SHARED"]), options.cache or options.results / "cache")
    for seed in seeds:
        for name in names:
            yield make_set(bases, name, seed), seed


def _commit() -> str:
    """Return the short commit of the longtail that is measured."""
    folder = Path(longtail.__file__).parent
    try:
        words = ["git", "-C", str(folder), "rev-parse", "--short", "HEAD"]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


if __name__ == "__main__":
    main()
