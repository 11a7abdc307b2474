"""Augmentation policies: batched operations beside torchvision's, draws, hidden parts."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from longtail.data.policies import (
    AUTOAUGMENT,
    Operation,
    Policy,
    apply_operation,
    apply_operations,
    cutout_boxes,
    draw_operations,
    erase_boxes,
    erasing_boxes,
)
from longtail.data.policies.draws import LEVELS
from longtail.data.policies.single import SingleImagePolicy
from longtail.data.transforms import Preprocessing, augment_batch, image_transform


def images_of(count, channels, size, seed=0):
    """Noise, smooth images, images of few values, and flat ones."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randint(0, 256, (count, channels, size, size), dtype=torch.uint8, generator=generator)
    noise[1::4] = functional.gaussian_blur(noise[1::4], 5)
    noise[2::4] = noise[2::4] // 60 * 20 + 60
    noise[3] = 7
    return noise


def preprocessing_with(policy, *, channels=3, size=16, augmentation="none"):
    return Preprocessing(size, size, channels, (0.4,) * channels, (0.2,) * channels, augmentation, True, policy=policy)


@pytest.mark.parametrize(("channels", "size"), [(3, 32), (1, 8), (3, 17)])
@pytest.mark.parametrize("operation", list(Operation), ids=lambda operation: operation.name)
def test_a_batched_operation_is_torchvision_s_image_by_image(operation, channels, size):
    images = images_of(24, channels, size)
    strengths = torch.linspace(-1, 1, 24)[torch.randperm(24, generator=torch.Generator().manual_seed(1))]
    batched = apply_operations(images, torch.full((24,), int(operation)), strengths)
    alone = torch.stack(
        [apply_operation(image, operation, float(s)) for image, s in zip(images, strengths, strict=True)]
    )
    assert batched.dtype == torch.uint8
    differences = (batched.int() - alone.int()).abs()
    if operation in (Operation.CONTRAST, Operation.SHARPNESS, Operation.COLOR):
        # what is cut off to whole numbers may differ where sums of float32 do
        assert int(differences.max()) <= 1
        assert float((differences > 0).float().mean()) < 1e-3
    else:
        assert not differences.any()


def test_every_image_gets_its_own_operation():
    images = images_of(30, 3, 16)
    operations = torch.arange(30) % 15
    strengths = torch.linspace(-1, 1, 30)
    together = apply_operations(images, operations, strengths)
    for row in range(30):
        alone = apply_operations(images[row : row + 1], operations[row : row + 1], strengths[row : row + 1])
        assert torch.equal(together[row], alone[0])


def test_the_strongest_operations_are_those_of_torchvision_s_randaugment():
    image = images_of(4, 3, 32)[0]
    space = v2.RandAugment()._AUGMENTATION_SPACE
    names = {"ShearX": "SHEAR_X", "TranslateY": "TRANSLATE_Y", "Rotate": "ROTATE", "Color": "COLOR"}
    names |= {"Posterize": "POSTERIZE", "Solarize": "SOLARIZE", "Sharpness": "SHARPNESS"}
    for theirs, ours in names.items():
        for level in (0, 9, 17, 30):
            magnitude = float(space[theirs][0](31, 32, 32)[level])
            expected = v2.RandAugment()._apply_image_or_video_transform(
                image, theirs, magnitude, v2.InterpolationMode.NEAREST, {torch.Tensor: None}
            )
            result = apply_operation(image, Operation[ours], level / 30)
            assert (result.int() - expected.int()).abs().float().mean() < 0.01, theirs


def test_the_pairs_are_those_published_for_cifar():
    theirs = v2.AutoAugment(v2.AutoAugmentPolicy.CIFAR10)._policies
    plain = {operation.name.replace("_", "").lower(): operation for operation in Operation}
    expected = tuple(
        tuple((plain[name.lower()], round(10 * p), -1 if level is None else level) for name, p, level in pair)
        for pair in theirs
    )
    assert expected == AUTOAUGMENT


def test_randaugment_draws_all_operations_alike_around_its_magnitude():
    drawn = draw_operations(Policy("randaugment", 3, 6.0, 1.0), 20_000, torch.Generator().manual_seed(0))
    shares = torch.bincount(drawn.operations.flatten(), minlength=15) / drawn.operations.numel()
    torch.testing.assert_close(shares[:14], torch.full((14,), 1 / 14), rtol=0, atol=0.005)
    assert shares[14] == 0
    sizes = drawn.strengths.abs()
    assert abs(float(sizes.mean()) - 0.6) < 0.005
    assert abs(float(sizes.std()) - 0.1) < 0.005
    assert abs(float(drawn.strengths.mean())) < 0.01
    fixed = draw_operations(Policy("randaugment", 1, 10.0, 0.0), 50, None).strengths
    assert (fixed.abs() == 1).all()


def test_autoaugment_draws_its_pairs_with_their_probabilities():
    drawn = draw_operations(Policy("autoaugment"), 60_000, torch.Generator().manual_seed(0))
    for place in range(2):
        shares = torch.bincount(drawn.operations[place], minlength=15) / 60_000
        expected = torch.zeros(15)
        for pair in AUTOAUGMENT:
            operation, tenths, _ = pair[place]
            expected[operation] += tenths / 10 / 25
            expected[Operation.IDENTITY] += (1 - tenths / 10) / 25
        torch.testing.assert_close(shares, expected, rtol=0, atol=0.006)
    levels = {level / LEVELS for pair in AUTOAUGMENT for _, _, level in pair if level >= 0} | {0.0}
    assert set(drawn.strengths.abs().unique().tolist()) <= {float(np.float32(level)) for level in levels}


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**31), st.sampled_from(["randaugment", "autoaugment"]), st.sampled_from([1, 3]))
def test_a_batch_is_changed_as_its_draws_say(seed, name, channels):
    """The whole policy in a batch is, image by image, what torchvision makes of the same draws."""
    policy = Policy(name, 2, 8.0, 2.0)
    images = images_of(5, channels, 12, seed)
    batch = augment_batch(
        images, preprocessing_with(policy, channels=channels, size=12), torch.Generator().manual_seed(seed)
    )
    drawn = draw_operations(policy, 5, torch.Generator().manual_seed(seed))
    for row in range(5):
        image = images[row]
        for operation, strength in zip(drawn.operations[:, row], drawn.strengths[:, row], strict=True):
            image = apply_operation(image, Operation(int(operation)), float(strength))
        # one level in the first operation may become more in the second, but hardly anywhere
        assert float((batch[row].int() != image.int()).float().mean()) < 0.02


def test_random_erasing_hides_as_much_and_as_often_as_torchvision():
    boxes = erasing_boxes(4000, 32, 0.25, torch.Generator().manual_seed(0))
    area = (boxes[:, 2] * boxes[:, 3]).float() / 1024
    assert abs(float((area > 0).float().mean()) - 0.25) < 0.02
    torch.manual_seed(0)
    erase = v2.RandomErasing(p=1.0)
    theirs = [erase.make_params([torch.zeros(3, 32, 32)]) for _ in range(1000)]
    assert abs(float(area[area > 0].mean()) - np.mean([p["h"] * p["w"] / 1024 for p in theirs])) < 0.015
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, :2] + boxes[:, 2:] <= 32).all()


def test_cutout_hides_a_square_around_any_pixel():
    boxes = cutout_boxes(5000, 32, 16, torch.Generator().manual_seed(0))
    assert boxes[:, 2:].min() == 8
    assert boxes[:, 2:].max() == 16
    hidden = erase_boxes(torch.zeros(5000, 1, 32, 32), boxes, torch.ones(1)).mean(dim=(0, 1))
    assert abs(float(hidden[16, 16]) - 0.25) < 0.03  # the middle is hidden by 16 x 16 of the 32 x 32 centres
    assert abs(float(hidden[0, 0]) - (9 / 32) ** 2) < 0.02  # a corner by 9 x 9 of them


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_erase_is_torchvision_s(dtype):
    images = images_of(4, 3, 16).to(dtype)
    boxes = torch.tensor([[0, 0, 5, 3], [4, 9, 7, 7], [2, 2, 0, 0], [15, 15, 1, 1]])
    color = torch.tensor([9.0, 100.0, 200.0])
    expected = [
        functional.erase(image, *box.tolist(), color.to(dtype).view(-1, 1, 1)) if box[2] else image
        for image, box in zip(images, boxes, strict=True)
    ]
    assert torch.equal(erase_boxes(images, boxes, color), torch.stack(expected))


def test_an_image_file_is_changed_by_its_own_draws_alone():
    policy = Policy("randaugment", erasing=1.0)
    transform = image_transform(preprocessing_with(policy), train=True)
    assert isinstance(transform.transforms[-1], SingleImagePolicy)
    image, results = images_of(4, 3, 16)[0], []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        results.append(transform(image))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])
    assert (results[0] == 102).all(dim=0).any()  # 0.4 * 255
    plain = image_transform(preprocessing_with(policy), train=False)
    assert torch.equal(plain(image), image)


@pytest.mark.parametrize("augmentation", ["none", "shift", "crop-flip", "moco"])
def test_without_a_policy_nothing_is_drawn_for_it(augmentation):
    """Runs of before this was there stay what they were, to the bit."""
    images = images_of(6, 3, 16)
    first, second = (torch.Generator().manual_seed(3) for _ in range(2))
    augment_batch(images, preprocessing_with(Policy(), augmentation=augmentation), first)
    augment_batch(images, preprocessing_with(Policy("randaugment"), augmentation=augmentation), second)
    assert (torch.rand(3, generator=first) != torch.rand(3, generator=second)).any()
    third = torch.Generator().manual_seed(3)
    augment_batch(images, preprocessing_with(Policy(magnitude=3.0), augmentation=augmentation), third)
    first.manual_seed(3)
    augment_batch(images, preprocessing_with(Policy(), augmentation=augmentation), first)
    assert torch.equal(torch.rand(3, generator=first), torch.rand(3, generator=third))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"name": "trivial"}, "no policy 'trivial'"),
        ({"magnitude": 11.0}, "magnitude"),
        ({"operations": 0}, "operations"),
        ({"erasing": 1.5}, "erasing"),
        ({"cutout": -1}, "cutout"),
        ({"spread": float("nan")}, "spread"),
    ],
)
def test_numbers_out_of_range_are_told(words, message):
    with pytest.raises(ValueError, match=message):
        Policy(**words)
