"""A network of Hugging Face as a backbone: `hf:FOLDER` or `hf:NAME`, built from its settings and weights."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from longtail.backbones.example_inputs import noise
from longtail.backbones.running import evaluating
from longtail.backbones.transformers_library import quiet_transformers
from longtail.data.processor_config import ProcessorConfig, read_processor
from longtail.errors import InputError, did_you_mean
from longtail.files.text import printable

__all__ = ["PREFIX", "HuggingFaceBackbone", "build_hugging_face", "has_weights"]

PREFIX = "hf:"
_WEIGHTS = ("model.safetensors", "pytorch_model.bin", "model.safetensors.index.json", "pytorch_model.bin.index.json")
_ADVICE = "Install it: pip install 'longtail[transformers]'."
# of the classes that it was trained on, and of the files
_NOT_OF_THE_NETWORK = ("id2label", "label2id", "num_labels", "architectures", "_name_or_path", "auto_map")
_CLASSES = 3  # a new classifier is drawn in any case


class HuggingFaceBackbone(nn.Module):
    """A network of `transformers` under timm's backbone protocol.

    Args:
        network: maps images (B, channels, H, W) to the features (B, D).
        num_features: D.
        num_classes: C.
        pretrained_cfg: how its images are prepared, as timm says it.
        classifier_place: name that the last layer had in the network; "": it had none.
    """

    def __init__(
        self,
        network: nn.Module,
        num_features: int,
        num_classes: int,
        pretrained_cfg: dict[str, Any],
        classifier_place: str = "",
    ) -> None:
        super().__init__()
        self.network = network
        self.classifier_place = classifier_place
        self.num_features = num_features
        self.pretrained_cfg = pretrained_cfg
        self.reset_classifier(num_classes)

    @property
    def arguments(self) -> dict[str, Any]:
        """All settings that it is built with, in plain values."""
        config: Any = self.network.config
        return {name: value for name, value in config.to_diff_dict().items() if name not in _NOT_OF_THE_NETWORK} | {
            "model_type": config.model_type
        }

    def get_classifier(self) -> nn.Module:
        """Return the last layer."""
        return self.fc

    def reset_classifier(self, num_classes: int) -> None:
        """Draw a new last layer; for no classes, leave it out."""
        self.fc: nn.Module = nn.Linear(self.num_features, num_classes) if num_classes else nn.Identity()

    def forward_features(self, images: Tensor) -> Tensor:
        """Map images (B, channels, H, W) to features (B, D)."""
        return _features(self.network, images)

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        """Map features (B, D) to logits (B, C); with `pre_logits` give them back."""
        return features if pre_logits else self.fc(features)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, channels, H, W) to logits (B, C)."""
        return self.forward_head(self.forward_features(images))


def has_weights(name: str) -> bool:
    """Return whether `hf:` and this name bring weights along: a name of the hub does, a folder where they lie in it."""
    folder = Path(name.removeprefix(PREFIX))
    return not folder.is_dir() or any((folder / one).is_file() for one in _WEIGHTS)


def build_hugging_face(
    name: str, num_classes: int, channels: int, arguments: Mapping[str, Any], *, weights: bool
) -> HuggingFaceBackbone:
    """Build a network of Hugging Face with a newly drawn classifier.

    Args:
        name: "hf:" and a folder with config.json, or a name of the hub, which is looked up there or among what was
            fetched before.
        num_classes: C.
        channels: of the images.
        arguments: settings of config.json that are to be others; with "model_type" among them they are all there is,
            and nothing is read.
        weights: load those that come with it.

    Raises:
        InputError: `transformers` is missing, no such folder, settings that it does not have, weights of another
            network, or a network that gives no features of an image.
    """
    place = name.removeprefix(PREFIX)
    with quiet_transformers(printable(name), _ADVICE) as library:
        config = _configured(library, name, place, arguments)
        try:
            network, missing = _network(library, place, config, weights=weights)
        except InputError:
            raise
        # transformers stumbles over a folder in every way there is
        except Exception as error:
            raise InputError(f"{printable(name)}: transformers cannot build it ({_first_line(error)}).") from error
        seen = getattr(network.config, "num_channels", channels)
        if seen != channels:
            raise InputError(f"{printable(name)}: sees images of {seen} channels, and these have {channels}.")
        if "model_type" in arguments or not Path(place).is_dir():
            processor = None
        else:
            processor = read_processor(Path(place), network.config)
        cut, layer = _without_classifier(network, name, _size(network.config, processor, channels))
    lost = [key for key in missing if not (layer and key.startswith(f"{layer}."))]
    if weights and lost:
        raise InputError(
            f"{printable(name)}: {len(lost)} weights of {type(network).__name__} are not there (first: "
            f"{sorted(lost)[0]}). Expected all of them but those of its classifier."
        )
    shape = _size(network.config, processor, channels)
    with torch.no_grad(), evaluating(cut):
        dimension = _features(cut, noise(shape)).shape[1]
    return HuggingFaceBackbone(cut.float(), dimension, num_classes, _as_timm(processor, shape), layer).train()


def _configured(library: Any, name: str, place: str, arguments: Mapping[str, Any]) -> Any:
    """Return the settings: read, with some of them changed; or given, all of them."""
    if "model_type" in arguments:
        return library.AutoConfig.for_model(**arguments)
    folder = Path(place)
    if not folder.is_dir() and (place.count("/") != 1 or place.startswith((".", "/", "~"))):
        raise InputError(f"{printable(name)}: no such folder. Expected one with config.json in it.")
    if folder.is_dir() and not (folder / "config.json").is_file():
        raise InputError(f"{printable(name)}: holds no config.json. Expected a folder as save_pretrained writes it.")
    try:
        config = library.AutoConfig.from_pretrained(place, local_files_only=folder.is_dir(), trust_remote_code=False)
    except Exception as error:
        raise InputError(f"{printable(name)}: transformers cannot read its settings ({_first_line(error)}).") from error
    for key, value in arguments.items():
        if not hasattr(config, key) or key in _NOT_OF_THE_NETWORK:
            known = sorted(set(config.to_dict()) - set(_NOT_OF_THE_NETWORK))
            raise InputError(
                f"{printable(name)}: a {config.model_type} has no setting {key!r}.{did_you_mean(key, known)} Expected "
                f"one of {', '.join(known)}."
            )
        setattr(config, key, value)
    return config


def _network(library: Any, place: str, config: Any, *, weights: bool) -> tuple[Any, list[str]]:
    """Return the classifier of these settings, or where there is none of its kind the bare model; and lost weights."""
    kinds = (library.AutoModelForImageClassification, library.AutoModel)
    kind = kinds[0] if type(config) in kinds[0]._model_mapping else kinds[1]
    if not weights:
        config.num_labels = _CLASSES
        return kind.from_config(config, trust_remote_code=False, attn_implementation="eager"), []
    network, report = kind.from_pretrained(
        place,
        config=config,
        local_files_only=Path(place).is_dir(),
        trust_remote_code=False,
        attn_implementation="eager",
        output_loading_info=True,
    )
    if report.get("mismatched_keys"):
        raise InputError(
            f"{printable(place)}: its weights are of another shape than its settings say "
            f"({next(iter(report['mismatched_keys']))})."
        )
    return network, list(report["missing_keys"])


def _without_classifier(network: Any, name: str, shape: tuple[int, int, int]) -> tuple[nn.Module, str]:
    """Take the linear layer away that ends the network; return what is left, and the name of the layer.

    A linear layer commutes with a mean over places, so that it may stand before one.

    Raises:
        InputError: it takes no images, or ends in something else.
    """
    images = noise(shape)
    with torch.no_grad(), evaluating(network):
        try:
            scores = getattr(network(images), "logits", None)
        except Exception as error:
            raise InputError(
                f"{printable(name)}: {type(network).__name__} cannot be run on images of {shape[1]} pixels "
                f"({_first_line(error)})."
            ) from error
        if scores is None:  # a model without a classifier
            return network, ""
        ends = [
            (place, module)
            for place, module in network.named_modules()
            if isinstance(module, nn.Linear) and module.out_features == scores.shape[-1]
        ]
        for place, layer in reversed(ends):
            network.set_submodule(place, nn.Identity())
            try:
                features = network(images).logits
                if features.ndim == 2 and features.shape[1] == layer.in_features:
                    again = layer(features)
                    if (again - scores).abs().max() <= 1e-4 * scores.abs().max().clamp(min=1e-6):
                        return network, place
            except Exception:  # another shape where one of two classifiers is gone
                features = None
            network.set_submodule(place, layer)
    raise InputError(
        f"{printable(name)}: {type(network).__name__} ends in something else than one linear layer. Choose a network "
        "whose classifier is one."
    )


def _features(network: nn.Module, images: Tensor) -> Tensor:
    result = network(images)
    features = getattr(result, "logits", None)
    if features is None:
        features = getattr(result, "pooler_output", None)
    if features is None:
        hidden = result.last_hidden_state
        features = hidden.mean(dim=(2, 3)) if hidden.ndim == 4 else hidden.mean(dim=1)
    return features.flatten(1)  # type: ignore[no-any-return]


def _size(config: Any, processor: ProcessorConfig | None, channels: int) -> tuple[int, int, int]:
    """Return the shape of an image that the network takes."""
    told = getattr(config, "image_size", None)
    side = max(told) if isinstance(told, list | tuple) else told
    if not isinstance(side, int):
        side = 224 if processor is None else processor.size
    return channels, side, side


def _as_timm(processor: ProcessorConfig | None, shape: tuple[int, int, int]) -> dict[str, Any]:
    if processor is None:
        return {}
    return {
        "input_size": (shape[0], processor.size, processor.size),
        "mean": processor.statistics[0][: shape[0]],
        "std": processor.statistics[1][: shape[0]],
        "resize": processor.resize,
        "squeeze": processor.squeeze,
    }


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:200] or type(error).__name__
