"""cRT from the images: a new classifier behind the frozen backbone, with augmentation."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from longtail.backbones import classifier_of, features_of
from longtail.heads import ClassifierRetraining
from longtail.jobs.images import Images, plain_preprocessing, prepare
from longtail.jobs.model import TrainedModel
from longtail.jobs.options import HeadOptions, RuntimeOptions, StageOneOptions
from longtail.schedules import Schedule
from longtail.training.checkpoints import load_checkpoint
from longtail.training.loop import TrainingState, train

if TYPE_CHECKING:
    from lightning.fabric import Fabric

    from longtail.data.source import DataSplits

__all__ = ["ClassifierOnly", "retrain_from_images"]


class ClassifierOnly(nn.Module):
    """The task of retraining: cross-entropy of a linear classifier on the features of a network that learns nothing.

    Args:
        model: the network; its own classifier is replaced by a new one.
        reestimate_statistics: leave batch norm in training mode, so that its running statistics become those of the
            batches drawn here, as the released code of the decoupling paper does; else they stay as they are.
    """

    def __init__(self, model: Any, *, reestimate_statistics: bool) -> None:
        super().__init__()
        layer = classifier_of(model)
        model.reset_classifier(layer.out_features)
        self.model = model.requires_grad_(False)
        self.classifier = classifier_of(model).requires_grad_(True)
        self.classifier.reset_parameters()
        self.reestimate_statistics = reestimate_statistics

    def train(self, mode: bool = True) -> "ClassifierOnly":
        """Switch to training; the network follows only where its statistics are to be re-estimated."""
        super().train(mode)
        self.model.train(mode and self.reestimate_statistics)
        return self

    def forward(self, images: Tensor, labels: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Give the loss of a batch and its top-1 accuracy in percent."""
        with torch.no_grad():
            features = features_of(self.model, images)
        logits = self.classifier(features)
        accuracy = (logits.argmax(dim=1) == labels).float().mean() * 100
        return nn.functional.cross_entropy(logits, labels), {"accuracy": accuracy}


def retrain_from_images(
    fabric: "Fabric",
    trained: TrainedModel,
    splits: "DataSplits",
    stage: StageOneOptions,
    heads: HeadOptions,
    runtime: RuntimeOptions,
    folder: Path,
) -> tuple[ClassifierRetraining, dict[str, NDArray[np.int64]]]:
    """Train the classifier again on class-balanced, augmented images.

    Args:
        fabric: launched.
        trained: stage 1; its network is changed in place.
        splits: with the images.
        stage: of stage 1: workers, saving, accumulation.
        heads: epochs, rates and batch-norm mode.
        runtime: seed and progress.
        folder: of the run; checkpoints go to `checkpoints/crt/`.

    Returns:
        The head, and the network's predictions on val and test, which differ from those on the stored features where
        the statistics were re-estimated.
    """
    preprocessing = trained.preprocessing
    torch.manual_seed(runtime.seed)
    module = ClassifierOnly(trained.model, reestimate_statistics=heads.bn_mode == "reestimated")
    module.to(fabric.device)
    optimizer = torch.optim.SGD(
        module.classifier.parameters(),
        lr=heads.head_learning_rate,
        momentum=0.9,
        weight_decay=heads.head_weight_decay,
    )
    about = {
        **trained.about,
        "preprocessing": plain_preprocessing(preprocessing),
        "crt": {"epochs": heads.crt_epochs, "bn_mode": heads.bn_mode},
    }
    checkpoints = folder / "checkpoints" / "crt"
    last = checkpoints / "last.pt"
    resume = load_checkpoint(last) if last.is_file() else None
    if resume is not None and resume["about"] != about:
        resume = None  # an earlier call with other settings of cRT: its checkpoint is overwritten
    task, optimizer = fabric.setup(module, optimizer)
    if resume is not None and TrainingState(**resume["state"]).epoch >= heads.crt_epochs:
        task.load_state_dict(resume["task"])
    else:
        from longtail.jobs.train import training_batches

        plan = replace(stage, epochs=heads.crt_epochs, batch_size=heads.head_batch_size)
        images = prepare(splits.train, preprocessing, fabric.device)
        train(
            fabric,
            task,
            optimizer,
            training_batches(fabric, images, preprocessing, plan, runtime.seed, "class"),
            num_epochs=heads.crt_epochs,
            schedule=Schedule("cosine-epoch"),
            seed=runtime.seed,
            folder=checkpoints,
            about=about,
            resume=resume,
            save_every=stage.save_every,
            quiet=runtime.quiet,
        )
    module.eval()
    layer = module.classifier
    head = ClassifierRetraining(
        epochs=heads.crt_epochs, batch_size=heads.head_batch_size, learning_rate=heads.head_learning_rate
    ).take(layer.weight.detach().cpu().numpy(), layer.bias.detach().cpu().numpy())
    parts = {"val": splits.val, "test": splits.test}
    predictions = {
        split: _predict(fabric, trained.model, prepare(source, preprocessing, fabric.device), trained, stage)
        for split, source in parts.items()
        if source is not None and len(source)
    }
    return head, predictions


@torch.inference_mode()
def _predict(
    fabric: "Fabric", model: nn.Module, images: Images, trained: TrainedModel, stage: StageOneOptions
) -> NDArray[np.int64]:
    predicted = torch.zeros(len(images.source), dtype=torch.int64, device=fabric.device)
    with fabric.autocast():
        for rows, batch in images.batches(fabric, trained.preprocessing, workers=stage.workers):
            predicted[rows.start : rows.stop] = model(batch).argmax(dim=1)
    # every row was predicted by one process, all others hold 0 there
    return fabric.all_reduce(predicted, reduce_op="sum").cpu().numpy()  # type: ignore[union-attr]
