"""How far could any choice among our heads get on these features? Everything here is chosen on test, on purpose.

The heads that `auto` mixes, and others, are fitted with their own settings on train and val together; then the best
one, and a mean of any of them, is picked by the very test labels that it is measured by: greedily, with replacement, by
balanced accuracy, with the prior's weight tau of the mean picked there too. Nobody could know these choices, and they
are fitted to chance: what `auto`, or a better rule of choice, reaches with these heads lies below. "halves" picks on
one half of the test rows of each class and measures on the other, both ways: what is left without the chance.

    python benchmarks/accuracy/upper_bound.py [--set plankton] [--seeds 0,1,2] [--methods joint,lda,...]

Needs `LONGTAIL_SHARED`.
"""

import argparse
import os
from pathlib import Path

import numpy as np
from auto_sets.bases import Bases
from auto_sets.derived import make_set
from auto_sets.splits import DataSet
from numpy.typing import NDArray

from longtail import Protocol, compare
from longtail.comparison.fit_methods import fit_methods
from longtail.comparison.opened_problem import check_opened
from longtail.comparison.problem import FeatureProblem
from longtail.comparison.refitting import fitted_again
from longtail.features import splits_of_arrays
from longtail.heads.base import Head

METHODS = "joint,lda,ridge,logistic,rfr,mlp,la,bsm,knn,cosine,maxnorm"
MOST = 20  # members of a mean, one counted as often as it was taken
TAUS = np.linspace(-0.3, 0.6, 10)  # of the log counts, taken off probabilities that mean equal classes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def main() -> None:
    """Fit, choose on test, and print a line a seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", default="plankton", help="of auto_sets/derived.py")
    parser.add_argument("--seeds", default="0", help="numbers with commas between")
    parser.add_argument("--methods", default=METHODS, help="names with commas between")
    options = parser.parse_args()
    bases = Bases(Path(os.environ["LONGTAIL_SHARED"]), Path("unused"))
    print("| seed | auto | best head, picked on test | mean of heads, picked on test | the same, halves |")
    print("|---|---|---|---|---|")
    for seed in map(int, options.seeds.split(",")):
        data = make_set(bases, options.set, seed)
        result = compare(problem_of(data), "auto", seed=seed).results["methods"]["auto"]["metrics"]["test"]
        logs, labels = log_probabilities(problem_of(data), options.methods, seed)
        counts = data.train_counts
        alone = {name: best_tau(one, labels, counts) for name, one in logs.items()}
        best = max(alone, key=lambda name: alone[name][0])
        every = np.stack(list(logs.values()))
        score, weights, _ = greedy(every, labels, counts)
        named = ", ".join(f"{name} {w:.2f}" for name, w in zip(logs, weights, strict=True) if w)
        print(
            f"| {seed} | {result['balanced']:.1f} | {alone[best][0]:.1f} ({best}) | {score:.1f} ({named}) "
            f"| {halves(every, labels, counts):.1f} |",
            flush=True,
        )


def problem_of(data: DataSet) -> FeatureProblem:
    """Return a set as methods are fitted to it, the labels of test sealed."""
    opened = splits_of_arrays({name: (split.features, split.labels) for name, split in data.splits.items()})
    return check_opened(opened, head=data.head)


def log_probabilities(problem: FeatureProblem, methods: str, seed: int) -> tuple[dict[str, Floats], Ints]:
    """Return each method's log probabilities of the test rows for equally common classes, and their labels."""
    protocol = Protocol(problem, seed=seed)
    fitted = fit_methods(protocol, methods).methods
    protocol.problem.unseal_test()
    test = protocol.problem.splits["test"]
    parts = [part for part in ("train", "val") if part in problem.splits]

    def of(head: Head) -> Floats:
        again = fitted_again(head, protocol, parts, {}) if "val" in parts else head
        return np.log(np.maximum(again.predict_proba(test.features, prior="uniform"), 1e-12)).astype(np.float64)

    return {name: of(one.head) for name, one in fitted.items()}, np.asarray(test.labels)


def balanced(scores: Floats, labels: Ints) -> float:
    """Return the balanced accuracy of the highest scores, in percent."""
    right = scores.argmax(axis=1) == labels
    totals = np.bincount(labels, minlength=scores.shape[1])
    hits = np.bincount(labels, weights=right, minlength=scores.shape[1])
    return float(100 * (hits[totals > 0] / totals[totals > 0]).mean())


def best_tau(logs: Floats, labels: Ints, counts: Ints) -> tuple[float, float]:
    """Return the best balanced accuracy over tau, and that tau."""
    shift = np.log(counts / counts.sum())
    return max((balanced(logs - tau * shift, labels), float(tau)) for tau in TAUS)


def greedy(logs: Floats, labels: Ints, counts: Ints) -> tuple[float, Floats, float]:
    """Return the best balanced accuracy of a mean of members, their weights, and tau."""
    chances = np.exp(logs)
    taken, total = np.zeros(len(logs)), np.zeros_like(chances[0])
    best: tuple[float, Floats, float] = (-1.0, taken, 0.0)
    for size in range(1, MOST + 1):
        trials = [best_tau(np.log((total + one) / size), labels, counts) for one in chances]
        chosen = int(np.argmax([score for score, _ in trials]))
        taken[chosen] += 1
        total = total + chances[chosen]
        if trials[chosen][0] > best[0]:
            best = trials[chosen][0], taken / size, trials[chosen][1]
    return best


def halves(logs: Floats, labels: Ints, counts: Ints) -> float:
    """Return what is measured on halves of the test rows when the other half picks, both ways, for five divisions."""
    results = []
    for division in range(5):
        rng = np.random.default_rng(division)
        is_first = np.zeros(len(labels), dtype=bool)
        for label in np.unique(labels):
            rows = rng.permutation(np.flatnonzero(labels == label))
            is_first[rows[: (len(rows) + rng.integers(2)) // 2]] = True
        shift = np.log(counts / counts.sum())
        scores = np.empty(logs.shape[1:])
        for part in (is_first, ~is_first):
            _, weights, tau = greedy(logs[:, part], labels[part], counts)
            mean = np.tensordot(weights, np.exp(logs[:, ~part]), axes=1)
            scores[~part] = np.log(mean) - tau * shift
        results.append(balanced(scores, labels))
    return float(np.mean(results))


if __name__ == "__main__":
    main()
