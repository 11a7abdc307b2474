"""How fast do 12-megapixel JPEGs become features, beside the loop that everybody writes?

One side is `longtail extract` of a folder; the other a plain loop: a DataLoader with as many workers, PIL,
torchvision's Resize, CenterCrop, ToTensor and Normalize, and timm's network. Both run the same network, in turn in one
process, until all features are there; ours also with JPEGs decoded whole. The photographs are made up, noise of all
scales in about 1 bit a pixel; where --folder names a place that stays, they are made once.

    python benchmarks/speed/photographs.py [--images 300] [--workers 2] [--repeat 3] [--folder DIR] [--quick]
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import timm
import torch
from moved_features import moved
from numpy.typing import NDArray
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from longtail.data.preprocessing_choice import LARGE_INPUT, preprocessing_for
from longtail.data.transforms import Decoding
from longtail.features import open_feature_file
from longtail.jobs.extract import ExtractConfig
from longtail.jobs.extract import run as extract
from longtail.jobs.options import DataOptions, RuntimeOptions
from longtail.jobs.stage_one.settings import about_network
from longtail.training.checkpoints import save_checkpoint

BATCH = 64
CLASSES = ("ant", "bee")
Side = Callable[[], NDArray[np.float32]]


def make_photographs(folder: Path, number: int, size: tuple[int, int]) -> None:
    """Write JPEGs of noise of all scales, as a photograph has them; those that are there already stay."""
    rng = np.random.default_rng(0)
    width, height = size
    larger = np.zeros((height * 3 // 2, width * 3 // 2, 3), dtype=np.float32)
    for step in (512, 256, 128, 64, 32, 16, 8, 4, 2):
        small = rng.normal(size=(larger.shape[0] // step + 2, larger.shape[1] // step + 2, 3)).astype(np.float32)
        for band in range(3):
            picture = Image.fromarray(small[..., band]).resize((larger.shape[1], larger.shape[0]), Image.BICUBIC)
            larger[..., band] += np.asarray(picture) * step**0.6
    grey = larger.mean(axis=2, keepdims=True)
    larger = grey + (larger - grey) / 2
    levels = (larger / larger.std() * 50 + 120).clip(0, 255).astype(np.uint8)
    for index in range(number):
        top, left = rng.integers(0, height // 2), rng.integers(0, width // 2)
        part = levels[top : top + height, left : left + width, rng.permutation(3)]
        path = folder / "test" / CLASSES[index % 2] / f"{index:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file():
            Image.fromarray(np.ascontiguousarray(part)).save(path, quality=88)
    # no class may be without a training image
    for name in CLASSES:
        path = folder / "train" / name / "1.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (256, 256)).save(path)


class _Photographs(Dataset):
    """The usual data set of files: PIL and torchvision, an image at a time."""

    def __init__(self, paths: list[Path]) -> None:
        mean, std = LARGE_INPUT.statistics
        self.paths = paths
        self.transform = transforms.Compose(
            [
                transforms.Resize(256),
                transforms.CenterCrop(224),
                transforms.ToTensor(),
                transforms.Normalize(mean, std),
            ]
        )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.transform(Image.open(self.paths[index]).convert("RGB"))


def plain(paths: list[Path], network: torch.nn.Module, workers: int) -> NDArray[np.float32]:
    """Compute the features in the loop that everybody writes."""
    loader = DataLoader(_Photographs(paths), batch_size=BATCH, num_workers=workers)
    with torch.inference_mode():
        rows = [network.forward_head(network.forward_features(images), pre_logits=True) for images in loader]
    return torch.cat(rows).numpy()


def ours(folder: Path, network: torch.nn.Module, name: str, workers: int, decode: Decoding) -> NDArray[np.float32]:
    """Compute the features by `longtail extract`."""
    preprocessing = replace(preprocessing_for(224, 3, LARGE_INPUT.statistics, "none"), decode=decode)
    settings = {"dataset": None, "data": {}, "classifier_is_drawn": True}
    task = {f"model.{key}": tensor for key, tensor in network.state_dict().items()}
    about = about_network(name, CLASSES, preprocessing, settings)
    with tempfile.TemporaryDirectory() as out:
        checkpoint = Path(out) / "network.pt"
        save_checkpoint({"task": task, "optimizer": {}, "precision": {}, "state": {}, "about": about}, checkpoint)
        data = DataOptions(val_fraction=0)
        runtime = RuntimeOptions(out=Path(out) / "features", device="cpu", quiet=True)
        extract(ExtractConfig(checkpoint, str(folder), data=data, runtime=runtime, workers=workers))
        return np.array(open_feature_file(Path(out) / "features" / "feature_test.h5").features, dtype=np.float32)


def timed(side: Side) -> tuple[NDArray[np.float32], float, float]:
    """Return what a side gives, its seconds, and its CPU seconds with those of its workers."""
    before, started = os.times(), time.perf_counter()
    result = side()
    seconds, after = time.perf_counter() - started, os.times()
    return result, seconds, sum(after[:4]) - sum(before[:4])


def main() -> None:
    """Run all sides and print rates and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=300)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--backbone", default="mobilenetv3_small_100")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    number, size = (12, (2000, 1500)) if arguments.quick else (arguments.images, (4000, 3000))
    torch.manual_seed(0)
    network = timm.create_model(arguments.backbone, num_classes=len(CLASSES)).eval()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        make_photographs(folder, number, size)
        paths = sorted((folder / "test").rglob("*.jpg"))
        sides: dict[str, Side] = {
            "plain loop": lambda: plain(paths, network, arguments.workers),
            "scaled": lambda: ours(folder, network, arguments.backbone, arguments.workers, "scaled"),
            "whole": lambda: ours(folder, network, arguments.backbone, arguments.workers, "whole"),
        }
        measured: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
        features = {}
        for _ in range(1 if arguments.quick else arguments.repeat):
            for name, side in sides.items():
                features[name], *times = timed(side)
                measured[name].append((times[0], times[1]))
        megabytes = np.mean([path.stat().st_size for path in paths]) / 1e6
    print(f"{len(paths)} JPEGs of {size[0]} x {size[1]} pixels, {megabytes:.2f} MB each, {arguments.backbone}")
    medians = {name: np.median(times, axis=0) for name, times in measured.items()}
    for name, (seconds, cpu) in medians.items():
        ratios = medians["plain loop"] / (seconds, cpu)
        print(
            f"{name:10s} {len(paths) / seconds:6.1f} images/s, {1000 * cpu / len(paths):5.0f} ms of CPU an image; "
            f"{ratios[0]:.2f} times the loop, by CPU {ratios[1]:.2f}"
        )
    print(f"features, scaled against whole: {moved(features['scaled'], features['whole'])}")
    print(f"features, whole against the loop: {moved(features['whole'], features['plain loop'])}")


if __name__ == "__main__":
    main()
