"""What `--prior` says: a world by name, a file of shares, or an estimate from the very inputs."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.embeddings import is_number
from longtail.errors import InputError
from longtail.heads.base import Head
from longtail.priors import (
    BiasCorrection,
    check_prior,
    estimate_prior_bbse,
    estimate_prior_em,
    fit_bias_correction,
    prior_interval,
)

__all__ = ["PriorEstimator", "TargetPrior", "find_prior", "read_prior", "write_prior"]

ESTIMATED = ("estimated", "estimated-em", "estimated-bbse")
PSEUDO_COUNT = 1.0  # an image of each class is taken as seen: no class is ruled out by an estimate
MOST_NUMBERS = 2_000_000  # probabilities, above which the bootstrap of an estimate would take long


@dataclass(frozen=True)
class TargetPrior:
    """A prior to predict for, and what is to be said of it.

    Attributes:
        shares: shape (C,).
        told: one sentence: which prior it is.
        notes: what a person should know besides.
        facts: of an estimate: iterations, condition, interval.
    """

    shares: NDArray[np.float64]
    told: str
    notes: tuple[str, ...] = ()
    facts: dict[str, Any] | None = None


class PriorEstimator:
    """Estimates the prior of unlabelled features with one head.

    EM takes the head's probabilities in the world of train, after a temperature and a bias a class that were fitted on
    validation where there is one; BBSE takes the confusion on validation and needs it.

    Args:
        head: fitted.
        validation: features (V, D) and class indices (V,) that the head was not fitted to, or None.
        correct: calibrate for EM.
    """

    def __init__(
        self, head: Head, validation: tuple[NDArray[Any], NDArray[np.int64]] | None, *, correct: bool = True
    ) -> None:
        self.head = head
        self.source = head.implied_shares
        self._correction: BiasCorrection | None = None
        self._validation: tuple[NDArray[np.float64], NDArray[np.int64]] | None = None
        if validation is not None:
            logits, labels = head.logits(validation[0]), np.asarray(validation[1])
            if correct:
                self._correction = fit_bias_correction(logits, labels, self.source)
            self._validation = (self._probabilities(logits), labels)

    @property
    def is_corrected(self) -> bool:
        """Whether validation calibrates it."""
        return self._correction is not None

    @property
    def has_every_class(self) -> bool:
        """Whether validation shows every class, as BBSE needs it."""
        return self._validation is not None and len(np.unique(self._validation[1])) == len(self.source)

    def probabilities(self, features: NDArray[Any]) -> NDArray[np.float64]:
        """Give what the estimates are made from, shape (N, C): calibrated where validation allows it."""
        return self._probabilities(self.head.logits(features))

    def em(self, probabilities: NDArray[np.float64], start: NDArray[np.float64] | None = None) -> Any:
        """Estimate by EM from what `probabilities` gave."""
        return estimate_prior_em(
            probabilities, self.source, pseudo_count=PSEUDO_COUNT, start=start, tolerance=1e-5, iterations=2000
        )

    def bbse(self, probabilities: NDArray[np.float64]) -> Any:
        """Estimate by the soft variant of BBSE from what `probabilities` gave.

        Raises:
            InputError: no validation, or one without some class.
        """
        if self._validation is None:
            raise InputError(
                "estimated-bbse needs a validation split that the head was not fitted to, and there is none. "
                "Take --prior estimated-em."
            )
        return estimate_prior_bbse(*self._validation, probabilities, len(self.source))

    def _probabilities(self, logits: NDArray[Any]) -> NDArray[np.float64]:
        scores = logits.astype(np.float64) if self._correction is None else self._correction.apply(logits)
        exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))


def find_prior(
    text: str,
    head: Head,
    features: NDArray[Any],
    class_names: Sequence[str],
    validation: tuple[NDArray[Any], NDArray[np.int64]] | None,
    *,
    seed: int = 0,
) -> TargetPrior:
    """Turn the words of `--prior` into shares.

    Args:
        text: uniform, train, estimated, estimated-em, estimated-bbse, or a CSV file.
        head: fitted.
        features: of the inputs, for an estimate, shape (N, D).
        class_names: C names.
        validation: features and class indices that the head was not fitted to, or None.
        seed: of the estimate's interval.

    Raises:
        InputError: another word, an unusable file, or an estimate that cannot be made.
    """
    if text in ("uniform", "train"):
        shares = head.prior_shares("uniform" if text == "uniform" else "train")
        what = "all classes equally common" if text == "uniform" else "classes as common as in train"
        return TargetPrior(shares, f"prior {text}: {what}")
    if text in ESTIMATED:
        return _estimated(text, head, features, class_names, validation, seed)
    if not Path(text).is_file():
        raise InputError(
            f"--prior {text}: no such file, and none of uniform, train, {', '.join(ESTIMATED)}. A file holds "
            "`class,share` a line, or `class,count`."
        )
    shares = read_prior(Path(text), class_names)
    told = f"prior of {text}: {_extremes(shares, class_names)}"
    return TargetPrior(shares, told, _never_predicted(shares, class_names))


def read_prior(path: Path, class_names: Sequence[str]) -> NDArray[np.float64]:
    """Read a CSV with a class (name or number) and its share or count a line; a heading may come first.

    Args:
        path: the file.
        class_names: C names.

    Returns:
        Shape (C,), of sum 1.

    Raises:
        InputError: a line that is none, an unknown class, one that is missing or named twice, or shares of another sum.
    """
    number_of = {str(number): number for number in range(len(class_names))} | {
        name: number for number, name in enumerate(class_names)
    }
    found: dict[int, str] = {}
    try:
        rows = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is no text. Expected `class,share` a line.") from error
    for line, row in enumerate(rows, start=1):
        cells = [cell.strip() for cell in row]
        if not any(cells) or (line == 1 and len(cells) == 2 and not is_number(cells[1])):
            continue
        if len(cells) != 2 or not is_number(cells[1]):
            raise InputError(f"{path}, line {line}: {','.join(row)!r}; expected `class,share` or `class,count`.")
        if cells[0] not in number_of:
            raise InputError(f"{path}, line {line}: no class {cells[0]!r}. Classes: {_listed(list(class_names))}.")
        number = number_of[cells[0]]
        if number in found:
            raise InputError(f"{path}, line {line}: class {class_names[number]} is named twice.")
        found[number] = cells[1]
    missing = [name for number, name in enumerate(class_names) if number not in found]
    if missing:
        raise InputError(
            f"{path}: names {len(found)} of {len(class_names)} classes; missing: {_listed(missing)}. Write 0 for a "
            "class that does not occur."
        )
    texts = [found[number] for number in range(len(class_names))]
    whole = all(text.lstrip("+-").isdigit() for text in texts)
    try:
        return check_prior(np.array(texts, dtype=np.int64 if whole else np.float64), len(class_names))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def write_prior(prior: TargetPrior, class_names: Sequence[str], path: Path) -> None:
    """Write the prior in use, and how it came about, as JSON."""
    from longtail.files.atomic import write_json

    content = {"told": prior.told, "notes": list(prior.notes), **(prior.facts or {})}
    write_json(path, {**content, "shares": dict(zip(class_names, prior.shares.tolist(), strict=True))})


def _estimated(
    text: str,
    head: Head,
    features: NDArray[Any],
    class_names: Sequence[str],
    validation: tuple[NDArray[Any], NDArray[np.int64]] | None,
    seed: int,
) -> TargetPrior:
    estimator = PriorEstimator(head, validation)
    p = estimator.probabilities(features)
    notes = ["an estimate holds where only the shares of the classes differ from train, not how they look"]
    facts: dict[str, Any]
    if text == "estimated-bbse":
        found = estimator.bbse(p)
        facts = {"estimate": "bbse", "condition": None if np.isinf(found.condition) else found.condition}
        how = "BBSE on validation"
        notes += [found.warning] if found.warning else []
    else:
        found = estimator.em(p)
        facts = {"estimate": "em", "iterations": found.iterations, "converged": found.converged}
        how = f"EM, {found.iterations} steps{'' if found.converged else ', not converged'}"
        if not estimator.is_corrected:
            notes.append(
                "there is no validation split to calibrate on that the head has not seen: over-confident scores lead "
                "EM astray"
            )
    facts |= {"rows": len(p), "calibrated_on": "val" if estimator.is_corrected else None, "interval": None}
    if p.size <= MOST_NUMBERS:

        def again(rows: NDArray[np.int64]) -> NDArray[np.float64]:
            redrawn = estimator.bbse(p[rows]) if text == "estimated-bbse" else estimator.em(p[rows], found.prior)
            return np.asarray(redrawn.prior)

        low, high = prior_interval(again, len(p), resamples=50, seed=seed)
        facts["interval"] = dict(zip(class_names, np.stack([low, high], axis=1).tolist(), strict=True))
    told = f"prior estimated from {len(p):,} inputs ({how}): {_extremes(found.prior, class_names)}"
    return TargetPrior(found.prior, told, (*notes, *_never_predicted(found.prior, class_names)), facts)


def _never_predicted(shares: NDArray[np.float64], class_names: Sequence[str]) -> tuple[str, ...]:
    zero = [name for name, share in zip(class_names, shares, strict=True) if share == 0]
    return (f"share 0, so never predicted: {_listed(zero)}",) if zero else ()


def _extremes(shares: NDArray[np.float64], class_names: Sequence[str]) -> str:
    order = np.argsort(-shares, kind="stable")
    return (
        f"most common {class_names[order[0]]} ({100 * shares[order[0]]:.1f} %), "
        f"rarest {class_names[order[-1]]} ({100 * shares[order[-1]]:.2g} %)"
    )


def _listed(names: list[str], most: int = 8) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
