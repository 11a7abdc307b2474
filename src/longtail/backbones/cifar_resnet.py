"""The CIFAR ResNets: three stages of 16, 32 and 64 channels for 32-pixel images."""

import torch.nn.functional as F
from torch import Tensor, nn

from longtail.backbones.averaging_network import AveragingNetwork

__all__ = ["CifarResNet"]


class _Shortcut(nn.Module):
    """Option A: subsample and fill the new channels with zeros, half before and half behind; no weights."""

    def __init__(self, new_channels: int) -> None:
        super().__init__()
        self.new_channels = new_channels

    def forward(self, x: Tensor) -> Tensor:
        before = self.new_channels // 2
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, before, self.new_channels - before))


class _Block(nn.Module):
    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut = _Shortcut(channels - in_channels) if stride != 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(out)) + self.shortcut(x))


class CifarResNet(AveragingNetwork):
    """Classify small images with a ResNet of depth 6n + 2 and parameter-free shortcuts.

    It obeys timm's backbone protocol: `num_features`, `forward_features`, `forward_head(x, pre_logits=...)`,
    `get_classifier`, `reset_classifier`.

    Args:
        depth: number of weighted layers, 6n + 2: 20, 32, 44, 56, 110.
        num_classes: C; 0 leaves the classifier out.
        in_chans: channels of the images.
        widths: channels of the three stages.

    Raises:
        ValueError: the depth is not of the form 6n + 2.

    Reference:
        He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", CVPR 2016, arXiv 1512.03385, section 4.2.

    Example:
        >>> import torch
        >>> model = CifarResNet(20, num_classes=10)
        >>> model(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 10])
        >>> model.forward_head(model.forward_features(torch.zeros(2, 3, 32, 32)), pre_logits=True).shape
        torch.Size([2, 64])
    """

    def __init__(
        self, depth: int, num_classes: int = 10, in_chans: int = 3, *, widths: tuple[int, int, int] = (16, 32, 64)
    ) -> None:
        super().__init__(widths[-1])
        blocks, rest = divmod(depth - 2, 6)
        if rest or blocks < 1:
            raise ValueError(f"depth {depth} is not 6n + 2; expected 20, 32, 44, 56 or 110, for example.")
        first, second, third = widths
        self.conv1 = nn.Conv2d(in_chans, first, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(first)
        self.layer1 = _stage(first, first, blocks, stride=1)
        self.layer2 = _stage(first, second, blocks, stride=2)
        self.layer3 = _stage(second, third, blocks, stride=2)
        self.reset_classifier(num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight)

    def forward_features(self, x: Tensor) -> Tensor:
        """Map images (B, channels, H, W) to the last feature map (B, 64, H/4, W/4)."""
        x = F.relu(self.bn1(self.conv1(x)))
        return self.layer3(self.layer2(self.layer1(x)))  # type: ignore[no-any-return]


def _stage(in_channels: int, channels: int, blocks: int, stride: int) -> nn.Sequential:
    first = _Block(in_channels, channels, stride)
    return nn.Sequential(first, *(_Block(channels, channels, 1) for _ in range(blocks - 1)))
