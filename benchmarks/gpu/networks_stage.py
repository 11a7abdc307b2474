"""Training steps and extraction: ResNet-32 at 32 pixels, ResNet-50 at 224."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from measured_rows import Row, Size, peak_flops, seconds_of, stage_size
from torch.utils.flop_counter import FlopCounterMode

from longtail.backbones import create_backbone, features_of
from longtail.data.transforms import Preprocessing, normalize
from longtail.jobs.launch import launch
from longtail.jobs.options import RuntimeOptions
from longtail.sampling import Sampler
from longtail.training.batches import ResidentBatches
from longtail.training.classification import Classification

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Way:
    """How a step is computed."""

    precision: str
    channels_last: bool = True
    compiled: bool = False

    def __str__(self) -> str:
        layout = "channels_last" if self.channels_last else "contiguous"
        return f"{self.precision}, {layout}" + (", compiled" if self.compiled else "")


@dataclass(frozen=True)
class Network:
    """What is trained, on how many images at once."""

    name: str
    pixels: int
    batch: int
    classes: int

    def images(self, number: int, device: str) -> torch.Tensor:
        """Draw images of noise, shape (N, 3, H, W)."""
        return torch.randint(0, 256, (number, 3, self.pixels, self.pixels), dtype=torch.uint8, device=device)

    @property
    def preprocessing(self) -> Preprocessing:
        """Crop and flip, as on resident images."""
        return Preprocessing(self.pixels, self.pixels, 3, (0.5,) * 3, (0.25,) * 3, "crop-flip", resident=True)


def ways(size: Size) -> Iterator[Way]:
    """Yield what is compared; a processor has no float16 worth measuring."""
    yield Way("float32", channels_last=False)
    yield Way("float32")
    yield Way("bfloat16", channels_last=False)
    yield Way("bfloat16")
    if size.device == "cuda":
        yield Way("float16")
        yield Way("bfloat16", compiled=True)


def training(network: Network, way: Way, size: Size, steps: int) -> float:
    """Return images a second of stage 1: draw, augment, forward, backward, update."""
    fabric = launch(RuntimeOptions(device=size.device, precision=way.precision))  # type: ignore[arg-type]
    rows = network.batch * steps
    labels = torch.arange(rows, device=size.device) % network.classes
    layout = torch.channels_last if way.channels_last else torch.contiguous_format
    task: torch.nn.Module = Classification(create_backbone(network.name, num_classes=network.classes))
    task = task.to(memory_format=layout)  # type: ignore[call-overload]
    optimizer = torch.optim.SGD(task.parameters(), lr=0.01, momentum=0.9)
    task, optimizer = fabric.setup(torch.compile(task) if way.compiled else task, optimizer)
    sampler = Sampler(labels.cpu().numpy())
    images = network.images(rows, size.device)
    batches = ResidentBatches(images, labels, sampler, network.preprocessing, batch_size=network.batch)

    def epoch() -> None:
        for micro_batches in batches.steps(0, 0):
            for batch, of_batch in micro_batches:
                loss, _ = task(batch.contiguous(memory_format=layout), of_batch)
                fabric.backward(loss)
            optimizer.step()
            optimizer.zero_grad()

    return rows / seconds_of(epoch, size)


def operations(network: Network) -> int:
    """Return the operations of a step on one image, forward and backward, as torch counts them."""
    model = create_backbone(network.name, num_classes=network.classes)
    counter = FlopCounterMode(display=False)
    with counter:
        model(torch.randn(2, 3, network.pixels, network.pixels)).sum().backward()
    return counter.get_total_flops() // 2


def extraction(network: Network, size: Size, precision: str) -> float:
    """Return images a second of normalisation and forward pass, from uint8 images that lie on the device."""
    fabric = launch(RuntimeOptions(device=size.device, precision=precision))  # type: ignore[arg-type]
    model: torch.nn.Module = create_backbone(network.name, num_classes=network.classes).eval()
    model = model.to(size.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = network.images(network.batch, size.device)

    def once() -> None:
        with torch.inference_mode(), fabric.autocast():
            features_of(model, normalize(images, network.preprocessing))

    return network.batch / seconds_of(once, size, repeat=10)


def main() -> None:
    """Measure all."""
    size = stage_size(str(__doc__))
    peaks = {name: peak_flops(DTYPES[name], size) for name in {way.precision for way in ways(size)}}
    for name, peak in sorted(peaks.items()):
        Row("networks", f"square product, {name}", peak / 1e12, "TFLOP/s", "the peak that shares below refer to").tell()
    small = Network("resnet32", 32, size.of(128, 8), 10)
    wide = Network("resnet32", 32, size.of(1024, 8), 10)
    large = Network("resnet50", size.of(224, 64), size.of(128, 2), 1000)
    for network in (small, wide, large):
        cost = operations(network)
        for way in ways(size):
            rate = training(network, way, size, size.of(30, 2))
            share = f"{100 * rate * cost / peaks[way.precision]:.0f} % of the peak"
            what = f"{network.name} at {network.pixels} pixels, batch {network.batch}, {way}: training"
            Row("networks", what, rate, "images/s", share).tell()
    for precision in ("float32", "bfloat16"):
        what = f"{large.name} at {large.pixels} pixels, {precision}: extraction"
        Row("networks", what, extraction(large, size, precision), "images/s").tell()


if __name__ == "__main__":
    torch.manual_seed(0)
    main()
