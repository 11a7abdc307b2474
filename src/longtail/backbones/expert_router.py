"""Experts that are asked one after the other, each where those before it are not enough."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from longtail.backbones.experts import ExpertNetwork, expert_features, weights_of_each
from longtail.backbones.normalized_linear import linear_parameters
from longtail.errors import InputError

__all__ = ["ExpertRouter", "RoutedExperts", "routed_experts"]


class ExpertRouter(nn.Module):
    """Scores, from what the experts up to the k-th say of an image, how much the next one is needed.

    a_k = v . [ top(m_k), relu(W_k f_k / |f_k| + b_k) ] + c,   m_k = (z_1 + ... + z_k) / k,   k = 1 .. E - 1

    top are the greatest of C logits, in descending order; v and c are shared by all k.

    Args:
        num_experts: E, at least 2.
        dimension: D, of an expert's features.
        num_choices: how many logits are looked at, 1 to C; published 30 for CIFAR-100-LT, 50 for ImageNet-LT.
        hidden: rows of W_k.

    Raises:
        InputError: a single expert.

    Reference:
        Wang, Lian, Miao, Liu, Yu, "Long-tailed Recognition by Routing Diverse Distribution-Aware Experts", ICLR 2021,
        arXiv 2010.01809, and its released code.

    Example:
        >>> router = ExpertRouter(3, dimension=4, num_choices=2)
        >>> router(0, torch.ones(5, 4), torch.zeros(5, 10)).shape
        torch.Size([5])
    """

    def __init__(self, num_experts: int, dimension: int, num_choices: int, *, hidden: int = 16) -> None:
        super().__init__()
        if num_experts < 2:
            raise InputError(f"`num_experts` is {num_experts}; one expert has no next one. Expected 2 or more.")
        self.num_choices = num_choices
        self.hidden = nn.ModuleList(nn.Linear(dimension, hidden) for _ in range(num_experts - 1))
        self.ask = nn.Linear(hidden + num_choices, 1)
        for layer in (*self.hidden, self.ask):
            nn.init.kaiming_normal_(layer.weight)

    def forward(self, number: int, features: Tensor, logits: Tensor) -> Tensor:
        """Score images (B,).

        Args:
            number: of experts asked before the last one, k - 1.
            features: f_k, of any length above 0, shape (B, D).
            logits: m_k, shape (B, C).
        """
        strongest = logits.topk(self.num_choices, dim=1).values
        seen = functional.relu(self.hidden[number](functional.normalize(features, dim=1)))
        scores: Tensor = self.ask(torch.cat([strongest, seen], dim=1)).squeeze(1)
        return scores


class RoutedExperts(ExpertNetwork):
    """A network of experts that computes, of each image, those alone that its router asks for.

    The k + 1-th expert is asked where a_1, ..., a_k are all above a threshold. In its features an expert that was not
    asked has zeros, and the others are E / k times as long: so the classifier gives the mean logits of those k.

    Args:
        network: trained; its modules are shared.
        router: fitted to it.
        threshold: of the scores; published 0.

    Example:
        >>> from longtail.backbones import create_backbone
        >>> network = create_backbone("resnet20", num_classes=10, arguments={"experts": 3})
        >>> router = ExpertRouter(3, dimension=48, num_choices=10)
        >>> first, every = (RoutedExperts(network, router, t).eval() for t in (1e6, -1e6))
        >>> images = torch.randn(2, 3, 32, 32)
        >>> torch.allclose(every(images), network(images), atol=1e-5)
        True
        >>> torch.allclose(first(images), network.expert_logits(images)[:, 0], atol=1e-5)
        True
    """

    def __init__(self, network: ExpertNetwork, router: ExpertRouter, threshold: float) -> None:
        experts = list(network.experts)
        super().__init__(network.early, experts, network.num_features // len(experts), network.num_classes)
        self.fc = network.fc
        self.pretrained_cfg = getattr(network, "pretrained_cfg", None)
        self.router = router
        self.threshold = threshold
        self.train(network.training)

    def forward_features(self, x: Tensor) -> Tensor:
        """Map images (B, channels, H, W) to the experts' last feature maps (B, E D, h, w): 0 of those not asked."""
        shared = self.early(x)
        weights = self._weights()
        maps = [self.experts[0](shared)]
        rows = torch.arange(len(x), device=x.device)
        seen, logits = maps[0], torch.zeros(len(x), weights.shape[1], device=x.device)
        for number, expert in enumerate(list(self.experts)[1:]):
            features = expert_features(seen)
            logits = logits + features @ weights[number].T
            asks = self.router(number, features, logits / (number + 1)) > self.threshold
            rows, logits = rows[asks], logits[asks]
            seen = expert(shared[rows]) if len(rows) else maps[0][:0]
            maps.append(torch.zeros_like(maps[0]).index_copy(0, rows, seen))
        return torch.cat(maps, dim=1)

    def _features(self, x: Tensor) -> Tensor:
        features = super()._features(x)
        asked = (features.reshape(len(x), self.num_experts, -1) != 0).any(dim=2).sum(dim=1, keepdim=True)
        return features * (self.num_experts / asked.clamp(min=1))

    def features_of_all(self, x: Tensor) -> Tensor:
        """Map images (B, channels, H, W) to the features of all experts (B, E D), as if each were asked."""
        return super()._features(super().forward_features(x))

    def logits_of_each(self, features: Tensor) -> Tensor:
        """Map the features of all experts (B, E D) to the logits of each (B, E, C)."""
        return torch.einsum("bed,ecd->bec", self._by_expert(features), self._weights())

    def scores(self, features: Tensor) -> Tensor:
        """Map the features of all experts (B, E D) to the router's scores after each but the last (B, E - 1)."""
        parts, so_far = self._by_expert(features), self.logits_of_each(features).cumsum(dim=1)
        numbers = range(self.num_experts - 1)
        return torch.stack([self.router(k, parts[:, k], so_far[:, k] / (k + 1)) for k in numbers], dim=1)

    def _by_expert(self, features: Tensor) -> Tensor:
        return features.reshape(len(features), self.num_experts, -1)

    def _weights(self) -> Tensor:
        return weights_of_each(linear_parameters(self)[0], self.num_experts)


def routed_experts(network: ExpertNetwork, num_choices: int, threshold: float = 0.0) -> RoutedExperts:
    """Put a router with new weights to a network of two experts or more.

    Args:
        network: trained; its modules are shared.
        num_choices: greatest logits that the router looks at, 1 to C.
        threshold: of its scores.
    """
    dimension = network.num_features // network.num_experts
    return RoutedExperts(network, ExpertRouter(network.num_experts, dimension, num_choices), threshold)
