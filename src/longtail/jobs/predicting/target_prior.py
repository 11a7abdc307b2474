"""What `--prior` says: a world by name, a file of shares, or an estimate from the very inputs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.files.text import printable
from longtail.jobs.predicting.prior_estimator import ESTIMATED, Inputs, estimated_prior
from longtail.jobs.predicting.prior_file import listed, read_prior
from longtail.priors import prior_of_counts, uniform_prior

__all__ = ["TargetPrior", "find_prior", "write_prior"]


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


def find_prior(
    text: str,
    class_names: Sequence[str],
    train_counts: NDArray[np.int64] | None,
    inputs: Inputs | None = None,
    *,
    seed: int = 0,
    quiet: bool = True,
) -> TargetPrior:
    """Turn the words of `--prior` into shares: the one reader of that option.

    Args:
        text: uniform, train, a CSV file, or, where there are inputs, estimated, estimated-em or estimated-bbse.
        class_names: C names.
        train_counts: n_c of the training split, shape (C,); None where they are not known.
        inputs: what an estimate is made from; None where there is none.
        seed: of an estimate's interval.
        quiet: say nothing of how far an estimate is.

    Returns:
        The prior, of C shares.

    Raises:
        InputError: another word, an unusable file, counts that are not known, or an estimate that cannot be made.
    """
    if text == "uniform":
        return TargetPrior(uniform_prior(len(class_names)), "prior uniform: all classes equally common")
    if text == "train":
        if train_counts is None:
            raise InputError(
                "`prior` train: how many training images each class has is not known. Give uniform or a CSV."
            )
        return TargetPrior(prior_of_counts(train_counts), "prior train: classes as common as in train")
    if text in ESTIMATED:
        if inputs is None:
            raise InputError(
                f"`prior` {text}: needs a head and inputs to score, and here there are none. Expected uniform, train "
                "or a CSV of shares."
            )
        shares, how, notes, facts = estimated_prior(text, inputs, class_names, seed=seed, quiet=quiet)
        description = f"prior estimated from {len(inputs.features):,} inputs ({how}): {_extremes(shares, class_names)}"
        return TargetPrior(shares, description, (*notes, *_never_predicted(shares, class_names)), facts)
    if not Path(text).is_file():
        words = ("uniform", "train", *(ESTIMATED if inputs is not None else ()))
        raise InputError(
            f"`prior` {printable(text)}: no such file, and none of {', '.join(words)}. A file holds `class,share` a "
            "line, or `class,count`."
        )
    shares = read_prior(Path(text), class_names, train_counts)
    description = f"prior of {printable(text)}: {_extremes(shares, class_names)}"
    return TargetPrior(shares, description, _never_predicted(shares, class_names))


def write_prior(prior: TargetPrior, class_names: Sequence[str], path: Path) -> None:
    """Write the prior in use, and how it came about, as JSON."""
    from longtail.files.atomic import write_json

    content = {"told": prior.told, "notes": list(prior.notes), **(prior.facts or {})}
    write_json(path, {**content, "shares": dict(zip(class_names, prior.shares.tolist(), strict=True))})


def _never_predicted(shares: NDArray[np.float64], class_names: Sequence[str]) -> tuple[str, ...]:
    zero = [name for name, share in zip(class_names, shares, strict=True) if share == 0]
    return (f"share 0, so never predicted: {listed(zero)}",) if zero else ()


def _extremes(shares: NDArray[np.float64], class_names: Sequence[str]) -> str:
    order = np.argsort(-shares, kind="stable")
    return (
        f"most common {class_names[order[0]]} ({100 * shares[order[0]]:.1f} %), "
        f"rarest {class_names[order[-1]]} ({100 * shares[order[-1]]:.2g} %)"
    )
