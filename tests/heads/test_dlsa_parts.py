"""The parts of DLSA: class shares, epochs, block classifiers and flow training, against slow loops."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from longtail.heads.dlsa.block_classifier import BlockInputs, ClassifierPlan, Validation, fit_classifier
from longtail.heads.dlsa.clusters import Clusters, class_shares, clusters_of
from longtail.heads.dlsa.epoch_curve import EpochCurve, halves
from longtail.heads.dlsa.flow_filter import FlowPlan, assign, fit_flow, new_flow
from longtail.heads.linear_training import SGDPlan, initial_linear
from longtail.sampling import Sampler, class_pairs
from longtail.schedules import Schedule

FLOW = FlowPlan(
    clusters=5,
    center_scale=None,
    blocks=2,
    epochs=2,
    batch_size=64,
    learning_rate=0.2,
    momentum=0.0,
    weight_power=2.0,
    likelihood_weight=2.0,
    balance_weight=1.0,
    separation_weight=0.02,
    posterior_momentum=0.7,
    clip_norm=1.0,
    standardize=True,
    precision="float32",
)


def sgd(epochs=3, batch_size=32, learning_rate=0.1, momentum=0.9, weight_decay=0.01, schedule="cosine", **options):
    return SGDPlan(epochs, batch_size, learning_rate, momentum, weight_decay, Schedule(schedule), **options)


# clusters and their class shares


def clustered(clusters=9, num_classes=4, rows=60):
    """Rows in clusters of many sizes: 0 is empty, 1 holds a single row."""
    rng = np.random.default_rng(0)
    assigned = rng.integers(2, clusters, size=rows)
    assigned[17] = 1
    return assigned, rng.choice(num_classes, size=rows, p=[0.6, 0.2, 0.15, 0.05])


def slow_shares(members, codes, smoothing, num_classes=4):
    """Class shares of some rows, and of `smoothing` rows more that are like the training set."""
    total = len(members) + smoothing
    counts = [sum(codes[row] == c for row in members) for c in range(num_classes)]
    whole = [np.mean(codes == c) for c in range(num_classes)]
    return [(n + smoothing * share) / total if total else 0.0 for n, share in zip(counts, whole, strict=True)]


@pytest.mark.parametrize("smoothing", [0.0, 0.5, 1.0, 7.0])
def test_class_shares_equal_the_slow_loop(smoothing):
    assigned, codes = clustered()
    shares, totals = class_shares(clusters_of(assigned, codes, 9, 4), smoothing)
    for k in range(9):
        np.testing.assert_allclose(shares[k], slow_shares(np.flatnonzero(assigned == k), codes, smoothing), rtol=1e-6)
        assert totals[k] == (assigned == k).sum() + smoothing
    assert shares[0].sum() == pytest.approx(1.0 if smoothing else 0.0)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("smoothing", [0.0, 0.5, 1.0, 7.0])
def test_a_row_is_left_out_of_the_shares_of_its_cluster(smoothing, dtype):
    assigned, codes = clustered()
    features = np.random.default_rng(1).normal(size=(60, 3)).astype(dtype)
    shares, totals = class_shares(clusters_of(assigned, codes, 9, 4), smoothing)
    rows = np.random.default_rng(2).permutation(60)[:50]
    found = BlockInputs(features, rows, shares, assigned, (totals, codes))[np.arange(50)]
    assert found.dtype == (np.float64 if dtype == np.float64 else np.float32)
    np.testing.assert_array_equal(found[:, :3], features[rows])
    for row, ours in zip(rows, found[:, 3:], strict=True):
        others = np.setdiff1d(np.flatnonzero(assigned == assigned[row]), row)
        np.testing.assert_allclose(ours, slow_shares(others, codes, smoothing), rtol=1e-5, atol=2e-6)
    assert (found[:, 3:] >= 0).all()


def test_the_shares_of_a_lone_row_do_not_tell_its_class():
    assigned, codes = clustered()
    for smoothing, expected in ((0.0, np.zeros(4)), (1.0, np.bincount(codes, minlength=4) / 60)):
        shares, totals = class_shares(clusters_of(assigned, codes, 9, 4), smoothing)
        inputs = BlockInputs(np.zeros((60, 2)), np.arange(60), shares, assigned, (totals, codes))
        np.testing.assert_allclose(inputs[[17]][0, 2:], expected, rtol=1e-6)


def test_inputs_without_clusters_are_the_features():
    features = np.arange(12, dtype=np.float16).reshape(6, 2)
    inputs = BlockInputs(features, np.array([4, 1, 5]))
    np.testing.assert_array_equal(inputs[np.array([2, 0])], features[[5, 4]])
    assert len(inputs) == 3


def test_validation_rows_see_the_shares_as_they_are():
    assigned, codes = clustered()
    shares, _ = class_shares(clusters_of(assigned, codes, 9, 4), 1.0)
    found = BlockInputs(np.zeros((4, 2), np.float32), np.arange(4), shares, np.array([3, 0, 8, 3]))[np.arange(4)]
    np.testing.assert_array_equal(found[:, 2:], shares[[3, 0, 8, 3]])


def test_purity_and_sizes_equal_the_slow_loop():
    assigned, codes = clustered()
    counted = clusters_of(assigned, codes, 9, 4)
    for k in range(9):
        members = codes[assigned == k].tolist()
        assert counted.sizes[k] == len(members)
        commonest = max((members.count(c) for c in range(4)), default=0)
        assert counted.purity[k] == pytest.approx(commonest / len(members) if members else 0)


def test_pure_clusters_are_above_both_limits():
    histogram = np.array([[11, 0], [10, 0], [7, 3], [8, 3], [0, 0], [6, 6]])
    assert Clusters(histogram).count_pure() == 2  # the sizes 11 and 11; 7 of 10 is not above 0.7
    assert Clusters(histogram).count_pure(purity=0.4, size=0) == 5


# epochs


def test_cross_fitted_hits_equal_the_slow_loop():
    rng = np.random.default_rng(0)
    curve, half = EpochCurve(), rng.integers(0, 2, size=30)
    for epoch in (0, 5, 10, 12):
        curve.add(epoch, rng.random(30) * (rng.random(30) < 0.5))
    found = curve.cross_fitted(half)
    for row in range(30):
        other = [sum(h for h, side in zip(hits, half, strict=True) if side != half[row]) for hits in curve.hits]
        assert found[row] == curve.hits[other.index(max(other))][row]
    assert not np.array_equal(found, curve.hits[curve.epochs.index(curve.best())])


def test_the_best_epoch_is_the_first_of_equals():
    curve = EpochCurve()
    added = [curve.add(epoch, np.array(hits)) for epoch, hits in ((0, [0, 1]), (2, [1, 1]), (4, [1, 1]), (6, [0, 0]))]
    assert added == [True, True, False, False]
    assert curve.best() == 2


def test_halves_split_every_class_in_two():
    codes = np.random.default_rng(0).integers(0, 7, size=101)
    half = halves(codes)
    for c in range(7):
        first, second = ((codes == c) & (half == side) for side in (0, 1))
        assert first.sum() - second.sum() in (0, 1)


# the classifier of a block


class TwoLayers(torch.nn.Module):
    """The released classifier: a layer on the features, another on features and shares, added."""

    def __init__(self, features, shares, classes, seed):
        super().__init__()
        self.x = torch.nn.Linear(features, classes, dtype=torch.float64)
        self.xz = torch.nn.Linear(features + shares, classes, dtype=torch.float64)
        with torch.no_grad():
            starts = (
                initial_linear(classes, features, seed, torch.float64),
                initial_linear(classes, features + shares, seed + 1, torch.float64),
            )
            for layer, (weight, bias) in zip((self.x, self.xz), starts, strict=True):
                layer.weight.copy_(weight)
                layer.bias.copy_(bias)

    def forward(self, inputs):
        return self.x(inputs[:, : self.x.in_features]) + self.xz(inputs)


@pytest.mark.parametrize(("momentum", "weight_decay"), [(0.0, 0.0), (0.9, 0.05)])
@pytest.mark.parametrize("with_shares", [True, False])
def test_the_originals_way_is_two_layers_added(tailed, with_shares, momentum, weight_decay):
    (train, codes), _ = tailed
    codes = np.where(codes == 3, 4, codes)  # class 3 is absent: the original counts it as 1e-6
    train, rows = train.astype(np.float64), np.flatnonzero(np.random.default_rng(0).random(len(codes)) < 0.7)
    assigned = np.random.default_rng(1).integers(0, 9, size=len(codes))
    shares, _ = class_shares(clusters_of(assigned, codes, 9, 6), 0.0)
    inputs = BlockInputs(train, rows, *((shares, assigned) if with_shares else ()))
    counts = np.bincount(codes[rows], minlength=6)
    plan = sgd(momentum=momentum, weight_decay=weight_decay, fewest_steps=1, drop_last=False, schedule="constant")
    ours, epoch, curve = fit_classifier(
        inputs,
        codes[rows],
        None,
        ClassifierPlan("balanced-softmax", plan, 5, original=True),
        prior_counts=counts,
        validation=None,
        seed=7,
        dtype=torch.float64,
        device="cpu",
    )
    theirs = TwoLayers(8, 6 if with_shares else 0, 6, seed=7)
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.1, momentum=momentum, weight_decay=weight_decay)
    sampler = Sampler(np.unique(codes[rows], return_inverse=True)[1], seed=7)
    for number in range(3):
        for batch in torch.from_numpy(sampler.epoch_indices(number)).split(32):
            logits = theirs(torch.from_numpy(inputs[batch.numpy()])) + torch.log(torch.from_numpy(counts) + 1e-6)
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(logits, torch.from_numpy(codes[rows])[batch]).backward()
            optimizer.step()
    everything = torch.from_numpy(inputs[np.arange(len(rows))])
    torch.testing.assert_close(ours.logits(everything), theirs(everything).detach())
    assert (epoch, curve.epochs) == (3, [])


def trained(
    tailed, kind="balanced-softmax", *, start=None, rows=None, validation=None, epochs=None, length=3, **options
):
    (train, codes), _ = tailed
    rows = np.arange(len(codes)) if rows is None else rows
    assigned = np.random.default_rng(1).integers(0, 9, size=len(codes))
    shares, totals = class_shares(clusters_of(assigned, codes, 9, 6), 1.0)
    if validation is not None:
        some = np.random.default_rng(2).integers(0, 9, size=len(validation[1]))
        weights = np.full(len(some), 1 / len(some))
        seen = BlockInputs(validation[0], np.arange(len(some)), shares, some)
        validation = (seen, Validation(*validation, weights))
    return fit_classifier(
        BlockInputs(train.astype(np.float64), rows, shares, assigned, (totals, codes)),
        codes[rows],
        start,
        ClassifierPlan(kind, sgd(length, **options), 2, original=False),
        prior_counts=np.bincount(codes[rows], minlength=6),
        validation=validation,
        epochs=epochs,
        seed=5,
        dtype=torch.float64,
        device="cpu",
    )


def test_balanced_softmax_leaves_an_absent_class_as_it_was(tailed):
    (_, codes), _ = tailed
    start = initial_linear(6, 8, 1, torch.float64)
    found, _, _ = trained(tailed, start=start, rows=np.flatnonzero(codes != 2), weight_decay=0.0)
    moved = [(found.weight != start[0]).any(dim=1), found.bias != start[1], (found.prior_weight != 0).any(dim=1)]
    for of_class in moved:
        assert of_class.tolist() == [True, True, False, True, True, True]


@pytest.mark.parametrize("kind", ["class-balanced", "cosine"])
def test_other_classifiers_learn_though_a_class_is_absent(tailed, kind):
    (train, codes), _ = tailed
    rows = np.flatnonzero(codes != 0)
    found, _, _ = trained(tailed, kind, rows=rows, epochs=None)
    inputs = np.concatenate([train[rows], np.zeros((len(rows), 6))], axis=1)
    assert found.weight.isfinite().all()
    assert (found.logits(torch.from_numpy(inputs)).argmax(dim=1).numpy() == codes[rows]).mean() > 0.5


def test_cosine_logits_equal_the_slow_loop(tailed):
    (train, _), _ = tailed
    found, _, _ = trained(tailed, "cosine")
    inputs = np.concatenate([train[:20], np.random.default_rng(0).random((20, 6))], axis=1).astype(np.float64)
    inputs[3, :8] = 0
    logits = found.logits(torch.from_numpy(inputs)).numpy()
    weight, prior = found.weight.numpy(), found.prior_weight.numpy()
    for row, ours in zip(inputs, logits, strict=True):
        length = np.linalg.norm(row[:8])
        for c in range(6):
            cosine = weight[c] @ row[:8] / np.linalg.norm(weight[c]) / length if length else 0
            assert ours[c] == pytest.approx(16 * length / (1 + length) * cosine + prior[c] @ row[8:], rel=1e-9)


def test_a_new_classifier_gives_what_its_start_gives(tailed):
    (train, _), _ = tailed
    weight, bias = initial_linear(6, 8, 1, torch.float64)
    found, epoch, _ = trained(tailed, start=(weight, bias), epochs=0)
    inputs = torch.cat([torch.from_numpy(train).double(), torch.rand(len(train), 6).double()], dim=1)
    torch.testing.assert_close(found.logits(inputs), inputs[:, :8] @ weight.T + bias)
    assert epoch == 0


def test_the_epoch_that_is_kept_is_the_best_on_validation(tailed):
    """And is had again, to the bit, by its number: its learning rates are those of the whole length."""
    _, (test, truth) = tailed
    plan = {"start": initial_linear(6, 8, 1, torch.float64), "length": 9}
    found, epoch, curve = trained(tailed, validation=(test.astype(np.float64), truth), **plan)
    assert curve.epochs == [0, 2, 4, 6, 8, 9]
    assert epoch == curve.best()
    assert 0 < epoch < 9
    again, same, _ = trained(tailed, epochs=epoch, **plan)
    assert same == epoch
    torch.testing.assert_close(found.weight, again.weight, rtol=0, atol=0)
    last, _, _ = trained(tailed, **plan)
    assert not torch.equal(last.weight, found.weight)


# the flow filter


def slow_loss(first, second, weights, average, step, plan):
    """The three losses of a step, row by row; also the moving average after it."""
    p, q = torch.softmax(first, dim=1), torch.log_softmax(second, dim=1)
    likelihood = -sum(w * torch.logsumexp(row, 0) for w, row in zip(weights, first, strict=True)) / len(first)
    separation = sum((a.detach() * b).sum() for a, b in zip(p, q, strict=True)) / len(first)
    now = sum(p) / len(first) + 1e-7
    average = plan.posterior_momentum * average + (1 - plan.posterior_momentum) * now
    share = average / (1 - plan.posterior_momentum**step)
    balance = (share * share.log()).sum() + math.log(len(share))
    total = plan.likelihood_weight * likelihood + plan.separation_weight * separation + plan.balance_weight * balance
    return total, average.detach()


@pytest.mark.parametrize("clip_norm", [None, 0.5])
def test_flow_training_equals_the_steps_written_out(tailed, clip_norm):
    (train, codes), _ = tailed
    plan = replace(FLOW, clip_norm=clip_norm, momentum=0.5, learning_rate=0.02)
    train, rows = train.astype(np.float64), np.flatnonzero(codes != 1)
    ours, theirs = (new_flow(train, rows, plan, 3, "cpu") for _ in range(2))
    seen = []
    losses = fit_flow(ours, train, rows, codes, plan, seed=4, device="cpu", after_epoch=seen.append)
    masks = {name: parameter != 0 for name, parameter in theirs.named_parameters() if name.endswith("weight")}
    velocity = {name: torch.zeros_like(parameter) for name, parameter in theirs.named_parameters()}
    counts = np.bincount(codes[rows])
    weight_of = np.array([(counts.max() / n) ** 2 if n else 0.0 for n in counts])
    weight_of /= weight_of.sum()
    rng, average, expected, step = np.random.default_rng(4), torch.zeros(5, dtype=torch.float64), [], 0
    for _ in range(2):
        theirs.train()
        found = []
        for first, second in zip(
            *(torch.from_numpy(side).split(64) for side in class_pairs(codes[rows], len(rows) // 64 * 64, rng)),
            strict=True,
        ):
            step += 1
            sides = [theirs.log_densities(torch.from_numpy(train[rows[side]])) for side in (first, second)]
            weights = torch.from_numpy(weight_of[codes[rows[first]]])
            loss, average = slow_loss(*sides, weights, average, step, plan)
            names, parameters = zip(*theirs.named_parameters(), strict=True)
            gradients = [
                gradient * masks.get(name, 1)
                for name, gradient in zip(names, torch.autograd.grad(loss, parameters), strict=True)
            ]
            length = torch.stack([(gradient**2).sum() for gradient in gradients]).sum().sqrt()
            shrink = 1.0 if clip_norm is None else min(1.0, clip_norm / (length.item() + 1e-6))
            with torch.no_grad():
                for name, parameter, gradient in zip(names, parameters, gradients, strict=True):
                    velocity[name] = 0.5 * velocity[name] + shrink * gradient
                    parameter -= 0.02 * velocity[name]
            found.append(loss.item())
        expected.append(np.mean(found))
    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value, msg=name)
    np.testing.assert_allclose(losses, expected, rtol=1e-6)  # summed in float32
    assert seen == [1, 2]
    assert not ours.training


def test_clipping_bounds_the_step(tailed):
    (train, codes), _ = tailed
    plan = replace(FLOW, clip_norm=1e-3, epochs=1, batch_size=len(codes))
    flow = new_flow(train, np.arange(len(codes)), plan, 3, "cpu")
    before = torch.nn.utils.parameters_to_vector(flow.parameters()).detach().clone()
    fit_flow(flow, train, np.arange(len(codes)), codes, plan, seed=4, device="cpu", after_epoch=lambda epoch: None)
    step = torch.nn.utils.parameters_to_vector(flow.parameters()).detach() - before
    assert step.norm().item() == pytest.approx(0.2 * 1e-3, rel=1e-2)


@pytest.mark.parametrize(("batch_size", "pairs"), [(64, 448), (501, 501), (4096, 501)])
def test_an_epoch_is_of_as_many_pairs_as_there_are_rows(tailed, monkeypatch, batch_size, pairs):
    """In whole batches, which are no larger than the block."""
    (train, codes), _ = tailed
    drawn = []

    def counted(labels, num_pairs, rng):
        drawn.append(num_pairs)
        return class_pairs(labels, num_pairs, rng)

    monkeypatch.setitem(fit_flow.__globals__, "class_pairs", counted)
    plan, rows = replace(FLOW, batch_size=batch_size), np.arange(len(codes))
    flow = new_flow(train, rows, plan, 3, "cpu")
    fit_flow(flow, train, rows, codes, plan, seed=4, device="cpu", after_epoch=lambda epoch: None)
    assert drawn == [pairs, pairs]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_standardising_is_by_mean_and_deviation_of_the_rows(dtype):
    rng = np.random.default_rng(0)
    features = (rng.normal(size=(9000, 4)) * [1, 5, 0.1, 0] + [3, -20, 0, 7]).astype(dtype)
    rows = np.flatnonzero(rng.random(9000) < 0.8)
    flow = new_flow(features, rows, FLOW, 0, "cpu")
    wide = features[rows].astype(np.float64)
    np.testing.assert_allclose(flow.location, wide.mean(axis=0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(flow.spread[:3], wide.std(axis=0)[:3], rtol=1e-4)
    assert flow.spread[3] == 1  # constant
    assert flow.location.dtype == (torch.float64 if dtype == np.float64 else torch.float32)


def test_rows_are_assigned_to_their_likeliest_cluster(tailed):
    (train, codes), _ = tailed
    flow = new_flow(train, np.arange(len(codes)), FLOW, 3, "cpu")
    fit_flow(flow, train, np.arange(len(codes)), codes, FLOW, seed=4, device="cpu", after_epoch=lambda epoch: None)
    likelihood, clusters = assign(flow, train.astype(np.float16), "cpu")
    with torch.no_grad():
        densities = flow.log_densities(torch.from_numpy(train.astype(np.float16)).float())
    np.testing.assert_allclose(likelihood, torch.logsumexp(densities, dim=1), rtol=1e-5)
    np.testing.assert_array_equal(clusters, densities.argmax(dim=1))
