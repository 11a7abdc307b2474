"""What does DLSA cost with its defaults, in matrix products that this machine does meanwhile, and what does it choose?

    git worktree add ../before COMMIT
    LONGTAIL_SHARED=... python benchmarks/speed/dlsa_defaults.py [--before ../before] [--data plankton places fixture]

Fits `DLSA(random_state=seed)` on training rows: of 121 kinds of plankton (`data/features_plankton121`, 25,110 x 768),
of 20 made-up classes in three places each (the --modes 3 of benchmarks/accuracy/dlsa.py), or of the small fixture
(`reference/dlsa_fixture`). Each fit is a process of its own that times float32 products of 4096 x 4096 before and after
it, so that the speed of a machine cancels out. With --before each is also fitted by an older checkout, in turn. Prints
seconds and CPU seconds, both in products too, how many blocks were chosen, and what validation said. --quick takes
2,000 rows and one epoch of the flow.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from checkouts import HELP, HERE, checked

QUICK_ROWS = 2000
DATA = ("plankton", "places", "fixture")


def product_seconds() -> tuple[float, float]:
    """Time one product: seconds, and those of the processor."""
    import torch

    square = torch.randn(4096, 4096)
    square @ square
    wall, cpu = time.perf_counter(), time.process_time()
    square @ square
    return time.perf_counter() - wall, time.process_time() - cpu


def training_rows(name: str, folder: Path) -> tuple[Any, Any]:
    """Read or make up features and labels."""
    from longtail.features import open_feature_file

    if name == "places":
        sys.path.insert(0, str(HERE / "benchmarks/accuracy"))
        from dlsa import made_up

        path = made_up(folder, 3) / "feature_train.h5"
    else:
        place = {"plankton": "data/features_plankton121", "fixture": "reference/dlsa_fixture"}[name]
        if "LONGTAIL_SHARED" not in os.environ:
            raise SystemExit(
                f"--data {name}: set LONGTAIL_SHARED to the folder that holds {place}; `places` needs none."
            )
        path = Path(os.environ["LONGTAIL_SHARED"]) / place / "feature_train.h5"
    file = open_feature_file(path)
    return file.features, file.labels


def fit(name: str, seed: int, quick: bool) -> dict[str, Any]:
    """Fit once in this process."""
    import numpy as np

    from longtail.heads import DLSA

    with tempfile.TemporaryDirectory() as folder:
        features, labels = training_rows(name, Path(folder))
        settings: dict[str, Any] = {}
        if quick:
            chosen = np.random.default_rng(0).permutation(len(labels))[:QUICK_ROWS]
            features, labels, settings = features[chosen], labels[chosen], {"flow_epochs": 1}
        products = [product_seconds() for _ in range(3)]
        wall, cpu = time.perf_counter(), time.process_time()
        head = DLSA(random_state=seed, **settings).fit(features, labels)
        found = {"seconds": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        products += [product_seconds() for _ in range(3)]
    units = [statistics.median(values) for values in zip(*products, strict=True)]
    found |= {"products": found["seconds"] / units[0], "cpu_products": found["cpu"] / units[1]}
    return found | {"blocks": head.depth_, "choice": head.choice_, "rows": len(labels)}


def fit_by(checkout: Path, name: str, seed: int, quick: bool) -> dict[str, Any]:
    """Fit in a process of its own, by a checkout."""
    command = [sys.executable, __file__, "--one", name, "--seeds", str(seed), *(["--quick"] if quick else [])]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(checkout / "src")}, check=True, capture_output=True, text=True
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, help=HELP)
    parser.add_argument("--data", nargs="+", choices=DATA, default=["plankton"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--quick", action="store_true", help="2,000 rows, one epoch of the flow")
    parser.add_argument("--one", choices=DATA, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(fit(options.one, options.seeds[0], options.quick)))
        return
    checkouts = ({"before": checked(options.before)} if options.before else {}) | {"now": HERE}
    for name in options.data:
        for seed in options.seeds:
            found = {}
            for version, checkout in checkouts.items():
                one = found[version] = fit_by(checkout, name, seed, options.quick)
                print(
                    f"{name} ({one['rows']} rows), seed {seed}, {version:<7}{one['seconds']:7.1f} s = "
                    f"{one['products']:6.1f} products; CPU {one['cpu']:7.1f} s = {one['cpu_products']:6.1f} products; "
                    f"{one['blocks']} blocks, {one['choice']}",
                    flush=True,
                )
            if len(found) > 1:
                before, now = found["before"], found["now"]
                same = "the same decision" if before["blocks"] == now["blocks"] else "ANOTHER DECISION"
                print(f"  ratio of CPU products {now['cpu_products'] / before['cpu_products']:.2f}, {same}", flush=True)


if __name__ == "__main__":
    main()
