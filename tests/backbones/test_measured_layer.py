"""The layers that end a network, seen by running it: every way to end that is linear works, every other is told."""

import copy
import dataclasses
from collections import namedtuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from longtail import balance_model
from longtail.backbones import LastLayer, SplitNetwork, Term, last_layer_of, measure_last_layer, replace_last_layer
from longtail.errors import InputError

D, C = 6, 3
Named = namedtuple("Named", "features scores")


@dataclasses.dataclass
class Output:
    logits: torch.Tensor
    hidden: torch.Tensor


class Network(nn.Module):
    """Something of no library: a trunk, layers, and a way to make scores of what the trunk gives."""

    def __init__(self, end, **layers):
        super().__init__()
        self.trunk, self.end = nn.Conv2d(3, D, 3), end
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, images):
        return self.end(self, torch.relu(self.trunk(images)))


def pooled(places):
    return places.mean(dim=(2, 3))


def tokens(places):
    return places.flatten(2).transpose(1, 2)


def linear(width=D, classes=C, **options):
    return nn.Linear(width, classes, **options)


def mixed(net, x):
    parts = [layer(pooled(x)[:, : 2 + k]) for k, layer in enumerate(net.heads)]
    return sum(part * share for part, share in zip(parts, net.mix.softmax(dim=0), strict=True))


def ends_in(of_scores):
    return lambda: Network(lambda net, x: of_scores(net.fc(pooled(x))), fc=linear())


# how it is built, the layers that end it, D of its features
LINEAR = {
    "one layer": (ends_in(lambda z: z), ["fc"], D),
    "without bias": (lambda: Network(lambda net, x: net.fc(pooled(x)), fc=linear(bias=False)), ["fc"], D),
    "named out, with a hidden fc": (
        lambda: Network(lambda net, x: net.out(net.fc(pooled(x)).relu()), fc=linear(classes=5), out=linear(5)),
        ["out"],
        5,
    ),
    "a hidden layer as wide as the scores": (
        lambda: Network(lambda net, x: net.out(net.fc(pooled(x)).relu()), fc=linear(), out=linear(C)),
        ["out"],
        C,
    ),
    "batch norm before": (
        lambda: Network(lambda net, x: net.l(net.bn(pooled(x))), bn=nn.BatchNorm1d(D), l=linear()),
        ["l"],
        D,
    ),
    "two heads": (
        lambda: Network(
            lambda net, x: (net.head(tokens(x)[:, 0]) + net.head_dist(tokens(x)[:, 1])) / 2,
            head=linear(),
            head_dist=linear(),
        ),
        ["head", "head_dist"],
        2 * D,
    ),
    "two heads on the same": (
        lambda: Network(lambda net, x: (net.a(pooled(x)) + net.b(pooled(x))) / 2, a=linear(), b=linear()),
        ["a", "b"],
        D,
    ),
    "heads in a list, one without bias": (
        lambda: Network(
            lambda net, x: torch.stack([net.head[0](pooled(x)[:, :4]), net.head[1](pooled(x))]).mean(dim=0),
            head=nn.ModuleList([linear(4, bias=False), linear()]),
        ),
        ["head.0", "head.1"],
        4 + D,
    ),
    "heads mixed by learnt weights": (
        lambda: Network(
            mixed, heads=nn.ModuleList([linear(2), linear(3), linear(4)]), mix=nn.Parameter(torch.randn(3))
        ),
        ["heads.0", "heads.1", "heads.2"],
        9,
    ),
    "the mean over places": (lambda: Network(lambda net, x: net.fc(tokens(x)).mean(dim=1), fc=linear()), ["fc"], D),
    "one of all tokens": (lambda: Network(lambda net, x: net.fc(tokens(x))[:, 3], fc=linear()), ["fc"], D),
    "a 1 x 1 convolution": (
        lambda: Network(lambda net, x: net.fc(x.mean(dim=(2, 3), keepdim=True)).flatten(1), fc=nn.Conv2d(D, C, 1)),
        ["fc"],
        D,
    ),
    "a convolution, and no flatten": (
        lambda: Network(lambda net, x: net.fc(x.mean(dim=(2, 3), keepdim=True)), fc=nn.Conv2d(D, C, 1)),
        ["fc"],
        D,
    ),
    "by keyword": (lambda: Network(lambda net, x: net.fc(input=pooled(x)), fc=linear()), ["fc"], D),
    "in a dict": (ends_in(lambda z: {"loss": None, "logits": z, "probabilities": z.softmax(dim=1)}), ["fc"], D),
    "in a tuple": (ends_in(lambda z: (z.softmax(dim=1), z)), ["fc"], D),
    "in a named tuple": (
        lambda: Network(lambda net, x: Named(pooled(x), net.fc(pooled(x))), fc=linear()),
        ["fc"],
        D,
    ),
    "in a dataclass": (lambda: Network(lambda net, x: Output(net.fc(pooled(x)), x), fc=linear()), ["fc"], D),
    "in DataParallel": (lambda: nn.DataParallel(ends_in(lambda z: z)()), ["module.fc"], D),
    "in float16": (lambda: ends_in(lambda z: z)().half(), ["fc"], D),
}


class Cosine(nn.Linear):
    def forward(self, x):
        return functional.linear(functional.normalize(x, dim=1), functional.normalize(self.weight, dim=1))


class Adapted(nn.Module):
    """What peft makes of a layer."""

    def __init__(self):
        super().__init__()
        self.base_layer, self.lora_A, self.lora_B = linear(), linear(classes=2), linear(2)

    def forward(self, x):
        return self.base_layer(x) + self.lora_B(self.lora_A(x))


def two(join):
    return lambda: Network(lambda net, x: join(net.fc, net.aux, x), fc=linear(), aux=linear())


NOT_LINEAR = {
    "softmax": (ends_in(lambda z: z.softmax(dim=1)), "behind fc is no sum"),
    "log softmax": (ends_in(lambda z: z.log_softmax(dim=1)), "behind fc is no sum"),
    "sigmoid": (ends_in(torch.sigmoid), "behind fc is no sum"),
    "tanh": (ends_in(torch.tanh), "behind fc is no sum"),
    "ReLU": (ends_in(torch.relu), "behind fc is no sum"),
    "temperature": (ends_in(lambda z: z / 2), "multiplied by 0.5 behind it"),
    "a scale that is learnt": (
        lambda: Network(
            lambda net, x: net.scale * net.fc(pooled(x)), fc=linear(), scale=nn.Parameter(torch.tensor(3.0))
        ),
        "multiplied by 3 behind it",
    ),
    "the other sign": (ends_in(lambda z: -z), "multiplied by -1 behind it"),
    "centred": (ends_in(lambda z: z - z.mean(dim=1, keepdim=True)), "behind fc is no sum"),
    "another order": (ends_in(lambda z: z.flip(1)), "behind fc is no sum"),
    "a bias behind": (ends_in(lambda z: z + torch.tensor([1.0, 2.0, 3.0])), "something is added"),
    "a gate": (
        lambda: Network(
            lambda net, x: net.gate(pooled(x)).sigmoid() * net.fc(pooled(x)), fc=linear(), gate=linear(D, 1)
        ),
        "behind fc is no sum",
    ),
    "cosines": (lambda: Network(lambda net, x: net.fc(pooled(x)), fc=Cosine(D, C)), "cosine classifier"),
    "the maximum over places": (
        lambda: Network(lambda net, x: net.fc(tokens(x)).max(dim=1)[0], fc=linear()),
        "behind fc is no sum",
    ),
    "half a maximum added (VOLO)": (
        two(lambda fc, aux, x: fc(pooled(x)) + aux(tokens(x)).max(dim=1)[0] / 2),
        "behind aux is no sum",
    ),
    "places of other weights": (
        lambda: Network(lambda net, x: (net.fc(tokens(x))[:, :2] * torch.tensor([[[1.0], [2.0]]])).sum(1), fc=linear()),
        "do not count alike",
    ),
    "the larger of two": (two(lambda fc, aux, x: torch.maximum(fc(pooled(x)), aux(pooled(x)))), "is no sum"),
    "a head less another on the same": (two(lambda fc, aux, x: fc(pooled(x)) - aux(pooled(x))), "cancel each other"),
    "one layer twice": (two(lambda fc, aux, x: fc(pooled(x)) + fc(tokens(x)[:, 0])), "applied 2 times"),
    "ReLU and pool behind (SqueezeNet)": (
        lambda: Network(lambda net, x: pooled(net.fc(x).relu()), fc=nn.Conv2d(D, C, 1)),
        "behind fc is no sum",
    ),
    "an adapter": (lambda: Network(lambda net, x: net.fc(pooled(x)), fc=Adapted()), "Merge it first"),
    "classes alone": (ends_in(lambda z: z.argmax(dim=1)), "without scores of shape"),
    "nothing": (ends_in(lambda z: None), "without scores of shape"),
    "two embeddings": (
        two(lambda fc, aux, x: (e := fc(pooled(x)), aux(e.relu()[:, [0] * D]))),
        "Name the layer that gives the logits",
    ),
    "a softmax, and other scores": (
        two(lambda fc, aux, x: (fc(pooled(x)).softmax(dim=1), aux(pooled(x)))),
        "Name the layer that gives the logits",
    ),
    "a softmax, and an embedding": (
        lambda: Network(
            lambda net, x: (net.fc(pooled(x)).softmax(dim=1), net.e(pooled(x))), fc=linear(), e=linear(D, 9)
        ),
        "Name the layer that gives the logits",
    ),
    "logits that are probabilities, beside others": (ends_in(lambda z: {"logits": z.softmax(1), "other": z}), "no sum"),
    "quantised": (
        lambda: torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(4, C)), {nn.Linear}),
        "is quantised",
    ),
    "a program": (lambda: torch.jit.script(nn.Sequential(nn.Linear(4, C))), "TorchScript"),
    "without gradients": (lambda: Network(torch.no_grad()(lambda net, x: net.fc(pooled(x))), fc=linear()), "no_grad"),
}


def built(build):
    torch.manual_seed(0)
    network = build()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return network


def scores(returned):
    if isinstance(returned, dict):
        return returned["logits"]
    if isinstance(returned, tuple):
        return returned[1]
    return returned.logits if isinstance(returned, Output) else returned.flatten(1)


def images_for(network, count=5, size=6):
    first = next(network.parameters(), torch.zeros(1))
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(7)).to(first)


@pytest.mark.parametrize(("build", "names", "dimension"), LINEAR.values(), ids=LINEAR)
def test_features_and_a_new_layer(build, names, dimension):
    network = built(build).train()
    before, images = copy.deepcopy(network.state_dict()), images_for(network)
    split = SplitNetwork(network).eval()
    with torch.inference_mode():
        features = split.forward_features(images)
        expected = scores(network.eval()(images)).float()
    assert features.shape == (5, dimension)
    tight = {"rtol": 1e-4, "atol": 1e-5} if images.dtype == torch.float32 else {"rtol": 2e-2, "atol": 2e-2}
    with torch.inference_mode():
        torch.testing.assert_close(split(images).float(), expected, **tight)
    last = split.ending(images)
    assert [term.name for term in last.terms] == names
    # another layer: the network says what it says of what entered
    weight, bias = torch.randn(C, dimension), torch.randn(C)
    bias = None if last.bias is None else bias
    changed = replace_last_layer(network, weight, bias).eval()
    with torch.inference_mode():
        wanted = features.float() @ weight.T + (0 if bias is None else bias)
        torch.testing.assert_close(scores(changed(images)).float(), wanted, **tight)
    after = changed.state_dict()
    changed_names = {key for key in before if not torch.equal(before[key], after[key])}
    assert changed_names <= {f"{name}.{part}" for name in names for part in ("weight", "bias")}
    built(build).load_state_dict(after, strict=True)
    # the old one put back is the old network, to the bit
    again = replace_last_layer(changed, last.weight, last.bias).state_dict()
    restored = replace_last_layer(network, last.weight, last.bias).state_dict()
    assert all(torch.equal(restored[key], tensor) for key, tensor in before.items())
    assert again.keys() == before.keys()


@pytest.mark.parametrize("build", [row[0] for row in LINEAR.values()], ids=LINEAR)
def test_looking_leaves_the_network_as_it_is(build):
    network = built(build).train()
    next(network.parameters()).requires_grad_(False)
    before = copy.deepcopy(network.state_dict())
    flags = [parameter.requires_grad for parameter in network.parameters()]
    random = torch.random.get_rng_state()
    measure_last_layer(network, images_for(network))
    assert torch.equal(torch.random.get_rng_state(), random)
    assert all(module.training for module in network.modules())
    assert [parameter.requires_grad for parameter in network.parameters()] == flags
    assert all(torch.equal(tensor, before[key]) for key, tensor in network.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # quantize_dynamic, torch.jit
@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")  # told once in a process, whoever is first
@pytest.mark.parametrize(("build", "told"), NOT_LINEAR.values(), ids=NOT_LINEAR)
def test_what_does_not_end_in_a_linear_layer_is_told(build, told):
    network = built(build).eval()
    images = torch.zeros(2, 4) if told in ("is quantised", "TorchScript") else images_for(network)
    with pytest.raises(InputError, match=told):
        SplitNetwork(network, images=images)
    with pytest.raises(InputError, match=told):
        SplitNetwork(network).eval()(images)
    # without a word about its inputs too
    with pytest.raises(InputError, match=told):
        replace_last_layer(network, torch.zeros(C, D), torch.zeros(C))
    with pytest.raises(InputError, match=told):
        balance_model(network, np.zeros((4, D), np.float32), np.array([0, 0, 1, 2]))


def test_a_layer_that_is_not_the_last():
    network = built(LINEAR["named out, with a hidden fc"][0])
    with pytest.raises(InputError, match="fc is not what the network ends in: it ends in out"):
        SplitNetwork(network, "fc", images_for(network))
    with pytest.raises(InputError, match="no linear layer 'trunk'"):
        SplitNetwork(network, "trunk", images_for(network))
    twins = built(LINEAR["two heads"][0])
    with pytest.raises(InputError, match=r"the scores of head, head_dist are added. Leave the name"):
        replace_last_layer(twins, torch.zeros(C, D), torch.zeros(C), "head")
    assert SplitNetwork(network, "out").eval()(images_for(network)).shape == (5, C)


def test_of_several_outputs_the_named_layers():
    network = built(NOT_LINEAR["two embeddings"][0])
    images = images_for(network)
    split = SplitNetwork(network, "aux").eval()
    torch.testing.assert_close(split(images), network.eval()(images)[1])


def test_one_image_is_enough_to_see_a_gate():
    network = built(NOT_LINEAR["a gate"][0])
    with pytest.raises(InputError, match="no sum"):
        SplitNetwork(network)(images_for(network, count=1))


def test_images_of_another_size_are_looked_at_anew():
    """It takes the mean of places of small images, and the maximum of those of large ones."""

    def end(net, x):
        z = net.fc(tokens(x))
        return z.mean(dim=1) if x.shape[2] < 9 else z.max(dim=1)[0]

    network = Network(end, fc=linear())
    split = SplitNetwork(network).eval()
    assert split(images_for(network)).shape == (5, C)
    with pytest.raises(InputError, match="no sum"):
        split(images_for(network, size=12))


class Detector(nn.Module):
    """It takes no images alone: noise of no shape will do."""

    def __init__(self, end=lambda z: z):
        super().__init__()
        self.fc, self.end = nn.Linear(D, C), end

    def forward(self, pixels, *, boxes):
        return self.end(self.fc(pixels[:, 0] * boxes["left"]))


def test_a_network_that_takes_no_noise_asks_for_images():
    rng, labels = np.random.default_rng(0), np.repeat([0, 1, 2], 8)
    features = (4 * np.eye(C, D)[labels] + rng.normal(size=(24, D))).astype(np.float32)
    network = Detector()
    with torch.no_grad():
        network.fc.weight.copy_(torch.eye(C, D))
    with pytest.raises(InputError, match=r"could not be run on noise.*Give images="):
        balance_model(network, features, labels, methods="tau")
    images = {"pixels": torch.randn(2, 1, D), "boxes": {"left": torch.rand(2, D)}}
    assert balance_model(network, features, labels, methods="tau", images=images).fc.weight.shape == (C, D)
    with pytest.raises(InputError, match="no sum"):
        balance_model(Detector(torch.sigmoid), features, labels, images=images)
    with pytest.raises(InputError, match="cannot be run on these inputs"):
        balance_model(network, features, labels, images=torch.randn(2, 1, D))


def test_normalised_weights_have_no_place_for_others():
    network = built(LINEAR["one layer"][0])
    nn.utils.parametrizations.weight_norm(network.fc)
    assert SplitNetwork(network).eval()(images_for(network)).shape == (5, C)
    with pytest.raises(InputError, match="remove_parametrizations"):
        replace_last_layer(network, torch.zeros(C, D), torch.zeros(C))
    with pytest.raises(InputError, match="remove_parametrizations"):
        balance_model(network, np.zeros((4, D), np.float32), np.array([0, 0, 1, 2]))


def test_labels_of_several_classes_an_image():
    network = built(LINEAR["one layer"][0])
    network.config = type("Config", (), {"problem_type": "multi_label_classification"})()
    with pytest.raises(InputError, match="classes do not exclude each other"):
        balance_model(network, np.zeros((4, D), np.float32), np.array([0, 0, 1, 2]))


def test_two_heads_are_balanced_as_one():
    """A rare class that both heads miss is found; what is fitted on the features laid side by side stands in both."""
    network = built(LINEAR["two heads"][0])
    rng, labels = np.random.default_rng(0), np.repeat([0, 1, 2], [60, 20, 6])
    features = (3 * np.eye(C, 2 * D)[labels] + rng.normal(size=(86, 2 * D))).astype(np.float32)
    start = replace_last_layer(network, torch.eye(C, 2 * D), torch.tensor([2.0, 0.0, -3.0]))
    fair = balance_model(start, features, labels, methods="crt")
    last = last_layer_of(fair)
    found = (torch.from_numpy(features) @ last.weight.T + last.bias).argmax(dim=1).numpy()
    assert (found == labels)[labels == 2].mean() > 0.6
    torch.testing.assert_close(fair.head.bias, fair.head_dist.bias)


@settings(max_examples=40)
@given(st.lists(st.floats(0.05, 4), min_size=1, max_size=4), st.booleans(), st.integers(0, 99))
def test_what_is_divided_adds_up(gains, same_input, seed):
    """logits = sum_k g_k (W_k x_k + b_k) is the map that was divided, whatever the gains."""
    generator = torch.Generator().manual_seed(seed)
    terms = [
        Term(f"head{k}", torch.zeros(C, 2), torch.zeros(C), gain=gain, start=0 if same_input else 2 * k)
        for k, gain in enumerate(gains)
    ]
    layer = LastLayer(tuple(terms))
    weight, bias = torch.randn(layer.weight.shape, generator=generator), torch.randn(C, generator=generator)
    divided = layer.divided(weight, bias)
    assert all(part.is_contiguous() for part in divided.values())
    x = torch.randn(7, weight.shape[1], generator=generator)
    total = sum(
        term.gain * (x[:, term.start : term.stop] @ divided[f"{term.name}.weight"].T + divided[f"{term.name}.bias"])
        for term in terms
    )
    torch.testing.assert_close(total, x @ weight.T + bias, rtol=1e-4, atol=1e-4)
    whole = layer.of(divided)
    torch.testing.assert_close(whole.weight, weight, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(whole.bias, bias, rtol=1e-4, atol=1e-5)
    if same_input:
        assert all(torch.equal(divided[f"head{k}.weight"], divided["head0.weight"]) for k in range(len(gains)))
