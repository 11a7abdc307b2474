"""The router of a trained network of experts, learnt from its training images; stopped and resumed like trainings."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from longtail.backbones.expert_router import RoutedExperts, routed_experts
from longtail.backbones.experts import ExpertNetwork
from longtail.data.fingerprint import identities
from longtail.errors import InputError
from longtail.files.text import printable
from longtail.heads.routing import right_after
from longtail.jobs.options import StageOneOptions
from longtail.jobs.stage_one.image_batches import training_batches
from longtail.jobs.stage_one.images import prepare
from longtail.jobs.stage_one.settings import read_about
from longtail.jobs.stage_one.trained_model import TrainedModel
from longtail.schedules import Schedule
from longtail.training.checkpoints import load_checkpoint, load_weights, weights_fingerprint
from longtail.training.inference import features_in_memory
from longtail.training.loop import train
from longtail.training.plan import TrainingPlan, TrainingRecord
from longtail.training.router import RouterTask
from longtail.training.state import TrainingState

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from longtail.data.source import ImageSource

__all__ = ["RouterSettings", "Routing", "check_experts", "fit_router", "measure_routing"]

_BLOCK = 4096
_CHOICES = 50, 30  # as released: of large images, and of those up to 64 pixels


@dataclass(frozen=True)
class RouterSettings:
    """How a router learns; but for the first two, the settings of RIDE's released code.

    Attributes:
        seed: of its first weights and of the draws.
        workers: processes that load images.
        epochs: of as many draws as there are images, all classes alike.
        batch_size: images a step.
        learning_rate: falls to 0 by a cosine, epoch by epoch.
        weight_decay: of all its weights.
        positive_weight: of an image that needs another expert, against one that needs none.
    """

    seed: int
    workers: int
    epochs: int
    batch_size: int = 512
    learning_rate: float = 0.01
    weight_decay: float = 5e-4
    positive_weight: float = 100.0


@dataclass(frozen=True)
class Routing:
    """What a router says of the images of a split.

    Attributes:
        scores: after each expert but the last, shape (N, E - 1).
        right: whether the mean of the first k experts is right, shape (N, E).
        labels: shape (N,).
    """

    scores: NDArray[np.float32]
    right: NDArray[np.bool_]
    labels: NDArray[np.int64]


def check_experts(trained: TrainedModel) -> ExpertNetwork:
    """Return a network of two experts or more, which are all asked so far.

    Raises:
        InputError: it has none to choose from, or is routed already.
    """
    network = trained.model
    if not trained.is_routed and isinstance(network, ExpertNetwork) and network.num_experts > 1:
        return network
    has = "asks some of its experts already" if trained.is_routed else "has no experts"
    raise InputError(f"{printable(trained.path)}: its network {has}. Expected a run of --experts ride or sade.")


def fit_router(
    fabric: "Fabric",
    trained: TrainedModel,
    source: "ImageSource",
    settings: RouterSettings,
    folder: Path,
    *,
    quiet: bool,
) -> tuple[RoutedExperts, dict[str, Any]]:
    """Learn when the next expert is needed, on class-balanced crops and mirrors of the training images.

    Args:
        fabric: launched.
        trained: a network of several experts.
        source: of train.
        settings: how.
        folder: for the checkpoint of this training.
        quiet: show no progress.

    Returns:
        The network, whose threshold is the published one; and what a checkpoint says of it.

    Raises:
        InputError: as `check_experts`.
    """
    network = check_experts(trained)
    torch.manual_seed(settings.seed)
    choices = min(_CHOICES[trained.preprocessing.resident], network.num_classes)
    model = routed_experts(network, choices).to(fabric.device)
    task = RouterTask(model, settings.positive_weight)
    facts = {"choices": choices, "threshold": 0.0}
    about: dict[str, Any] = {**trained.about, "router": facts}
    # views of an image would be routed each by itself, and are not
    about["settings"] = {**about["settings"], "views": {}, "routing": _learnt_from(settings, network, source)}
    last = folder / "last.pt"
    resume = load_checkpoint(last) if last.is_file() else None
    if resume is not None and read_about(resume, last) != about:
        resume = None  # an earlier call with other settings: its checkpoint is overwritten
    if resume is not None and TrainingState.of(resume, str(last)).epoch >= settings.epochs:
        load_weights(task, resume["task"], str(last))
    else:
        stage = StageOneOptions(
            representation="class", epochs=settings.epochs, batch_size=settings.batch_size, workers=settings.workers
        )
        images = prepare(source, trained.preprocessing, fabric.device)
        optimizer = torch.optim.SGD(
            model.router.parameters(),
            lr=settings.learning_rate,
            momentum=0.9,
            weight_decay=settings.weight_decay,
            nesterov=True,
        )
        train(
            fabric,
            task,
            optimizer,
            training_batches(fabric, images, trained.preprocessing, stage, settings.seed),
            TrainingPlan(settings.epochs, Schedule("cosine-epoch"), settings.seed),
            TrainingRecord(folder, about, resume, quiet=quiet),
        )
    model.eval()
    return model, about


def _learnt_from(settings: RouterSettings, network: ExpertNetwork, source: "ImageSource") -> dict[str, Any]:
    """Return what a router is known by: a stopped one goes on with the same settings, network and images alone."""
    images = hashlib.sha256(np.asarray(source.labels, dtype=np.int64).tobytes())
    for name in identities(source):
        images.update(f"{name}\n".encode("utf-8", "surrogateescape"))
    plain = {name: value for name, value in vars(settings).items() if name != "workers"}
    return {**plain, "weights": weights_fingerprint(network.state_dict()), "images": images.hexdigest()}


def measure_routing(
    fabric: "Fabric", model: RoutedExperts, trained: TrainedModel, source: "ImageSource", *, workers: int
) -> Routing:
    """Ask all experts about all images of a split, and the router after each."""
    images = prepare(source, trained.preprocessing, fabric.device)
    batches = images.batches(fabric, trained.preprocessing, workers=workers)
    features = features_in_memory(fabric, model.features_of_all, batches, len(source), model.num_features)
    labels = torch.from_numpy(images.labels).to(features.device)
    scores, right = [], []
    with torch.inference_mode():
        for start in range(0, len(labels), _BLOCK):
            part = slice(start, start + _BLOCK)
            scores.append(model.scores(features[part]))
            right.append(right_after(model.logits_of_each(features[part]), labels[part]))
    return Routing(torch.cat(scores).cpu().numpy(), torch.cat(right).cpu().numpy(), images.labels)
