"""The picture of CIFAR-10-LT: what each class gains, from the results of several seeds.

longtail run cifar10-lt --data DIR --epochs 30 --warmup-epochs 2 --seeds 3 --out runs/cifar10-lt-30
python benchmarks/accuracy/cifar10_lt.py runs/cifar10-lt-30 --out docs/images/cifar10-lt.png
"""

import argparse
import json
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

METHODS = {"joint": "#6b7280", "tau": "#b45309", "lws": "#7c3aed", "crt": "#0f766e", "ncm": "#1d4ed8"}


def main() -> None:
    """Average the recall of each class over the seeds and draw it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    runs = [json.loads(path.read_text()) for path in sorted(arguments.run.glob("seed-*/results.json"))]
    data = runs[0]["data"]
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    axes = figure.subplots()
    for method, color in METHODS.items():
        recall = np.mean([run["methods"][method]["metrics"]["test"]["per_class"] for run in runs], axis=0)
        axes.plot(recall, "o-", color=color, label=method, linewidth=2.4 if method == "joint" else 1.4)
        print(f"{method:<6}" + "".join(f"{value:7.1f}" for value in recall))
    names = [f"{name}\n{count:,}" for name, count in zip(data["class_names"], data["train_counts"], strict=True)]
    axes.set_xticks(range(len(names)), names, fontsize=8)
    axes.set(
        ylim=(0, 100),
        ylabel="test images found, %",
        xlabel="class and number of its training images",
        title=f"CIFAR-10-LT, ResNet-32: the same features, five classifiers (mean of {len(runs)} seeds)",
    )
    axes.grid(axis="y", alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, ncols=5, loc="lower left")
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(arguments.out, dpi=110)


if __name__ == "__main__":
    main()
