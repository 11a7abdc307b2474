"""A routed network: the mean logits of the experts that its router asks for, and no other expert computed."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from longtail.backbones import create_backbone, features_of, linear_parameters
from longtail.backbones.expert_router import ExpertRouter, RoutedExperts
from longtail.errors import InputError
from longtail.heads.routing import experts_asked

NUM_EXPERTS, DIMENSION, NUM_CLASSES = 3, 48, 7


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    model = create_backbone("resnet20", num_classes=NUM_CLASSES, arguments={"experts": NUM_EXPERTS})
    model.train()
    with torch.no_grad():
        for _ in range(3):  # statistics that tell images apart
            model(torch.randn(32, 3, 16, 16))
    return model.eval()


@pytest.fixture(scope="module")
def images():
    return torch.randn(24, 3, 16, 16, generator=torch.Generator().manual_seed(1))


def routed(network, threshold):
    torch.manual_seed(2)
    return RoutedExperts(network, ExpertRouter(NUM_EXPERTS, DIMENSION, 4), threshold).eval()


def middle_threshold(network, images):
    with torch.no_grad():
        scores = routed(network, 0.0)
        return float(scores.scores(scores.features_of_all(images)).median())


def test_scores_are_the_published_formula_in_double_precision(network, images):
    model = routed(network, 0.0)
    with torch.no_grad():
        scores = model.scores(model.features_of_all(images)).numpy()
        each = network.expert_logits(images).double().numpy()
        maps = network.forward_features(images).double().mean(dim=(2, 3)).reshape(24, NUM_EXPERTS, -1).numpy()
    router = {name: value.double().numpy() for name, value in model.router.state_dict().items()}
    for row in range(24):
        for number in range(NUM_EXPERTS - 1):
            logits = each[row, : number + 1].mean(axis=0)
            direction = maps[row, number] / np.linalg.norm(maps[row, number])
            hidden = router[f"hidden.{number}.weight"] @ direction + router[f"hidden.{number}.bias"]
            seen = np.concatenate([np.sort(logits)[::-1][:4], np.maximum(hidden, 0)])
            score = float(router["ask.weight"][0] @ seen + router["ask.bias"][0])
            assert scores[row, number] == pytest.approx(score, abs=2e-4)


def test_logits_are_the_mean_of_the_experts_that_were_asked(network, images):
    model = routed(network, middle_threshold(network, images))
    with torch.no_grad():
        asked = experts_asked(model.scores(model.features_of_all(images)).numpy(), model.threshold)
        logits, each = model(images), network.expert_logits(images)
        features = features_of(model, images)
    assert 1 < asked.mean() < NUM_EXPERTS  # some of each
    for row, number in enumerate(asked):
        torch.testing.assert_close(logits[row], each[row, :number].mean(dim=0), rtol=1e-4, atol=1e-4)
        parts = features[row].reshape(NUM_EXPERTS, -1)
        assert not parts[number:].any()
        expected = torch.full((number,), NUM_EXPERTS / number * DIMENSION**0.5)
        torch.testing.assert_close(parts[:number].norm(dim=1), expected, rtol=1e-4, atol=1e-4)
    weight, bias = linear_parameters(model)
    torch.testing.assert_close(functional.linear(features, weight, bias), logits)


@pytest.mark.parametrize(("threshold", "number"), [(-1e6, NUM_EXPERTS), (1e6, 1)])
def test_at_the_ends_all_are_asked_or_the_first_alone(network, images, threshold, number):
    with torch.no_grad():
        expected = network.expert_logits(images)[:, :number].mean(dim=1)
        torch.testing.assert_close(routed(network, threshold)(images), expected, rtol=1e-4, atol=1e-4)


def test_an_expert_sees_the_images_alone_that_ask_for_it(network, images):
    model = routed(network, middle_threshold(network, images))
    seen = []
    hooks = [
        expert.register_forward_hook(lambda _, given, __: seen.append(len(given[0]))) for expert in network.experts
    ]
    try:
        with torch.no_grad():
            model(images)
    finally:
        for hook in hooks:
            hook.remove()
    asked = experts_asked(model.scores(model.features_of_all(images)).detach().numpy(), model.threshold)
    assert seen == [count for count in (24, int((asked > 1).sum()), int((asked > 2).sum())) if count]


def test_what_an_image_gets_hangs_on_no_other(network, images):
    model = routed(network, middle_threshold(network, images))
    with torch.no_grad():
        together = model(images)
        for row in range(0, 24, 5):
            torch.testing.assert_close(model(images[row : row + 1])[0], together[row], rtol=1e-4, atol=1e-4)


def test_one_expert_has_no_router():
    with pytest.raises(InputError, match="2 or more"):
        ExpertRouter(1, DIMENSION, 4)
