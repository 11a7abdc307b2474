"""Parameters and multiply-adds, against a count by hand and published numbers."""

import pytest
import torch
from torch import nn

from longtail.backbones import create_backbone
from longtail.backbones.costs import network_cost


def test_by_hand():
    model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 25, 4))
    cost = network_cost(model, (3, 5, 5))
    assert cost.parameters == 8 * 27 + 8 + 800 + 4
    assert cost.multiply_adds == 25 * 8 * 27 + 800
    assert model.training


def test_attention_is_counted():
    small = {"img_size": 32, "patch_size": 8, "depth": 1, "embed_dim": 24, "num_heads": 2}
    model = create_backbone("vit_tiny_patch16_224", num_classes=4, arguments=small)
    tokens, width = 17, 24
    patches = 16 * 3 * 64 * width
    attention = tokens * width * 4 * width + 2 * tokens * tokens * width
    assert network_cost(model, (3, 32, 32)).multiply_adds == patches + attention + 8 * tokens * width**2 + 4 * width


def test_published_numbers():
    """ResNet-50: 25.6 M parameters, 4.1 G multiply-adds."""
    with torch.device("meta"):
        from timm import create_model

        model = create_model("resnet50")
    cost = network_cost(model, (3, 224, 224))
    assert cost.parameters == 25_557_032
    assert cost.multiply_adds == pytest.approx(4.09e9, rel=0.01)
