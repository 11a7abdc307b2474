"""Shared by tests of jobs: small images of three colours, and networks that know them; digits as photographs."""

import json

import numpy as np
import pytest
import torch
from torchvision import models

from longtail.backbones import SplitNetwork, create_backbone, replace_last_layer
from longtail.cli import main
from longtail.data import open_data
from longtail.data.decode import write_png
from longtail.data.transforms import Preprocessing, normalize
from longtail.features import write_features
from longtail.heads import Joint

NAMES = ["blue", "green", "red"]
COUNTS = {"train": (48, 16, 6), "val": (12, 12, 12), "test": (8, 8, 8)}
SIZE = 32
IMAGENET = Preprocessing(SIZE, SIZE, 3, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "none", True)
HALVES = Preprocessing(SIZE, SIZE, 3, (0.5,) * 3, (0.5,) * 3, "none", True)


class Colours:
    """What the tests of `balance` share, handed over as a fixture since test files do not import each other."""

    names, counts, size, imagenet, halves = NAMES, COUNTS, SIZE, IMAGENET, HALVES

    @staticmethod
    def draw(count, label, seed):
        """Draw noise with a touch of a colour: uint8 (count, 3, SIZE, SIZE)."""
        rng = np.random.default_rng(seed)
        images = rng.normal(110, 40, size=(count, 3, SIZE, SIZE))
        images[:, 2 - label] += rng.normal(60, 18, size=(count, 1, 1))
        return torch.from_numpy(images.clip(0, 255).astype(np.uint8))

    @classmethod
    def split(cls, part):
        """Give all images of a split, and their labels."""
        number = list(COUNTS).index(part)
        images = [cls.draw(count, label, 10 * number + label) for label, count in enumerate(COUNTS[part])]
        return torch.cat(images), np.repeat(np.arange(3), COUNTS[part])

    @classmethod
    def teach(cls, model, preprocessing):
        """Give a network a last layer as instance-balanced training would; and what that layer sees."""
        # one pass in training mode: without statistics of its own a drawn network gives nearly constant features
        norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
        for norm in norms:
            norm.momentum = None  # the mean of all batches
        with torch.no_grad():
            model.train()(normalize(cls.split("train")[0], preprocessing))
        trunk = SplitNetwork(model).eval()
        features, labels = {}, {}
        for part in COUNTS:
            images, labels[part] = cls.split(part)
            with torch.inference_mode():
                features[part] = trunk.forward_features(normalize(images, preprocessing)).numpy()
        head = Joint(random_state=0).fit(features["train"], labels["train"])
        images = normalize(cls.split("test")[0], preprocessing)
        bias = None if trunk.ending(images).bias is None else torch.from_numpy(head.bias_)
        return replace_last_layer(model, torch.from_numpy(head.weight_), bias, images=images).eval(), features, labels

    @staticmethod
    def write(folder, features, labels, change=None, names=None):
        """Write features of all splits, perhaps changed before."""
        features, labels = ({part: array.copy() for part, array in parts.items()} for parts in (features, labels))
        if change:
            change(features, labels)
        attributes = {} if names is None else {"class_names": json.dumps(names)}
        for part in features:
            write_features(folder / f"feature_{part}.h5", features[part], labels[part], attributes=attributes)
        return folder


@pytest.fixture(scope="session")
def colours():
    return Colours


@pytest.fixture(scope="session")
def colour_photos(tmp_path_factory):
    """A folder with train, val and test, and in each a folder a class."""
    folder = tmp_path_factory.mktemp("colours")
    for part in COUNTS:
        images, labels = Colours.split(part)
        for row, (image, label) in enumerate(zip(images, labels, strict=True)):
            write_png(image, folder / part / NAMES[label] / f"{row:03}.png")
    return folder


@pytest.fixture(scope="session")
def of_torchvision():
    """A network of torchvision that knows the colours, and the features that its last layer sees, with labels."""
    torch.manual_seed(1)
    return Colours.teach(models.shufflenet_v2_x0_5(weights=None, num_classes=3), IMAGENET)


@pytest.fixture
def network(of_torchvision, tmp_path):
    """Its state dict and features in files: net.pt and embeddings/."""
    model, features, labels = of_torchvision
    torch.save(model.state_dict(), tmp_path / "net.pt")
    Colours.write(tmp_path / "embeddings", features, labels)
    return tmp_path


@pytest.fixture(scope="session")
def bees_and_cows(tmp_path_factory):
    """photos/ with images of two classes, 20 of each, and the run/ of a network that has seen them."""
    folder = tmp_path_factory.mktemp("bees_and_cows")
    rng = np.random.default_rng(0)
    for name in ("bee", "cow"):
        for number in range(20):
            image = torch.from_numpy(rng.integers(0, 255, (3, 16, 16), dtype=np.uint8))
            write_png(image, folder / "photos" / name / f"{number:02d}.png")
    words = ["run", "folder", "--data", str(folder / "photos"), "--methods", "joint", "--label-check", "none"]
    words += ["--image-size", "16", "--backbone", "digits_cnn", "--batch-size", "16", "--warmup-epochs", "0"]
    words += ["--augmentation", "none", "--device", "cpu", "--epochs", "1", "--workers", "0"]
    assert main([*words, "--out", str(folder / "run"), "--quiet"]) == 0
    return folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Digits as colour images in a folder: 40, 20 and 8 of three classes; and weights of a network."""
    folder = tmp_path_factory.mktemp("photos")
    digits = open_data("digits", profile="none").train
    for label, count in ((0, 40), (1, 20), (2, 8)):
        (folder / "data" / str(label)).mkdir(parents=True)
        rows = [row for row in range(len(digits)) if digits.labels[row] == label][:count]
        for row in rows:
            write_png(digits.load(row).expand(3, -1, -1), folder / "data" / str(label) / f"{row}.png")
    torch.manual_seed(3)
    torch.save(create_backbone("resnet20", num_classes=7).state_dict(), folder / "weights.pth")
    return folder


@pytest.fixture(scope="session")
def learnt_digits(tmp_path_factory):
    """The checkpoint of a small network that learnt digits for an epoch."""
    folder = tmp_path_factory.mktemp("learnt-digits")
    words = ["--epochs", "1", "--device", "cpu", "--precision", "float32", "--quiet"]
    assert main(["train", "digits", "--out", str(folder), *words]) == 0
    return folder / "checkpoints" / "last.pt"
