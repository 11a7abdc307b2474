"""The recipes of published settings: batch sizes, schedules and samplers as the released configurations have them."""

from dataclasses import replace

import pytest

from longtail.comparison import read_settings
from longtail.comparison.method_settings import unfitted_head
from longtail.jobs.stage_one.adapter import check_adapter
from longtail.jobs.stage_one.contrast import check_contrast, contrast_settings
from longtail.jobs.stage_one.experts import check_experts
from longtail.jobs.stage_one.switches import check_switches
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


SETTINGS = ("weight", "temperature", "dimension", "queue", "momentum")
LARGE = {"is_small": False, "num_images": 100_000}
SIZES = {"cifar": {"is_small": True, "num_images": 10_000}, "image": LARGE, "place": LARGE, "inat1": LARGE}
# recipe: weight, temperature, dimension, queue of the contrast; batch, rate, decay, epochs, warm-up, schedule
CONTRAST = {
    "cifar100-lt-paco": ((0.01, 0.05, 32, 1024), (128, 0.05, 5e-4, 400, 10, "step")),
    "cifar100-lt-gpaco": ((0.01, 0.05, 32, 1024), (128, 0.1, 5e-4, 400, 10, "step")),
    "cifar100-lt-proco": ((1, 0.1, 128, None), (256, 0.3, 2e-4, 200, 5, "step")),
    "cifar10-lt-proco": ((1, 0.1, 128, None), (256, 0.3, 2e-4, 200, 5, "step")),
    "imagenet-lt-paco": ((0.05, 0.2, 128, 8192), (128, 0.02, 5e-4, 400, 10, "cosine-epoch")),
    "imagenet-lt-gpaco": ((0.045, 0.2, 128, 8192), (128, 0.04, 5e-4, 400, 10, "cosine-epoch")),
    "imagenet-lt-bcl": ((0.35, 0.07, 1024, None), (256, 0.1, 5e-4, 90, 0, "cosine-epoch")),
    "imagenet-lt-proco": ((1, 0.07, 1024, None), (256, 0.1, 5e-4, 90, 0, "cosine-epoch")),
    "places-lt-paco": ((0.05, 0.2, 128, 8192), (128, 0.02, 5e-4, 30, 10, "cosine-epoch")),
    "places-lt-gpaco": ((0.02, 0.2, 128, 8192), (128, 0.02, 5e-4, 30, 10, "cosine-epoch")),
    "inat18-paco": ((0.05, 0.2, 128, 8192), (128, 0.02, 1e-4, 400, 10, "cosine-epoch")),
    "inat18-gpaco": ((0.05, 0.2, 128, 8192), (128, 0.04, 1e-4, 400, 10, "cosine-epoch")),
    "inat18-bcl": ((0.35, 0.07, 1024, None), (256, 0.2, 1e-4, 100, 0, "cosine-epoch")),
    "inat18-proco": ((1, 0.07, 1024, None), (256, 0.2, 1e-4, 90, 0, "cosine-epoch")),
}


@pytest.mark.parametrize("name", CONTRAST)
def test_published_settings_of_contrast(name):
    config = RECIPES[name]()
    stage, base = config.stage, RECIPES[name.rpartition("-")[0]]()
    assert stage.contrast == name.rpartition("-")[2]
    assert (
        (stage.contrast_weight, stage.contrast_temperature, stage.contrast_dimension, stage.contrast_queue),
        (
            *(stage.batch_size, stage.learning_rate, stage.weight_decay, stage.epochs),
            *(stage.warmup_epochs, stage.schedule),
        ),
    ) == CONTRAST[name]
    check_contrast(stage)
    assert (config.dataset, config.data, config.heads) == (base.dataset, base.data, base.heads)
    assert (stage.train_part == "last-block") == name.startswith("places")
    # what the task takes where nothing is said is what is said here, but for the data sets' own weights
    usual = contrast_settings(replace(stage, **dict.fromkeys(map("contrast_{}".format, SETTINGS))), **SIZES[name[:5]])
    given = contrast_settings(stage, **SIZES[name[:5]])
    assert usual | {"weight": given["weight"]} == given


# recipe: batch, rate, decay, epochs, warm-up, schedule, falls and their factor; diversity, temperature, tau
EXPERTS = {
    "cifar100-lt-ride": ((128, 0.1, 5e-4, 200, 5, "step", (0.8, 0.9), 0.01), (0.45, 0.05, 2)),
    "cifar10-lt-ride": ((128, 0.1, 5e-4, 200, 5, "step", (0.8, 0.9), 0.01), (0.45, 0.05, 2)),
    "imagenet-lt-ride": ((256, 0.1, 2e-4, 100, 5, "step", (0.6, 0.8), 0.1), (0.2, 0.02, 2)),
    "inat18-ride": ((512, 0.2, 2e-4, 100, 5, "step", (0.6, 0.8), 0.1), (0.2, 0.015, 2)),
    "cifar100-lt-sade": ((128, 0.1, 5e-4, 200, 5, "step", (0.8, 0.9), 0.1), (None, None, 2)),
    "cifar10-lt-sade": ((128, 0.1, 5e-4, 200, 5, "step", (0.8, 0.9), 0.1), (None, None, 2)),
    "imagenet-lt-sade": ((64, 0.025, 5e-4, 180, 0, "cosine-epoch", (0.8, 0.9), 0.1), (None, None, 2)),
    "inat18-sade": ((512, 0.2, 2e-4, 100, 5, "step", (0.6, 0.8), 0.1), (None, None, 1)),
}


@pytest.mark.parametrize("name", EXPERTS)
def test_published_settings_of_experts(name):
    config, base = RECIPES[name](), RECIPES[name.rpartition("-")[0]]()
    stage = config.stage
    check_experts(stage)
    assert (stage.experts, stage.num_experts, stage.nesterov) == (name.rpartition("-")[2], 3, True)
    learning = (stage.batch_size, stage.learning_rate, stage.weight_decay, stage.epochs, stage.warmup_epochs)
    assert (
        (*learning, stage.schedule, stage.step_at, stage.step_gamma),
        (stage.experts_diversity, stage.experts_temperature, stage.experts_tau),
    ) == EXPERTS[name]
    assert (stage.experts_from, stage.published_batch in (None, stage.batch_size)) == (0.8, True)
    assert stage.backbone == base.stage.backbone
    assert (config.dataset, config.data, config.heads) == (base.dataset, base.data, base.heads)


# recipe: width of the adapters, epochs, rate, augmentation
LIFT = {
    "imagenet-lt-lift": (32, 10, 0.01, "resized-crop"),
    "places-lt-lift": (8, 10, 0.01, "resized-crop"),
    "inat18-lift": (256, 20, 0.01, "resized-crop"),
    "lift": (8, 10, 0.01, "resized-crop"),
    "imagenet-lt-lift-plus": (32, 5, 0.02, "growing-crop"),
    "places-lt-lift-plus": (8, 5, 0.02, "growing-crop"),
    "inat18-lift-plus": (256, 15, 0.02, "growing-crop"),
    "lift-plus": (8, 5, 0.02, "growing-crop"),
}


@pytest.mark.parametrize("name", LIFT)
def test_published_settings_of_lift(name):
    config, base = RECIPES[name](), RECIPES[name.removesuffix("-plus").rpartition("-")[0] or "folder"]()
    stage = config.stage
    check_adapter(stage)
    check_switches(stage)
    assert (stage.adapter_width, stage.epochs, stage.learning_rate, stage.augmentation) == LIFT[name]
    assert (stage.adapter, stage.classifier, stage.classifier_scale) == ("adaptformer", "class-means", 25)
    assert (stage.loss, stage.loss_tau) == ("logit-adjusted", 1)
    learning = (stage.batch_size, stage.published_batch, stage.backbone_rate, stage.weight_decay)
    assert learning == (128, 128, 1, 5e-4)
    assert (stage.schedule, stage.warmup_epochs, stage.momentum) == ("cosine-epoch", 0, 0.9)
    assert (stage.image_size, stage.policy, stage.representation) == (224, "none", "instance")
    assert (config.dataset, config.data, config.heads) == (base.dataset, base.data, base.heads)


def test_fast_trains_no_network_and_strong_trains_little():
    fast, strong, lift = (RECIPES[name]() for name in ("fast", "strong", "lift-plus"))
    assert (fast.stage.frozen, fast.stage.pretrained, fast.layers.layers) == (True, True, "last4")
    assert fast.heads.methods == strong.heads.methods == "auto"
    assert strong.stage == lift.stage
    assert fast.dataset == strong.dataset == "folder"


def test_the_plain_recipe_of_a_data_set_comes_first():
    first = {}
    for name, build in RECIPES.items():
        first.setdefault(build().dataset, name)
    assert set(first.values()) == {
        "cifar10-lt",
        "cifar100-lt",
        "digits",
        "folder",
        "imagenet-lt",
        "inat18",
        "places-lt",
    }


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_says_how_it_is_called(name):
    text = RECIPES[name].__doc__
    assert f"Command: longtail run {name}" in text
    on_published_data = name.endswith(("-lift", "-lift-plus")) or (name in EXPERTS and "cifar10-" not in name)
    if name in PUBLISHED or name in CONTRAST or on_published_data:
        words = ("Source", "Published", "Hardware:")
        assert all(word in text for word in words)
