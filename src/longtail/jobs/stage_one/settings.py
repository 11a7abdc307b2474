"""Settings of a training as its folder holds them, and whether it may go on with those of a later call."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Required, TypedDict, get_type_hints

from msgspec import Meta

from longtail.backbones.layer_parts import LayerPart
from longtail.data.parts import DATA_NAMES
from longtail.data.transforms import Preprocessing
from longtail.errors import InputError
from longtail.files.json_file import check_kind, read_json
from longtail.jobs.options import DataOptions, LayerOptions, StageOneOptions, UnlabelledOptions, ViewOptions
from longtail.training.checkpoints import About, Checkpoint, about_of

__all__ = [
    "IMAGES",
    "about_network",
    "check_begun",
    "check_same",
    "plain",
    "read_about",
    "stored_views",
    "trained_stage",
    "training_settings",
    "usual_settings",
]

MORE_EPOCHS = (
    " More epochs are another training from the first step on: the learning rate falls over all of them. One that "
    "starts from the backbone of this: --init {folder}/checkpoints/last.pt and another --out."
)
IMAGES = "images.npz"  # which images a run has learnt from
HARMLESS = frozenset({"save_every", "workers", "use", "download", "rebalance_twice", "changed"})  # change no result


def plain(value: Any) -> Any:
    """Turn settings into what JSON and a checkpoint can hold: paths become strings, tuples lists.

    Example:
        >>> plain({"out": Path("runs"), "points": (1, 2)})
        {'out': 'runs', 'points': [1, 2]}
    """
    return json.loads(json.dumps(value, default=str))


def about_network(
    backbone: str,
    class_names: Sequence[str],
    preprocessing: Preprocessing,
    settings: dict[str, Any],
    arguments: Mapping[str, Any] | None = None,
    layers: Sequence[LayerPart] = (),
) -> dict[str, Any]:
    """Return what a checkpoint says of its network, in plain values; `read_about` reads it.

    Args:
        backbone: the network's name.
        class_names: in the order of the labels.
        preprocessing: from decoded images to its input.
        settings: of its training.
        arguments: that it is built with besides.
        layers: whose features it gives; none: those before its classifier.
    """
    about = {
        "backbone": backbone,
        **({"arguments": dict(arguments)} if arguments else {}),
        **({"layers": [asdict(part) for part in layers]} if layers else {}),
        "class_names": list(class_names),
        "preprocessing": asdict(preprocessing),
        "settings": settings,
    }
    return plain(about)  # type: ignore[no-any-return]


class _Settings(TypedDict, total=False):
    dataset: Required[str | None]
    data: Required[dict[str, Any]]
    stage: dict[str, Any]
    unlabelled: dict[str, Any]
    views: dict[str, Any]
    view_seed: Annotated[int, Meta(ge=0)]
    classifier_is_drawn: bool


_GROUPS: Mapping[str, type] = {
    "data": DataOptions,
    "stage": StageOneOptions,
    "unlabelled": UnlabelledOptions,
    "views": ViewOptions,
}


class _Threads(TypedDict):
    command: Annotated[int, Meta(ge=1, le=2**16)]
    training: Annotated[int, Meta(ge=1, le=2**16)]


def read_about(checkpoint: Checkpoint, path: Path) -> About:
    """Return what a checkpoint says of its network, with settings of the kinds that options have.

    Args:
        checkpoint: as `load_checkpoint` gives it.
        path: of its file.

    Raises:
        InputError: something is missing or of another kind; the message names it.
    """
    about, origin = about_of(checkpoint, str(path)), f"{path}, settings"
    expected = "the settings of a training, as longtail writes them"
    if "threads" in checkpoint["about"]:
        check_kind(checkpoint["about"]["threads"], _Threads, origin=f"{path}, threads", expected="numbers of threads")
    settings = check_kind(about["settings"], _Settings, origin=origin, expected=expected)
    for name, kind in _GROUPS.items():
        stored: Any = settings.get(name, {})
        check_kind(stored, _stored(kind), origin=f"{origin}, {name}", expected=expected)
        unknown = stored.keys() - {field.name for field in fields(kind)}
        if unknown:
            raise InputError(
                f"{origin}, {name}: holds {', '.join(sorted(map(str, unknown)))}, which this version of longtail does "
                "not know. Use the version that wrote it."
            )
    return about


@cache
def _stored(kind: type) -> Any:
    """Return the kind of options as `plain` leaves them: paths are strings, tuples lists; any may be missing."""
    hints = get_type_hints(kind)
    kinds = {
        field.name: str | None if hints[field.name] == Path | None else hints[field.name] for field in fields(kind)
    }
    return TypedDict(kind.__name__, kinds, total=False)  # type: ignore[operator]


def training_settings(
    dataset: str, data: DataOptions, stage: StageOneOptions, unlabelled: UnlabelledOptions, seed: int
) -> dict[str, Any]:
    """Return what a training with labels is known by: it goes on with these settings alone."""
    groups = {"data": asdict(data), "stage": asdict(stage), "unlabelled": asdict(unlabelled)}
    return plain({"dataset": dataset, **groups, "seed": seed})  # type: ignore[no-any-return]


def trained_stage(settings: dict[str, Any]) -> StageOneOptions:
    """Return how a network was trained, as its checkpoint says it; today's defaults for what it does not say.

    Args:
        settings: of its training.

    Example:
        >>> trained_stage({"stage": {"loss": "focal"}}).loss
        'focal'
    """
    return StageOneOptions(**asdict(StageOneOptions()) | (settings.get("stage") or {}))


def stored_views(settings: dict[str, Any]) -> tuple[ViewOptions, int]:
    """Return which views of images a run takes, as its checkpoint says it, and the seed of their draws."""
    return ViewOptions(**settings.get("views") or {}), settings.get("view_seed", 0)


def usual_settings() -> dict[str, Any]:
    """Return the defaults of stage 1: those of an earlier version's run in place of settings that were added since."""
    usual = {
        "data": asdict(DataOptions()),
        "stage": asdict(StageOneOptions()),
        "unlabelled": asdict(UnlabelledOptions()),
        "layers": asdict(LayerOptions()),
        "views": asdict(ViewOptions()),
    }
    return plain(usual)  # type: ignore[no-any-return]


def check_same(before: dict[str, Any], now: dict[str, Any], folder: Path, *, wherever: bool = False) -> None:
    """Refuse to go on with other settings; how often is saved and how many workers load changes no result.

    Args:
        before: settings of the run in `folder`; the defaults of what it does not name are those of today.
        now: settings that were given.
        folder: of the run.
        wherever: where the images of the run are known, the place at which they lie now is no such setting.

    Raises:
        InputError: they differ.
    """
    usual = {name: value for name, value in usual_settings().items() if name in now}
    old, new = _flat(usual) | _flat(before), _flat(now)
    names = [name for name in old if name.split(".")[-1] not in HARMLESS and old[name] != new.get(name)]
    if wherever and (folder / IMAGES).is_file():
        # images are known by what they are, wherever their folder is now; data sets by their names, those that a study
        # makes of one by its words
        elsewhere = {"data.data", "data.lists"}
        if old.get("dataset") not in DATA_NAMES and Path(str(new.get("dataset"))).exists():
            elsewhere.add("dataset")
        names = [name for name in names if name not in elsewhere]
    if names:
        others = "; ".join(
            f"{name.split('.')[-1].replace('_', '-')} {_in_words(old[name])}, not {_in_words(new.get(name))}"
            for name in names
        )
        epochs = next((name for name in names if name.endswith(".epochs")), None)
        raise InputError(
            f"{folder} holds a run with other settings: {others}. Choose another --out, delete that folder, or call "
            f"with its settings.{MORE_EPOCHS.format(folder=folder) if epochs and old[epochs] < new[epochs] else ''}"
        )


def check_begun(record: Path, settings: dict[str, Any]) -> None:
    """Refuse other settings than those that a training was begun with, before its images are looked at.

    Args:
        record: train.json or pretrain.json of the run; without a checkpoint beside it nothing was trained yet.
        settings: that were given, or some groups of them.

    Raises:
        InputError: they differ, or the record is damaged.
    """
    if record.is_file() and (record.parent / "checkpoints" / "last.pt").is_file():
        begun = read_json(record, dict[str, Any], expected="the settings of a training")
        check_same({name: begun[name] for name in settings if name in begun}, settings, record.parent, wherever=True)


def _in_words(value: Any) -> Any:
    return "none" if value is None else value


def _flat(nested: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in nested.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat
