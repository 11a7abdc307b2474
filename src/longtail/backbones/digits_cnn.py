"""A small convolutional network for 8 x 8 digits."""

import torch.nn.functional as F
from torch import Tensor, nn

from longtail.backbones.averaging_network import AveragingNetwork

__all__ = ["DigitsCNN"]


class DigitsCNN(AveragingNetwork):
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
        super().__init__(width)
        self.conv1 = nn.Conv2d(in_chans, 32, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(32)
        self.conv2 = nn.Conv2d(32, width, 3, stride=2, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(width)
        self.reset_classifier(num_classes)

    def forward_features(self, x: Tensor) -> Tensor:
        """Map images (B, channels, 8, 8) to the last feature map (B, 64, 4, 4)."""
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        return F.relu(self.bn3(self.conv3(x)))
