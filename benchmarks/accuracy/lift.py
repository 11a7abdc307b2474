"""Adapters with a classifier from class means (LIFT without text) against frozen features and auto, in CPU time.

    python benchmarks/accuracy/lift.py PACK MODEL [--epochs 1,3] [--image-size 64] [--classifiers class-means,cosine]

PACK is an image pack (plankton121.h5), MODEL a folder of Hugging Face (for the table of the README, a MobileNet v1
0.75 with weights of ImageNet). Each line is one `longtail run folder`; adapters are `--adapter residual`, trained under
logit adjustment with the rate, batch and decay of LIFT. Seconds: of the CPU, of everything from reading to fitting.
"""

import argparse
import itertools
import resource
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import longtail

TRAINED = {"adapter": "residual", "loss": "logit-adjusted", "batch_size": 128, "learning_rate": 0.01}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pack", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--epochs", default="1,3")
    parser.add_argument("--classifiers", default="class-means,cosine")
    parser.add_argument("--methods", default="auto")
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="keep the runs here")
    given = parser.parse_args()
    folder = given.out or Path(mkdtemp())
    sides: dict[str, dict[str, Any]] = {"frozen": {"frozen": True}}
    for epochs, classifier in itertools.product(map(int, given.epochs.split(",")), given.classifiers.split(",")):
        sides[f"{classifier}, {epochs}"] = {**TRAINED, "classifier": classifier, "epochs": epochs}
    print(f"{'stage 1':<16} {'head':<6} {'val':>5} {'test':>5} {'many':>5} {'medium':>6} {'few':>5} {'CPU s':>6}")
    for number, (name, settings) in enumerate(sides.items()):
        started = cpu_seconds()
        run = longtail.run(
            given.pack,
            backbone=f"hf:{given.model}",
            image_size=given.image_size,
            methods=given.methods,
            seed=given.seed,
            quiet=True,
            out=folder / str(number),
            **settings,
        )
        seconds = cpu_seconds() - started
        for head, facts in run.results["methods"].items():
            val, test = facts["metrics"].get("val") or {}, facts["metrics"]["test"]
            numbers = [val.get("balanced"), *(test[part] for part in ("balanced", "many", "medium", "few"))]
            shown = [
                f"{'-' if number is None else format(number, '.1f'):>{width}}"
                for number, width in zip(numbers, (5, 5, 5, 6, 5), strict=True)
            ]
            print(f"{name:<16} {head:<6} {' '.join(shown)} {seconds:>6.0f}", flush=True)


def cpu_seconds() -> float:
    """Return the seconds that this process and those that it started have computed."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    main()
