"""What our small networks have in common: features are the mean over places, and a last layer classifies them."""

from torch import Tensor, nn

__all__ = ["AveragingNetwork"]


class AveragingNetwork(nn.Module):
    """A network under timm's backbone protocol, but for `forward_features`, which its kind adds.

    Its kind ends its own `__init__` with `reset_classifier`: layers are drawn and listed in the order of the network.

    Args:
        num_features: D, channels of the last feature map.
    """

    num_classes: int
    fc: nn.Module

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def get_classifier(self) -> nn.Module:
        """Return the last layer."""
        return self.fc

    def reset_classifier(self, num_classes: int) -> None:
        """Put a new last layer for `num_classes` classes in place of the one that is there; 0 removes it."""
        self.num_classes = num_classes
        self.fc = self._new_classifier(num_classes) if num_classes else nn.Identity()

    def _new_classifier(self, num_classes: int) -> nn.Module:
        return nn.Linear(self.num_features, num_classes)

    def forward_features(self, x: Tensor) -> Tensor:
        """Map images (B, channels, H, W) to the last feature map (B, D, h, w)."""
        raise NotImplementedError

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Average the feature map to features (B, D) and, unless `pre_logits`, classify them (B, C)."""
        features = self._features(x)
        return features if pre_logits else self.fc(features)

    def _features(self, x: Tensor) -> Tensor:
        return x.mean(dim=(2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Map images (B, channels, H, W) to logits (B, C)."""
        return self.forward_head(self.forward_features(x))
