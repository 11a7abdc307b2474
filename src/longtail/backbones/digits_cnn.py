"""A small convolutional network for 8 x 8 digits."""

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["DigitsCNN"]


class DigitsCNN(nn.Module):
    """Classify 8 x 8 grey images with three convolutions; made for the demonstration, trained in seconds on a CPU.

    It obeys the same protocol as timm's backbones.

    Args:
        num_classes: C; 0 leaves the classifier out.
        in_chans: channels of the images.
        width: channels of the second and third convolution.

    Example:
        >>> import torch
        >>> DigitsCNN(num_classes=10)(torch.zeros(2, 1, 8, 8)).shape
        torch.Size([2, 10])
    """

    def __init__(self, num_classes: int = 10, in_chans: int = 1, *, width: int = 64) -> None:
        super().__init__()
        self.num_features = width
        self.conv1 = nn.Conv2d(in_chans, 32, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(32)
        self.conv2 = nn.Conv2d(32, width, 3, stride=2, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(width)
        self.fc: nn.Module = nn.Identity()
        self.reset_classifier(num_classes)

    def get_classifier(self) -> nn.Module:
        """Return the last linear layer."""
        return self.fc

    def reset_classifier(self, num_classes: int) -> None:
        """Put a new linear layer for `num_classes` classes in place of the last one; 0 removes it."""
        self.num_classes = num_classes
        self.fc = nn.Linear(self.num_features, num_classes) if num_classes else nn.Identity()

    def forward_features(self, x: Tensor) -> Tensor:
        """Map images (B, channels, 8, 8) to the last feature map (B, 64, 4, 4)."""
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        return F.relu(self.bn3(self.conv3(x)))

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Average the feature map to features (B, 64) and, unless `pre_logits`, classify them (B, C)."""
        features = x.mean(dim=(2, 3))
        return features if pre_logits else self.fc(features)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (B, channels, H, W) to logits (B, C)."""
        return self.forward_head(self.forward_features(x))
