"""MoCo v2: find the other view of an image among the images of the last batches."""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import get_ema_multi_avg_fn

from longtail.backbones import classifier_of, features_of
from longtail.errors import InputError
from longtail.pretraining.momentum import follow, replace_oldest
from longtail.pretraining.ranks import encode_shuffled, num_ranks
from longtail.ranges import Range

__all__ = ["MoCo", "info_nce"]


def info_nce(queries: Tensor, keys: Tensor, queue: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Return the contrastive loss of queries against their own keys and the keys of a queue.

    loss = mean_b -log( exp(q_b . k_b / T) / (exp(q_b . k_b / T) + sum_j exp(q_b . n_j / T)) )

    Args:
        queries: q, of length 1, shape (B, D).
        keys: k, of length 1, shape (B, D).
        queue: n, of length 1, shape (K, D).
        temperature: T.

    Returns:
        The loss; the share of queries that are closer to their own key than to any of the queue, in percent.

    Reference:
        van den Oord, Li, Vinyals, "Representation Learning with Contrastive Predictive Coding", 2018, arXiv 1807.03748.

    Example:
        >>> ones = torch.eye(2)
        >>> loss, hits = info_nce(ones[:1], ones[:1], ones[1:], temperature=1.0)
        >>> round(float(loss), 4), float(hits)
        (0.3133, 100.0)
    """
    # one product with the whole queue; the two kinds of logits are never joined into one B x (1 + K) matrix
    negative = functional.linear(queries, queue).float() / temperature
    positive = (queries.float() * keys.float()).sum(dim=1) / temperature
    loss = (torch.logaddexp(positive, negative.logsumexp(dim=1)) - positive).mean()
    return loss, (positive.detach() > negative.detach().amax(dim=1)).float().mean() * 100


class MoCo(nn.Module):
    """Learn features by momentum contrast: two views of one image are to be closer than views of different images.

    q = g(f(first view)), k = g'(f'(second view)), both of length 1; loss: `info_nce` of q, k and a queue of the last K
    keys. f' and g' learn nothing themselves, they follow f and g: w' <- m w' + (1 - m) w before each step. g is a
    linear layer, ReLU, and a linear layer. Then k takes the place of the oldest keys in the queue.

    All that it remembers, the queue and its position included, is in the state dict. With several processes, the key
    encoder's batches are shuffled across them for its batch norm, and the queue takes the keys of all. With one process
    nothing is shuffled, as in the released code.

    Args:
        model: f, a backbone that ends in a linear classifier, which takes no part.
        queue: K.
        batch_size: images of a step over all processes; has to divide K, so that a step replaces whole batches.
        dimension: of q and k.
        momentum: m.
        temperature: T.

    Raises:
        InputError: a setting is out of range, or the batch does not divide the queue.

    Reference:
        Chen, Fan, Girshick, He, "Improved Baselines with Momentum Contrastive Learning", 2020, arXiv 2003.04297; He,
        Fan, Wu, Xie, Girshick, "Momentum Contrast for Unsupervised Visual Representation Learning", CVPR 2020, arXiv
        1911.05722.

    Example:
        >>> from longtail.backbones import create_backbone
        >>> task = MoCo(create_backbone("digits_cnn", num_classes=10, in_chans=1), queue=16, batch_size=8)
        >>> loss, watched = task(torch.rand(8, 1, 8, 8), torch.rand(8, 1, 8, 8))
        >>> loss.shape, int(task.position)
        (torch.Size([]), 8)
    """

    queue: Tensor
    position: Tensor
    # every process puts the same keys into its queue: torch need not send it around at each step
    _ddp_params_and_buffers_to_ignore = ("queue", "position")

    def __init__(
        self,
        model: Any,
        *,
        queue: int = 65536,
        batch_size: int = 256,
        dimension: int = 128,
        momentum: float = 0.999,
        temperature: float = 0.2,
    ) -> None:
        super().__init__()
        _check(queue, batch_size, dimension, momentum, temperature)
        classifier = classifier_of(model).requires_grad_(False)
        self.batch_size, self.temperature = batch_size, temperature
        width = classifier.in_features
        self.model = model
        self.projection = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, dimension))
        self.key_model = copy.deepcopy(model).requires_grad_(False)
        self.key_projection = copy.deepcopy(self.projection).requires_grad_(False)
        self._average = get_ema_multi_avg_fn(momentum)  # type: ignore[no-untyped-call]
        self.register_buffer("queue", functional.normalize(torch.randn(queue, dimension), dim=1))
        self.register_buffer("position", torch.zeros((), dtype=torch.int64))

    def forward(self, first: Tensor, second: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of two views (B, channels, H, W) and how many queries find their key, in percent."""
        if len(first) * num_ranks() != self.batch_size:
            raise InputError(
                f"a step has {len(first) * num_ranks()} images; expected batch_size, {self.batch_size}, which divides "
                "the queue."
            )
        queries = functional.normalize(self.projection(features_of(self.model, first)).float(), dim=1)
        follow(self._average, ((self.model, self.key_model), (self.projection, self.key_projection)))
        keys, everyones = encode_shuffled(self._keys, second)
        # the backward pass needs the queue as it is now
        loss, result = info_nce(queries, keys, self.queue.clone(), self.temperature)
        self._enqueue(everyones)
        return loss, {"accuracy": result}

    def _keys(self, images: Tensor) -> Tensor:
        return functional.normalize(self.key_projection(features_of(self.key_model, images)).float(), dim=1)

    @torch.no_grad()
    def _enqueue(self, keys: Tensor) -> None:
        replace_oldest(self.queue, self.position, keys)
        self.position.add_(len(keys)).remainder_(len(self.queue))


def _check(queue: int, batch_size: int, dimension: int, momentum: float, temperature: float) -> None:
    Range(1).check(batch_size, "batch_size", whole=True)
    Range(1).check(queue, "queue", whole=True)
    Range(1).check(dimension, "dimension", whole=True)
    Range(0, below=1).check(momentum, "momentum")
    Range(above=0).check(temperature, "temperature")
    if queue % batch_size:
        raise InputError(
            f"a queue of {queue} keys cannot be filled by batches of {batch_size}; expected a multiple of the batch "
            f"size, such as {max(round(queue / batch_size), 1) * batch_size}."
        )
