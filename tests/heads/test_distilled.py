"""The distilled layer: soft targets against a slow optimiser, labels alone against logistic regression, teachers."""

import numpy as np
import pytest
import torch

from longtail.errors import InputError
from longtail.features import open_feature_file, write_features
from longtail.heads import Distilled, Ensemble, LinearDiscriminant, Logistic, MultilayerPerceptron, NearestClassMean
from longtail.heads.likelihood_path import LikelihoodPath
from longtail.heads.linear_solver import LinearProblem
from longtail.heads.soft_targets import SoftTargets


def probabilities(num_rows, num_classes, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).dirichlet(np.ones(num_classes), num_rows))


def mixed(codes, given, share):
    targets = SoftTargets.of_labels(codes, given.shape[1])
    targets.mix(np.arange(len(codes)), given.log(), share)
    return targets


@pytest.mark.parametrize("share", [0.4, 1.0])
@pytest.mark.parametrize("weighting", ["rows", "classes"])
def test_soft_targets_against_a_slow_optimiser(share, weighting):
    rng = np.random.default_rng(0)
    codes = np.repeat([0, 1, 2], [30, 12, 6])
    features, given = rng.normal(size=(48, 4)) + 2 * np.eye(3, 4)[codes], probabilities(48, 3)
    path = LikelihoodPath.of(features, codes, targets=mixed(codes, given, share))
    found = path.solve(0.02, weighting, tolerance=1e-14)
    rows, labels = torch.from_numpy(features), torch.from_numpy(codes)
    wanted = (1 - share) * torch.nn.functional.one_hot(labels, 3) + share * given
    parts = torch.ones(48).double() if weighting == "rows" else 1 / torch.bincount(labels)[labels].double()
    weight, bias = (torch.zeros(shape, dtype=torch.float64, requires_grad=True) for shape in ((3, 4), (3,)))
    decay = 0.02 * float(features.var(axis=0).mean()) / 2
    slow = torch.optim.LBFGS([weight, bias], max_iter=2000, tolerance_grad=1e-10, tolerance_change=0, history_size=50)

    def closure():
        slow.zero_grad()
        losses = -(wanted * torch.log_softmax(rows @ weight.T + bias, dim=1)).sum(dim=1)
        loss = (parts * losses).sum() / parts.sum() + decay * weight.square().sum()
        loss.backward()
        return loss

    slow.step(closure)
    torch.testing.assert_close(found.weight, weight.detach(), rtol=1e-4, atol=1e-5)
    assert found.losses[-1] == pytest.approx(float(closure().detach()), rel=1e-6)


def test_targets_that_are_the_labels_change_nothing():
    codes = np.repeat([0, 1, 2], [9, 5, 2])
    features, even = np.random.default_rng(0).normal(size=(16, 3)), torch.ones(3, dtype=torch.float64)
    plain = LinearProblem(features, codes, 1 / even.cumsum(0), 0 * even, 0.1)
    soft = LinearProblem(features, codes, 1 / even.cumsum(0), 0 * even, 0.1, targets=SoftTargets.of_labels(codes, 3))
    layer = torch.from_numpy(np.random.default_rng(1).normal(size=(3, 3))), even.cumsum(0)
    for one, other in zip(plain.value_and_gradient(*layer), soft.value_and_gradient(*layer), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_of_many_classes_the_most_probable_are_kept():
    given = probabilities(5, 100)
    targets = mixed(np.arange(5), given, 0.5)
    assert targets.parts.shape == (5, 33)
    np.testing.assert_allclose(targets.parts.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(targets.columns[:, 1:], given.numpy().argsort(axis=1)[:, :-33:-1])
    assert (targets.parts[:, 0] == 0.5).all()


@pytest.mark.parametrize("judged", [True, False])
def test_without_a_teacher_it_is_logistic_regression(tailed, judged):
    (train, labels), (test, truth) = tailed
    settings = {"tolerance": 1e-10, "random_state": 0}
    validation = (test, truth) if judged else None
    head, plain = Distilled(alpha=0.0, **settings), Logistic(**settings)
    for one in (head, plain):
        one.fit(train, labels, validation=validation)
    assert (head.penalty_, head.selected_on_, head.curve_) == (plain.penalty_, plain.selected_on_, plain.curve_)
    np.testing.assert_allclose(head.logits(test), plain.logits(test), rtol=1e-4, atol=1e-4)
    assert head.implied_prior == plain.implied_prior == "uniform"


class Told(NearestClassMean):
    """A linear layer that knows what no label says: the third feature."""

    def _chunk_logits(self, features):
        return torch.stack([features[:, 0], features[:, 1] + 2 * features[:, 2], -features[:, 2]], dim=1)


def test_a_linear_teacher_is_recovered():
    rng, labels = np.random.default_rng(0), np.repeat([0, 1, 2], [300, 80, 20])
    features = rng.normal(size=(400, 4))
    head = Distilled(Told(), alpha=1.0, penalty=1e-8, scale=1.0, tolerance=1e-12).fit(features, labels)
    found, told = head.logits(features), Told().fit(features, labels).logits(features)
    found, told = (scores - scores.mean(axis=1, keepdims=True) for scores in (found, told))
    np.testing.assert_allclose(found, told, atol=1e-3)
    assert (head.selected_on_, head.converged_, head.curve_) == ("given", True, None)


def test_a_teacher_that_knows_more_helps():
    """Few labels of a rule that the teacher knows."""
    rng = np.random.default_rng(0)
    features, test = rng.normal(size=(60, 4)), rng.normal(size=(2000, 4))
    rule = Told().fit(np.eye(3, 4), [0, 1, 2])
    labels = rule.predict(features)
    alone, taught = (Distilled(Told(), alpha=alpha, random_state=0).fit(features, labels) for alpha in (0.0, 1.0))
    assert taught.score(test, rule.predict(test)) > alone.score(test, rule.predict(test)) + 0.02


def test_the_teacher_chooses_on_validation_and_is_named(tailed):
    (train, labels), (test, truth) = tailed
    teacher = Ensemble([LinearDiscriminant(), Logistic(0.1)])
    head = Distilled(teacher, penalties=(0.1, 0.01)).fit(train, labels, validation=(test, truth))
    assert not hasattr(teacher, "heads_")
    assert head.parameters_in_use()["teacher"] == "Ensemble"
    assert (head.selected_on_, head.curve_["grid"]) == ("val", [0.1, 0.01])
    assert head.score(test, truth) > 0.5
    with pytest.raises(InputError, match="teacher is 'mlp'; expected an instance of"):
        Distilled("mlp").fit(train, labels)


def test_the_usual_teacher_is_a_network_with_its_seed(tailed):
    (train, labels), (test, _) = tailed
    quick = {"penalty": 0.01, "scale": 1.0}
    one, same, other = (Distilled(random_state=seed, **quick).fit(train, labels).logits(test) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 1e-3
    seed = int(np.random.RandomState(0).randint(2**31 - 1))
    named = Distilled(MultilayerPerceptron(random_state=seed), random_state=0, **quick).fit(train, labels)
    np.testing.assert_array_equal(one, named.logits(test))


def test_memory_mapped_rows_give_the_same(tailed, tmp_path):
    (train, labels), (test, _) = tailed
    write_features(tmp_path / "feature_train.h5", train, labels, dtype="float32")
    file = open_feature_file(tmp_path / "feature_train.h5")
    assert isinstance(file.features, np.memmap)
    mapped, memory = (
        Distilled(LinearDiscriminant(0.1), random_state=0).fit(rows, labels).logits(test)
        for rows in (file.features, train)
    )
    np.testing.assert_array_equal(mapped, memory)


def test_one_row_a_class_and_none_to_judge_by():
    head = Distilled(NearestClassMean()).fit(np.eye(4, 6), list("abcd"))
    assert (head.selected_on_, head.penalty_, head.scale_) == ("not selected", 0.1, 1.0)
    assert head.predict(np.eye(4, 6)).tolist() == list("abcd")
