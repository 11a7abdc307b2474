"""The library names arguments, the command line the flags that a person types."""

import inspect
from dataclasses import fields

import numpy as np
import pytest

from longtail.cli import main
from longtail.data import open_data
from longtail.data.manifests import ManifestChoice
from longtail.jobs.flags import as_typed
from longtail.jobs.options import DataOptions


@pytest.mark.parametrize(
    ("message", "typed"),
    [
        ("`skip_bad=True`", "--skip-bad"),
        ("`layout='classes'` or `layout='splits'`", "--layout classes or --layout splits"),
        ("`bits=12` where white is 4,095", "--bits 12 where white is 4,095"),
        ("`root`: a folder; `seed` is -1", "--data: a folder; --split-seed is -1"),
        ("`features`, `longtail pack` and `path number` stay", "`features`, `longtail pack` and `path number` stay"),
        ("`largest=5`", "--largest 5"),
        ("`image_size=4`; expected", "--image-size 4; expected"),
        ("`augmentation='resized-crop'` is", "--augmentation resized-crop is"),
    ],
)
def test_arguments_become_flags(message, typed):
    assert as_typed(message) == typed


def test_every_setting_of_the_data_has_a_flag():
    flags = {field.name.replace("_", "-") for field in fields(DataOptions)}
    arguments = [*inspect.signature(open_data).parameters, *(field.name for field in fields(ManifestChoice))]
    for name in arguments:
        if name not in ("progress", "table", "id_column", "labelled"):  # the last two are of what is predicted
            assert as_typed(f"`{name}`").removeprefix("--") in flags


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["describe", "cifar10"], "cifar10 needs --data: the folder"),
        (["describe", "digits", "--split-seed", "-1"], "--split-seed -1; expected"),
        (["describe", "digits", "--val-fraction", "nan"], "--val-fraction nan; expected"),
        (["describe", "digits", "--bits", "40"], "--bits 40; expected a number from 1 to 32"),
        (["describe", "imagenet-lt", "--data", "nowhere"], "Expected as --data the folder of ImageNet-LT"),
        (["describe", "digits", "--original-splits"], "--original-splits is for inat18"),
        (["describe", ""], "the word behind describe is empty"),
        (["pack", "nowhere", "--out", "p.h5"], "no such file or folder"),
    ],
)
def test_the_command_speaks_in_flags(tmp_path, capsys, monkeypatch, words, told):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    assert told in capsys.readouterr().err


def test_names_of_arrays_are_no_flags(tmp_path, capsys):
    np.savez(tmp_path / "a.npz", labels=np.arange(4))
    assert main(["fit", str(tmp_path / "a.npz"), "--out", str(tmp_path / "r")]) == 2
    message = capsys.readouterr().err
    assert 'expected an array "features" or "logits"' in message
    assert "--features" not in message
    assert "--logits" not in message
