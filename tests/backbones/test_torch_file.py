"""Files of torch: tensors and plain values come out, whatever stands beside them takes no part and never runs."""

import argparse
import datetime
import decimal
import enum
import functools
import pathlib
import pickle
import subprocess
import types
import uuid
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple

import numpy as np
import pytest
import torch
from torch import nn

from longtail.backbones.inert import foreign_object
from longtail.backbones.model_formats import read_weights, write_weights
from longtail.backbones.torch_file import read_torch_file
from longtail.errors import InputError
from longtail.files.atomic import atomic_file

Point = namedtuple("Point", "x y")


class Stage(enum.Enum):
    ONE = "one"


class Settings(dict):
    """As of EasyDict, AttributeDict, CfgNode: a dict of another class."""


class Config:
    """A class of the user's own."""

    def __init__(self):
        self.rate, self.stage = 0.1, Stage.ONE


class AttributeDict(dict):
    """As Lightning stores hyper-parameters."""


class Moved:
    """A path as Python 3.13 stores it, or any other object, under the name that it has there."""

    def __init__(self, name, *arguments):
        self.name, self.arguments = name, arguments

    def __reduce__(self):
        return _Named(self.name), self.arguments


class _Named:
    """Pickled as a global of that name."""

    def __init__(self, name):
        self.__module__, _, self.__qualname__ = name.rpartition(".")

    def __call__(self):
        raise AssertionError("is only written")


BESIDE = {
    "torch version": torch.__version__,
    "path": pathlib.PurePosixPath("a/b"),
    "windows path": pathlib.PureWindowsPath("a/b"),
    "defaultdict": defaultdict(list, {"a": [1]}),
    "deque": deque([1.0, 2.0], maxlen=5),
    "datetime": datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC),
    "date": datetime.date(2026, 1, 2),
    "timedelta": datetime.timedelta(seconds=3),
    "frozenset": frozenset({1, 2}),
    "slice": slice(1, 2),
    "range": range(3),
    "enum": Stage.ONE,
    "namespace": argparse.Namespace(lr=0.1, path=pathlib.PurePosixPath("x")),
    "simple namespace": types.SimpleNamespace(a=1),
    "partial": functools.partial(int, base=2),
    "numpy scalar": np.float64(0.5),
    "numpy array": np.arange(3.0),
    "numpy integer": np.int64(3),
    "named tuple": Point(1, 2),
    "decimal": decimal.Decimal("0.1"),
    "uuid": uuid.UUID(int=1),
    "class of the user": Config(),
    "dict of another class": Settings(a=1),
    "hyper-parameters": AttributeDict(lr=0.1, betas=(0.9, 0.99), path=pathlib.PurePosixPath("x")),
    "a type": Config,
    "a function": np.mean,
    "keys that are objects": {Stage.ONE: 1.0},
    "in a list": [1, (2, {"a": np.float32(1)})],
}
PLAIN = {
    "epoch": 3,
    "arch": "resnet18",
    "none": None,
    "nested": {"a": [1, (2, 3)], "b": {"c": 0.5}},
    "counter": Counter("abc"),
    "ordered": OrderedDict(a=1),
    "set": {1, 2},
    "bytes": b"abc",
    "complex": 1j,
    "dtype": torch.float16,
    "device": torch.device("cpu"),
    "size": torch.Size([1, 2]),
    "generator": torch.Generator().get_state(),
}


@pytest.fixture
def state():
    return {"fc.weight": torch.randn(3, 4), "fc.bias": nn.Parameter(torch.randn(3))}


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("name", BESIDE)
def test_objects_beside_the_weights_do_no_harm(name, zipped, state, tmp_path):
    if name == "deque" and torch.__version__.startswith("2.11."):
        pytest.skip("torch 2.11 reads no deque with weights_only, and says so")
    path = tmp_path / "net.pt"
    torch.save({"state_dict": state, "beside": BESIDE[name]}, path, _use_new_zipfile_serialization=zipped)
    stored = read_weights(path)
    assert torch.equal(stored.weights["fc.weight"], state["fc.weight"])
    assert list(stored.left_out) == ["beside"]
    assert stored.left_out["beside"]
    new = {"fc.weight": torch.ones(3, 4)}
    with atomic_file(tmp_path / "new.pt") as stream:
        write_weights(path, stream, stored.way, new)
    after = torch.load(tmp_path / "new.pt", weights_only=True)
    assert list(after) == ["state_dict"]
    assert torch.equal(after["state_dict"]["fc.weight"], new["fc.weight"])
    assert torch.equal(after["state_dict"]["fc.bias"], state["fc.bias"])
    assert isinstance(after["state_dict"]["fc.bias"], nn.Parameter)


@pytest.mark.parametrize("zipped", [True, False])
def test_plain_values_stay(zipped, state, tmp_path):
    path = tmp_path / "net.pt"
    torch.save({"state_dict": state, **PLAIN}, path, _use_new_zipfile_serialization=zipped)
    stored = read_weights(path)
    assert not stored.left_out
    with atomic_file(tmp_path / "new.pt") as stream:
        write_weights(path, stream, stored.way, {"fc.weight": torch.ones(3, 4)})
    after = torch.load(tmp_path / "new.pt", weights_only=True)
    assert list(after) == ["state_dict", *PLAIN]
    for name, value in PLAIN.items():
        same = torch.equal(after[name], value) if isinstance(value, torch.Tensor) else after[name] == value
        assert same, name
        assert type(after[name]) is type(value)


def test_paths_of_other_versions_of_python(state, tmp_path):
    """Python 3.13 calls its paths pathlib._local.PosixPath; 2.7 had other names for much."""
    content = pickle.dumps({"state_dict": 0, "out": 0}, protocol=2)
    for name in (
        "pathlib._local.PosixPath",
        "pathlib.WindowsPath",
        "__builtin__.set",
        "omegaconf.dictconfig.DictConfig",
    ):
        module, _, last = name.rpartition(".")
        made = f"c{module}\n{last}\n(tR".encode()
        legacy = content.replace(b"X\x03\x00\x00\x00outq\x02K\x00", b"X\x03\x00\x00\x00outq\x02" + made)
        assert made in legacy
        _write_legacy(tmp_path / "net.pt", legacy)
        found = read_torch_file(tmp_path / "net.pt", expected="a test")
        assert found["state_dict"] == 0
        assert foreign_object(found["out"]) in (name, None)


def _write_legacy(path, content):
    """Write a file as torch did before version 1.6, around a pickle of no tensors."""
    magic, protocol, system = 0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}
    with path.open("wb") as file:
        for part in (magic, protocol, system):
            pickle.dump(part, file, protocol=2)
        file.write(content)
        pickle.dump([], file, protocol=2)


class Runs:
    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    ("runs", "named"),
    [
        (Runs(open, "owned", "w"), "open"),
        (Runs(eval, "open('owned', 'w')"), "eval"),
        (Runs(subprocess.call, ["touch", "owned"]), "subprocess.call"),
        (Runs(exec, "open('owned', 'w')"), "exec"),
    ],
)
def test_what_wants_something_done_is_refused(runs, named, zipped, state, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for place in ("state_dict", "args"):
        content = {"state_dict": state, place: runs}
        torch.save(content, "net.pt", _use_new_zipfile_serialization=zipped)
        with pytest.raises(InputError, match=f"{named}.*could run code when it is read; it was not read"):
            read_weights(tmp_path / "net.pt")
    assert not (tmp_path / "owned").exists()


def test_functions_of_the_user_do_not_run(state, tmp_path, monkeypatch):
    """pathlib is no module of acts; but a function of it that acts does not run either."""
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": state, "beside": Runs(pathlib.Path.touch, pathlib.PosixPath("owned"))}, "net.pt")
    assert read_weights(tmp_path / "net.pt").left_out["beside"]
    assert not (tmp_path / "owned").exists()


def test_objects_in_the_place_of_weights_are_named(state, tmp_path):
    path = tmp_path / "net.pt"
    for content, named in (
        (nn.Linear(2, 3), "torch.nn.modules.linear.Linear"),
        ({"model": nn.Linear(2, 3), "epoch": 3}, "torch.nn.modules.linear.Linear"),
        ({"state_dict": {**state, "odd": Config()}}, "Config"),
    ):
        torch.save(content, path)
        with pytest.raises(InputError, match=f"holds more than tensors and plain values .*({named})"):
            read_weights(path)


def test_containers_of_any_name(state, tmp_path):
    path = tmp_path / "net.pt"
    for content, way in (
        ({"params": state}, ("params",)),
        ({"networks": {"classifier": state}, "epoch": 3}, ("networks", "classifier")),
        ({"student": state, "optimizer": {"state": {0: {"step": torch.zeros(1)}}}}, ("student",)),
        ({"state_dict": state, "extra": torch.zeros(2)}, ("state_dict",)),
        (defaultdict(dict, {"model": state}), ("model",)),
        ({"model": Settings(state)}, ("model",)),
    ):
        torch.save(content, path)
        assert read_weights(path).way == way
    torch.save({"student": state, "teacher": state}, path)
    with pytest.raises(InputError, match=r"holds 2 sets of weights \(student, teacher\).*--layer student"):
        read_weights(path)
    stored = read_weights(path, "teacher.fc")
    assert (stored.way, stored.layer) == (("teacher",), "fc")


def test_a_dict_of_another_kind_around_the_weights_comes_back_plain(state, tmp_path):
    path = tmp_path / "net.pt"
    torch.save(defaultdict(dict, {"model": defaultdict(int, state)}), path)
    stored = read_weights(path)
    with atomic_file(tmp_path / "new.pt") as stream:
        write_weights(path, stream, stored.way, {"fc.weight": torch.ones(3, 4)})
    after = torch.load(tmp_path / "new.pt", weights_only=True)
    assert list(after["model"]) == list(state)
    assert not vars(after["model"])
