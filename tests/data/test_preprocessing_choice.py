"""How images become a network's input: for training, as a checkpoint holds it, and as timm has it."""

from dataclasses import asdict, replace

import pytest
import torch

from longtail.data.in_memory import ImagesInMemory
from longtail.data.preprocessing_choice import (
    LARGE_INPUT,
    SMALL_INPUT,
    choose_preprocessing,
    preprocessing_for,
    pretrained_preprocessing,
    stored_preprocessing,
    trained_preprocessing,
)
from longtail.data.source import DataSplits
from longtail.errors import InputError


def splits(channels=3, height=70, width=90, name="photos"):
    pixels = torch.zeros(4, channels, height, width, dtype=torch.uint8)
    images = ImagesInMemory(pixels, torch.tensor([0, 1, 0, 1]).numpy(), ("a", "b"), name)
    return DataSplits(name, ("a", "b"), images, val=None, test=None)


@pytest.mark.parametrize(
    ("data", "size", "expected"),
    [
        ({}, None, (224, 256, "resized-crop", False)),
        ({}, 65, (65, 74, "resized-crop", False)),
        ({}, 64, (64, 64, "crop-flip", True)),
        ({"channels": 1}, 64, (64, 64, "shift", True)),
        ({"channels": 1, "height": 8, "width": 9, "name": "digits"}, None, (8, 8, "shift", True)),
        ({"height": 32, "width": 32, "name": "cifar10:exp"}, None, (32, 32, "crop-flip", True)),
    ],
)
def test_size_residence_and_augmentation_follow_the_images(data, size, expected):
    chosen = choose_preprocessing(splits(**data), image_size=size)
    assert (chosen.size, chosen.resize, chosen.augmentation, chosen.resident) == expected
    assert len(chosen.mean) == len(chosen.std) == chosen.channels == data.get("channels", 3)


def test_what_does_not_fit_is_refused_by_the_names_of_arguments():
    with pytest.raises(InputError, match=r"`augmentation='resized-crop'` is for images of more than 64 pixels"):
        choose_preprocessing(splits(), image_size=32, augmentation="resized-crop")
    with pytest.raises(InputError, match="`image_size=7`; expected at least 8 pixels"):
        choose_preprocessing(splits(), image_size=7)


def test_the_side_before_the_crop_counts_where_images_are_loaded_one_by_one():
    assert preprocessing_for(224, 3, LARGE_INPUT.statistics, resize=232).resize == 232
    assert preprocessing_for(32, 3, SMALL_INPUT.statistics, resize=40).resize == 32


def test_a_checkpoints_is_taken_as_it_is_at_its_size_and_by_its_statistics_at_another():
    trained = preprocessing_for(32, 3, SMALL_INPUT.statistics, "none")
    assert stored_preprocessing(asdict(trained) | {"mean": list(trained.mean)}) == trained
    for size in (None, 32):
        assert trained_preprocessing(trained, splits(), image_size=size) == trained
    usual = choose_preprocessing(splits(), image_size=80, decode="whole")
    other = trained_preprocessing(trained, splits(), image_size=80)
    assert other == replace(usual, mean=trained.mean, std=trained.std) != usual


def test_jpegs_are_decoded_as_in_training_or_as_was_asked():
    config = {"mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)}
    for asked, expected in (("auto", "scaled"), ("scaled", "scaled"), ("whole", "whole")):
        assert choose_preprocessing(splits(), decode=asked).decode == expected
        assert pretrained_preprocessing(config, splits(), decode=asked).decode == expected
    # a checkpoint of an earlier version does not say it
    earlier = asdict(preprocessing_for(32, 3, SMALL_INPUT.statistics))
    del earlier["decode"]
    for stored, expected in ((earlier, "whole"), (earlier | {"decode": "scaled"}, "scaled")):
        trained = stored_preprocessing(stored)
        for size in (None, 80):
            assert trained_preprocessing(trained, splits(), image_size=size).decode == expected
            assert trained_preprocessing(trained, splits(), image_size=size, decode="whole").decode == "whole"


def test_timms_configuration_counts_where_it_says_something_of_such_images():
    config = {"mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25), "input_size": (3, 160, 160)}
    chosen = pretrained_preprocessing(config, splits())
    assert (chosen.size, chosen.mean, chosen.augmentation) == (160, config["mean"], "none")
    assert pretrained_preprocessing(config | {"test_input_size": (3, 192, 192)}, splits()).size == 192
    assert pretrained_preprocessing(config, splits(), image_size=96).size == 96
    for silent in ({}, {"mean": None}):
        assert pretrained_preprocessing(silent, splits()) == choose_preprocessing(splits())
    grey = splits(channels=1)
    assert pretrained_preprocessing(config, grey) == choose_preprocessing(grey)
