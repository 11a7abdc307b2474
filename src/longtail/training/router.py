"""What the router of a network of experts learns by, and what it says of features."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from longtail.backbones.expert_router import RoutedExperts
from longtail.heads.routing import help_wanted, right_after
from longtail.ranges import Range
from longtail.training.task import Measured

__all__ = ["RouterTask"]


class RouterTask(nn.Module):
    """Learn when the next expert is needed; the experts stay as they are, in evaluation mode.

    loss = mean_k mean_i BCE(sigma(a_ik), t_ik),   t = `help_wanted`, which counts w times where it is 1

    Args:
        model: whose router learns.
        positive_weight: w, above 0; published 100.

    Raises:
        InputError: w out of its range.

    Reference:
        Wang, Lian, Miao, Liu, Yu, "Long-tailed Recognition by Routing Diverse Distribution-Aware Experts", ICLR 2021,
        arXiv 2010.01809, and its released code.
    """

    def __init__(self, model: RoutedExperts, positive_weight: float = 100.0) -> None:
        super().__init__()
        Range(above=0).check(positive_weight, "positive_weight")
        self.model = model
        self._positive_weight = positive_weight
        model.requires_grad_(False)
        model.router.requires_grad_(True)

    def train(self, mode: bool = True) -> "RouterTask":
        """Switch to training: the network does not follow."""
        super().train(mode)
        self.model.eval()
        return self

    def forward(self, images: Tensor, labels: Tensor) -> Measured:
        """Compute the loss of a batch, and the percentage of its images that need another expert after the first.

        Args:
            images: shape (B, channels, H, W).
            labels: shape (B,).
        """
        with torch.no_grad():
            features = self.model.features_of_all(images)
            right = right_after(self.model.logits_of_each(features), labels)
        wanted = help_wanted(right).float()
        weight = torch.tensor(self._positive_weight, device=wanted.device)
        loss = functional.binary_cross_entropy_with_logits(self.model.scores(features), wanted, pos_weight=weight)
        return loss, {"wanted": 100 * wanted[:, 0].mean()}
