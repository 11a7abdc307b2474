"""Layers that are zero where they are masked, against zuko's layers that multiply by the mask."""

import copy

import pytest
import torch
from torch.nn import functional
from zuko.flows import MaskedAutoregressiveTransform
from zuko.nn import MaskedLinear as ZukoMaskedLinear

from longtail.flows.masked_linear import MaskedLinear, masked_gradients, with_zeros_for_masks

OPTIMIZERS = {
    "sgd": lambda parameters: torch.optim.SGD(parameters, lr=0.1),
    "momentum": lambda parameters: torch.optim.SGD(parameters, lr=0.05, momentum=0.9, weight_decay=0.01, fused=True),
    "adam": lambda parameters: torch.optim.Adam(parameters, lr=0.01),
}


def transform_pair(dimension=4):
    torch.manual_seed(0)
    theirs = MaskedAutoregressiveTransform(dimension, hidden_features=(dimension, dimension)).double()
    return with_zeros_for_masks(copy.deepcopy(theirs)), theirs


def rows(number=32, dimension=4, seed=1):
    return torch.randn(number, dimension, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def masked_layers(model, kind=MaskedLinear):
    return [layer for layer in model.modules() if isinstance(layer, kind)]


def loss_of(transform, x):
    u, log_det = transform().call_and_ladj(x)
    return (0.5 * (u * u).sum(dim=1) - log_det).mean()


def test_one_layer_is_the_product_with_the_mask():
    mask = torch.rand(5, 3, generator=torch.Generator().manual_seed(0)) < 0.5
    weight, bias, x = rows(5, 3), torch.arange(5.0, dtype=torch.float64), rows(7, 3, seed=2)
    layer = MaskedLinear(mask, weight, bias)
    torch.testing.assert_close(layer(x), functional.linear(x, mask * weight, bias))
    assert (layer.in_features, layer.out_features) == (3, 5)


def test_the_converted_transform_computes_what_zukos_does():
    ours, theirs = transform_pair()
    assert len(masked_layers(ours)) == 3
    assert masked_layers(ours, ZukoMaskedLinear) == []
    for found, expected in zip(ours().call_and_ladj(rows()), theirs().call_and_ladj(rows()), strict=True):
        torch.testing.assert_close(found, expected)


def test_the_converted_transform_shares_no_weights():
    ours, theirs = transform_pair()
    before = masked_layers(theirs, ZukoMaskedLinear)[0].weight.detach().clone()
    with torch.no_grad():
        masked_layers(ours)[0].weight.zero_()
    torch.testing.assert_close(masked_layers(theirs, ZukoMaskedLinear)[0].weight.detach(), before)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_trained_with_masked_gradients_it_stays_zukos(optimizer):
    """Step by step the same function, and exactly zero where masked."""
    ours, theirs = transform_pair()
    optimizers = [OPTIMIZERS[optimizer](model.parameters()) for model in (ours, theirs)]
    for step in range(20):
        x = rows(seed=step)
        for model, update in zip((ours, theirs), optimizers, strict=True):
            update.zero_grad()
            with masked_gradients(model):
                loss_of(model, x).backward()
            update.step()
    for layer, other in zip(masked_layers(ours), masked_layers(theirs, ZukoMaskedLinear), strict=True):
        assert (layer.weight[~layer.mask] == 0).all()
        torch.testing.assert_close(layer.weight, other.weight * other.mask)
    torch.testing.assert_close(loss_of(ours, rows()), loss_of(theirs, rows()))


def test_without_masked_gradients_masked_weights_would_move():
    ours, _ = transform_pair()
    loss_of(ours, rows()).backward()
    assert any((layer.weight.grad[~layer.mask] != 0).any() for layer in masked_layers(ours))


def test_outside_the_context_gradients_are_left_alone():
    ours, _ = transform_pair()
    with masked_gradients(ours):
        pass
    loss_of(ours, rows()).backward()
    assert any((layer.weight.grad[~layer.mask] != 0).any() for layer in masked_layers(ours))


def test_the_context_ends_also_after_an_error():
    ours, _ = transform_pair()
    with pytest.raises(RuntimeError, match="stop"), masked_gradients(ours):
        raise RuntimeError("stop")
    loss_of(ours, rows()).backward()
    assert any((layer.weight.grad[~layer.mask] != 0).any() for layer in masked_layers(ours))
