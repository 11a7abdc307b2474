"""How much do features and predictions change where JPEGs are decoded at the scale that is needed?

Parts of the two photographs that scikit-learn ships, as JPEGs, go through a real network of ImageNet at 96 pixels:
decoded whole, decoded at 1/2 or 1/4, and, to compare with, decoded whole after they were stored with quality 75 instead
of 90. The parts are of such sizes that the smaller decoding leaves 1, 1.5 and 2 times the pixels that are needed in
either direction; `longtail` asks for twice as many. A difference of features is a share of a row's length.

    python benchmarks/accuracy/scaled_decoding.py [--parts 200] [--quick]
"""

import argparse
import io
import os
from pathlib import Path

import numpy as np
import torch
from auto_sets.mobilenet import SIZE, forward
from PIL import Image
from safetensors.torch import load_file
from sklearn.datasets import load_sample_images
from torch import Tensor
from torchvision.transforms import v2

from longtail.data.decode import decode_image


def encoded(part: Image.Image, quality: int = 90) -> bytes:
    """Return an image as a JPEG."""
    stream = io.BytesIO()
    part.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def seen(files: list[bytes], least: int | None) -> Tensor:
    """Return what the network sees of images that are decoded with so many pixels at least."""
    decoded = (decode_image(file, "a part", least=least) for file in files)
    return torch.stack([v2.functional.resize(image, [SIZE, SIZE], antialias=True) for image in decoded])


def main() -> None:
    """Print a row for each size and way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", type=int, default=200)
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    folder = Path(os.environ["LONGTAIL_SHARED"]) / "models" / "mobilenet_v1_0.75_imagenet"
    weights = load_file(folder / "model.safetensors")
    photographs = [Image.fromarray(pixels) for pixels in load_sample_images().images]
    rng = np.random.default_rng(0)

    def run(images: Tensor) -> tuple[Tensor, Tensor]:
        with torch.inference_mode():
            features = forward(images.float() / 127.5 - 1, weights)
        return features, (features @ weights["classifier.weight"].T + weights["classifier.bias"]).argmax(dim=1)

    print("side  way                left  levels apart  features apart          another of 1000 classes")
    for side in (200, 288, 392):
        parts = []
        for index in range(8 if arguments.quick else arguments.parts):
            photograph = photographs[index % 2]
            x, y = rng.integers(0, photograph.width - side), rng.integers(0, photograph.height - side)
            parts.append(photograph.crop((x, y, x + side, y + side)))
        files = [encoded(part) for part in parts]
        whole = seen(files, None)
        features, classes = run(whole)
        ways = {f"decoded at 1/{scale}": (seen(files, side // scale), side / scale / SIZE) for scale in (2, 4)}
        ways["quality 75, whole"] = seen([encoded(part, 75) for part in parts], None), side / SIZE
        for name, (images, left) in ways.items():
            if left < 1:
                continue
            others, other_classes = run(images)
            apart = (others - features).norm(dim=1) / features.norm(dim=1)
            levels = (images.float() - whole.float()).abs()
            changed = 100 * (classes != other_classes).float().mean()
            print(
                f"{side:4d}  {name:17s} {left:5.2f}  {levels.mean():4.2f}, at most {levels.max():2.0f}"
                f"  {apart.mean():.3f}, at most {apart.max():.3f}  {changed:.1f} %"
            )


if __name__ == "__main__":
    main()
