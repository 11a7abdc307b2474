"""The report page: CPU time of its making in this checkout against an older one's, 10 to 8,142 classes.

    git worktree add ../before COMMIT
    python benchmarks/speed/report_page.py --before ../before

Both make the page of the same made-up results (seven methods with curves, weight norms and confusions) in processes of
their own that take turns, each on one thread, after one call each that warms the caches. The time is that of
`longtail.report` alone: reading results.json, drawing, writing report.html, and importing what that needs; numpy is
imported before. Prints the medians and their ratio, and the sizes of the pages.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from checkouts import HELP, HERE, checked, environment_of

METHODS = ("joint", "ncm", "crt", "tau", "la", "lws", "mlp")
GROUPS = ("many", "medium", "few")
CHILD = """
import sys, time
import numpy
started = time.process_time()
from longtail.report import write_report
write_report(sys.argv[1])
print(time.process_time() - started)
"""


def made_up_results(num_classes: int) -> dict[str, Any]:
    """Return the content of a results.json."""
    rng = np.random.default_rng(0)
    counts = np.geomspace(1280, 5, num_classes).astype(int)
    groups = np.select([counts > 100, counts >= 20], ["many", "medium"], "few")
    methods = {name: _method(rng, name, counts, groups) for name in METHODS}
    data = {
        "name": "made up",
        "num_classes": num_classes,
        "class_names": [f"class {c}" for c in range(num_classes)],
        "train_counts": counts.tolist(),
        "imbalance_ratio": float(counts.max() / counts.min()),
        "gini": 0.5,
        "splits": {"train": {"images": int(counts.sum())}, "test": {"images": 40 * num_classes}},
        "group_thresholds": {"many_above": 100, "few_below": 20},
        "group_of_class": groups.tolist(),
    }
    matrix = (31 * np.eye(num_classes, dtype=int) + 9 * np.eye(num_classes, k=1, dtype=int)).tolist()
    most = [{"class": c, "predicted": c + 1, "count": 9, "images": 40} for c in range(5)]
    confusion = {name: {"matrix": matrix if num_classes <= 25 else None, "most": most} for name in ("joint", "tau")}
    return {
        "schema": 1,
        "title": "made up",
        "data": data,
        "methods": methods,
        "confusion": confusion,
        "verdict": {"best": "tau", "selected_on": "val", "sentence": "Made up."},
        "environment": {},
        "seed": 0,
    }


def _method(rng: np.random.Generator, name: str, counts: Any, groups: Any) -> dict[str, Any]:
    recalls = np.clip(18 * np.log(counts) + rng.normal(0, 5, len(counts)), 0, 100)
    means = {"all": recalls.mean(), "balanced": recalls.mean(), **{g: recalls[groups == g].mean() for g in GROUPS}}
    means = {metric: float(value) for metric, value in means.items()}
    grid = [round(0.1 * step, 1) for step in range(21)]
    curve = {
        "parameter": "tau",
        "grid": grid,
        "split": "val",
        "chosen": 0.6,
        "metrics": {metric: [value - (tau - 0.6) ** 2 for tau in grid] for metric, value in means.items()},
    }
    return {
        "params": {"tau": 0.6},
        "selected_on": "val",
        "seconds": 1.0,
        "weight_norms": (1 + 0.1 * np.log(counts)).tolist(),
        "curve": curve if name in ("tau", "la") else None,
        "metrics": {
            "test": {
                **means,
                "macro_f1": means["balanced"],
                "geometric_mean": 0.0,
                "images": 40 * len(counts),
                "per_class": recalls.tolist(),
                "per_class_precision": recalls.tolist(),
                "intervals": {metric: [max(value - 4, 0), value] for metric, value in means.items()},
            }
        },
    }


def cpu_seconds(checkout: Path, folder: Path, bytecode: Path) -> float:
    """Make the page in a process of its own; return the CPU time that it took."""
    command = [sys.executable, "-c", CHILD, str(folder)]
    return float(
        subprocess.run(
            command, env=environment_of(checkout, bytecode), check=True, capture_output=True, text=True
        ).stdout
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--before", type=Path, required=True, help=HELP)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="ten classes, once")
    options = parser.parse_args()
    checkouts = {"before": checked(options.before), "now": HERE}
    for num_classes in (10,) if options.quick else (10, 1000, 8142):
        seconds: dict[str, list[float]] = {name: [] for name in checkouts}
        with tempfile.TemporaryDirectory() as name:
            folder, sizes = Path(name), {}
            (folder / "results.json").write_text(json.dumps(made_up_results(num_classes)))
            for turn in range(2 if options.quick else options.repeat + 1):
                for version, checkout in checkouts.items():
                    taken = cpu_seconds(checkout, folder, folder / "bytecode")
                    sizes[version] = (folder / "report.html").stat().st_size
                    if turn:  # the first call writes the bytecode
                        seconds[version].append(taken)
        print(f"{num_classes} classes")
        for version, values in seconds.items():
            told = ", ".join(f"{v:.2f}" for v in values)
            print(f"  {version:<8}{statistics.median(values):6.2f} s of CPU  ({told})  {sizes[version] / 1000:,.0f} kB")
        print(f"  ratio   {statistics.median(seconds['now']) / statistics.median(seconds['before']):6.2f}")


if __name__ == "__main__":
    main()
