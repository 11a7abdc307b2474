"""The recipes of published settings: batch sizes, schedules and samplers as the released configurations have them."""

import pytest

from longtail.comparison import read_settings
from longtail.comparison.method_settings import unfitted_head
from longtail.recipes import RECIPES

# recipe: batch, rate, rate of the backbone over it, decay, epochs, schedule; cRT and LWS epochs, batch, rate, decay
PUBLISHED = {
    "imagenet-lt": ((512, 0.2, 1.0, 5e-4, 90, "cosine-epoch"), (10, 5, 512, 0.2, 5e-4)),
    "imagenet-lt-mmpretrain": ((512, 0.2, 1.0, 5e-4, 90, "cosine"), (10, 10, 512, 0.2, 5e-4)),
    "places-lt": ((256, 0.1, 0.1, 5e-4, 30, "cosine-epoch"), (10, 5, 256, 0.1, 5e-4)),
    "inat18": ((512, 0.2, 1.0, 1e-4, 90, "cosine-epoch"), (30, 5, 512, 0.2, 1e-4)),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_settings(name):
    config = RECIPES[name]()
    stage, heads = config.stage, config.heads
    crt, lws = (unfitted_head(name, read_settings(heads.set)) for name in ("crt", "lws"))
    learning = (stage.batch_size, stage.learning_rate, stage.backbone_rate, stage.weight_decay, stage.epochs)
    assert (
        (*learning, stage.schedule),
        (crt.epochs, lws.epochs, crt.batch_size, crt.learning_rate, crt.weight_decay),
    ) == PUBLISHED[name]
    assert stage.published_batch == stage.batch_size
    assert (stage.momentum, stage.run_length, stage.image_size, stage.representation) == (0.9, 4, 224, "instance")
    assert (heads.many_above, heads.few_below) == (100, 20)


def test_what_differs_between_the_recipes():
    backbones = {name: RECIPES[name]().stage.backbone for name in PUBLISHED}
    assert backbones == {
        "imagenet-lt": "resnext50_32x4d",
        "imagenet-lt-mmpretrain": "resnext50_32x4d",
        "places-lt": "resnet152.tv_in1k",
        "inat18": "resnet50",
    }
    places, nature, other = RECIPES["places-lt"](), RECIPES["inat18"](), RECIPES["imagenet-lt-mmpretrain"]()
    assert (places.stage.train_part, places.stage.pretrained) == ("last-block", True)
    assert nature.stage.augmentation == "resized-crop"  # without colour jitter
    assert RECIPES["imagenet-lt"]().stage.augmentation == places.stage.augmentation == "resized-crop-jitter"
    settings = read_settings(other.heads.set)
    crt = unfitted_head("crt", settings)
    assert (unfitted_head("tau", settings).tau, crt.sampling, crt.repeat_threshold) == (0.7, "repeat-factor", 0.01)
    assert crt.schedule == "cosine"


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_says_how_it_is_called(name):
    text = RECIPES[name].__doc__
    assert f"Command: longtail run {name}" in text
    if name in PUBLISHED:
        assert all(word in text for word in ("Source:", "Published, ", "Hardware:"))
