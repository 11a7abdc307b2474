"""One rule for all peers: the best on validation by balanced accuracy, fitted again on train and validation."""

import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax

from longtail.holdout import stratified_holdout
from peers.rows import Rows, joined

__all__ = ["Candidate", "Family", "LeftOut", "Scorer", "Tuned", "balanced_accuracy", "tune", "two_columns"]

Scores = NDArray[Any]
Scorer = Callable[[NDArray[Any]], Scores]
Variants = Mapping[tuple[str, str], Scorer]
HELD_OUT = 0.2
SHARPNESS = 2.0 ** np.arange(-2, 7)


class LeftOut(Exception):
    """A peer that cannot be tried, and why."""


@dataclass(frozen=True)
class Candidate:
    """One point of a grid.

    Attributes:
        settings: in words.
        fit: learns from rows, and gives scorers by (peer, further settings), which cost little once that is fitted; a
            scorer gives scores (N, C), whose largest is the predicted class, and is called once.
    """

    settings: str
    fit: Callable[[Rows], Variants]


Family = Callable[[Rows, int], Sequence[Candidate]]


@dataclass(frozen=True)
class Tuned:
    """A peer, tuned and fitted again.

    Attributes:
        settings: that were best on validation.
        validation: balanced accuracy there, percent.
        scores: on test, shape (N, C).
        sharpness: factor that makes the softmax of scores the best probabilities on validation, each class weighed
            alike.
        seconds: of CPU, its share of the family's.
    """

    settings: str
    validation: float
    scores: Scores
    sharpness: float
    seconds: float

    @property
    def probabilities(self) -> NDArray[Any]:
        """Shape (N, C)."""
        return np.asarray(softmax(self.sharpness * self.scores, axis=1))


@dataclass(frozen=True)
class _Best:
    candidate: Candidate
    key: tuple[str, str]
    validation: float
    sharpness: float


def tune(family: Family, train: Rows, validation: Rows | None, test: NDArray[Any], seed: int) -> dict[str, Tuned]:
    """Try a family's candidates, and fit the best of each of its peers again.

    Args:
        family: of candidates.
        train: rows to learn from.
        validation: rows to choose on; None: a fifth of train, class by class.
        test: features (N, D).
        seed: of everything drawn.

    Raises:
        LeftOut: no candidate could be fitted.
    """
    started, everything = time.process_time(), train
    if validation is None:
        rest, held_out = stratified_holdout(train.labels, HELD_OUT, seed)
        train, validation = train.take(rest), train.take(held_out)
    else:
        everything = joined(train, validation)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of loops that end at their limit, and columns that are constant
        best = _best(family(train, seed), train, validation)
        # two peers may have chosen the same candidate
        again = {one.candidate.settings: one.candidate.fit(everything) for one in best.values()}
        result = {peer: (one, again[one.candidate.settings][one.key](test)) for peer, one in best.items()}
    seconds = (time.process_time() - started) / len(result)
    return {
        peer: Tuned(_words(one), one.validation, scores, one.sharpness, seconds)
        for peer, (one, scores) in result.items()
    }


def balanced_accuracy(labels: NDArray[Any], predictions: NDArray[Any]) -> float:
    """Return the mean of the recalls of classes that occur, in percent; 0 without a row."""
    return 100 * float(np.mean([(predictions[labels == label] == label).mean() for label in np.unique(labels)] or [0]))


def two_columns(decisions: NDArray[Any]) -> Scores:
    """Give scikit-learn's single column of a binary problem its other class."""
    return np.stack([np.zeros_like(decisions), decisions], axis=1) if decisions.ndim == 1 else decisions


def _best(candidates: Sequence[Candidate], train: Rows, validation: Rows) -> dict[str, _Best]:
    """Return the best candidate of each peer; the first of equals."""
    best: dict[str, _Best] = {}
    problem = "no candidate"
    for candidate in candidates:
        try:
            for key, scores in _scored(candidate, train, validation.features):
                accuracy = balanced_accuracy(validation.labels, scores.argmax(axis=1))
                if key[0] not in best or accuracy > best[key[0]].validation:
                    best[key[0]] = _Best(candidate, key, accuracy, _sharpness(scores, validation.labels))
        except Exception as error:  # of whatever kind: the table says it, and the other peers go on
            problem = f"{candidate.settings}: {error}".split("\n")[0]
    if not best:
        raise LeftOut(problem)
    return best


def _scored(candidate: Candidate, train: Rows, features: NDArray[Any]) -> Iterator[tuple[tuple[str, str], Scores]]:
    for key, scorer in candidate.fit(train).items():
        # a split without rows has nothing to score
        yield key, scorer(features) if len(features) else np.zeros((0, train.num_classes))


def _words(one: _Best) -> str:
    return ", ".join(word for word in (one.candidate.settings, one.key[1]) if word)


def _sharpness(scores: Scores, labels: NDArray[Any]) -> float:
    """Return the factor of least mean log loss over classes, from a grid around 1 / spread of the scores."""
    spread = float(scores.std()) if scores.size else 0.0
    unit = 1 / spread if np.isfinite(spread) and spread > 0 else 1.0
    if not len(labels):
        return unit
    weights = 1 / np.bincount(labels)[labels]
    losses = [
        -(weights * log_softmax(factor * unit * scores, axis=1)[np.arange(len(labels)), labels]).sum()
        for factor in SHARPNESS
    ]
    return unit * float(SHARPNESS[int(np.argmin(losses))])
