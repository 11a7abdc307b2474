"""Does `auto` keep what it promises? `expected` of results.json beside the truth.

    python benchmarks/accuracy/own_estimate.py --simulate                      # made-up answers, some minutes
    python benchmarks/accuracy/own_estimate.py --cache DIR [--sets "digits;600 rows"] [--seeds 1,2,3]

In the simulation answers of candidates are drawn that are about equally good; who decides is chosen on N' rows with a
long tail, and measured on 50,000 others, of each class equally many. "naive" is the score where it was chosen. On sets
(auto_sets/development.py: no test rows of the tables of `auto.py`) the truth is balanced accuracy on test, once of the
members as they were fitted on train, once of auto itself, which is fitted again on train and val. Needs
`LONGTAIL_SHARED`, but for the simulation.
"""

import argparse
import os
from pathlib import Path

import numpy as np
from auto_sets.development import CHEAP, DevelopmentBases, development_set
from auto_sets.splits import DataSet
from peers.tuning import balanced_accuracy
from promises import Promise, kept, summary
from simulated_choices import WHO, chosen_on
from simulated_evidence import made_up_world

import longtail
from longtail.comparison.opened_problem import check_opened
from longtail.features import splits_of_arrays

WORLDS = 10
SIMULATED = ((60, 10, 6), (200, 10, 10), (300, 40, 6))  # N', C, M


def measured(data: DataSet, seed: int) -> Promise:
    """Let `longtail.compare` choose on one set, and compare its promise with balanced accuracy on test."""
    opened = splits_of_arrays({name: (split.features, split.labels) for name, split in data.splits.items()})
    comparison = longtail.compare(check_opened(opened, head=data.head), "auto", seed=seed)
    choice, numbers = comparison.results["methods"]["auto"]["choice"], np.array(comparison.class_names).astype(int)
    found = {
        name: balanced_accuracy(data.splits["test"].labels, numbers[comparison.predictions[name]["test"]])
        for name in ("auto", choice["method"])
    }
    naive = choice["scores"][choice["method"]]
    return kept(naive, choice["expected"], found[choice["method"]], found["auto"])


def simulate() -> None:
    """Print the table of the simulation."""
    _print("N'", "classes", "candidates", "decides", "truth", "naive - truth", "expected - truth", "covered", "width")
    print("|" + "---|" * 9)
    for number, size, candidates in SIMULATED:
        rng = np.random.default_rng([number, size, candidates])
        worlds = [chosen_on(made_up_world(size, candidates, rng), number, rng) for _ in range(WORLDS)]
        for who in WHO:
            promises = [promise for world in worlds for promise in world[who]]
            _print(number, size, candidates, who, *summary(promises, refit=False))


def _print(*cells: object) -> None:
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def main() -> None:
    """Simulate, or compare with test."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulate", action="store_true", help="made-up answers instead of sets")
    parser.add_argument("--cache", type=Path, help="folder for extracted features")
    parser.add_argument("--sets", default=";".join(CHEAP), help="names with ; between; default: the cheap ones")
    parser.add_argument("--seeds", default="1,2,3", help="numbers of at least 1, with commas between")
    options = parser.parse_args()
    if options.simulate:
        simulate()
        return
    if options.cache is None:
        parser.error("expected --simulate, or --cache DIR")
    bases = DevelopmentBases(Path(os.environ["LONGTAIL_SHARED"]), options.cache)
    everything = []
    head = ("truth", "naive - truth", "expected - truth", "covered", "expected - auto", "covered", "width")
    _print("set", *head)
    print("|" + "---|" * (1 + len(head)))
    for name in options.sets.split(";"):
        seeds = map(int, options.seeds.split(","))
        promises = [measured(development_set(bases, name.strip(), seed), seed) for seed in seeds]
        everything += promises
        _print(name.strip(), *summary(promises, refit=True))
    _print("all", *summary(everything, refit=True))


if __name__ == "__main__":
    main()
