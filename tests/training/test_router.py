"""What a router learns by: its loss against a slow one, the experts untouched, and that it learns what can be."""

import numpy as np
import pytest
import torch

from longtail.backbones import create_backbone
from longtail.backbones.expert_router import routed_experts
from longtail.errors import InputError
from longtail.training.router import RouterTask


def small_task(weight=100.0):
    torch.manual_seed(0)
    network = create_backbone("digits_cnn", num_classes=4, in_chans=1, arguments={"experts": 3})
    return RouterTask(routed_experts(network, 4), weight)


def batch(number=16):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(number, 1, 8, 8, generator=generator), torch.arange(number) % 4


def test_the_loss_is_weighted_cross_entropy_of_whether_more_experts_would_mend_it():
    task = small_task(7.0).train()
    images, labels = batch()
    loss, metrics = task(images, labels)
    with torch.no_grad():
        features = task.model.features_of_all(images)
        each = task.model.logits_of_each(features).double().numpy()
        scores = task.model.scores(features).double().numpy()
    total, wanted_first = 0.0, 0
    for row, label in enumerate(labels.tolist()):
        right = [each[row, : k + 1].mean(axis=0).argmax() == label for k in range(3)]
        for k in range(2):
            wanted = not right[k] and any(right[k + 1 :])
            probability = 1 / (1 + np.exp(-scores[row, k]))
            total += -7.0 * np.log(probability) if wanted else -np.log1p(-probability)
            wanted_first += wanted and k == 0
    assert loss.item() == pytest.approx(total / (16 * 2), rel=1e-4)
    assert metrics["wanted"].item() == pytest.approx(100 * wanted_first / 16)


def test_the_router_alone_learns_and_no_statistics_move():
    task = small_task().train()
    before = {name: value.clone() for name, value in task.state_dict().items()}
    optimizer = torch.optim.SGD([part for part in task.parameters() if part.requires_grad], lr=0.1)
    task(*batch())[0].backward()
    optimizer.step()
    moved = {name for name, value in task.state_dict().items() if not torch.equal(value, before[name])}
    assert moved
    assert all(name.startswith("model.router.") for name in moved)
    assert not any(module.training for module in task.model.modules())


def test_it_learns_which_images_the_first_expert_has_wrong():
    """Images of one kind, which the first expert mistakes: later scores of these are above, of the others below."""
    task = small_task(1.0).train()
    images, _ = batch(64)
    with torch.no_grad():
        each = task.model.logits_of_each(task.model.features_of_all(images))
        first, all_of_them = each[:, 0].argmax(dim=1), each.mean(dim=1).argmax(dim=1)
    labels = all_of_them  # so that help is wanted where the first says otherwise
    wanted = first != labels
    assert 5 < wanted.sum() < 59
    optimizer = torch.optim.Adam([part for part in task.parameters() if part.requires_grad], lr=0.05)
    for _ in range(150):
        optimizer.zero_grad()
        task(images, labels)[0].backward()
        optimizer.step()
    with torch.no_grad():
        scores = task.model.scores(task.model.features_of_all(images))[:, 0]
    assert ((scores > 0) == wanted).float().mean() > 0.9


def test_a_weight_of_nothing_is_refused():
    with pytest.raises(InputError, match="positive_weight"):
        small_task(0.0)
