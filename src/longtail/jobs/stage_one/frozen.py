"""A backbone that is there already, taken as it is in place of stage 1."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longtail.data.source import DataSplits
from longtail.errors import InputError
from longtail.jobs.flags import naming_flags
from longtail.jobs.options import DataOptions, LayerOptions, StageOneOptions, ViewOptions
from longtail.jobs.stage_one.adapter import check_adapter

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from torch import nn

    from longtail.data.transforms import Preprocessing
    from longtail.jobs.stage_one.trained_model import TrainedModel

__all__ = ["check_backbone", "check_feature_options", "take_backbone", "untrained_network"]


def check_feature_options(layers: LayerOptions, views: ViewOptions, stage: StageOneOptions, *, crt_from: str) -> None:
    """Refuse layers and views that are named in vain, before anything is computed.

    Raises:
        InputError: words that name no layers, a backbone that is trained, or cRT from images.
    """
    from longtail.backbones.layer_choice import check_layers

    with naming_flags():
        check_layers(layers.layers, layers.pool)
    if not stage.frozen and layers != LayerOptions():
        raise InputError(
            "--layers and --pool: are for --frozen. Of a network that is trained: `longtail train`, `longtail extract "
            "RUN --layers last4`, `longtail fit`."
        )
    if not stage.frozen and views != ViewOptions():
        raise InputError(
            "--views and --test-views: are for --frozen. Of a network that is trained: `longtail train`, `longtail "
            "extract RUN --views 4`, `longtail fit`."
        )
    if views != ViewOptions() and crt_from == "images":
        raise InputError(
            "--views and --test-views: with --crt-from images, cRT draws views of its own. Leave them out."
        )
    if layers != LayerOptions() and crt_from == "images":
        raise InputError("--layers: with --crt-from images, cRT sees the features before the classifier alone.")


def check_backbone(
    stage: StageOneOptions,
    named: tuple[str, DataOptions],
    features: tuple[LayerOptions, ViewOptions, int],
    folder: Path,
) -> dict[str, Any]:
    """Refuse a backbone that cannot be taken, before anything is computed, or that is not the one of a folder.

    Args:
        stage: names the backbone, and where its weights come from: timm (--pretrained), Hugging Face (--backbone hf:),
            a file of others (--weights) or a checkpoint of ours (--init).
        named: the data's name or path, and the settings that they were opened with.
        features: of which layers and views they are taken, and the seed of the views.
        folder: of the run.

    Returns:
        The settings that the backbone is known by.

    Raises:
        InputError: no weights, or more than one kind; other settings than before.
    """
    from longtail.jobs.stage_one.settings import check_same, plain, read_about
    from longtail.training.checkpoints import load_checkpoint

    check_adapter(stage)
    _origin(stage)
    (dataset, data), (layers, views, seed) = named, features
    groups = {"data": asdict(data), "stage": asdict(stage), "layers": asdict(layers), "views": asdict(views)}
    drawn = {"view_seed": seed} if views.views > 1 else {}
    settings: dict[str, Any] = plain({"dataset": dataset, **groups, **drawn, "classifier_is_drawn": True})
    last = folder / "checkpoints" / "last.pt"
    if last.is_file():
        check_same(read_about(load_checkpoint(last), last)["settings"], settings, folder)
    return settings


def take_backbone(
    fabric: "Fabric",
    splits: DataSplits,
    stage: StageOneOptions,
    layers: LayerOptions,
    settings: dict[str, Any],
    folder: Path,
) -> dict[str, Any]:
    """Write a checkpoint of a backbone that was trained elsewhere; the one that `folder` has already stays.

    Args:
        fabric: launched.
        splits: the opened data.
        stage: names the backbone, as for `check_backbone`.
        layers: whose features are taken.
        settings: of `check_backbone`.
        folder: of the run.

    Returns:
        What results.json says of stage 1, and `sentence` for a person.

    Raises:
        InputError: weights of another network, or no such layers.
    """
    from longtail.training.checkpoints import save_checkpoint

    origin, last = _origin(stage), folder / "checkpoints" / "last.pt"
    if not last.is_file() and fabric.is_global_zero:
        taken = untrained_network(splits, stage, layers, settings)
        task = {f"model.{key}": tensor for key, tensor in taken.model.state_dict().items()}
        save_checkpoint({"task": task, "optimizer": {}, "precision": {}, "state": {}, "about": taken.about}, last)
    fabric.barrier()
    return {
        "sentence": f"not trained: {origin}",
        "sampling": None,
        "origin": origin,
        "epochs": 0,
        "learning_rate": None,
        "seconds": 0.0,
        "images_per_second": None,
        "history": [],
    }


def untrained_network(
    splits: DataSplits, stage: StageOneOptions, layers: LayerOptions, settings: dict[str, Any]
) -> "TrainedModel":
    """Build a backbone with its weights.

    Args:
        splits: the opened data.
        stage: names the backbone, as for `check_backbone`.
        layers: whose features are wanted.
        settings: of `check_backbone`.

    Raises:
        InputError: weights of another network, or no such layers.
    """
    import torch

    from longtail.backbones import create_backbone
    from longtail.backbones.layer_choice import chosen_parts
    from longtail.jobs.stage_one.settings import about_network
    from longtail.jobs.stage_one.setup import arguments_for, backbone_for
    from longtail.jobs.stage_one.trained_model import TrainedModel

    channels = splits.train.load(0).shape[0]
    torch.manual_seed(0)
    name = backbone_for(stage, _preprocessing(splits, stage, None))
    arguments = arguments_for(stage, name)
    with naming_flags():
        model: Any = create_backbone(
            name,
            num_classes=len(splits.class_names),
            in_chans=channels,
            pretrained=stage.pretrained,
            arguments=arguments,
        )
    _load(model, stage, name)
    preprocessing = _preprocessing(splits, stage, model)
    with naming_flags():
        parts = chosen_parts(model, layers.layers, layers.pool, (channels, preprocessing.size, preprocessing.size))
    arguments = getattr(model, "arguments", arguments)  # of Hugging Face: all of its settings
    about = about_network(name, splits.class_names, preprocessing, settings, arguments, parts)
    return TrainedModel(model, preprocessing, about, Path(name), parts)


def _origin(stage: StageOneOptions) -> str:
    from longtail.backbones.hugging_face_network import PREFIX, has_weights

    is_hugging_face = stage.backbone.startswith(PREFIX)
    named = {
        "timm's weights": stage.pretrained and not is_hugging_face,
        f"weights of {stage.backbone}": is_hugging_face and stage.init is None and has_weights(stage.backbone),
        f"weights of {stage.weights}": stage.weights is not None,
        f"weights of {stage.init}": stage.init is not None,
    }
    given = [words for words, is_given in named.items() if is_given]
    if not given:
        raise InputError(
            "--frozen: no weights are named. Expected one of --pretrained, --backbone hf:FOLDER, --weights FILE and "
            "--init CHECKPOINT: a network that nobody trained has no features."
        )
    if len(given) > 1:
        raise InputError(
            f"--frozen: {' and '.join(given)}. Expected those of one place: leave the others out. --no-pretrained "
            "takes back what a recipe asks for."
        )
    return given[0]


def _load(model: "nn.Module", stage: StageOneOptions, backbone: str) -> None:
    from longtail.backbones import classifier_prefix
    from longtail.backbones.foreign import read_foreign
    from longtail.jobs.stage_one.optimisation import start_from
    from longtail.training.checkpoints import load_weights

    if stage.init is not None:
        start_from(model, stage.init, backbone)
    elif stage.weights is not None:
        prefix = classifier_prefix(model)
        drawn = {key: tensor for key, tensor in model.state_dict().items() if key.startswith(prefix)}
        load_weights(model, {**read_foreign(stage.weights).backbone, **drawn}, str(stage.weights))


def _preprocessing(splits: DataSplits, stage: StageOneOptions, model: Any) -> "Preprocessing":
    """Prepare images as the network saw them when it was trained, where that is known."""
    from longtail.data.preprocessing_choice import pretrained_preprocessing, stored_preprocessing, trained_preprocessing
    from longtail.jobs.stage_one.settings import read_about
    from longtail.training.checkpoints import load_checkpoint

    chosen: Any = {"image_size": stage.image_size, "augmentation": stage.augmentation, "decode": stage.decode}
    with naming_flags():
        if stage.init is not None:
            trained = stored_preprocessing(read_about(load_checkpoint(stage.init), stage.init)["preprocessing"])
            return trained_preprocessing(trained, splits, **chosen)
        config = getattr(model, "pretrained_cfg", None) or {}
        return pretrained_preprocessing(config, splits, **chosen)
