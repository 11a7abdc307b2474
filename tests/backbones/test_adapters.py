"""Adapters: the network as it was until they learn, nothing else learns, and what is linear is multiplied in."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from longtail.backbones import classifier_of, create_backbone
from longtail.backbones.adapters import ADAPTERS, add_adapters, hold_all_but_adapters, merge_adapters
from longtail.backbones.adapters.transformer_blocks import AdaptedMLP, PromptedBlock
from longtail.backbones.adapters.weight_changes import CentreTap, LowRank
from longtail.errors import InputError

PLACES = [
    ("resnet20", "lora"),
    ("resnet20", "residual"),
    ("timm:mobilenetv2_035", "lora"),
    ("timm:mobilenetv2_035", "residual"),
    ("timm:test_vit", "lora"),
    ("timm:test_vit", "adaptformer"),
    ("timm:test_vit", "prompts"),
]


def network(name):
    torch.manual_seed(0)
    model = create_backbone(name, num_classes=3).double().eval()
    size = 160 if "vit" in name else 32
    return model, torch.randn(2, 3, size, size, dtype=torch.float64)


def shaken(model):
    """Move everything that learns, as a training would."""
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.1 * torch.randn_like(parameter))


@pytest.mark.parametrize(("name", "kind"), PLACES)
def test_until_it_learns_the_network_is_what_it_was_and_then_only_adapters_learn(name, kind):
    model, images = network(name)
    before, plain = model(images), {key: tensor.clone() for key, tensor in model.state_dict().items()}
    total = sum(parameter.numel() for parameter in model.parameters())
    add_adapters(model, kind, 2)
    if kind != "prompts":  # which are drawn, and seen at once
        torch.testing.assert_close(model(images), before, rtol=1e-9, atol=1e-9)
    hold_all_but_adapters(model)
    learning = {key for key, parameter in model.named_parameters() if parameter.requires_grad}
    classifier = {
        key for key, parameter in model.named_parameters() if parameter in set(classifier_of(model).parameters())
    }
    assert learning > classifier
    assert sum(dict(model.named_parameters())[key].numel() for key in learning - classifier) < total / 2
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    for _ in range(2):  # at the first step only the zero halves have a gradient
        optimizer.zero_grad()
        functional.cross_entropy(model(images), torch.tensor([0, 1])).backward()
        optimizer.step()
    assert not torch.equal(model(images), before)
    now = model.state_dict()
    own = {key.replace("parametrizations.weight.original", "weight"): tensor for key, tensor in now.items()}
    own = {
        key.replace(".block.", ".").replace(".mlp.mlp.", ".mlp.").replace(".mlp.norm.", ".norm2."): t
        for key, t in own.items()
    }
    head = {key for key, module in model.named_modules() if module is classifier_of(model)}.pop()
    for key, tensor in plain.items():
        if not key.startswith(head + "."):
            torch.testing.assert_close(own[key], tensor, rtol=0, atol=0, msg=key)


@pytest.mark.parametrize(("name", "kind"), PLACES)
def test_what_changes_weights_is_multiplied_in(name, kind):
    model, images = network(name)
    names = set(model.state_dict())
    add_adapters(model, kind, 2)
    hold_all_but_adapters(model)
    shaken(model)
    changed = model(images)
    is_plain = merge_adapters(model)
    assert is_plain == (kind in ("lora", "residual"))
    torch.testing.assert_close(model(images), changed, rtol=1e-9, atol=1e-9)
    assert (set(model.state_dict()) == names) == is_plain


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("groups", [1, 4])
def test_a_tap_is_a_convolution_beside_the_other(stride, groups):
    torch.manual_seed(0)
    layer = nn.Conv2d(4, 8, 3, stride=stride, padding=1, groups=groups).double()
    change = CentreTap(layer.weight)
    nn.init.normal_(change.tap)
    images = torch.randn(2, 4, 7, 9, dtype=torch.float64)
    beside = functional.conv2d(images, change.tap[:, :, None, None], stride=stride, groups=groups)
    weight = change(layer.weight)
    result = functional.conv2d(images, weight, layer.bias, stride=stride, padding=1, groups=groups)
    torch.testing.assert_close(result, layer(images) + beside)


def test_a_change_of_low_rank_is_two_layers_beside_the_first():
    torch.manual_seed(0)
    layer = nn.Conv2d(3, 6, 3, padding=1).double()
    change = LowRank(layer.weight, 2)
    nn.init.normal_(change.up)
    images = torch.randn(2, 3, 5, 5, dtype=torch.float64)
    down = functional.conv2d(images, change.down.view(2, 3, 3, 3), padding=1)
    beside = functional.conv2d(down, change.up[:, :, None, None])
    result = functional.conv2d(images, change(layer.weight), layer.bias, padding=1)
    torch.testing.assert_close(result, layer(images) + beside)
    assert LowRank(layer.weight, 100).down.shape == (6, 27)


def test_a_branch_sees_what_enters_the_norm():
    torch.manual_seed(0)
    norm, mlp = nn.LayerNorm(4), nn.Linear(4, 4)
    branch = AdaptedMLP(norm, mlp, width=3)
    for parameter in (branch.up.weight, branch.up.bias, branch.scale):
        nn.init.normal_(parameter)
    x = torch.randn(2, 5, 4)
    inner = functional.layer_norm(x, (4,), branch.own_norm.weight, branch.own_norm.bias)
    inner = functional.linear(inner, branch.down.weight, branch.down.bias).clamp(min=0)
    expected = mlp(norm(x)) + branch.scale * functional.linear(inner, branch.up.weight, branch.up.bias)
    torch.testing.assert_close(branch(x), expected)


def test_prompts_are_seen_by_a_block_and_dropped_after_it():
    torch.manual_seed(0)
    block = nn.TransformerEncoderLayer(8, 2, 16, dropout=0, batch_first=True).eval()
    prompted = PromptedBlock(block, prompts=3, dimension=8)
    x = torch.randn(2, 5, 8)
    expected = block(torch.cat([x, prompted.prompts.expand(2, -1, -1)], dim=1))[:, :5]
    torch.testing.assert_close(prompted(x), expected)


def test_a_network_without_a_place_is_told():
    model, _ = network("resnet20")
    for kind in ("adaptformer", "prompts"):
        with pytest.raises(InputError, match=f"no place for the adapter {kind}: it is for vision transformers"):
            add_adapters(model, kind)
    with pytest.raises(InputError, match=f"no adapter 'x'; expected {', '.join(ADAPTERS)}"):
        add_adapters(model, "x")
    with pytest.raises(InputError, match="width of adapters is 0"):
        add_adapters(model, "lora", 0)
