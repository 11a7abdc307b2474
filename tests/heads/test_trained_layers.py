"""Gradients written out against those of autograd, rows that are kept against rows that are read anew."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from longtail.errors import InputError
from longtail.heads import ClassifierRetraining, MaxNorm
from longtail.heads.descent import SGDPlan, descend
from longtail.heads.feature_transform import unit_length
from longtail.heads.linear_training import fit_by_sgd, initial_linear
from longtail.heads.rows import TransformedRows, row_reader
from longtail.heads.trained_layers import SLOWNESS, CosineLayer, LinearLayer, unit_rows
from longtail.losses import Deferred, build_loss, loss_gradient
from longtail.sampling import Sampler
from longtail.schedules import Schedule

TOLERANCE = {torch.float64: 1e-11, torch.float32: 2e-5}
NAMES = ["cross-entropy", "focal", "balanced-softmax", "logit-adjusted", "ldam", "over-smoothed", "label-aware"]
COUNTS = torch.tensor([40.0, 9.0, 3.0, 1.0])


def by_autograd(loss, logits, labels):
    leaf = logits.clone().requires_grad_(True)
    value = loss(leaf, labels)
    value.backward()
    return value.detach(), leaf.grad


def losses(weighted, dtype):
    weight = torch.tensor([0.5, 1.0, 2.0, 3.0], dtype=dtype) if weighted else None
    built = [build_loss(name, COUNTS.to(dtype), weight=weight) for name in NAMES]
    deferred = Deferred(build_loss("cross-entropy", COUNTS), built[0], first_epoch=3)
    deferred.set_epoch(3)
    smoothed = torch.nn.CrossEntropyLoss(label_smoothing=0.1, weight=weight)
    return [*built, deferred, smoothed, functional.cross_entropy]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("by_class", [False, True])
def test_the_gradient_of_each_loss_is_that_of_autograd(dtype, weighted, by_class):
    generator = torch.Generator().manual_seed(0)
    logits = 5 * torch.randn(32, 4, generator=generator, dtype=dtype)
    labels = torch.randint(4, (32,), generator=generator)
    for loss in losses(weighted, dtype):
        expected = by_autograd(loss, logits, labels)
        given = logits.T.contiguous().T if by_class else logits.clone()
        for found, wanted in zip(loss_gradient(loss, given, labels), expected, strict=True):
            torch.testing.assert_close(found, wanted, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


def test_far_logits_overflow_nothing_and_an_absent_class_takes_no_part():
    logits, labels = torch.tensor([[3e4, -3e4, 0.0], [0.0, 1e3, 0.0]]), torch.tensor([1, 1])
    loss, gradient = loss_gradient(functional.cross_entropy, logits.clone(), labels)
    assert loss == pytest.approx(3e4)
    assert gradient.tolist() == [[0.5, -0.5, 0.0], [0.0, 0.0, 0.0]]
    absent = build_loss("balanced-softmax", torch.tensor([3.0, 1.0, 0.0]))
    loss, gradient = loss_gradient(absent, torch.zeros(2, 3), labels)
    assert loss == pytest.approx(np.log(4))
    assert gradient[:, 2].tolist() == [0.0, 0.0]
    assert not torch.isfinite(loss_gradient(functional.cross_entropy, logits * torch.nan, labels)[0])


def trained(kind, features, codes, loss, precision="float32", after_step=None, autograd=False):
    """Train by the gradient written out, or the same by autograd."""
    dtype = torch.float64 if features.dtype == np.float64 else torch.float32
    weight, bias = initial_linear(int(codes.max()) + 1, features.shape[1], 3, dtype)
    plan = SGDPlan(3, 32, 0.1, 0.9, 0.01, Schedule("cosine"), precision)
    shared = {"plan": plan, "sampler": Sampler(codes, strategy="class", seed=3), "loss": loss}
    if after_step is not None:
        shared["after_step"] = lambda: after_step(weight)
    if autograd and kind == "linear":
        means = fit_by_sgd(features, codes, [weight, bias], lambda rows: torch.addmm(bias, rows, weight.T), **shared)
    elif autograd:
        means = fit_by_sgd(
            features, codes, [weight], lambda rows: 9 * unit_length(rows) @ unit_length(weight).T, **shared
        )
    elif kind == "linear":
        means = descend(features, codes, LinearLayer(weight, bias, precision), **shared)
    else:
        means = descend(unit_rows(features), codes, CosineLayer(weight, precision, scale=9.0), **shared)
    return weight, bias, means


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("kind", ["linear", "cosine"])
@pytest.mark.parametrize("name", ["cross-entropy", "balanced-softmax", "focal"])
def test_a_layer_learns_what_it_learns_by_autograd(tailed, dtype, kind, name):
    (features, codes), _ = tailed
    loss = build_loss(name, np.bincount(codes))
    ours = trained(kind, features.astype(dtype), codes, loss)
    expected = trained(kind, features.astype(dtype), codes, loss, autograd=True)
    tolerance = TOLERANCE[torch.float64 if dtype == np.float64 else torch.float32]
    for found, wanted in zip(ours[:2], expected[:2], strict=True):
        torch.testing.assert_close(found, wanted, rtol=tolerance, atol=tolerance)
        assert found.grad is None
        assert not found.requires_grad
    np.testing.assert_allclose(ours[2], expected[2], rtol=1e-6)


def test_a_scale_is_learned_as_by_autograd(tailed):
    (features, codes), _ = tailed
    results = []
    for autograd in (False, True):
        weight, _ = initial_linear(6, 8, 3, torch.float64)
        growth = torch.zeros(1, dtype=torch.float64)
        shared = {
            "plan": SGDPlan(3, 32, 0.1, 0.9, 0.01, Schedule("cosine")),
            "sampler": Sampler(codes, strategy="class", seed=3),
        }
        if autograd:
            fit_by_sgd(
                features.astype(np.float64),
                codes,
                [weight, growth],
                lambda rows, w=weight, g=growth: 9 * (SLOWNESS * g).exp() * unit_length(rows) @ unit_length(w).T,
                **shared,
            )
        else:
            layer = CosineLayer(weight, scale=9.0, growth=growth)
            descend(unit_rows(features.astype(np.float64)), codes, layer, **shared)
        results.append((weight, growth))
    assert abs(results[0][1].item()) > 0.01
    for found, wanted in zip(*results, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-11, atol=1e-11)


def test_bfloat16_is_as_near_to_float32_as_autograd_in_it(tailed):
    (features, codes), _ = tailed
    loss = build_loss("balanced-softmax", np.bincount(codes))
    exact = trained("linear", features, codes, loss)[0]
    near, usual = (
        (trained("linear", features, codes, loss, "bfloat16", autograd=autograd)[0] - exact).norm()
        for autograd in (False, True)
    )
    assert 0 < near < 1.5 * usual


def test_what_is_changed_after_each_step_is_what_the_next_step_sees(tailed):
    (features, codes), _ = tailed

    def halve(weight):
        weight.mul_(0.5)

    ours = trained("linear", features, codes, functional.cross_entropy, "bfloat16", after_step=halve)[0]
    expected = trained("linear", features, codes, functional.cross_entropy, after_step=halve, autograd=True)[0]
    torch.testing.assert_close(ours, expected, rtol=0.05, atol=0.01)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("wanted", [None, torch.bfloat16])
@pytest.mark.parametrize("transformed", [False, True])
@pytest.mark.parametrize("most", [0, 2**29])
def test_rows_that_are_kept_are_those_that_are_read(monkeypatch, dtype, wanted, transformed, most):
    for name in ("MOST_KEPT_BYTES", "MOST_ROUNDED_BYTES"):
        monkeypatch.setattr(f"longtail.heads.rows.{name}", most)
    array = np.random.default_rng(0).normal(size=(700, 9)).astype(dtype)[:, ::-1]
    array.flags.writeable = False
    source = TransformedRows(array, lambda block: 2 * block) if transformed else array
    expected = torch.from_numpy(array.copy()).to(torch.float64 if dtype == np.float64 else torch.float32)
    expected = (2 * expected if transformed else expected).to(wanted)
    rows = np.array([699, 0, 3, 3, 400])
    for readings in (1, 5):
        read = row_reader(source, len(array), readings=readings, dtype=wanted)
        assert torch.equal(read(rows), expected[rows])


@pytest.mark.parametrize("head", [ClassifierRetraining(random_state=0), MaxNorm(1.0, weight_decay=0.0, random_state=0)])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_same_seed_gives_the_same_bits(tailed, monkeypatch, head, precision):
    head.set_params(precision=precision)
    first = head.fit(*tailed[0]).weight_
    for name in ("MOST_KEPT_BYTES", "MOST_ROUNDED_BYTES"):
        monkeypatch.setattr(f"longtail.heads.rows.{name}", 0)
    np.testing.assert_array_equal(head.fit(*tailed[0]).weight_, first)


def test_a_rate_that_is_far_too_high_is_told(tailed):
    with pytest.raises(InputError, match=r"the loss became .* in epoch .* of training a head"):
        ClassifierRetraining(learning_rate=1e15, random_state=0).fit(*tailed[0])
