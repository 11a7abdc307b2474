"""Checkpoints that are damaged, or of other kinds inside: whoever reads one says in a sentence what is wrong."""

import copy
import random
import shutil

import pytest
import torch

from longtail.backbones import create_backbone
from longtail.cli import main
from longtail.data.preprocessing_choice import stored_preprocessing
from longtail.errors import InputError
from longtail.jobs.options import StageOneOptions
from longtail.jobs.stage_one.objective import trained_prior
from longtail.jobs.stage_one.optimisation import start_from
from longtail.jobs.stage_one.settings import read_about
from longtail.jobs.stage_one.setup import backbone_for, stopped_at
from longtail.jobs.stage_one.trained_model import open_model
from longtail.training.checkpoints import load_checkpoint

WORDS = ["train", "digits", "--epochs", "2", "--batch-size", "128", "--device", "cpu", "--precision", "float32"]
VALUES = (None, True, -1, 10**30, float("nan"), "x", b"x", [], ["x"], {}, {"x": 1}, (1, 2), torch.zeros(2), 1 + 2j)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of two epochs that was stopped in the second."""
    folder = tmp_path_factory.mktemp("run") / "run"
    from longtail.training import loop

    save = loop.save_checkpoint

    def stopping(state, path):
        save(state, path)
        if path.name == "last.pt" and (state["state"]["epoch"], state["state"]["step"]) == (1, 1):
            raise KeyboardInterrupt

    loop.save_checkpoint = stopping
    try:
        assert main([*WORDS, "--save-every", "0", "--quiet", "--out", str(folder)]) == 130
    finally:
        loop.save_checkpoint = save
    return folder


def places(content, path=()):
    """Give the way to everything in nested dicts and lists."""
    items = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in items:
        yield (*path, key)
        if isinstance(value, dict | list | tuple) and len(value):
            yield from places(value, (*path, key))


def mutated(content, rng):
    """Drop, rename or retype something; say what was done."""
    content = copy.deepcopy(content)
    # weights are many, and alike: one in ten
    ways = [way for way in places(content) if way[0] != "task" or len(way) == 1]
    weights = [way for way in places(content) if way[0] == "task" and len(way) == 2]
    *way, key = rng.choice(weights if rng.random() < 0.1 else ways)
    inside = content
    for step in way:
        inside = inside[step]
    kind = rng.choice(("drop", "rename", "retype"))
    if isinstance(inside, tuple):
        return content, "nothing"
    if kind == "retype":
        value = rng.choice(VALUES)
        inside[key] = value
        return content, f"{kind} {(*way, key)} to {value!r}"
    taken = inside.pop(key)
    if kind == "rename" and isinstance(inside, dict):
        inside["other"] = taken
    return content, f"{kind} {(*way, key)}"


def sparse(content):
    return {**content, "task": {**content["task"], "model.fc.weight": content["task"]["model.fc.weight"].to_sparse()}}


def readers(path, settings):
    """Give each way in which a checkpoint is read."""
    yield lambda: trained_prior(open_model(path).about["settings"])
    yield lambda: stopped_at(path.parent.parent, settings, 2, quiet=True)
    yield lambda: stored_preprocessing(read_about(load_checkpoint(path), path)["preprocessing"])
    yield lambda: start_from(create_backbone("digits_cnn", num_classes=10, in_chans=1), path, "digits_cnn")
    yield lambda: backbone_for(StageOneOptions(init=path), None)


@pytest.mark.parametrize(("seed", "number"), [(0, 80), pytest.param(1, 1000, marks=pytest.mark.slow)])
def test_whatever_is_damaged_is_a_sentence(run, tmp_path, seed, number):
    whole = torch.load(run / "checkpoints" / "last.pt", weights_only=True)
    path, rng = tmp_path / "checkpoints" / "last.pt", random.Random(seed)
    path.parent.mkdir()
    told = []
    for _ in range(number):
        content, what = mutated(whole, rng)
        torch.save(content, path)
        for read in readers(path, whole["about"]["settings"]):
            try:
                read()
            except InputError as error:
                told.append(str(error))
            except Exception as error:
                pytest.fail(f"{what}: {type(error).__name__}: {error}")
    assert len(told) > number
    assert not [sentence for sentence in told if "\n" in sentence]


@pytest.mark.parametrize(("seed", "number"), [(0, 15), pytest.param(1, 200, marks=pytest.mark.slow)])
def test_training_goes_on_or_says_why_not(run, tmp_path, capsys, seed, number):
    whole, rng = torch.load(run / "checkpoints" / "last.pt", weights_only=True), random.Random(seed)
    for copy_ in range(number):
        folder = tmp_path / str(copy_)
        shutil.copytree(run, folder)
        content, what = mutated({name: part for name, part in whole.items() if name != "about"}, rng)
        torch.save({**content, "about": whole["about"]}, folder / "checkpoints" / "last.pt")
        try:
            status = main([*WORDS, "--quiet", "--out", str(folder), "--resume"])
        except Exception as error:
            pytest.fail(f"{what}: {type(error).__name__}: {error}")
        told = capsys.readouterr().err.splitlines()
        assert (status, len(told)) in ((0, 0), (2, 1)), (what, told)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda about: about["preprocessing"].pop("std"), "about: object missing required field `std` at"),
        (lambda about: about.pop("preprocessing"), "missing required field `preprocessing`"),
        (lambda about: about["preprocessing"].update(size="8"), "expected an int at `preprocessing.size`, came a str"),
        (lambda about: about["preprocessing"].update(mean=[0.5] * 3), "3 means and 1 deviations of 1 channels"),
        (lambda about: about["preprocessing"].update(std=[0.0]), "expected `float` > 0.0 at `preprocessing.std"),
        (lambda about: about["settings"].pop("data"), "missing required field `data`"),
        (lambda about: about["settings"]["stage"].update(loss="hinge"), "invalid enum value 'hinge' at `loss`"),
        (lambda about: about.update(class_names=[]), "class_names"),
    ],
)
def test_what_is_wrong_is_named(run, tmp_path, change, told):
    content = torch.load(run / "checkpoints" / "last.pt", weights_only=True)
    change(content["about"])
    torch.save(content, tmp_path / "last.pt")
    with pytest.raises(InputError) as caught:
        open_model(tmp_path / "last.pt")
    assert told in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "last.pt"))


def test_a_format_that_is_no_number(tmp_path):
    torch.save({"longtail_checkpoint": torch.zeros(0), "task": {}}, tmp_path / "last.pt")
    with pytest.raises(InputError, match="not a checkpoint of longtail"):
        load_checkpoint(tmp_path / "last.pt")


def test_sparse_weights_are_refused(run, tmp_path):
    torch.save(sparse(torch.load(run / "checkpoints" / "last.pt", weights_only=True)), tmp_path / "last.pt")
    with pytest.raises(InputError, match=r"model\.fc\.weight is sparse_coo, no dense tensor"):
        load_checkpoint(tmp_path / "last.pt")
