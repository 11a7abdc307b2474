"""A model's file: what comes in, and the same with another last layer, to the bit."""

import errno
import json
import os
import zipfile

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from longtail.backbones.model_file import open_model_file
from longtail.errors import InputError
from longtail.files.output import OutputFile

C, D = 3, 4
WEIGHT, BIAS = np.asfortranarray(np.arange(12.0).reshape(C, D)), np.arange(3.0)  # in columns, as ridge gives it


@pytest.fixture
def state():
    torch.manual_seed(0)
    return {"conv.weight": torch.randn(2, 3, 1, 1), "fc.weight": torch.randn(C, D), "fc.bias": torch.randn(C)}


def folder_of(path, state, config=None):
    path.mkdir(exist_ok=True)
    save_file(state, path / "model.safetensors", metadata={"format": "pt"})
    (path / "config.json").write_text(json.dumps(config or {}))
    return path


def in_shards(path, state, suffix="safetensors"):
    path.mkdir(exist_ok=True)
    name = "model" if suffix == "safetensors" else "pytorch_model"
    places = {}
    for number, (key, tensor) in enumerate(state.items()):
        places[key] = f"{name}-{number}.{suffix}"
        (save_file if suffix == "safetensors" else torch.save)({key: tensor}, path / places[key])
    (path / f"{name}.{suffix}.index.json").write_text(json.dumps({"metadata": {"total_size": 9}, "weight_map": places}))
    return path


def program(path):
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = torch.nn.Linear(D, C)

        def forward(self, x):
            return self.fc(x)

    torch.export.save(torch.export.export(Net().eval(), (torch.zeros(2, D),)), path)
    return path


def written(kind, tmp_path, state):
    match kind:
        case "pth":
            torch.save(state, tmp_path / "net.pth")
        case "old pth":
            torch.save(state, tmp_path / "net.old.pth", _use_new_zipfile_serialization=False)
            return tmp_path / "net.old.pth"
        case "in a checkpoint":
            torch.save({"epoch": 1, "state_dict": state}, tmp_path / "net.ckpt")
            return tmp_path / "net.ckpt"
        case "safetensors":
            save_file(state, tmp_path / "net.safetensors", metadata={"note": "kept"})
            return tmp_path / "net.safetensors"
        case "npz":
            np.savez(tmp_path / "net.npz", weight=state["fc.weight"], bias=state["fc.bias"], note="kept")
            return tmp_path / "net.npz"
        case "pt2":
            return program(tmp_path / "net.pt2")
        case "folder":
            return folder_of(tmp_path / "net", state)
        case "shards":
            return in_shards(tmp_path / "net", state)
        case "shards of torch":
            return in_shards(tmp_path / "net", state, "bin")
    return tmp_path / "net.pth"


KINDS = ["pth", "old pth", "in a checkpoint", "safetensors", "npz", "pt2", "folder", "shards", "shards of torch"]


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        (kind, dtype)
        for kind in KINDS
        for dtype in (torch.float32, torch.float16, torch.bfloat16, torch.float64)
        if kind != "npz" or dtype != torch.bfloat16  # which numpy does not know
    ],
)
def test_what_is_written_is_what_was_read_but_for_the_layer(kind, dtype, state, tmp_path):
    path = written(kind, tmp_path, {key: tensor.to(dtype) for key, tensor in state.items()})
    file = open_model_file(path)
    out = file.write(tmp_path / "out", WEIGHT, BIAS)
    again = open_model_file(out)
    weight, bias = again.linear
    np.testing.assert_array_equal(weight, WEIGHT)
    np.testing.assert_array_equal(bias, BIAS)
    assert list(again.weights) == list(file.weights)
    for key, tensor in file.weights.items():
        assert again.weights[key].dtype == tensor.dtype
        assert again.weights[key].is_contiguous()
        if key not in (file.layer.terms[0].weight_key, file.layer.terms[0].bias_key):
            assert torch.equal(again.weights[key], tensor)
    # the old layer put back gives the old file's weights
    back = again.write(tmp_path / "back", file.layer.weight.double().numpy(), file.layer.bias.double().numpy())
    restored = open_model_file(back).weights
    assert all(torch.equal(restored[key], tensor) for key, tensor in file.weights.items())
    if path.is_file():
        assert not list((tmp_path / "out").glob("*.part"))


def test_other_bytes_of_safetensors_stay(state, tmp_path):
    """Order, alignment and metadata: all but the numbers of the layer."""
    path = written("safetensors", tmp_path, state)
    out = open_model_file(path).write(tmp_path / "out", WEIGHT, BIAS)
    before, after = path.read_bytes(), out.read_bytes()
    assert len(before) == len(after)
    assert sum(a != b for a, b in zip(before, after, strict=True)) <= 4 * (WEIGHT.size + BIAS.size)
    with safe_open(out, framework="pt") as stored:
        assert stored.metadata() == {"note": "kept"}


@pytest.mark.parametrize("kind", ["pth", "safetensors", "npz", "pt2", "folder"])
def test_a_full_disk_is_the_systems_error_and_leaves_nothing(kind, state, tmp_path, monkeypatch):
    file = open_model_file(written(kind, tmp_path, state))

    class Full(OutputFile):
        def write(self, content):
            self._keep(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
            return len(memoryview(content).cast("B"))

    monkeypatch.setattr("longtail.files.atomic.OutputFile", Full)
    with pytest.raises(OSError, match="no space left"):
        file.write(tmp_path / "out", WEIGHT, BIAS)
    assert not [entry for entry in (tmp_path / "out").rglob("*") if entry.is_file()]


def test_a_layer_in_two_heads(state, tmp_path):
    """Blocks of one map over their gains; the two are in different files."""
    from longtail.backbones import LastLayer, Term

    state |= {"aux.weight": torch.randn(C, 2), "aux.bias": torch.randn(C)}
    file = open_model_file(in_shards(tmp_path / "net", state))
    heads = [
        Term("fc", state["fc.weight"], state["fc.bias"], gain=0.25),
        Term("aux", state["aux.weight"], state["aux.bias"], gain=0.75, start=D),
    ]
    file = file.with_layer(LastLayer(tuple(heads)).of(file.weights))
    weight = np.random.default_rng(0).normal(size=(C, D + 2))
    out = file.write(tmp_path / "out", weight, BIAS)
    after = open_model_file(out, "fc").weights
    np.testing.assert_allclose(after["fc.weight"], weight[:, :D] / 0.25, rtol=1e-6)
    np.testing.assert_allclose(after["aux.weight"], weight[:, D:] / 0.75, rtol=1e-6)
    np.testing.assert_allclose(0.25 * after["fc.bias"] + 0.75 * after["aux.bias"], BIAS, atol=1e-6)
    assert torch.equal(after["conv.weight"], state["conv.weight"])


@pytest.mark.parametrize(
    ("config", "names"),
    [
        ({"id2label": {"0": "a", "1": "b", "2": "c"}}, ["a", "b", "c"]),
        ({"id2label": {"2": "c", "0": "a", "1": "b"}}, ["a", "b", "c"]),
        ({"id2label": ["a", "b", "c"]}, ["a", "b", "c"]),
        ({"id2label": {"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"}}, None),
        ({"id2label": {"0": 5, "1": 6, "2": 7}}, ["5", "6", "7"]),
        ({"label_names": ["a", "b", "c"]}, ["a", "b", "c"]),
        ({"id2label": None, "label_names": None}, None),
        ({}, None),
    ],
)
def test_names_of_the_classes(config, names, state, tmp_path):
    assert open_model_file(folder_of(tmp_path / "net", state, config)).class_names == names


@pytest.mark.parametrize(
    "beside",
    [
        {"class_names": ["a", "b", "c"]},
        {"classes": ("a", "b", "c")},
        {"class_to_idx": {"c": 2, "a": 0, "b": 1}},
        {"idx_to_class": {0: "a", 1: "b", 2: "c"}},
        {"about": {"class_names": ["a", "b", "c"]}},
    ],
)
def test_names_beside_the_weights(beside, state, tmp_path):
    torch.save({"state_dict": state, **beside}, tmp_path / "net.pt")
    assert open_model_file(tmp_path / "net.pt").class_names == ["a", "b", "c"]
    np.savez(tmp_path / "net.npz", weight=state["fc.weight"], bias=state["fc.bias"], class_names=["a", "b", "c"])
    assert open_model_file(tmp_path / "net.npz").class_names == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["a", "b"], "names 2 classes, and the last layer has 3 outputs"),
        (["a", "b", "b"], "has 'b' twice"),
        ({"0": "a", "1": "b", "5": "c"}, "names 3 classes, and the last layer has 3 outputs"),
    ],
)
def test_names_that_do_not_fit(names, told, state, tmp_path):
    with pytest.raises(InputError, match=rf"config.json: id2label {told}.*--class-names"):
        _ = open_model_file(folder_of(tmp_path / "net", state, {"id2label": names})).class_names


BROKEN_JSON = [
    "",
    "{",
    "[]",
    "3",
    "\xff",
    '{"id2label": 3}',
    '{"id2label": {"0": []}}',
    '{"architectures": "ViT"}',
    "NaN",
]
BROKEN_JSON += ["[" * 100_000, '{"pretrained_cfg": []}', '{"label_names": "abc"}', '{"problem_type": 3}']


@pytest.mark.parametrize("text", BROKEN_JSON, ids=lambda text: text[:20])
def test_settings_of_other_kinds(text, state, tmp_path):
    folder = folder_of(tmp_path / "net", state)
    (folder / "config.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=r"config.json"):
        open_model_file(folder)


INDEXES = ["{}", "[]", '{"weight_map": []}', '{"weight_map": {"fc.weight": 3}}', '{"weight_map": {}}', "{"]
INDEXES += [
    f'{{"weight_map": {{"fc.weight": "{name}"}}}}' for name in ("../net.safetensors", "absent.safetensors", "", "a/b")
]
INDEXES += ['{"weight_map": {"fc.weight": "/etc/passwd"}}', "[" * 100_000]


@pytest.mark.parametrize("text", INDEXES, ids=lambda text: text[:50])
def test_indexes_that_lead_elsewhere(text, state, tmp_path):
    save_file(state, tmp_path / "net.safetensors")
    folder = in_shards(tmp_path / "net", state)
    (folder / "model.safetensors.index.json").write_text(text)
    with pytest.raises(InputError, match=r"index.json"):
        open_model_file(folder)


def test_folders_of_others_are_told(state, tmp_path):
    def told(*names):
        folder = tmp_path / "_".join(names).replace("/", "-").replace(".", "")
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(b"x")
        with pytest.raises(InputError, match=r"holds no model.safetensors or pytorch_model.bin") as error:
            open_model_file(folder)
        return str(error.value)

    assert "dcp_to_torch_save" in told(".metadata", "__0_0.distcp")
    assert "checkpoint-10, checkpoint-20 of a Trainer" in told("checkpoint-10/model.safetensors", "checkpoint-20/x")
    assert "but model.fp16.safetensors: give that file itself" in told("model.fp16.safetensors")
    assert "SavedModel of TensorFlow" in told("saved_model.pb")
    assert "merge it into its model first" in told("adapter_model.safetensors", "adapter_config.json")


def test_files_of_others_are_told(tmp_path):
    def told(name, content=b""):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError) as error:
            open_model_file(tmp_path / name)
        return str(error.value)

    def archive(name, *members):
        with zipfile.ZipFile(tmp_path / name, "w") as file:
            for member in members:
                file.writestr(member, b"")
        return told(name, (tmp_path / name).read_bytes())

    assert "dcp_to_torch_save" in told("__0_0.distcp", b"PK")
    for name in ("a.h5", "b.weights.h5", "c.pt"):
        assert "Keras" in told(name, b"\x89HDF\r\n\x1a\n" + bytes(100))
    assert "Keras" in archive("net.keras", "config.json", "metadata.json", "model.weights.h5")
    assert "np.savez" in told("net.npy", b"\x93NUMPY\x01\x00")
    assert "ONNX is a program" in told("net.onnx")
    assert "TorchScript" in archive("script.pt", "script/data.pkl", "script/constants.pkl", "script/code/x.py")
    assert "end in .pt2" in archive("net.pt", "archive/models/model.json")


@pytest.mark.parametrize(
    "values", [["a", "b"], [1j, 2], [True, False], [1, 2]], ids=["words", "complex", "bool", "int"]
)
def test_arrays_of_other_kinds(values, tmp_path):
    good = np.zeros((C, D), np.float32)
    for name in ("weight", "bias"):
        arrays = {"weight": good, "bias": np.zeros(C, np.float32), name: np.resize(np.array(values), good.shape)}
        np.savez(tmp_path / "net.npz", **arrays)
        with pytest.raises(InputError, match=r"net.npz: .*(expected|Expected)"):
            _ = open_model_file(tmp_path / "net.npz").layer
    np.savez(tmp_path / "net.npz", weights=good)
    with pytest.raises(InputError, match=r"net.npz: holds no `weight` \(weights\)"):
        open_model_file(tmp_path / "net.npz")


def test_programs_whose_sizes_do_not_fit(tmp_path):
    """A list of weights that promises more than there is, or is of other kinds."""
    path = program(tmp_path / "net.pt2")
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    listed = next(name for name in members if name.endswith("_weights_config.json"))

    def changed(change):
        config = json.loads(members[listed])
        text = change(config)
        with zipfile.ZipFile(tmp_path / "bad.pt2", "w") as archive:
            for name, content in members.items():
                archive.writestr(
                    name, (text if isinstance(text, bytes) else json.dumps(config)) if name == listed else content
                )
        return tmp_path / "bad.pt2"

    def grow(config):
        for entry in config["config"].values():
            entry["tensor_meta"]["sizes"] = [{"as_int": 10**12} for _ in entry["tensor_meta"]["sizes"]]

    with pytest.raises(InputError, match=r"bad.pt2.*no linear last layer"):
        _ = open_model_file(changed(grow)).layer
    for change in (
        lambda config: config.pop("config"),
        lambda config: config.update(config=[]),
        lambda config: next(iter(config["config"].values())).update(tensor_meta=3),
        lambda config: next(iter(config["config"].values())).update(path_name=3),
        lambda config: b"[" * 100_000,
        lambda config: b"{",
    ):
        with pytest.raises(InputError, match=r"bad.pt2.*_weights_config.json"):
            open_model_file(changed(change))
    with pytest.raises(InputError, match=r"bad.pt2: truncated"):
        open_model_file(changed(lambda config: next(iter(config["config"].values())).update(path_name="../x")))


def test_another_file_of_the_folder_is_copied_whole(state, tmp_path):
    folder = folder_of(
        tmp_path / "net", state, {"id2label": ["a", "b", "c"], "problem_type": "multi_label_classification"}
    )
    (folder / "modeling.py").write_text("raise SystemExit")
    (folder / "checkpoint-3").mkdir()
    out = open_model_file(folder).write(tmp_path / "out", WEIGHT, BIAS, {"problem_type": "single_label_classification"})
    assert sorted(entry.name for entry in out.iterdir()) == ["config.json", "model.safetensors", "modeling.py"]
    assert json.loads((out / "config.json").read_text())["problem_type"] == "single_label_classification"
    assert json.loads((out / "config.json").read_text())["id2label"] == ["a", "b", "c"]
    np.testing.assert_array_equal(load_file(out / "model.safetensors")["fc.weight"], WEIGHT)
