"""The switches of stage 1 as a user types them: what is written, refused, and resumed to the same bits."""

import json
from dataclasses import fields

import pytest
import torch

from longtail.backbones import classifier_of
from longtail.cli import main
from longtail.jobs.options import StageOneOptions
from longtail.jobs.stage_one.switches import check_switches
from longtail.jobs.stage_one.trained_model import open_model
from longtail.old_flags import OLD_FLAGS
from longtail.training.checkpoints import load_checkpoint

FAST = ["--device", "cpu", "--precision", "float32", "--quiet"]
ALL = {
    "policy": ["--policy", "randaugment", "--policy-magnitude", "4", "--erasing", "0.5", "--cutout", "3"],
    "autoaugment": ["--policy", "autoaugment"],
    "mixup": ["--mix", "mixup", "--mix-alpha", "0.2"],
    "cutmix": ["--mix", "cutmix", "--loss", "balanced-softmax"],
    "remix": ["--mix", "remix", "--accumulate", "2"],
    "cmo": ["--mix", "cmo", "--representation", "repeat-factor", "--repeat-threshold", "0.3"],
    "ema": ["--ema", "0.99"],
    "sam": ["--sam", "0.05", "--mix", "mixup", "--accumulate", "2"],
    "max-norm": ["--classifier-radius", "0.3"],
    "label-aware": ["--loss", "label-aware", "--head-smoothing", "0.3", "--tail-smoothing", "0"],
    "contrast": [
        "--contrast",
        "paco",
        "--policy",
        "randaugment",
        "--cutout",
        "3",
        "--ema",
        "0.9",
        "--classifier-radius",
        "0.5",
    ],
    "everything": [
        "--policy",
        "randaugment",
        "--mix",
        "cmo",
        "--ema",
        "0.99",
        "--sam",
        "0.05",
        "--classifier-radius",
        "0.5",
    ],
}


def weights(folder, part="task", name="last.pt"):
    return load_checkpoint(folder / "checkpoints" / name)[part]


def assert_same(first, second):
    assert first.keys() == second.keys()
    assert all(torch.equal(tensor, second[name]) for name, tensor in first.items())


@pytest.mark.parametrize("words", ALL.values(), ids=ALL)
def test_stopped_in_the_midst_of_an_epoch_it_ends_with_the_same_bits(tmp_path, words):
    from longtail.training import loop

    words = ["train", "digits", "--epochs", "2", "--batch-size", "64", "--save-every", "0", *words, *FAST]
    assert main([*words, "--out", str(tmp_path / "whole")]) == 0
    save, saved = loop.save_checkpoint, []

    def until(*arguments):
        save(*arguments)
        saved.append(1)
        if len(saved) == 3:
            raise KeyboardInterrupt

    loop.save_checkpoint = until
    try:
        main([*words, "--out", str(tmp_path / "cut")])
    except KeyboardInterrupt:
        pass
    finally:
        loop.save_checkpoint = save
    assert load_checkpoint(tmp_path / "cut" / "checkpoints" / "last.pt")["state"]["epoch"] == 0
    assert main([*words, "--out", str(tmp_path / "cut"), "--resume"]) == 0
    for name in ("last.pt", "best.pt"):
        assert_same(weights(tmp_path / "whole", name=name), weights(tmp_path / "cut", name=name))
        if "--ema" in words:
            assert_same(*(weights(tmp_path / run, "learning", name) for run in ("whole", "cut")))


def test_the_average_is_what_is_validated_exported_and_written_down(tmp_path):
    words = ["run", "digits", "--epochs", "2", "--methods", "joint", "--ema", "0.9", "--mix", "cmo"]
    words += ["--classifier-radius", "5"]
    assert main([*words, "--out", str(tmp_path), *FAST]) == 0
    checkpoint = load_checkpoint(tmp_path / "checkpoints" / "last.pt")
    average, learning = checkpoint["task"], checkpoint["learning"]
    assert average.keys() == learning.keys()
    assert not torch.equal(average["model.fc.weight"], learning["model.fc.weight"])
    model = open_model(tmp_path / "checkpoints" / "last.pt").model
    assert torch.equal(classifier_of(model).weight, average["model.fc.weight"])
    config, results = (json.loads((tmp_path / name).read_text()) for name in ("config.json", "results.json"))
    assert (config["stage"]["ema"], config["stage"]["mix"]) == (0.9, "cmo")
    assert results["stage1"]["switches"] == {"mix": "cmo", "ema": 0.9, "classifier_radius": 5.0}
    assert "mix cmo, ema 0.9" in (tmp_path / "report.html").read_text()
    # what was validated is the average, whose own classifier on stored features gives the same
    last = results["stage1"]["history"][-1]
    assert last["val_balanced"] == pytest.approx(results["methods"]["joint"]["metrics"]["val"]["balanced"], abs=1e-3)


def test_the_classifier_is_capped_when_it_is_stored(tmp_path):
    words = ["train", "digits", "--epochs", "1", "--classifier-radius", "0.3", "--out", str(tmp_path), *FAST]
    assert main(words) == 0
    lengths = weights(tmp_path)["model.fc.weight"].norm(dim=1)
    assert lengths.max() <= 0.3 + 1e-6


def test_a_checkpoint_tells_its_policy_and_evaluation_knows_none(tmp_path):
    assert main(["train", "digits", "--epochs", "1", *ALL["policy"], "--out", str(tmp_path), *FAST]) == 0
    policy = open_model(tmp_path / "checkpoints" / "last.pt").preprocessing.policy
    assert (policy.name, policy.magnitude, policy.erasing, policy.cutout) == ("randaugment", 4.0, 0.5, 3)
    assert main(["extract", str(tmp_path), "--out", str(tmp_path / "a"), *FAST]) == 0
    assert main(["extract", str(tmp_path), "--out", str(tmp_path / "b"), *FAST]) == 0
    assert (tmp_path / "a" / "feature_test.h5").read_bytes() == (tmp_path / "b" / "feature_test.h5").read_bytes()


def test_pretraining_takes_policies_and_the_average(tmp_path):
    words = ["pretrain", "digits", "--task", "simsiam", "--dimension", "32", "--bottleneck", "8", "--epochs", "1"]
    words += ["--policy", "randaugment", "--cutout", "3", "--ema", "0.9", "--out", str(tmp_path), *FAST]
    assert main(words) == 0
    learning = weights(tmp_path, "learning")
    assert all(name.startswith("model.") for name in learning)
    assert any(not name.startswith("model.") for name in weights(tmp_path))
    start = ["--init", str(tmp_path / "checkpoints" / "last.pt"), "--out", str(tmp_path / "t")]
    assert main(["train", "digits", "--epochs", "1", *start, *FAST]) == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--policy-magnitude", "5"], "--policy-magnitude does nothing without --policy randaugment"),
        (["--policy", "autoaugment", "--policy-spread", "1"], "--policy-spread does nothing"),
        (["--mix-alpha", "0.2"], "--mix-alpha does nothing without --mix mixup or cutmix or remix or cmo"),
        (["--mix", "cmo", "--remix-ratio", "2"], "--remix-ratio does nothing without --mix remix"),
        (["--head-smoothing", "0.2"], "--head-smoothing does nothing without --loss label-aware"),
        (["--loss", "label-aware", "--tail-smoothing", "0.6"], "--tail-smoothing 0.6 is more than"),
        (["--classifier-radius", "1", "--loss", "ldam"], "--classifier-radius: --loss ldam compares directions"),
        (["--contrast", "bcl", "--mix", "cmo"], "--mix cmo: --contrast bcl compares images that have one label"),
        (["--contrast", "paco", "--sam", "0.1"], "--sam takes two passes a step, and --contrast paco"),
        (["--contrast", "bcl", "--classifier-radius", "1"], "--contrast-classifier linear"),
        (["--cutout", "8"], "--cutout 8 would hide most of images of 8 pixels. Take 4"),
        (["--ema", "1"], "--ema 1"),
        (["--sam", "-1"], "--sam -1"),
        (["--erasing", "2"], "--erasing 2"),
        (["--policy-magnitude", "11"], "--policy-magnitude 11"),
        (["--mix-probability", "1.5"], "--mix-probability 1.5"),
    ],
)
def test_what_does_nothing_or_cannot_be_is_told(tmp_path, capsys, words, told):
    assert main(["train", "digits", *words, "--out", str(tmp_path / "r"), *FAST]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("on", [{"ema": 0.9}, {"policy": "randaugment"}, {"mix": "mixup"}, {"classifier_radius": 1.0}])
def test_a_frozen_backbone_has_no_switches(on):
    with pytest.raises(ValueError, match=r"--frozen trains no backbone, so --.* does nothing"):
        check_switches(StageOneOptions(frozen=True, **on))


def test_no_setting_of_stage_one_is_a_flag_of_an_earlier_version():
    """`run` and `fit` answer those with what to type now."""
    assert not {f"--{field.name.replace('_', '-')}" for field in fields(StageOneOptions)} & OLD_FLAGS.keys()


def test_a_run_does_not_go_on_with_other_switches(tmp_path, capsys):
    words = ["train", "digits", "--epochs", "1", "--out", str(tmp_path), *FAST]
    assert main(words) == 0
    assert main([*words, "--resume", "--ema", "0.9"]) == 2
    assert "ema 0.0, not 0.9" in capsys.readouterr().err
