"""PaCo: class centres and samples of a momentum encoder in one softmax."""

import copy
from typing import Any

from numpy.typing import ArrayLike
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from longtail.backbones import classifier_of, features_of
from longtail.contrast.centres_and_samples import CentresAndSamples
from longtail.contrast.projection import projection_head, unit
from longtail.pretraining.momentum import follow
from longtail.pretraining.ranks import encode_shuffled, gathered
from longtail.ranges import Range

__all__ = ["PaCo"]


class PaCo(CentresAndSamples):
    """Learn a network with its classifier by parametric contrast with a momentum encoder.

    q = g(f(view 1)), k = g'(f'(view 2)), both of length 1; loss: `parametric_contrast` of q with the class scores of
    view 1 (log prior added), and q, k and a queue of the last K keys. f' and g' follow f and g: w' <- m w' + (1 - m) w
    before each step. g is a linear layer, batch norm, ReLU, a linear layer; it is thrown away afterwards.

    All that it remembers is in the state dict. With several processes the key encoder's batches are shuffled across
    them, and the queue takes the keys of all; a query meets those of its own process's batch besides, as in the
    released code.

    Args:
        model: f with its classifier, which is trained.
        class_counts: n_c of train, shape (C,).
        queue: K, at least the images of a step over all processes.
        dimension: of q and k.
        momentum: m.
        temperature: T.
        sample_weight: alpha, of each sample of the own class where its centre weighs 1.

    Raises:
        InputError: a setting out of its range.

    Reference:
        Cui, Zhong, Liu, Yu, Jia, "Parametric Contrastive Learning", ICCV 2021, arXiv 2107.12028.

    Example:
        >>> import torch
        >>> from longtail.backbones import create_backbone
        >>> model = create_backbone("digits_cnn", num_classes=3, in_chans=1)
        >>> task = PaCo(model, [50, 9, 1], queue=16, dimension=8)
        >>> loss, watched = task(torch.rand(4, 1, 8, 8), torch.rand(4, 1, 8, 8), torch.tensor([0, 0, 1, 2]))
        >>> loss.shape, list(watched), int(task.queue.position)
        (torch.Size([]), ['accuracy'], 4)
    """

    def __init__(
        self,
        model: Any,
        class_counts: Tensor | ArrayLike,
        *,
        queue: int = 8192,
        dimension: int = 128,
        momentum: float = 0.999,
        temperature: float = 0.2,
        sample_weight: float = 0.05,
    ) -> None:
        Range(0, below=1).check(momentum, "momentum")
        remembered: dict[str, Any] = {"queue": queue, "dimension": dimension}
        super().__init__(class_counts, temperature=temperature, sample_weight=sample_weight, **remembered)
        width = classifier_of(model).in_features
        self.model = model
        self.projection = projection_head(width, width, dimension, batch_norm=True)
        self.key_model = copy.deepcopy(model).requires_grad_(False)
        self.key_projection = copy.deepcopy(self.projection).requires_grad_(False)
        self._average = get_ema_multi_avg_fn(momentum)  # type: ignore[no-untyped-call]

    def forward(self, first: Tensor, second: Tensor, labels: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of two views (B, channels, H, W) with labels (B,), and the top-1 accuracy in percent."""
        features = features_of(self.model, first)
        logits = classifier_of(self.model)(features).float()
        queries = unit(self.projection(features))
        follow(self._average, ((self.model, self.key_model), (self.projection, self.key_projection)))
        keys, everyones = encode_shuffled(self._keys, second)
        loss = self.compared(logits, [queries, keys], labels)
        self.queue.put(everyones, gathered(labels))
        return loss, {"accuracy": (logits.argmax(dim=1) == labels).float().mean() * 100}

    def _keys(self, images: Tensor) -> Tensor:
        return unit(self.key_projection(features_of(self.key_model, images)))
