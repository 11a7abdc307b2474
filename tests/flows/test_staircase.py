"""Masked layers stored and multiplied as stairs, against zuko's layers that multiply by the mask."""

import pytest
import torch
from torch.nn import functional
from zuko.flows import MaskedAutoregressiveTransform

from longtail.flows import AutoregressiveLayer
from longtail.flows.staircase import StaircaseLinear

OPTIMIZERS = {
    "sgd": lambda parameters: torch.optim.SGD(parameters, lr=0.1),
    "momentum": lambda parameters: torch.optim.SGD(parameters, lr=0.05, momentum=0.9, weight_decay=0.01, fused=True),
    "adam": lambda parameters: torch.optim.Adam(parameters, lr=0.01),
}
SIZES = {  # one step and several, and widths that are not those of the features
    "smallest": (2, (2, 2)),
    "one step": (5, (5, 5)),
    "narrow": (6, (4, 3)),
    "wide": (4, (700, 9)),
    "several steps": (500, (500, 500)),
    "one hidden layer": (7, (20,)),
    "three hidden layers": (4, (8, 5, 8)),
}


def layer_pair(dimension=4, hidden=(4, 4), *, reverse=False, dtype=torch.float64):
    torch.manual_seed(0)
    ours = AutoregressiveLayer(dimension, hidden, reverse=reverse).to(dtype)
    order = torch.arange(dimension)
    theirs = MaskedAutoregressiveTransform(
        dimension, order=order.flip(0) if reverse else order, hidden_features=hidden
    ).to(dtype)
    state = theirs.state_dict()
    theirs.load_state_dict({**state, **ours.state_dict()})
    return ours, theirs


def rows(number=32, dimension=4, seed=1):
    return torch.randn(number, dimension, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def loss_of(u, log_det):
    return (0.5 * (u * u).sum(dim=1) - log_det).mean()


@pytest.mark.parametrize("rectified", [False, True])
@pytest.mark.parametrize("steps", [1, 3])
def test_a_layer_is_the_product_with_the_mask_and_so_are_its_gradients(rectified, steps, monkeypatch):
    monkeypatch.setattr("longtail.flows.staircase.STEP", 9 / steps)
    stairs = torch.arange(9)[:, None] * 5 // 8 > torch.arange(5)  # the first two rows see nothing
    order, columns = torch.randperm(9), torch.randperm(5)
    mask = torch.empty_like(stairs)
    mask[order[:, None], columns] = stairs
    weight, bias, x = rows(9, 5), rows(9, 1, seed=2)[:, 0], rows(7, 5, seed=3)
    layer = StaircaseLinear(mask, order, columns, rectified=rectified).double()
    assert len(layer.steps) == steps
    with torch.no_grad():
        for parameter, value in zip((layer.weight, layer.bias), layer.pack(weight, bias), strict=True):
            parameter.copy_(value)
    inputs = [one.requires_grad_() for one in (x, weight, bias)]
    expected = functional.linear(x, weight * mask, bias)
    expected = expected.relu() if rectified else expected
    given = x[:, columns].T.detach().requires_grad_()
    found = layer(given)
    torch.testing.assert_close(found, expected.T[order])
    slope = rows(9, 7, seed=4)
    found.backward(slope)
    of_x, of_weight, of_bias = torch.autograd.grad((expected.T[order] * slope).sum(), inputs)
    torch.testing.assert_close(given.grad, of_x.T[columns])
    for ours, theirs in zip(layer.unpack(layer.weight.grad, layer.bias.grad), (of_weight, of_bias), strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_the_layer_computes_what_zukos_does(size, reverse):
    dimension, hidden = SIZES[size]
    ours, theirs = layer_pair(dimension, hidden, reverse=reverse)
    first, second = (rows(9, dimension).requires_grad_() for _ in range(2))
    found, expected = ours(first), theirs().call_and_ladj(second)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)
    slopes = rows(9, dimension, seed=2), rows(9, 1, seed=3)[:, 0]
    for results in (found, expected):
        torch.autograd.backward(results, slopes)
    torch.testing.assert_close(first.grad, second.grad)
    gradients = {name: parameter.grad for name, parameter in theirs.named_parameters()}
    for number, layer in enumerate(ours.hidden):
        for one, name in zip(layer.unpack(layer.weight.grad, layer.bias.grad), ("weight", "bias"), strict=True):
            torch.testing.assert_close(one, gradients[f"hyper.{2 * number}.{name}"])
    for part, layer in enumerate((ours.shift, ours.scale)):
        for one, name in zip(layer.unpack(layer.weight.grad, layer.bias.grad), ("weight", "bias"), strict=True):
            torch.testing.assert_close(one, gradients[f"hyper.{2 * len(hidden)}.{name}"][part::2])


@pytest.mark.parametrize("reverse", [False, True])
def test_in_float32_it_agrees_to_rounding(reverse):
    ours, theirs = layer_pair(300, (300, 300), reverse=reverse, dtype=torch.float32)
    x = rows(40, 300).float()
    for found, expected in zip(ours(x), theirs().call_and_ladj(x), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_under_autocast_products_are_rounded_and_what_is_summed_is_not():
    ours, theirs = layer_pair(64, (64, 64), dtype=torch.float32)
    x = rows(40, 64).float()
    with torch.autocast("cpu", torch.bfloat16):
        u, log_det = ours(x)
    expected = theirs().call_and_ladj(x)
    assert (u.dtype, log_det.dtype) == (torch.float32, torch.float32)
    assert not torch.equal(u, expected[0])
    torch.testing.assert_close(u, expected[0], rtol=0.03, atol=0.03)
    loss_of(u, log_det).backward()
    loss_of(*expected).backward()
    found, _ = ours.hidden[1].unpack(ours.hidden[1].weight.grad, ours.hidden[1].bias.grad)
    of_theirs = theirs.hyper[2].weight.grad
    assert found.dtype == torch.float32
    assert (found - of_theirs).norm() < 0.03 * of_theirs.norm()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_trained_it_stays_zukos(optimizer):
    """Step by step the same function, and exactly zero where masked."""
    ours, theirs = layer_pair()
    optimizers = [OPTIMIZERS[optimizer](model.parameters()) for model in (ours, theirs)]
    for step in range(20):
        x = rows(seed=step)
        losses = [loss_of(*ours(x)), loss_of(*theirs().call_and_ladj(x))]
        for loss, update in zip(losses, optimizers, strict=True):
            update.zero_grad()
            loss.backward()
            update.step()
    state = ours.state_dict()
    for number in (0, 2, 4):
        layer = theirs.hyper[number]
        assert (state[f"hyper.{number}.weight"][~layer.mask] == 0).all()
        torch.testing.assert_close(state[f"hyper.{number}.weight"], layer.weight * layer.mask)
    torch.testing.assert_close(loss_of(*ours(rows())), loss_of(*theirs().call_and_ladj(rows())))


def test_a_state_goes_and_comes_and_what_is_missing_is_named():
    ours, _ = layer_pair(500, (500, 500))
    other = AutoregressiveLayer(500, (500, 500), reverse=False).double()
    other.load_state_dict(ours.state_dict())
    for one, same in zip(ours.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, same)
    state = ours.state_dict()
    assert sorted(state) == [f"hyper.{number}.{name}" for number in (0, 2, 4) for name in ("bias", "weight")]
    del state["hyper.2.bias"]
    with pytest.raises(RuntimeError, match=r"hidden\.1\.bias"):
        other.load_state_dict(state)


def test_few_weights_are_stored_for_nothing():
    layer = AutoregressiveLayer(768, (768, 768), reverse=True)
    assert sum(parameter.numel() for parameter in layer.parameters()) < 0.64 * 4 * 768**2
