"""SimSiam against a slow reference, and where its gradient goes."""

import pytest
import torch

from longtail.backbones import create_backbone, features_of
from longtail.errors import InputError
from longtail.pretraining import SimSiam


def built(**changed):
    torch.manual_seed(0)
    return SimSiam(
        create_backbone("digits_cnn", num_classes=3, in_chans=1), **{"dimension": 12, "bottleneck": 4} | changed
    )


def views():
    return torch.rand(2, 6, 1, 8, 8, generator=torch.Generator().manual_seed(1))


def slow_loss(predictions, projections):
    """Negative cosine, image by image; the projections are numbers, not functions of the weights."""
    terms = []
    for p, z in zip(predictions, (projections[1].detach(), projections[0].detach()), strict=True):
        cosines = [(a @ b) / (a.norm() * b.norm()) for a, b in zip(p, z, strict=True)]
        terms.append(-sum(cosines) / len(cosines) / 2)
    return sum(terms)


def test_loss_and_gradients_are_the_references():
    task, reference = built(), built()
    first, second = views()
    loss, _ = task(first, second)
    loss.backward()
    z = [reference.projection(features_of(reference.model, view)) for view in (first, second)]
    expected = slow_loss([reference.prediction(part) for part in z], z)
    expected.backward()
    torch.testing.assert_close(loss, expected)
    for (name, ours), theirs in zip(task.named_parameters(), reference.parameters(), strict=True):
        assert (ours.grad is None) == (theirs.grad is None) == name.startswith("model.fc."), name
        if ours.grad is not None:
            torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-6)


def test_no_gradient_passes_the_stopped_branch():
    """With the predictor's gradient cut as well, nothing reaches the backbone."""
    task = built()
    original = task.prediction.forward
    task.prediction.forward = lambda z: original(z.detach())
    task(*views())[0].backward()
    assert all(parameter.grad is None for parameter in task.projection.parameters())
    assert all(parameter.grad is None for parameter in task.model.parameters())
    assert all(parameter.grad is not None for parameter in task.prediction.parameters())


def test_spread_tells_a_collapse():
    task = built()
    _, watched = task(*views())
    assert 0.5 < watched["spread"].item() < 1.2
    same = torch.ones(6, 1, 8, 8)
    assert task(same, same)[1]["spread"].item() < 1e-3


def test_layers_are_the_published_ones():
    task = built(dimension=2048, bottleneck=512)
    assert [m.out_features for m in task.projection if isinstance(m, torch.nn.Linear)] == [2048] * 3
    assert [m.out_features for m in task.prediction if isinstance(m, torch.nn.Linear)] == [512, 2048]
    assert not task.projection[-1].affine
    with pytest.raises(InputError, match="bottleneck is 0"):
        built(bottleneck=0)
