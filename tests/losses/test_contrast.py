"""PaCo's and BCL's losses against loops over samples in float64, with gradients, and their limits."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from longtail.errors import InputError
from longtail.losses import LogitAdjusted, balanced_contrast, parametric_contrast

C, D = 4, 6


def unit(rows, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(rows, D, generator=generator, dtype=torch.float64), dim=1)


def labels_of(rows, seed=0):
    return torch.randint(0, C, (rows,), generator=torch.Generator().manual_seed(seed))


def slow_parametric(logits, samples, labels, temperature, alpha):
    """Term by term, as the paper has it."""
    losses = []
    for i in range(len(logits)):
        exponents = [logits[i, c] for c in range(logits.shape[1])]
        places = [j for j in range(len(samples)) if j != i]
        exponents += [samples[i] @ samples[j] / temperature for j in places]
        largest = max(float(e.detach()) for e in exponents)
        log_total = largest + torch.log(sum(torch.exp(e - largest) for e in exponents))
        targets, weights = [logits[i, labels[i]]], [1.0]
        for j in places:
            if labels[j] == labels[i]:
                targets.append(samples[i] @ samples[j] / temperature)
                weights.append(alpha)
        log_shares = [w * (log_total - t) for w, t in zip(weights, targets, strict=True)]
        losses.append(sum(log_shares) / sum(weights))
    return sum(losses) / len(losses)


def slow_balanced(features, labels, prototypes, temperature):
    samples = torch.cat([features, prototypes])
    classes = [*labels.tolist(), *range(len(prototypes))]
    losses = []
    for i in range(len(features)):
        total, targets = 0.0, []
        for c in range(len(prototypes)):
            members = [j for j in range(len(samples)) if classes[j] == c and j != i]
            terms = [torch.exp(features[i] @ samples[j] / temperature) for j in members]
            total = total + sum(terms) / len(members)
            if c == labels[i]:
                targets = [features[i] @ samples[j] / temperature for j in members]
        losses.append(sum(torch.log(total) - t for t in targets) / len(targets))
    return sum(losses) / len(losses)


def supervised_contrast(features, labels, prototypes, temperature):
    """Khosla's loss on the same samples, each counted alike."""
    samples, classes = torch.cat([features, prototypes]), torch.cat([labels, torch.arange(len(prototypes))])
    logits = (features @ samples.T / temperature).fill_diagonal_(-torch.inf)
    same = (labels[:, None] == classes).fill_diagonal_(False)
    near = torch.where(same, logits, 0.0).sum(1) / same.sum(1)
    return logits.logsumexp(1) - near


@given(
    queries=st.integers(1, 5),
    others=st.integers(1, 12),
    temperature=st.sampled_from([0.05, 0.2, 1.0]),
    alpha=st.sampled_from([0.0, 0.01, 0.05, 1.0]),
    seed=st.integers(0, 1000),
)
@settings(max_examples=25)
def test_parametric_contrast_and_its_gradients_are_the_loops(queries, others, temperature, alpha, seed):
    logits = torch.randn(queries, C, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    labels = labels_of(queries + others, seed)
    labels[queries:][::4] = -1  # random keys of no class, as a new queue holds
    results = []
    for loss in (
        lambda *a: parametric_contrast(*a, temperature=temperature, sample_weight=alpha),
        lambda *a: slow_parametric(*a, temperature, alpha),
    ):
        given = [logits.clone().requires_grad_(), unit(queries + others, seed).requires_grad_()]
        value = loss(*given, labels)
        results.append([value.detach(), *torch.autograd.grad(value, given)])
    torch.testing.assert_close(*results)


def test_a_class_without_an_image_takes_no_part():
    """Its log prior is -inf: neither the loss nor a gradient becomes NaN."""
    logits = torch.randn(3, C, dtype=torch.float64, requires_grad=True)
    samples = unit(8).requires_grad_()
    offset = torch.tensor([0.0, -1.0, -torch.inf, -2.0], dtype=torch.float64)
    labels = torch.tensor([0, 1, 3, 0, 1, 3, 0, 0])
    loss = parametric_contrast(logits + offset, samples, labels, temperature=0.2, sample_weight=0.05)
    loss.backward()
    assert loss.isfinite()
    assert logits.grad.isfinite().all()
    assert (logits.grad[:, 2] == 0).all()
    assert samples.grad.isfinite().all()


@pytest.mark.parametrize("loss", ["parametric", "balanced"])
def test_gradients_by_finite_differences(loss):
    features, labels = unit(6), labels_of(6)
    if loss == "parametric":
        logits = torch.randn(3, C, dtype=torch.float64)
        inputs = (logits.requires_grad_(), features.requires_grad_())
        torch.autograd.gradcheck(
            lambda z, f: parametric_contrast(z, f, labels, temperature=0.2, sample_weight=0.05), inputs
        )
    else:
        inputs = (features.requires_grad_(), unit(C, 1).requires_grad_())
        torch.autograd.gradcheck(lambda f, p: balanced_contrast(f, labels, p, temperature=0.1), inputs)


def test_parametric_contrast_without_samples_is_balanced_softmax():
    """With the queries alone, each of its own class, alpha 0 leaves the classifier's part and the other queries."""
    logits, labels = torch.randn(1, C, dtype=torch.float64), torch.tensor([2])
    counts = torch.tensor([50.0, 20.0, 5.0, 1.0], dtype=torch.float64)
    adjusted = LogitAdjusted(counts)
    loss = parametric_contrast(logits + adjusted.offset, unit(1), labels, temperature=0.05, sample_weight=0.0)
    torch.testing.assert_close(loss, adjusted(logits, labels))
    # samples as far away as can be take next to nothing of the softmax
    one = torch.eye(D, dtype=torch.float64)[:1]
    many = torch.cat([one, -one.expand(40, -1)])
    loss = parametric_contrast(
        logits + adjusted.offset, many, torch.full((41,), 2), temperature=0.02, sample_weight=0.0
    )
    torch.testing.assert_close(loss, adjusted(logits, labels))


@given(rows=st.integers(1, 9), temperature=st.sampled_from([0.07, 0.1, 1.0]), seed=st.integers(0, 1000))
@settings(max_examples=25)
def test_balanced_contrast_and_its_gradients_are_the_loops(rows, temperature, seed):
    labels = labels_of(rows, seed)
    results = []
    for loss in (lambda *a: balanced_contrast(*a, temperature=temperature), lambda *a: slow_balanced(*a, temperature)):
        given = [unit(rows, seed).requires_grad_(), unit(C, seed + 1).requires_grad_()]
        value = loss(given[0], labels, given[1])
        results.append([value.detach(), *torch.autograd.grad(value, given)])
    torch.testing.assert_close(*results)


def test_balanced_contrast_of_a_balanced_batch_is_supervised_contrast():
    """Alone with the prototypes a feature meets one sample of each class: the two losses are one."""
    feature, prototypes, label = unit(1), unit(C, 1), torch.tensor([1])
    ours = balanced_contrast(feature, label, prototypes, temperature=0.1)
    torch.testing.assert_close(ours, supervised_contrast(feature, label, prototypes, 0.1).mean())


@pytest.mark.parametrize("each", [1, 3, 30])
def test_the_two_losses_approach_each_other_in_larger_balanced_batches(each):
    """Of its own class a feature meets one fewer, so that the losses differ by between log m and log (m + 1)."""
    labels = torch.arange(C).repeat(each)
    features, prototypes = unit(len(labels)), unit(C, 1)
    difference = supervised_contrast(features, labels, prototypes, 0.1).mean() - balanced_contrast(
        features, labels, prototypes, temperature=0.1
    )
    assert math.log(each) <= difference <= math.log(each + 1)


def test_the_order_of_samples_changes_nothing():
    labels, order = labels_of(7), torch.randperm(7)
    features, prototypes = unit(7), unit(C, 1)
    torch.testing.assert_close(
        balanced_contrast(features, labels, prototypes, temperature=0.1),
        balanced_contrast(features[order], labels[order], prototypes, temperature=0.1),
    )


def test_mistakes_are_told():
    with pytest.raises(InputError, match="3 queries, 2 samples, 2 labels"):
        parametric_contrast(torch.zeros(3, C), unit(2), labels_of(2), temperature=1.0, sample_weight=0.1)
    with pytest.raises(InputError, match="2 features and 3 labels"):
        balanced_contrast(unit(2), labels_of(3), unit(C), temperature=0.1)
