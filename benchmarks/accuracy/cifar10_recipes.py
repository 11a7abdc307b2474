"""Every switch of stage 1 on CIFAR-10-LT at the same price: a budget of plain epochs, heads fitted on what each learns.

An epoch of a recipe costs what its step costs in plain steps, as benchmarks/speed/augmentation.py and contrast.py
print it (of smaller batches, a bare step); a recipe trains for budget / cost epochs. Runs that are there are not made
again. Of several seeds the table has the mean and the half width of its 95 % t interval, and what auto finds more than
auto on the plain network of the same seed.

OMP_NUM_THREADS=1 python benchmarks/accuracy/cifar10_recipes.py --data cifar10.h5 --out runs/recipes [--seeds 3]
"""

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from longtail.jobs.seeds import mean_and_interval

METHODS = ("joint", "crt", "la", "mlp", "auto")


@dataclass(frozen=True)
class Recipe:
    """What is typed for a recipe, and its cost in plain steps."""

    flags: str
    cost: float = 1.0


_POLICY = "--policy autoaugment --cutout 16"
RECIPES: dict[str, Recipe] = {
    "plain": Recipe(""),
    "logit-adjusted": Recipe("--loss logit-adjusted"),
    "decay 5e-4": Recipe("--weight-decay 5e-4"),
    "decay 2e-3": Recipe("--weight-decay 2e-3"),
    "decay 5e-3": Recipe("--weight-decay 5e-3"),
    "decay 2e-3, logit-adjusted": Recipe("--weight-decay 2e-3 --loss logit-adjusted"),
    "decay 1e-3, logit-adjusted, batch 64": Recipe("--weight-decay 1e-3 --loss logit-adjusted --batch-size 64"),
    "decay 2e-3, logit-adjusted, batch 64": Recipe("--weight-decay 2e-3 --loss logit-adjusted --batch-size 64"),
    "decay 5e-4, logit-adjusted, batch 32": Recipe("--weight-decay 5e-4 --loss logit-adjusted --batch-size 32", 1.03),
    "decay 5e-4, batch 32": Recipe("--weight-decay 5e-4 --batch-size 32", 1.03),
    "decay 1e-3, logit-adjusted": Recipe("--weight-decay 1e-3 --loss logit-adjusted"),
    "decay 2e-3, logit-adjusted, ema": Recipe("--weight-decay 2e-3 --loss logit-adjusted --ema 0.999", 1.06),
    "decay 2e-3, mixup": Recipe("--weight-decay 2e-3 --mix mixup", 1.04),
    "decay 2e-3, ema": Recipe("--weight-decay 2e-3 --ema 0.999", 1.06),
    "decay 2e-3, autoaugment, cutout": Recipe(f"--weight-decay 2e-3 {_POLICY}", 1.10),
    "autoaugment, cutout": Recipe(_POLICY, 1.10),
    "mixup": Recipe("--mix mixup", 1.04),
    "ema": Recipe("--ema 0.999", 1.06),
    "cmo": Recipe("--mix cmo", 1.12),
    "proco": Recipe("--contrast proco", 3.0),
    "paco": Recipe("--contrast paco", 1.4),
    "bcl": Recipe("--contrast bcl", 3.0),
    "gpaco": Recipe("--contrast gpaco", 2.0),
    "sam": Recipe("--sam 0.05", 2.06),
    "label-aware": Recipe("--loss label-aware"),
    "cutmix": Recipe("--mix cutmix", 1.04),
    "remix": Recipe("--mix remix", 1.04),
    "randaugment": Recipe("--policy randaugment", 1.07),
    "radius": Recipe("--classifier-radius 1.0"),
}


def main() -> None:
    """Make the runs that are missing, then print the table of all that are there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--budget", type=float, default=30.0, help="plain epochs")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--recipes", nargs="*", default=list(RECIPES), choices=list(RECIPES))
    parser.add_argument("--table", action="store_true", help="print what is there")
    arguments = parser.parse_args()
    for seed in range(0 if arguments.table else arguments.seeds):
        for name in arguments.recipes:
            _run(name, seed, arguments)
    _print_table(arguments)


def _run(name: str, seed: int, arguments: argparse.Namespace) -> None:
    folder = _folder(name, seed, arguments)
    if (folder / "results.json").exists():
        return
    recipe = RECIPES[name]
    words = ["run", "cifar10-lt", "--data", str(arguments.data), "--seed", str(seed), "--out", str(folder)]
    words += ["--epochs", str(_epochs(name, arguments.budget)), "--warmup-epochs", "2", "--methods", ",".join(METHODS)]
    subprocess.run([sys.executable, "-m", "longtail", *words, *recipe.flags.split()], check=True)


def _epochs(name: str, budget: float) -> int:
    return max(3, round(budget / RECIPES[name].cost))


def _folder(name: str, seed: int, arguments: argparse.Namespace) -> Path:
    return Path(arguments.out) / f"{arguments.budget:g}" / f"{name.replace(', ', '-').replace(' ', '-')}-{seed}"


def _print_table(arguments: argparse.Namespace) -> None:
    print("| recipe | epochs | seeds | " + " | ".join(METHODS) + " | few, auto | auto on val | auto, more than plain |")
    print("|---|---|---|" + "---|" * (len(METHODS) + 3))
    plain = _runs("plain", arguments)
    for name in arguments.recipes:
        runs = _runs(name, arguments)
        if not runs:
            continue
        cells = [_mean([_measured(run, method)["balanced"] for run in runs.values()]) for method in METHODS]
        cells.append(_mean([_measured(run, "auto")["few"] for run in runs.values()]))
        cells.append(_mean([_measured(run, "auto", "val")["balanced"] for run in runs.values()]))
        pairs = [(runs[seed], plain[seed]) for seed in runs if seed in plain]
        cells.append(_mean([_measured(a, "auto")["balanced"] - _measured(b, "auto")["balanced"] for a, b in pairs]))
        print(f"| {name} | {_epochs(name, arguments.budget)} | {len(runs)} | " + " | ".join(cells) + " |")


def _runs(name: str, arguments: argparse.Namespace) -> dict[int, dict[str, Any]]:
    """Return the results of a recipe's runs that are there, by seed."""
    paths = {seed: _folder(name, seed, arguments) / "results.json" for seed in range(arguments.seeds)}
    return {seed: json.loads(path.read_text()) for seed, path in paths.items() if path.exists()}


def _measured(run: dict[str, Any], method: str, split: str = "test") -> dict[str, Any]:
    return run["methods"][method]["metrics"][split]


def _mean(values: list[float]) -> str:
    if not values:
        return "-"
    result = mean_and_interval(list(values))
    mean, interval = result["mean"], result["interval"]
    return f"{mean:.1f}" if interval is None else f"{mean:.1f} ± {interval[1] - mean:.1f}"


if __name__ == "__main__":
    main()
