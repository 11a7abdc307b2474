"""Where the usual weights of `auto` come from: which mean of its parts is best on many unlike sets.

Each part is fitted as `auto` fits it, on sets whose test rows are none of those of `auto.py`
(auto_sets/development.py). For each set the weights that make the true classes of its test rows most probable, all
classes counting alike; the mean of these over sets is the learnt usual weights. Beside them what several rules find on
test: each part alone, equal weights, the usual weights of the library, the learnt ones of all other sets, and the
weights that `auto` finds on rows that it may look at, where the usual weights are worth k rows.

    python benchmarks/accuracy/usual_weights.py --cache DIR [--sets "digits;600 rows"] [--seeds 1,2]

Needs `LONGTAIL_SHARED`. DIR is for the features of CIFAR-10, which are made once.
"""

import argparse
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from auto_parts import FittedParts, class_balanced, fitted_parts
from auto_sets.development import CHEAP, DevelopmentBases, development_set
from peers.tuning import balanced_accuracy

from longtail.comparison.blend import USUAL_ROWS, blend_weights
from longtail.comparison.methods import METHODS

USUAL = {name: method.part.weight for name, method in METHODS.items() if method.part is not None}
PRIOR_ROWS = (0.0, 20.0, USUAL_ROWS, 200.0)

Weights = Mapping[str, float]


@dataclass(frozen=True)
class Measured:
    """What one set and seed gave.

    Attributes:
        best: weights that make its test rows most probable.
        parts: probabilities of the parts.
        found: balanced accuracy on test by rule.
    """

    best: Weights
    parts: FittedParts
    found: dict[str, float]


def measure(parts: FittedParts) -> Measured:
    """Find the best weights of one set, and measure every rule that needs no other set."""
    labels, evidence = parts.labels, parts.evidence
    rows = np.arange(len(labels))
    of_labels = {name: table[rows, labels] for name, table in parts.test.items()}
    best = blend_weights(of_labels, class_balanced(labels), {}, usual_rows=0, least=0)
    found = {f"{name} alone": accuracy(parts, {name: 1.0}) for name in parts.test}
    found["equal"] = accuracy(parts, dict.fromkeys(parts.test, 1.0))
    found["usual"] = accuracy(parts, USUAL)
    asked = dict.fromkeys(parts.test, np.empty(0))  # about no row, where there is none
    asked |= zip(evidence.log_probabilities, evidence.of_labels, strict=True)
    for number in PRIOR_ROWS:
        weights = blend_weights(asked, evidence.row_weights, USUAL, usual_rows=number)
        found[f"k = {number:.0f}"] = accuracy(parts, weights)
    return Measured(best, parts, found)


def accuracy(parts: FittedParts, weights: Weights) -> float:
    """Return the balanced accuracy of a weighted mean of parts on test, in percent."""
    total = sum(weights.get(name, 0.0) * table for name, table in parts.test.items())
    return balanced_accuracy(parts.labels, np.asarray(total).argmax(axis=1))


def mean_weights(several: list[Weights]) -> dict[str, float]:
    """Return the mean of each part's weight; 0 where it has none."""
    return {name: float(np.mean([weights.get(name, 0.0) for weights in several])) for name in USUAL}


def table(measured: Mapping[str, list[Measured]]) -> str:
    """Write the weights and what they find, a row a set.

    Args:
        measured: by set, one a seed.
    """
    best = {name: mean_weights([one.best for one in several]) for name, several in measured.items()}
    lines = [_line("best weights on test", *USUAL), "|" + "---|" * (1 + len(USUAL))]
    lines += [_line(name, *(f"{weights[part]:.2f}" for part in USUAL)) for name, weights in best.items()]
    learnt = mean_weights(list(best.values()))
    lines += [_line(told, *(f"**{one:.2f}**" for one in row.values())) for told, row in
              (("mean: learnt", learnt), ("usual", USUAL))]  # fmt: skip
    found: dict[str, dict[str, float]] = {}
    for name, several in measured.items():
        others = [weights for other, weights in best.items() if other != name]
        rows = [dict(one.found) for one in several]
        for row, one in zip(rows, several if others else [], strict=False):
            row["learnt on others"] = accuracy(one.parts, mean_weights(others))
        found[name] = {rule: float(np.mean([row[rule] for row in rows])) for rule in rows[0]}
    rules = list(next(iter(found.values())))
    lines += ["", _line("balanced accuracy", *rules), "|" + "---|" * (1 + len(rules))]
    lines += [_line(name, *(f"{row[rule]:.1f}" for rule in rules)) for name, row in found.items()]
    means = [float(np.mean([row[rule] for row in found.values()])) for rule in rules]
    return "\n".join([*lines, _line("mean", *(f"**{mean:.2f}**" for mean in means))])


def _line(*cells: object) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


def main() -> None:
    """Fit all, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True, help="folder for extracted features")
    parser.add_argument("--sets", default=";".join(CHEAP), help="names with ; between; default: the cheap ones")
    parser.add_argument("--seeds", default="1,2", help="numbers of at least 1, with commas between")
    options = parser.parse_args()
    bases = DevelopmentBases(Path(os.environ["LONGTAIL_SHARED"]), options.cache)
    names = [name.strip() for name in options.sets.split(";")]
    measured: dict[str, list[Measured]] = {name: [] for name in names}
    for seed in map(int, options.seeds.split(",")):
        for name in names:
            started = time.perf_counter()
            measured[name].append(measure(fitted_parts(development_set(bases, name, seed), seed)))
            print(f"{name}, seed {seed}: {time.perf_counter() - started:.0f} s", flush=True)
    print(table({name: several for name, several in measured.items() if len(several)}))


if __name__ == "__main__":
    main()
