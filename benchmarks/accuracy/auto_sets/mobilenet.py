"""Features of CIFAR-10 by a frozen network of ImageNet, kept in a file so that they are made once.

The network is MobileNet v1 (width 0.75) in the layout of Hugging Face, run here without `transformers`: a stem and 13
pairs of a convolution a channel and one across channels, each with batch norm and ReLU6. Images are enlarged to
96 x 96 pixels (bicubic), as for the plankton features.

Source: Howard, Zhu, Chen, Kalenichenko, Wang, Weyand, Andreetto, Adam, "MobileNets: Efficient Convolutional Neural
Networks for Mobile Vision Applications", 2017, arXiv 1704.04861, table 1.
"""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from longtail.data.image_pack import ImagePack
from longtail.files.arrays import read_npz
from longtail.files.atomic import atomic_path

__all__ = ["cached_features", "features_of", "forward"]

SIZE = 96
HALVES = (2, 6, 10, 22)  # layers that halve the picture, besides the stem; even ones work on each channel alone
LAYERS = 26
VARIANCE_FLOOR = 1e-3
AT_ONCE = 128


def cached_features(pack: Path, network: Path, cache: Path) -> tuple[NDArray[np.float32], NDArray[np.int64], ImagePack]:
    """Return the features of all images of a pack, from the cache where they are there.

    Args:
        pack: images.
        network: folder with model.safetensors.
        cache: folder for the file.

    Returns:
        Features (N, D), labels (N,), and the pack.
    """
    images = ImagePack(pack)
    path = cache / f"{pack.stem}_{network.name}.npz"
    if not path.is_file():
        made = features_of(images, network)
        cache.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez(file, features=made.astype(np.float16))
    return read_npz(path, expected="`features`")["features"].astype(np.float32), images.labels, images


def features_of(images: ImagePack, network: Path) -> NDArray[np.float32]:
    """Run the network over images, up to the mean over places; shape (N, D)."""
    weights = load_file(network / "model.safetensors")
    rows = []
    with torch.inference_mode():
        for start in range(0, len(images), AT_ONCE):
            batch = [_input(images.load(index)) for index in range(start, min(start + AT_ONCE, len(images)))]
            rows.append(forward(torch.stack(batch), weights))
    return torch.cat(rows).float().numpy()


def _input(pixels: Tensor) -> Tensor:
    """Enlarge one image, and bring its levels from 0 .. 255 to -1 .. 1."""
    picture = Image.fromarray(pixels.permute(1, 2, 0).numpy()).resize((SIZE, SIZE), Image.Resampling.BICUBIC)
    return torch.from_numpy(np.asarray(picture, dtype=np.float32) / 127.5 - 1).permute(2, 0, 1)


def forward(pixels: Tensor, weights: dict[str, Tensor]) -> Tensor:
    """Return the features (B, 768) of images on the scale -1 to 1, shape (B, 3, H, W)."""
    hidden = _layer(pixels, weights, "mobilenet_v1.conv_stem", stride=2)
    for number in range(LAYERS):
        hidden = _layer(hidden, weights, f"mobilenet_v1.layer.{number}", stride=2 if number in HALVES else 1)
    return hidden.mean(dim=(2, 3))


def _layer(hidden: Tensor, weights: dict[str, Tensor], name: str, *, stride: int) -> Tensor:
    """Convolve, normalise by the stored statistics, and clip to 0 .. 6."""
    kernel = weights[f"{name}.convolution.weight"]
    size = kernel.shape[-1]
    # as TensorFlow pads: the odd row and column at the end
    missing = max(size - stride, 0)
    hidden = functional.pad(hidden, (missing // 2, missing - missing // 2) * 2)
    hidden = functional.conv2d(hidden, kernel, stride=stride, groups=hidden.shape[1] if kernel.shape[1] == 1 else 1)
    mean, variance, factor, shift = (
        weights[f"{name}.normalization.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
    )
    return functional.batch_norm(hidden, mean, variance, factor, shift, eps=VARIANCE_FLOOR).clamp(0, 6)
