"""The losses of classifiers by name, as the command line asks for them."""

from typing import Literal, get_args

from numpy.typing import ArrayLike
from torch import Tensor, nn

from longtail.errors import InputError
from longtail.losses.focal import Focal
from longtail.losses.label_aware import LabelAware
from longtail.losses.ldam import LDAM
from longtail.losses.logit_adjustment import LogitAdjusted
from longtail.losses.over_smoothed import OverSmoothed

__all__ = ["LossName", "build_loss", "prior_of_loss"]

LossName = Literal[
    "cross-entropy", "focal", "balanced-softmax", "logit-adjusted", "ldam", "over-smoothed", "label-aware"
]


def build_loss(
    name: LossName,
    class_counts: Tensor | ArrayLike,
    *,
    weight: Tensor | None = None,
    gamma: float = 2.0,
    tau: float = 1.0,
    largest_margin: float = 0.5,
    scale: float = 30.0,
    smoothing: float = 0.98,
    head_smoothing: float = 0.4,
    tail_smoothing: float = 0.1,
) -> nn.Module:
    """Build a loss that maps logits (B, C) and labels (B,) to a scalar.

    Args:
        name: "cross-entropy", "focal", "balanced-softmax", "logit-adjusted", "ldam", "over-smoothed" or "label-aware".
        class_counts: n_c of training, shape (C,).
        weight: of each class, shape (C,); None weighs all alike.
        gamma: of focal.
        tau: of logit-adjusted.
        largest_margin: of ldam.
        scale: of ldam.
        smoothing: of over-smoothed.
        head_smoothing: of label-aware, for the most common class.
        tail_smoothing: of label-aware, for the rarest.

    Raises:
        InputError: no such loss, ldam with a class that has no image, or class_counts that are no numbers of images.

    Example:
        >>> import torch
        >>> build_loss("focal", torch.tensor([9.0, 1.0]), gamma=1.0).gamma
        1.0
    """
    match name:
        case "cross-entropy":
            return nn.CrossEntropyLoss(weight=weight)
        case "focal":
            return Focal(gamma, weight)
        case "balanced-softmax":
            return LogitAdjusted(class_counts, tau=1.0, weight=weight)
        case "logit-adjusted":
            return LogitAdjusted(class_counts, tau=tau, weight=weight)
        case "ldam":
            return LDAM(class_counts, largest_margin=largest_margin, scale=scale, weight=weight)
        case "over-smoothed":
            return OverSmoothed(smoothing, weight)
        case "label-aware":
            return LabelAware(class_counts, head=head_smoothing, tail=tail_smoothing, weight=weight)
        case _:
            raise InputError(f"no loss {name!r}. Losses: {', '.join(get_args(LossName))}.")


def prior_of_loss(name: LossName, sampled: Literal["train", "uniform"]) -> Literal["train", "uniform"]:
    """Return in which world softmax of the trained logits is a probability: as in train, or all classes equally common.

    Args:
        name: of the loss.
        sampled: how common the classes were in what the loss saw.

    Example:
        >>> prior_of_loss("cross-entropy", "train"), prior_of_loss("balanced-softmax", "train")
        ('train', 'uniform')
    """
    return "uniform" if name in ("balanced-softmax", "logit-adjusted") else sampled
