"""Which part of a network learns, and which batch-norm statistics stay."""

import pytest
import torch

from longtail.backbones import classifier_of, create_backbone, hold_all_but
from longtail.errors import InputError
from longtail.jobs.stage_one.optimisation import parameter_groups, start_from
from longtail.training.checkpoints import save_checkpoint
from longtail.training.classification import Classification

FIRST = {
    ("resnet20", "last-block"): "layer3.2.conv1.weight",
    ("resnet20", "last-stage"): "layer3.0.conv1.weight",
    ("resnet50", "last-block"): "layer4.2.conv1.weight",
    ("resnet50", "last-stage"): "layer4.0.conv1.weight",
    ("convnext_atto", "last-block"): "stages.3.blocks.1.gamma",
    ("convnext_atto", "last-stage"): "stages.3.downsample.0.weight",
    ("vit_tiny_patch16_224", "last-block"): "blocks.11.norm1.weight",
    ("mobilenetv3_small_050", "last-stage"): "blocks.5.0.conv.weight",
    ("regnety_002", "last-block"): "s4.b7.conv1.conv.weight",
}


@pytest.mark.parametrize(("name", "part"), FIRST, ids="-".join)
def test_what_learns(name, part):
    model = create_backbone(name, num_classes=5)
    hold_all_but(model, part)
    learning = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    everything = [name for name, _ in model.named_parameters()]
    # from the first weight of the part to the end, without a gap
    assert learning == everything[everything.index(FIRST[name, part]) :]


def test_all_and_classifier_alone():
    model = create_backbone("resnet20", num_classes=5)
    assert len(hold_all_but(model, "classifier")) > 0
    assert [p.shape for p in model.parameters() if p.requires_grad] == [(5, 64), (5,)]
    assert hold_all_but(model, "all") == []
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_a_network_without_known_stages_is_refused():
    with pytest.raises(InputError, match="last block is not known"):
        hold_all_but(create_backbone("digits_cnn", num_classes=5, in_chans=1), "last-block")


@pytest.mark.parametrize("hold", [True, False])
def test_statistics_of_what_does_not_learn(hold):
    model = create_backbone("resnet20", num_classes=5)
    held = hold_all_but(model, "last-block")
    task = Classification(model, frozen=held if hold else ()).train()
    early, late = model.bn1.running_mean.clone(), model.layer3[2].bn1.running_mean.clone()
    task(torch.randn(8, 3, 32, 32), torch.arange(8) % 5)
    assert torch.equal(early, model.bn1.running_mean) == hold
    assert not torch.equal(late, model.layer3[2].bn1.running_mean)
    assert set(task.state_dict()) == {f"model.{name}" for name in model.state_dict()}


def test_rates_of_classifier_and_backbone():
    model = create_backbone("resnet20", num_classes=5)
    (whole,) = parameter_groups(model, 0.1, 1.0)
    assert len(whole["params"]) == len(list(model.parameters()))
    classifier, backbone = parameter_groups(model, 0.1, 0.5)
    assert {id(p) for p in classifier["params"]} == {id(p) for p in classifier_of(model).parameters()}
    assert (classifier["lr"], backbone["lr"]) == (0.1, 0.05)
    assert len(classifier["params"]) + len(backbone["params"]) == len(whole["params"])
    hold_all_but(model, "classifier")
    assert len(parameter_groups(model, 0.1, 0.5)) == 1


def test_initial_weights_are_the_backbones_alone(tmp_path):
    trained, other = (create_backbone("resnet20", num_classes=c) for c in (5, 7))
    preprocessing = {"size": 32, "resize": 32, "channels": 3, "mean": [0.5] * 3, "std": [0.2] * 3}
    about = {
        "backbone": "resnet20",
        "class_names": list("abcde"),
        "preprocessing": {**preprocessing, "augmentation": "crop-flip", "resident": True},
        "settings": {"dataset": "digits", "data": {}, "stage": {}},
    }
    rest = {"optimizer": {}, "precision": {}, "state": {}}
    save_checkpoint({"task": Classification(trained).state_dict(), **rest, "about": about}, tmp_path / "last.pt")
    own = classifier_of(other).weight.clone()
    start_from(other, tmp_path / "last.pt", "resnet20")
    assert torch.equal(other.conv1.weight, trained.conv1.weight)
    assert torch.equal(classifier_of(other).weight, own)
    with pytest.raises(InputError, match="holds a resnet20, not a resnet32"):
        start_from(create_backbone("resnet32", num_classes=5), tmp_path / "last.pt", "resnet32")
