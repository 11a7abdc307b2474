"""What DLSA is built of and by: the plan, what was chosen on validation, and the blocks."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.flows import MixtureFlow
from longtail.heads.dlsa.block_classifier import BlockClassifier, ClassifierPlan
from longtail.heads.dlsa.flow_filter import FlowPlan

__all__ = ["Block", "BuildPlan", "Built", "Choices", "Rows"]

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class BuildPlan:
    """All that decides how DLSA is built.

    Attributes:
        depth: blocks at most.
        proportion: of the training rows that reach a block, the likeliest share that it takes.
        threshold: log-likelihood from which on a block takes rows, instead of the proportion.
        prior_smoothing: rows of the training set's class shares that are added to each cluster.
        flow: of each block.
        classifier: of each block and of the rest.
        original: the released code's ways.
        learning_rates: of the plain classifier; the one best on validation is that of all classifiers, the first where
            nothing can be chosen. None leaves the rate as it stands in `classifier`.
    """

    depth: int
    proportion: float
    threshold: float | None
    prior_smoothing: float
    flow: FlowPlan
    classifier: ClassifierPlan
    original: bool
    learning_rates: tuple[float, ...] | None = None


@dataclass
class Choices:
    """What was chosen on validation, so that it can be done again on all rows.

    Attributes:
        plain: epochs of the plain classifier.
        flows: epochs of each block's flow.
        classifiers: epochs of each block's classifier.
        rests: epochs of the classifier for what each number of blocks leaves, from one block on.
        learning_rate: of all classifiers.
    """

    learning_rate: float = 0.0
    plain: int = 0
    flows: list[int] = field(default_factory=list)
    classifiers: list[int] = field(default_factory=list)
    rests: list[int] = field(default_factory=list)


@dataclass
class Block:
    """One block: what it takes, and how it classifies.

    Attributes:
        flow: says how likely a row is, and its cluster.
        threshold: rows of at least this log-likelihood are taken.
        priors: class shares of each cluster, shape (K, C).
        classifier: of the rows that are taken.
        rest: classifier of the rows that are not, where this block is the last.
        facts: for people: clusters, sizes, purities, epochs, losses.
    """

    flow: MixtureFlow
    threshold: float
    priors: NDArray[np.float32]
    classifier: BlockClassifier
    rest: BlockClassifier | None
    facts: dict[str, Any]


@dataclass
class Built:
    """All blocks, the plain classifier that they are measured against, and what was seen on validation.

    All classifiers are layers on standardised features.

    Attributes:
        plain: trained on all rows; None in the original's way.
        blocks: as many as could be built.
        block_of_row: the block that takes each training row, shape (N,); their number for the rest.
        choices: epochs that were kept.
        hits: cross-fitted validation hits with 0, 1, ... blocks, each of shape (N,); empty without validation.
    """

    plain: BlockClassifier | None
    blocks: list[Block]
    block_of_row: Rows
    choices: Choices
    hits: list[NDArray[np.float64]]
