"""What stage 1 minimises, and on which images: the losses and samplers that its options ask for."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from longtail.counts import class_counts
from longtail.errors import InputError
from longtail.jobs.options import StageOneOptions
from longtail.jobs.stage_one.settings import trained_stage
from longtail.losses import build_loss, effective_number_weights, prior_of_loss
from longtail.losses.build import LossName
from longtail.losses.deferred import Deferred
from longtail.sampling import DeferredSampler, Sampler, Strategy

__all__ = ["Objective", "check_rebalanced_once", "objective_of", "sampler_of", "trained_prior"]


@dataclass(frozen=True)
class Objective:
    """A loss, and what tells it which epoch it is.

    Attributes:
        loss: maps logits (B, C) and labels (B,) to a scalar.
        before_epoch: takes the number of the epoch, from 0; None where the loss does not change.
    """

    loss: nn.Module
    before_epoch: Callable[[int], None] | None


def check_rebalanced_once(stage: StageOneOptions) -> None:
    """Refuse two rebalancings at once: each of them makes all classes count alike already.

    LDAM with weights is one: its margins move no prior, and LDAM-DRW is published so.

    Raises:
        InputError: samples, weights and a loss that knows the counts, two of them, without --rebalance-twice.
    """
    knows_counts = stage.loss == "balanced-softmax" or (stage.loss == "logit-adjusted" and stage.loss_tau > 0)
    weighs = stage.reweight and stage.beta > 0
    draws = stage.representation != "instance"
    given = [
        words
        for words, is_given in (
            (f"--representation {stage.representation} draws rare classes more often", draws),
            ("--reweight weighs them more", weighs),
            (f"--contrast {stage.contrast} counts on how rare they are", stage.contrast != "none"),
            (f"--experts {stage.experts} counts on how rare they are", stage.experts != "none"),
            (f"--loss {stage.loss} counts on how rare they are", knows_counts or (stage.loss == "ldam" and draws)),
        )
        if is_given
    ]
    if len(given) > 1 and not stage.rebalance_twice:
        raise InputError(
            f"{' and '.join(given)}: each alone makes all classes count alike, and together they favour the rare ones "
            "by as much as these were neglected. Leave one of them out, or say --rebalance-twice."
        )


def objective_of(stage: StageOneOptions, labels: NDArray[np.int64], num_classes: int) -> Objective:
    """Build the loss of stage 1.

    Args:
        stage: names the loss, its settings, whether classes are weighed and from when on.
        labels: of the training images, shape (N,).
        num_classes: C.

    Raises:
        InputError: settings that do not go together or are out of range.
    """
    counts = torch.from_numpy(class_counts(labels, num_classes).astype(np.float32))
    build = partial(
        build_loss,
        stage.loss,
        counts,
        gamma=stage.focal_gamma,
        tau=stage.loss_tau,
        largest_margin=stage.ldam_margin,
        scale=stage.ldam_scale,
        smoothing=stage.loss_smoothing,
        head_smoothing=stage.head_smoothing,
        tail_smoothing=stage.tail_smoothing,
    )
    if not stage.reweight:
        return Objective(build(), None)
    weighted = build(weight=effective_number_weights(counts, stage.beta))
    first = first_rebalanced_epoch(stage)
    if first == 0:
        return Objective(weighted, None)
    deferred = Deferred(build(), weighted, first)
    return Objective(deferred, deferred.set_epoch)


def sampler_of(
    stage: StageOneOptions, labels: NDArray[np.int64], strategy: Strategy, seed: int
) -> Sampler | DeferredSampler:
    """Build the sampler of a training; where rebalancing is deferred, every image counts alike until then."""

    def sampler(strategy: Strategy) -> Sampler:
        return Sampler(
            labels,
            strategy=strategy,
            num_epochs=stage.epochs,
            run_length=stage.run_length if strategy == "class" else 1,
            repeat_threshold=stage.repeat_threshold,
            beta=stage.beta,
            num_samples=len(labels) if stage.rebalance_from > 0 else None,
            seed=seed,
        )

    first = first_rebalanced_epoch(stage)
    if first == 0 or strategy == "instance":
        return sampler(strategy)
    return DeferredSampler(sampler("instance"), sampler(strategy), first)


def trained_prior(settings: dict[str, Any]) -> Literal["train", "uniform"]:
    """Return in which world softmax of a trained network's own logits would be a probability.

    Class weights, samples that are not drawn image by image, and losses that know the counts make all classes equally
    common, roughly; they count from the epoch on in which they begin.

    Args:
        settings: of its training, as its checkpoint holds them; "train" where they do not say how it was trained.

    Example:
        >>> trained_prior({"stage": {"loss": "balanced-softmax"}}), trained_prior({"stage": {"reweight": True}})
        ('uniform', 'uniform')
        >>> trained_prior({"stage": {"loss": "focal"}})
        'train'
    """
    stage = trained_stage(settings)
    if stage.contrast != "none" or stage.experts != "none" or (stage.reweight and stage.beta > 0):
        return "uniform"
    is_plain = stage.loss == "logit-adjusted" and stage.loss_tau == 0
    loss: LossName = "cross-entropy" if is_plain else stage.loss
    return prior_of_loss(loss, "train" if stage.representation == "instance" else "uniform")


def first_rebalanced_epoch(stage: StageOneOptions) -> int:
    """Return the epoch, from 0, from which on classes are weighed or sampled.

    Raises:
        InputError: nothing is there to defer.
    """
    if stage.rebalance_from > 0 and not stage.reweight and stage.representation == "instance":
        raise InputError(
            f"--rebalance-from {stage.rebalance_from}: nothing is rebalanced. Add --reweight, or a --representation "
            "other than instance."
        )
    return math.floor(stage.rebalance_from * stage.epochs)
