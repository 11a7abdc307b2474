"""How often 95 % intervals hold the truth, and equally good classifiers are told apart, where images come in groups.

    python benchmarks/accuracy/grouped_coverage.py [--draws 500] [--tests 200] [--quick] [--seed 0]

An image of class c is right where u < Phi^-1(p_c), u = sqrt(a) z_group + sqrt(b) z_group,class + sqrt(1 - a - b) e, all
standard normal: the truth is p_c, and images of one group are alike. Each cell has three numbers, how many of 100
intervals hold the truth: with every image taken for independent, with groups drawn again with replacement (percentiles
of 200 bootstrap samples; classes that vanish are left out), and with `sample_groups`.
"""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from longtail.evaluation import mean_interval, metric_weights, paired_metric_tests, tally

RESAMPLES = 200
METRICS = ("all", "balanced", "few", "rare class")

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class World:
    """Labels and groups of the images, and how often images of each class are right.

    Attributes:
        labels: class indices, shape (N,).
        groups: of each image, shape (N,).
        recall: p_c, shape (C,).
        of_group: a.
        of_cell: b, of each class, shape (C,).
    """

    labels: Labels
    groups: Labels
    recall: Floats
    of_group: float
    of_cell: Floats

    def heights(self, rng: np.random.Generator) -> Floats:
        """Draw u of each image, shape (N,)."""
        pair, cell = np.unique(self.groups * len(self.recall) + self.labels, return_inverse=True)
        own = self.of_cell[self.labels]
        return np.asarray(
            np.sqrt(self.of_group) * rng.standard_normal(self.groups.max() + 1)[self.groups]
            + np.sqrt(own) * rng.standard_normal(len(pair))[cell]
            + np.sqrt(1 - self.of_group - own) * rng.standard_normal(len(self.labels))
        )

    @property
    def class_groups(self) -> NDArray[np.str_]:
        """The first half of the classes are many, the others few."""
        return np.where(np.arange(len(self.recall)) < len(self.recall) / 2, "many", "few")


def worlds(rng: np.random.Generator) -> dict[str, World]:
    """Return what is simulated: groups of one class, and sites that hold many."""
    few = [2, 3, 4, 5] * 5
    easy, sites = np.linspace(0.97, 0.3, 20), np.linspace(0.95, 0.4, 15)
    unlike = rng.permutation(np.tile([0.0, 0.2, 0.5, 0.9], 5))
    return {
        "1 class, 5 groups of 20, b = 0.4": _of_one_class(rng, [5], 20, 0, np.array([0.8]), 0.4),
        "1 class, 10 groups of 1 to 60, b = 0.4": _of_one_class(rng, [10], 20, 1.2, np.array([0.8]), 0.4),
        "20 classes of 2 to 5 groups, b = 0": _of_one_class(rng, few, 6, 1, easy, 0.0),
        "20 classes of 2 to 5 groups, b = 0.5": _of_one_class(rng, few, 6, 1, easy, 0.5),
        "20 classes of 2 to 5 groups, b = 1": _of_one_class(rng, few, 6, 1, easy, 1.0),
        "20 classes of 2 to 5 groups, b from 0 to 0.9 by class": _of_one_class(rng, few, 6, 1, easy, unlike),
        "20 classes, 10 bursts of 3 each, b = 0.8": _of_one_class(rng, [10] * 20, 3, 0, easy, 0.8),
        "5 sites, 15 classes, a = b = 0.2": _of_sites(rng, 5, 100, 0.7, sites, 0.2, 0.2),
        "10 sites, 15 classes, a = b = 0.2": _of_sites(rng, 10, 60, 1.0, sites, 0.2, 0.2),
        "30 sites, 15 classes, a = b = 0.2": _of_sites(rng, 30, 30, 1.0, sites, 0.2, 0.2),
        "100 sites of 1 to 400, 15 classes, a = 0.1, b = 0.3": _of_sites(rng, 100, 30, 1.5, sites, 0.1, 0.3),
    }


def _sizes(rng: np.random.Generator, number: int, mean: float, spread: float) -> Labels:
    return np.maximum(np.rint(mean * rng.lognormal(-(spread**2) / 2, spread, number)), 1).astype(np.int64)


def _of_one_class(
    rng: np.random.Generator, groups: list[int], rows: int, spread: float, recall: Floats, alike: float | Floats
) -> World:
    classes = np.repeat(np.arange(len(groups)), groups)
    sizes = _sizes(rng, len(classes), rows, spread)
    every = np.broadcast_to(np.asarray(alike, dtype=np.float64), recall.shape)
    return World(np.repeat(classes, sizes), np.repeat(np.arange(len(classes)), sizes), recall, 0.0, every)


def _of_sites(
    rng: np.random.Generator, number: int, rows: int, spread: float, recall: Floats, of_group: float, of_cell: float
) -> World:
    common = np.exp(-np.linspace(0, 3, len(recall)))
    labels, sizes = [], _sizes(rng, number, rows, spread)
    for size in sizes:
        local = common * rng.gamma(0.5, size=len(recall))
        labels.append(rng.choice(len(recall), size=size, p=local / local.sum()))
    every = np.full(len(recall), of_cell)
    return World(np.concatenate(labels), np.repeat(np.arange(number), sizes), recall, of_group, every)


def weights_of(world: World) -> dict[str, Floats]:
    """Return what one image of each class adds to each metric; the rare class is the third rarest."""
    totals = np.bincount(world.labels, minlength=len(world.recall))
    known = {name: part for name, part in metric_weights(totals, world.class_groups).items() if part is not None}
    if len(world.recall) == 1:
        return {"all": known["all"]}
    rare = np.argsort(np.where(totals > 0, totals, totals.max() + 1), kind="stable")[2]
    known["rare class"] = np.eye(len(totals))[rare] / totals[rare]
    return {name: known[name] for name in METRICS if name in known}


def bootstrap_by_groups(world: World, right: NDArray[np.bool_], rng: np.random.Generator) -> dict[str, list[float]]:
    """Return percentiles of metrics when whole groups are drawn again."""
    number, classes = int(world.groups.max()) + 1, len(world.recall)
    pair = world.groups * classes + world.labels
    totals = np.bincount(pair, minlength=number * classes).reshape(number, classes)
    hits = np.bincount(pair, weights=right, minlength=number * classes).reshape(number, classes)
    times = rng.multinomial(number, np.full(number, 1 / number), size=RESAMPLES)
    drawn, found = times @ totals, times @ hits
    limits = {}
    for name, weights in weights_of(world).items():
        share = (weights > 0) / 1.0
        if name == "all":
            values = found.sum(axis=1) / np.maximum(drawn.sum(axis=1), 1)
        else:
            present = (drawn > 0) * share
            recalls = found / np.maximum(drawn, 1)
            values = (recalls * present).sum(axis=1) / np.maximum(present.sum(axis=1), 1)
        limits[name] = (100 * np.quantile(values, [0.025, 0.975])).tolist()
    return limits


def interval_row(world: World, draws: int, seed: int) -> dict[str, Floats]:
    """Return by metric how many of 100 intervals of each kind hold the truth, and the mean width of the last."""
    rng, counts = np.random.default_rng(seed), np.bincount(world.labels, minlength=len(world.recall))
    weights, edges = weights_of(world), ndtri(world.recall)
    covered = {name: np.zeros(4) for name in weights}
    for _ in range(draws):
        right = world.heights(rng) < edges[world.labels]
        predictions = np.where(right, world.labels, (world.labels + 1) % max(len(world.recall), 2))
        size = max(len(world.recall), 2)
        plain, grouped = (tally(world.labels, predictions, size, sample_groups=given) for given in (None, world.groups))
        drawn = bootstrap_by_groups(world, right, rng)
        for name, each in weights.items():
            truth = 100 * float(each @ (counts * world.recall))
            padded, groups = np.append(each, 0.0)[:size], np.append(world.class_groups, "few")[:size]
            padded = each if len(each) == size else padded
            by_groups = mean_interval(grouped, padded, groups)
            limits = (mean_interval(plain, padded, groups), drawn[name], by_groups)
            covered[name][:3] += [low - 1e-9 <= truth <= high + 1e-9 for low, high in limits]
            covered[name][3] += by_groups[1] - by_groups[0]
    return {name: np.append(100 * part[:3], part[3]) / draws for name, part in covered.items()}


def test_row(world: World, draws: int, seed: int) -> dict[str, Floats]:
    """Return by metric how many of 100 tests find equally good classifiers different: without and with groups."""
    rng, found = np.random.default_rng(seed), {name: np.zeros(2) for name in ("all", "balanced", "few")}
    wrong = (world.labels + 1) % len(world.recall)
    # equally often in favour of either, in each class
    better = np.linspace(0.05, 0.2, len(world.recall))
    for _ in range(draws):
        heights = world.heights(rng)
        gains, losses = heights < ndtri(better)[world.labels], heights > -ndtri(better)[world.labels]
        first, second = np.where(losses, wrong, world.labels), np.where(gains, wrong, world.labels)
        for place, given in enumerate((None, world.groups)):
            tests = paired_metric_tests(world.labels, first, second, world.class_groups, sample_groups=given)
            for name, part in found.items():
                result = tests[name]
                part[place] += result is not None and result.p < 0.05
    return {name: 100 * part / draws for name, part in found.items()}


def _line(name: str, cells: Mapping[str, Floats], columns: tuple[str, ...], *, width: bool) -> str:
    texts = []
    for column in columns:
        values = cells.get(column)
        rates = [] if values is None else [f"{rate:.0f}" for rate in (values[:3] if width else values)]
        texts.append((" / ".join(rates) + (f" ({values[3]:.0f})" if width and values is not None else "")) or "-")
    return f"| {name} | {' | '.join(texts)} |"


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=500, help="simulated test sets of each kind")
    parser.add_argument("--tests", type=int, default=200, help="simulated comparisons of each kind")
    parser.add_argument("--quick", action="store_true", help="20 of both")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    draws, tests = (20, 20) if chosen.quick else (chosen.draws, chosen.tests)
    made = worlds(np.random.default_rng(7))
    print(f"held of 100, {draws} draws: alone / groups drawn again / by groups (mean width of these)\n")
    print(f"| test images | {' | '.join(METRICS)} |\n|{'---|' * (len(METRICS) + 1)}")
    for name, world in made.items():
        print(_line(name, interval_row(world, draws, chosen.seed), METRICS, width=True), flush=True)
    columns = ("all", "balanced", "few")
    print(f"\nequally good classifiers told apart of 100, {tests} draws: alone / by groups\n")
    print(f"| test images | {' | '.join(columns)} |\n|{'---|' * (len(columns) + 1)}")
    for name, world in made.items():
        if len(world.recall) > 1:
            print(_line(name, test_row(world, tests, chosen.seed), columns, width=False), flush=True)


if __name__ == "__main__":
    main()
