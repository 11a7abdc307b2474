"""A network with its preprocessing in front and its probabilities behind."""

from typing import Literal

import torch
from torch import Tensor, nn

from longtail.backbones.outputs import Key, select
from longtail.data.transforms import Preprocessing
from longtail.evaluation.scaling import Calibrator

__all__ = ["Deployed", "Pixels", "example_images"]

Pixels = Literal["float32", "uint8"]


class Deployed(nn.Module):
    """Map images as they are decoded to logits and probabilities.

    x = (image - mean) / std, z = network(x), p = softmax(z); calibrated, p = softmax(s log softmax(z) + b)

    Args:
        network: maps normalised images (B, channels, H, W) to logits (B, C).
        preprocessing: holds mean and std, and the size of the images; resizing is left to the caller.
        output: where the logits stand in what the network returns; None: it returns them alone.
        calibrator: of the network's logits, or None.

    Example:
        >>> from longtail.backbones import create_backbone
        >>> kept = Preprocessing(32, 32, 3, (0.5,) * 3, (0.2,) * 3, "none", True)
        >>> model = Deployed(create_backbone("resnet20", num_classes=4), kept).eval()
        >>> logits, probabilities = model(torch.zeros(2, 3, 32, 32, dtype=torch.uint8))
        >>> logits.shape, probabilities.sum(1).round().tolist()
        (torch.Size([2, 4]), [1.0, 1.0])
    """

    mean: Tensor
    std: Tensor
    scale: Tensor
    bias: Tensor

    def __init__(
        self,
        network: nn.Module,
        preprocessing: Preprocessing,
        output: Key = None,
        calibrator: Calibrator | None = None,
    ) -> None:
        super().__init__()
        self.network, self.preprocessing, self.output, self.calibrator = network, preprocessing, output, calibrator
        if calibrator is not None:
            self.register_buffer("scale", torch.from_numpy(calibrator.scale).float())
            self.register_buffer("bias", torch.from_numpy(calibrator.bias).float())
        self.register_buffer("mean", torch.tensor(preprocessing.mean).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(preprocessing.std).view(1, -1, 1, 1))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Classify images.

        Args:
            images: shape (B, channels, size, size); uint8, or float32 from 0 to 1.

        Returns:
            Logits and probabilities, each of shape (B, C).
        """
        if images.dtype == torch.uint8:
            images = images.float() / 255
        logits = select(self.network((images - self.mean) / self.std), self.output)
        return logits, self._probabilities(logits)

    def _probabilities(self, logits: Tensor) -> Tensor:
        if self.calibrator is None:
            return logits.softmax(dim=1)
        start = logits.log_softmax(dim=1)
        scale = self.scale[start.argmax(dim=1)][:, None] if self.calibrator.method == "group" else self.scale
        return (start * scale + self.bias).softmax(dim=1)


def example_images(preprocessing: Preprocessing, pixels: Pixels, count: int, seed: int = 0) -> Tensor:
    """Draw images of noise, as the network takes them: shape (count, channels, size, size)."""
    generator = torch.Generator().manual_seed(seed)
    shape = (count, preprocessing.channels, preprocessing.size, preprocessing.size)
    images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    return images if pixels == "uint8" else images / 255
