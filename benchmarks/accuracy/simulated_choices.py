"""Choices in made-up worlds, where the truth can be had."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from peers.tuning import balanced_accuracy
from promises import Promise, kept
from simulated_evidence import World

from longtail.comparison.automatic import Decision, decide
from longtail.comparison.evidence import Answers, Evidence
from longtail.comparison.expected_score import expected_score
from longtail.comparison.protocol import Rules

__all__ = ["WHO", "chosen_on"]

TRUTH_ROWS, REPETITIONS = 50_000, 20
WHO = {"one alone": False, "the mean": True}  # whether several may decide together


def chosen_on(world: World, number: int, rng: np.random.Generator) -> dict[str, list[Promise]]:
    """Choose in one world, again and again, each time on so many other rows: one alone, and whoever does it best.

    Args:
        world: that answers are drawn from.
        number: of rows that are chosen on, N'.
        rng: of all draws.
    """
    protocol, size = world.protocol, len(world.protocol.groups)
    labels = np.repeat(np.arange(size), TRUTH_ROWS // size)
    truth = world.answers(labels, rng)
    result: dict[str, list[Promise]] = {who: [] for who in WHO}
    for repetition in range(REPETITIONS):
        evidence = world.evidence(world.tail_labels(number, rng), rng)
        for who, together in WHO.items():

            def choose(rows: Evidence, together: bool = together) -> Decision:
                return decide(rows, replace(protocol, rules=Rules(together=together)))

            decision, parts = choose(evidence), np.full(size, 1 / size)
            promised = expected_score(
                evidence, lambda rows: choose(rows).predictions, parts, protocol.groups, seed=repetition
            )
            came = balanced_accuracy(labels, _decided(decision, evidence, truth))
            result[who].append(kept(decision.choice.scores[decision.choice.chosen], promised, came))
    return result


def _decided(decision: Decision, evidence: Evidence, truth: Mapping[str, Answers]) -> NDArray[np.int64]:
    """Return what members decide about the rows of the truth."""
    weights = decision.weights
    if len(weights) == 1:
        return truth[next(iter(weights))].decisions
    total = sum(
        weight * (evidence.scales[name] * truth[name].scores).softmax(dim=1) for name, weight in weights.items()
    )
    return np.asarray(np.log(np.asarray(total)) - decision.tau * np.log(evidence.class_counts)).argmax(axis=1)
