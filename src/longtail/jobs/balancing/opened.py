"""A trained model, opened: its file, the network that its weights belong to, and how images become its input."""

from dataclasses import dataclass
from pathlib import Path

from longtail.backbones.model_file import ModelFile, open_model_file
from longtail.data.transforms import Preprocessing
from longtail.errors import InputError
from longtail.files.text import printable
from longtail.jobs.balancing.built_architecture import architecture_of, check_single_label
from longtail.jobs.balancing.network import Network, build_network, split_model, with_measured_layer
from longtail.jobs.balancing.preprocessing import known_preprocessing
from longtail.jobs.stage_one.trained_model import TrainedModel
from longtail.runs import Run

__all__ = ["ModelReading", "OpenedModel", "balanced_model", "open_balanced", "open_model_to_balance"]


@dataclass(frozen=True)
class ModelReading:
    """What a person says of a model's file.

    Attributes:
        layer: name of its last layer; None where it has a usual one.
        arch: its network, timm:NAME or torchvision:NAME; None where the file says it.
        image_size: height and width that the network sees; None for what is usual for it.
        mean: of each channel; None likewise.
        std: deviation of each channel; None likewise.
    """

    layer: str | None = None
    arch: str | None = None
    image_size: int | None = None
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class OpenedModel:
    """A model's file with, where it is known, the network.

    Attributes:
        file: with the layers that end the network.
        network: None where only the weights are known.
        preprocessing: from decoded images to its input; None likewise.
        source: where the preprocessing is from, in words.
    """

    file: ModelFile
    network: Network | None = None
    preprocessing: Preprocessing | None = None
    source: str = ""


def open_model_to_balance(
    path: Path, reading: ModelReading, *, runs: bool = True, is_single_label: bool = False
) -> OpenedModel:
    """Read a model and find what ends it: by running its network where that is known, else by names.

    Args:
        path: of the model.
        reading: what is said of it.
        runs: whether the network is needed; else it is built only where no name says which layer is the last.
        is_single_label: whether each image has one class though its config says that it may have several.

    Raises:
        InputError: unreadable, of several labels, or of a network that is not known or does not end in the layer.
    """
    file = open_model_file(path, reading.layer)
    check_single_label(file.config, printable(path / "config.json"), is_single_label=is_single_label)
    if runs:
        architecture = architecture_of(file, reading.arch)
    else:
        try:
            file.layer  # noqa: B018  looked for by its name
            return OpenedModel(file)
        except InputError as unnamed:
            try:
                architecture = architecture_of(file, None)
            except InputError:
                raise unnamed from None
    network = build_network(file, architecture)
    preprocessing, source = known_preprocessing(
        file, network, image_size=reading.image_size, mean=reading.mean, std=reading.std
    )
    return OpenedModel(with_measured_layer(file, network, preprocessing), network, preprocessing, source)


def open_balanced(run: Run) -> TrainedModel:
    """Open the model that a call of `balance` wrote, cut before its last layer; arguments as of `balanced_model`."""
    opened = balanced_model(run)
    if opened.network is None or opened.preprocessing is None:
        raise InputError(f"{printable(opened.file.path)}: its network is not known.")
    return split_model(opened.network, opened.file, opened.preprocessing, run.class_names)


def balanced_model(run: Run) -> OpenedModel:
    """Open the model that a call of `balance` wrote.

    Args:
        run: of `balance`.

    Raises:
        InputError: the model is no longer there, or its network is not known.
    """
    path = run.folder / Path(run.results["model"]["written"]).name
    settings = run.settings

    def numbers(name: str) -> tuple[float, float, float] | None:
        values = settings.get(name)
        return None if values is None else (float(values[0]), float(values[1]), float(values[2]))

    reading = ModelReading(
        settings.get("layer"), settings.get("arch"), settings.get("image_size"), numbers("mean"), numbers("std")
    )
    try:
        return open_model_to_balance(path, reading, is_single_label=True)
    except InputError as error:
        raise InputError(f"{error} Without the network, features are predicted: the file, as `fit` takes it.") from None
