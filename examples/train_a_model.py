"""A model as one has it: a ResNet-18 of torchvision, trained plainly on a folder of images with a long tail.

    python examples/train_a_model.py        # writes photos/ and net.pth into the current folder
    longtail balance net.pth --data photos --arch torchvision:resnet18 --image-size 32 --out fair

The images are scikit-learn's handwritten digits as PNG files of 32 x 32 pixels, from 120 training images of the 0 down
to 3 of the 9.
"""

from pathlib import Path

import torch
from PIL import Image
from sklearn.datasets import load_digits
from torch.nn import functional
from torchvision.models import resnet18

from longtail import exponential_counts

EPOCHS, BATCH_SIZE = 5, 64
MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


def write_photos(folder: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """Write train/, val/ and test/ with a folder a class; give images and labels of train."""
    digits = load_digits()
    pixels = torch.from_numpy(digits.images).float()[:, None].mul(255 / 16).expand(-1, 3, -1, -1)
    images = functional.interpolate(pixels, size=32, mode="bilinear").round().to(torch.uint8)
    train = []
    for label, count in enumerate(exponential_counts(10, 120, 40).tolist()):
        rows = (digits.target == label).nonzero()[0]
        for split, chosen in (("test", rows[:40]), ("val", rows[40:50]), ("train", rows[50 : 50 + count])):
            (folder / split / str(label)).mkdir(parents=True, exist_ok=True)
            for row in chosen:
                Image.fromarray(images[row].permute(1, 2, 0).numpy()).save(folder / split / str(label) / f"{row}.png")
        train += rows[50 : 50 + count].tolist()
    return images[train], torch.from_numpy(digits.target)[train]


def main() -> None:
    """Train and save the state dict."""
    torch.manual_seed(0)
    images, labels = write_photos(Path("photos"))
    model = resnet18(num_classes=10)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for epoch in range(EPOCHS):
        for rows in torch.randperm(len(images)).split(BATCH_SIZE):
            loss = functional.cross_entropy(model((images[rows] / 255 - MEAN) / STD), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch + 1} of {EPOCHS}: loss of the last batch {loss.item():.3f}")
    torch.save(model.state_dict(), "net.pth")


if __name__ == "__main__":
    main()
