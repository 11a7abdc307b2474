"""Checkpoints and models: ours and those of others."""

import io
import json
from functools import cache

import numpy as np
import torch

from damaged.features import damaged_npz, write_arrays
from damaged.kind import Kind, holding
from damaged.ways import damaged_bytes, damaged_json, damaged_tree


def _bytes(content):
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def damaged_torch(content, rng):
    """Damage the tree of what torch has stored, its tensors, or the bytes."""
    if rng.random() < 0.3:
        return damaged_bytes(content, rng)
    value = torch.load(io.BytesIO(content), weights_only=True)
    return _bytes(_odd_tensor(value, rng) if rng.random() < 0.3 else damaged_tree(value, rng))


def _odd_tensor(value, rng):
    odd = (
        *(torch.zeros(0), torch.zeros(()), torch.zeros(3, 2, 2), torch.full((3, 4), torch.nan), torch.arange(3)),
        *(
            torch.zeros(3, 4).to_sparse(),
            torch.zeros(3, dtype=torch.complex64),
            torch.zeros(3, 4, dtype=torch.bfloat16),
        ),
        *(torch.zeros(1).expand(10**6), torch.nn.Parameter(torch.ones(3, 4)), torch.ones(3, dtype=torch.bool)),
    )
    holders = [value, *(inside for inside in value.values() if isinstance(inside, dict) and inside)]
    holder = holders[int(rng.integers(len(holders)))]
    holder[list(holder)[int(rng.integers(len(holder)))]] = odd[int(rng.integers(len(odd)))]
    return value


@cache
def _checkpoint():
    from dataclasses import asdict

    from longtail.backbones import create_backbone
    from longtail.data.transforms import Preprocessing
    from longtail.jobs.stage_one.settings import usual_settings

    model = create_backbone("digits_cnn", num_classes=3, in_chans=1)
    seen = Preprocessing(size=8, resize=8, channels=1, mean=(0.5,), std=(0.5,), augmentation="none", resident=True)
    about = {
        "backbone": "digits_cnn",
        "class_names": ["ant", "bee", "cow"],
        "preprocessing": {**asdict(seen), "mean": [0.5], "std": [0.5]},
        "settings": {"dataset": "digits", **usual_settings()},
        "threads": {"command": 1, "training": 1},
    }
    weights = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    parts = {"optimizer": {}, "precision": {}, "state": {}}
    return _bytes({"longtail_checkpoint": 1, "task": weights, **parts, "about": about})


def open_checkpoint(path):
    from longtail.jobs.predicting.predictor import open_predictor
    from longtail.jobs.stage_one.objective import trained_prior
    from longtail.jobs.stage_one.trained_model import open_model

    model = open_model(path)
    trained_prior(model.about["settings"])
    with torch.inference_mode():
        assert model.features(torch.zeros(1, 1, 8, 8)).shape == (1, model.dimension)
    open_predictor(path)


def _state():
    torch.manual_seed(0)
    return {"conv.weight": torch.randn(2, 3, 1, 1), "fc.weight": torch.randn(3, 4), "fc.bias": torch.randn(3)}


def _trained():
    beside = {"epoch": 3, "class_names": ["ant", "bee", "cow"], "scores": [0.5, {"best": 1}]}
    return {"state_dict": {f"module.{name}": tensor for name, tensor in _state().items()}, **beside}


def open_weights(path):
    from longtail.backbones.model_file import open_model_file

    file = open_model_file(path)
    weight, bias = file.linear
    assert len(weight) == len(bias)
    assert file.class_names is None or len(file.class_names) == len(weight)


def open_folder(path):
    open_weights(path.parent)


def _safetensors(weights=None):
    from safetensors.torch import save

    return save(weights or _state(), metadata={"format": "pt"})


def damaged_safetensors(content, rng):
    """Damage the header, its length, or the bytes."""
    if rng.random() < 0.4:
        return damaged_bytes(content, rng)
    length = int.from_bytes(content[:8], "little")
    header, rest = content[8 : 8 + length], content[8 + length :]
    header = damaged_json(header, rng)
    length = len(header) if rng.random() < 0.8 else int(2 ** rng.integers(0, 63))
    return length.to_bytes(8, "little") + header + rest


CONFIG = {
    "architectures": ["ResNetForImageClassification"],
    "id2label": {"0": "ant", "1": "bee", "2": "cow"},
    "problem_type": "single_label_classification",
}


def write_folder(path):
    folder = path.parent
    (folder / "config.json").write_text(json.dumps(CONFIG))
    places = {}
    for number, (name, tensor) in enumerate(_state().items()):
        places[name] = f"model-{number}.safetensors"
        (folder / places[name]).write_bytes(_safetensors({name: tensor}))
    index = {"metadata": {"total_size": 9}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


PROCESSOR = {
    "size": {"height": 32, "width": 32},
    "crop_size": {"shortest_edge": 28},
    "image_mean": [0.5, 0.4, 0.5],
    "image_std": [0.2, 0.3, 0.4],
    "do_normalize": True,
    "rescale_factor": 1 / 255,
}


def write_processor(path):
    write_folder(path)
    path.write_text(json.dumps(PROCESSOR))


def open_processor(path):
    _preprocessing(path.parent, "transformers:resnet")


def write_configured(path):
    write_folder(path)
    configured = {"input_size": [3, 32, 32], "mean": [0.5, 0.4, 0.5], "std": [0.2, 0.3, 0.4], "crop_pct": 0.9}
    path.write_text(
        json.dumps({"architecture": "resnet18", "pretrained_cfg": configured, "label_names": ["a", "b", "c"]})
    )


def open_configured(path):
    open_folder(path)
    _preprocessing(path.parent, "timm:resnet18")


def _preprocessing(folder, architecture):
    from longtail.backbones.model_file import open_model_file
    from longtail.jobs.balancing.network import Network
    from longtail.jobs.balancing.preprocessing import known_preprocessing

    result, _ = known_preprocessing(open_model_file(folder), Network(torch.nn.Identity(), architecture, 3))
    assert result.size > 0
    assert min(result.std) > 0


@cache
def _program():
    model = torch.nn.Sequential(torch.nn.Linear(4, 3)).eval()
    file = io.BytesIO()
    torch.export.save(torch.export.export(model, (torch.zeros(2, 4),)), file)
    return file.getvalue()


def damaged_program(content, rng):
    """Damage the list of weights in the archive, or the bytes."""
    import zipfile

    if rng.random() < 0.4:
        return damaged_bytes(content, rng)
    new = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(new, "w") as out:
        for item in old.infolist():
            member = old.read(item)
            if item.filename.endswith("_weights_config.json"):
                member = damaged_json(member, rng)
            out.writestr(item.filename, member)
    return new.getvalue()


def _layer():
    return write_arrays({"weight": np.ones((3, 4)), "bias": np.zeros(3), "class_names": np.array(["a", "b", "c"])})


MODELS = [
    Kind("last.pt", holding(_checkpoint), damaged_torch, open_checkpoint, cost=6),
    Kind("weights.pth", holding(lambda: _bytes(_state())), damaged_torch, open_weights, cost=2),
    Kind("trained.pth", holding(lambda: _bytes(_trained())), damaged_torch, open_weights, cost=2),
    Kind("model.safetensors", holding(_safetensors), damaged_safetensors, open_weights),
    Kind("layer.npz", holding(_layer), damaged_npz, open_weights),
    Kind("net.pt2", holding(_program), damaged_program, open_weights, cost=2),
    Kind("Hugging Face config.json", write_folder, damaged_json, open_folder, "model/config.json", cost=2),
    Kind("weights index", write_folder, damaged_json, open_folder, "model/model.safetensors.index.json", cost=2),
    Kind("timm config.json", write_configured, damaged_json, open_configured, "model/config.json", cost=2),
    Kind(
        "preprocessor_config.json",
        write_processor,
        damaged_json,
        open_processor,
        "model/preprocessor_config.json",
        cost=2,
    ),
]
