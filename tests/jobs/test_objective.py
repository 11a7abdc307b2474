"""Rebalancing in stage 1 as a user asks for it: weights, samplers, margins, and from when on."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch

import longtail
from longtail.backbones import NormalizedLinear, classifier_of, create_backbone, linear_parameters, normalize_classifier
from longtail.cli import main
from longtail.features import open_feature_file
from longtail.jobs.options import StageOneOptions
from longtail.jobs.predicting.predictor import open_predictor
from longtail.jobs.stage_one.objective import (
    check_rebalanced_once,
    first_rebalanced_epoch,
    objective_of,
    sampler_of,
    trained_prior,
)
from longtail.jobs.stage_one.trained_model import open_model
from longtail.losses import LDAM, Deferred, build_loss, effective_number_weights
from longtail.recipes import RECIPES
from longtail.sampling import Sampler, Strategy, effective_number_probabilities
from longtail.studies.rebalancing import RULES

LABELS = np.repeat([0, 1, 2], [900, 90, 10])
FAST = ["--device", "cpu", "--precision", "float32", "--quiet"]


def test_drw_weighs_classes_in_the_last_fifth():
    stage = StageOneOptions(loss="ldam", reweight=True, rebalance_from=0.8, epochs=10)
    objective = objective_of(stage, LABELS, 3)
    assert isinstance(objective.loss, Deferred)
    assert objective.loss.first_epoch == 8
    assert objective.loss.before.weight is None
    expected = effective_number_weights(torch.tensor([900.0, 90.0, 10.0]), 0.9999)
    torch.testing.assert_close(objective.loss.after.weight, expected)
    objective.before_epoch(8)
    cosines, labels = torch.rand(5, 3), torch.tensor([0, 1, 2, 2, 1])
    assert torch.equal(objective.loss(cosines, labels), objective.loss.after(cosines, labels))


def test_without_words_it_is_cross_entropy():
    objective = objective_of(StageOneOptions(), LABELS, 3)
    assert type(objective.loss) is torch.nn.CrossEntropyLoss
    assert objective.before_epoch is None


def test_deferred_resampling():
    stage = StageOneOptions(representation="class", rebalance_from=0.5, epochs=4)
    sampler = sampler_of(stage, LABELS, "class", 0)
    counts = [np.bincount(LABELS[sampler.epoch_indices(epoch)], minlength=3) for epoch in range(4)]
    assert counts[1].tolist() == [900, 90, 10]
    assert np.ptp(counts[2]) <= 1
    np.testing.assert_array_equal(sampler.epoch_indices(1), Sampler(LABELS, seed=0).epoch_indices(1))


def test_effective_number_sampling_draws_by_its_probabilities():
    sampler = Sampler(LABELS, strategy="effective-number", beta=0.99, num_samples=60_000)
    drawn = np.bincount(LABELS[sampler.epoch_indices(0)], minlength=3) / 60_000
    np.testing.assert_allclose(drawn, effective_number_probabilities([900, 90, 10], 0.99), atol=0.01)
    # the same as weights a_c for each image
    weights = effective_number_weights(torch.tensor([900.0, 90.0, 10.0]), 0.99).numpy() * [900, 90, 10]
    np.testing.assert_allclose(effective_number_probabilities([900, 90, 10], 0.99), weights / weights.sum(), rtol=1e-6)


@pytest.fixture(scope="module")
def ldam_run(tmp_path_factory):
    out = tmp_path_factory.mktemp("ldam") / "run"
    words = ["run", "digits", "--epochs", "3", "--loss", "ldam", "--reweight", "--rebalance-from", "0.7"]
    assert main([*words, "--methods", "joint,crt", "--out", str(out), *FAST]) == 0
    return out


def test_a_network_of_directions_is_read_back_and_its_stored_head_predicts_the_same(ldam_run):
    trained = open_model(ldam_run / "checkpoints" / "last.pt")
    layer = classifier_of(trained.model)
    assert isinstance(layer, NormalizedLinear)
    test = open_feature_file(ldam_run / "features" / "feature_test.h5")
    features = torch.from_numpy(np.array(test.features))
    with torch.no_grad():
        cosines = layer(features)
    assert cosines.abs().max() <= 1 + 1e-5
    predicted = np.genfromtxt(ldam_run / "predictions" / "test.csv", delimiter=",", names=True)["joint"]
    np.testing.assert_array_equal(cosines.argmax(dim=1).numpy(), predicted)
    stored = np.load(ldam_run / "features" / "joint_head.npz")
    np.testing.assert_allclose(np.linalg.norm(stored["weight"], axis=1), 1, rtol=1e-5)
    assert not stored["bias"].any()


def test_what_was_asked_for_stands_with_the_run(ldam_run):
    stage = json.loads((ldam_run / "config.json").read_text())["stage"]
    assert (stage["loss"], stage["reweight"], stage["rebalance_from"]) == ("ldam", True, 0.7)


def test_a_stopped_run_goes_on_in_the_right_epoch(tmp_path):
    """Trained in two calls, over the epoch in which weights begin, it ends with the same bits."""
    words = ["train", "digits", "--loss", "focal", "--reweight", "--rebalance-from", "0.5", "--epochs", "4", *FAST]
    assert main([*words, "--out", str(tmp_path / "whole")]) == 0

    from longtail.training import loop

    run_steps, done = loop._Training.run_steps, []

    def stopping(*arguments):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(1)
        run_steps(*arguments)

    loop._Training.run_steps = stopping
    try:
        main([*words, "--out", str(tmp_path / "parts")])
    except KeyboardInterrupt:
        pass
    finally:
        loop._Training.run_steps = run_steps
    assert len(done) == 3
    assert main([*words, "--out", str(tmp_path / "parts"), "--resume"]) == 0
    whole, parts = (
        torch.load(tmp_path / name / "checkpoints" / "last.pt", weights_only=True)["task"]
        for name in ("whole", "parts")
    )
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        ({}, "train"),
        ({"loss": "focal"}, "train"),
        ({"loss": "balanced-softmax"}, "uniform"),
        ({"loss": "logit-adjusted", "loss_tau": 0.0}, "train"),
        ({"loss": "logit-adjusted"}, "uniform"),
        ({"reweight": True, "rebalance_from": 0.8}, "uniform"),
        ({"reweight": True, "beta": 0.0}, "train"),
        ({"representation": "effective-number"}, "uniform"),
    ],
)
def test_the_prior_that_a_network_s_own_classifier_means(stage, expected):
    assert trained_prior({"stage": stage}) == expected


def test_a_rebalanced_network_s_head_is_not_shifted_twice(tmp_path):
    """Balanced softmax already makes all classes equally common: asked for that world, its head says the same."""
    words = ["run", "digits", "--epochs", "2", "--loss", "balanced-softmax", "--methods", "joint", *FAST]
    assert main([*words, "--out", str(tmp_path)]) == 0
    test = np.array(open_feature_file(tmp_path / "features" / "feature_test.h5").features)
    for source in (tmp_path / "heads" / "joint.npz", tmp_path / "checkpoints" / "last.pt"):
        head = open_predictor(source).head
        assert head.implied_prior == "uniform"
        np.testing.assert_array_equal(head.logits(test), head.logits(test, prior="uniform"))
        shift = head.logits(test, prior="train") - head.logits(test)
        log_counts = np.log(head.class_counts_)
        np.testing.assert_allclose(np.diff(shift, axis=1), np.tile(np.diff(log_counts), (len(test), 1)), atol=1e-4)


def test_class_weights_move_the_prior_to_counts_times_weights():
    """Without features, weighted cross-entropy learns the shares n_c w_c: even ones with beta near 1."""
    counts = torch.tensor([90.0, 10.0], dtype=torch.float64)
    labels = torch.tensor([0] * 90 + [1] * 10)
    for weight in (torch.tensor([0.3, 1.1], dtype=torch.float64), effective_number_weights(counts, 1 - 1e-9)):
        bias = torch.zeros(2, dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.LBFGS([bias], max_iter=100)

        def closure(bias=bias, weight=weight, optimizer=optimizer):
            optimizer.zero_grad()
            value = build_loss("cross-entropy", counts, weight=weight)(bias.expand(100, 2), labels)
            value.backward()
            return value

        optimizer.step(closure)
        expected = counts * weight / (counts * weight).sum()
        torch.testing.assert_close(torch.softmax(bias, 0).detach(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["resnet20", "digits_cnn", "convnext_atto"])
def test_any_network_can_end_in_directions(name):
    model = create_backbone(name, num_classes=4, in_chans=3)
    normalize_classifier(model)
    weight, bias = linear_parameters(model)
    assert isinstance(classifier_of(model), NormalizedLinear)
    torch.testing.assert_close(weight.norm(dim=1), torch.ones(4))
    assert not bias.any()


def test_nothing_to_defer_is_told():
    with pytest.raises(ValueError, match="nothing is rebalanced"):
        first_rebalanced_epoch(replace(StageOneOptions(), rebalance_from=0.8))


def test_ldam_s_margins_need_every_class():
    with pytest.raises(ValueError, match="an image of every class"):
        LDAM(torch.tensor([1.0, 0.0]))


DRAWS = [{"representation": strategy} for strategy in get_args(Strategy) if strategy != "instance"]
KNOWS = [{"loss": "balanced-softmax"}, {"loss": "logit-adjusted"}]
WEIGHS = {"reweight": True}


@pytest.mark.parametrize("deferred", [{}, {"rebalance_from": 0.8}])
@pytest.mark.parametrize(
    "both",
    [
        *(draws | WEIGHS for draws in DRAWS),
        *(draws | knows for draws in DRAWS for knows in KNOWS),
        *(knows | WEIGHS for knows in KNOWS),
        *(draws | {"loss": "ldam"} for draws in DRAWS),
        {"loss": "balanced-softmax", "representation": "class"} | WEIGHS,
    ],
    ids=lambda both: "-".join(map(str, both.values())),
)
def test_two_rebalancings_need_an_explicit_word(both, deferred):
    stage = replace(StageOneOptions(), **both, **deferred)
    with pytest.raises(ValueError, match=r"each alone .* Leave one of them out, or say --rebalance-twice"):
        check_rebalanced_once(stage)
    check_rebalanced_once(replace(stage, rebalance_twice=True))


@pytest.mark.parametrize(
    "one",
    [
        {},
        *DRAWS,
        *KNOWS,
        WEIGHS,
        {"loss": "focal"} | WEIGHS,  # class-balanced focal loss
        {"loss": "ldam"},
        {"loss": "ldam", "rebalance_from": 0.8} | WEIGHS,  # LDAM-DRW
        {"loss": "logit-adjusted", "loss_tau": 0.0} | WEIGHS,
        {"representation": "class", "beta": 0.0} | WEIGHS,
        *RULES.values(),
        *({"loss": build().stage.loss, "representation": build().stage.representation} for build in RECIPES.values()),
    ],
)
def test_one_is_enough(one):
    check_rebalanced_once(replace(StageOneOptions(), **one))


def test_it_is_told_before_anything_is_trained(capsys, tmp_path):
    words = ["--reweight", "--representation", "square-root", "--out", str(tmp_path / "r"), *FAST]
    for verb in ("train", "run"):
        assert main([verb, "digits", *words]) == 2
        told = capsys.readouterr().err
        assert "--representation square-root draws rare classes more often and --reweight weighs them more" in told
    assert not (tmp_path / "r").exists()
    assert main(["train", "digits", *words, "--epochs", "1", "--rebalance-twice"]) == 0


def test_no_loss_smooths_labels():
    """Smoothing with class weights is weighed by the other classes' weights, which teaches the rarest class."""
    root = Path(longtail.__file__).parent
    assert not [path for path in root.rglob("*.py") if re.search(r"label_smoothing\s*=[^=]", path.read_text())]
