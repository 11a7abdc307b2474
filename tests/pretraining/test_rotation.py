"""Rotation prediction: each image turned as torch turns it, the four angles equally often."""

import pytest
import torch

from longtail.backbones import create_backbone
from longtail.errors import InputError
from longtail.pretraining import RotationPrediction, rotate


@pytest.mark.parametrize("count", [1, 3, 4, 7, 32, 33])
def test_turned_as_torch_turns_and_balanced(count):
    generator = torch.Generator().manual_seed(count)
    images = torch.rand(count, 3, 6, 6, generator=generator).to(memory_format=torch.channels_last)
    turned, quarters = rotate(images, torch.randperm(count, generator=generator))
    for image, result, quarter in zip(images, turned, quarters, strict=True):
        assert torch.equal(result, torch.rot90(image, int(quarter), (1, 2)))
    often = torch.bincount(quarters, minlength=4)
    assert often.max() - often.min() <= 1
    assert turned.is_contiguous(memory_format=torch.channels_last)


def test_every_image_gets_every_angle_in_the_course_of_time():
    images = torch.zeros(8, 1, 4, 4)
    generator = torch.Generator().manual_seed(0)
    seen = torch.stack([rotate(images, torch.randperm(8, generator=generator))[1] for _ in range(400)])
    for angles in seen.T:
        assert all(70 < int(n) < 130 for n in torch.bincount(angles, minlength=4))


def test_images_that_are_not_square_are_refused():
    with pytest.raises(InputError, match="4 x 6 pixels; expected square"):
        rotate(torch.zeros(2, 1, 4, 6), torch.arange(2))


def test_the_task_is_cross_entropy_of_the_angles():
    task = RotationPrediction(create_backbone("digits_cnn", num_classes=5, in_chans=1)).eval()
    images = torch.rand(10, 1, 8, 8)
    torch.manual_seed(3)
    loss, watched = task(images)
    torch.manual_seed(3)
    turned, quarters = rotate(images, torch.randperm(10))
    features = task.model.forward_head(task.model.forward_features(turned), pre_logits=True)
    logits = features @ task.rotation.weight.T + task.rotation.bias
    expected = -torch.log_softmax(logits, 1)[torch.arange(10), quarters].mean()
    torch.testing.assert_close(loss, expected)
    assert watched["accuracy"].item() == pytest.approx(float((logits.argmax(1) == quarters).float().mean() * 100))


def test_the_classifier_for_later_takes_no_part():
    task = RotationPrediction(create_backbone("digits_cnn", num_classes=5, in_chans=1))
    task(torch.rand(8, 1, 8, 8))[0].backward()
    learning = {name for name, parameter in task.named_parameters() if parameter.requires_grad}
    assert not any(name.startswith("model.fc.") for name in learning)
    assert all(task.get_parameter(name).grad is not None for name in learning)
