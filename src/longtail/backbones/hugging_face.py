"""A model's folder as Hugging Face writes it: its settings, and the files that its weights lie in."""

from pathlib import Path
from typing import Any, TypedDict

from longtail.backbones.foreign_models import DISTRIBUTED
from longtail.errors import InputError
from longtail.files.json_file import read_json
from longtail.files.text import printable

__all__ = ["read_config", "weight_files"]

_WEIGHTS = ("model.safetensors", "pytorch_model.bin")


class _Config(TypedDict, total=False):
    """What is asked of config.json; all else may stand there too."""

    architecture: str | None
    architectures: list[str] | None
    id2label: dict[str, str | int | float] | list[str | int | float] | None
    label_names: list[str] | None
    problem_type: str | None
    pretrained_cfg: dict[str, Any] | None
    model_args: dict[str, Any] | None


class _Index(TypedDict):
    weight_map: dict[str, str]


def read_config(folder: Path) -> dict[str, Any]:
    """Return the settings in config.json; empty where there is none.

    Raises:
        InputError: no JSON, or other kinds than Hugging Face writes.
    """
    path = folder / "config.json"
    if not path.is_file():
        return {}
    return dict(read_json(path, _Config, expected="the settings of a Hugging Face model"))


def weight_files(folder: Path, *, expected: str) -> list[Path]:
    """Return the files that the weights lie in, one or several.

    Args:
        folder: of the model.
        expected: what it should have been, for messages.

    Raises:
        InputError: none there, an index that names files outside of the folder, or a folder of another system.
    """
    for name in _WEIGHTS:
        index = folder / f"{name}.index.json"
        if index.is_file():
            places = read_json(index, _Index, expected="where the weights of a model lie")["weight_map"]
            names = list(dict.fromkeys(places.values()))
            wrong = next(
                (place for place in names if Path(place).name != place or not (folder / place).is_file()), None
            )
            if wrong is not None or not names:
                raise InputError(
                    f"{printable(index)}: names {wrong!r} for weights, which is no file of this folder. Expected files "
                    "beside the index."
                )
            return [folder / place for place in names]
        if (folder / name).is_file():
            return [folder / name]
    raise InputError(f"{printable(folder)}: holds no {' or '.join(_WEIGHTS)}{_instead(folder)}. Expected {expected}.")


def _instead(folder: Path) -> str:
    """Return what lies there instead of weights under their usual names."""
    entries = sorted(folder.iterdir())
    if (folder / ".metadata").is_file() or any(entry.suffix == ".distcp" for entry in entries):
        return f"; it is {DISTRIBUTED}"
    checkpoints = [entry.name for entry in entries if entry.is_dir() and entry.name.startswith("checkpoint-")]
    if checkpoints:
        return f", but {', '.join(checkpoints[:5])} of a Trainer: give one of these folders"
    if (folder / "saved_model.pb").is_file():
        return "; it is a SavedModel of TensorFlow: give the last layer as .npz and --features"
    if any(entry.name.startswith("adapter_model") for entry in entries):
        return "; it is an adapter (LoRA): merge it into its model first (peft: model.merge_and_unload()) and save that"
    weights = [entry.name for entry in entries if entry.suffix in (".safetensors", ".bin", ".pt", ".pth")]
    return f", but {', '.join(weights[:5])}: give that file itself, or name it {_WEIGHTS[0]}" if weights else ""
