"""cRT from the images: a new classifier, behind a frozen backbone or one that learns on, with augmentation."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from longtail.backbones import classifier_of, hold_all_but, linear_parameters
from longtail.comparison import read_settings
from longtail.comparison.method_settings import unfitted_head
from longtail.counts import class_counts
from longtail.errors import InputError
from longtail.heads import ClassifierRetraining
from longtail.jobs.head_options import HeadOptions, ImageOptions
from longtail.jobs.options import RuntimeOptions, StageOneOptions
from longtail.jobs.stage_one.image_batches import training_batches
from longtail.jobs.stage_one.images import Images, prepare
from longtail.jobs.stage_one.optimisation import parameter_groups
from longtail.jobs.stage_one.settings import read_about
from longtail.jobs.stage_one.trained_model import TrainedModel
from longtail.schedules import Schedule
from longtail.training.checkpoints import load_checkpoint, load_weights
from longtail.training.classification import Classification
from longtail.training.loop import train
from longtail.training.passes import in_passes
from longtail.training.plan import TrainingPlan, TrainingRecord
from longtail.training.state import TrainingState

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from longtail.data.source import DataSplits

__all__ = ["OF_RETRAINING", "RetrainingOptions", "retrain_from_images"]

# settings of crt that have a part here too
OF_RETRAINING = ("epochs", "batch_size", "learning_rate", "weight_decay", "repeat_threshold", "sampling", "schedule")


@dataclass(frozen=True)
class RetrainingOptions:
    """What is known of the run that cRT is trained again in.

    Attributes:
        stage: of stage 1: workers, saving, accumulation.
        heads: settings of crt.
        images: what learns, and the batch-norm mode of what does not.
        runtime: seed and progress.
    """

    stage: StageOneOptions
    heads: HeadOptions
    images: ImageOptions
    runtime: RuntimeOptions


def retrain_from_images(
    fabric: "Fabric", trained: TrainedModel, splits: "DataSplits", options: RetrainingOptions, folder: Path
) -> tuple[ClassifierRetraining, dict[str, NDArray[np.int64]]]:
    """Train the classifier again on class-balanced, augmented images, alone or with a part of the backbone.

    Args:
        fabric: launched.
        trained: stage 1; its network is changed in place.
        splits: with the images.
        options: of the run.
        folder: for the checkpoints; `checkpoints/crt` of a run.

    Returns:
        The head, and the network's predictions on val and test, which differ from those on the stored features where
        the statistics were re-estimated or the backbone learnt.
    """
    stage, retrained, runtime = options.stage, options.images, options.runtime
    preprocessing = trained.preprocessing
    crt: Any = unfitted_head("crt", read_settings(options.heads.set))
    if crt.epochs == "auto":
        raise InputError("--set crt.epochs=auto: with --crt-from images, expected a number of epochs.")
    torch.manual_seed(runtime.seed)
    model: Any = trained.model
    model.reset_classifier(classifier_of(model).out_features)
    classifier_of(model).reset_parameters()  # as torch draws a linear layer, whatever the backbone's own way
    model.to(fabric.device)
    frozen = hold_all_but(model, retrained.crt_part)
    task = Classification(model, frozen=frozen if retrained.bn_mode == "frozen" else ())
    optimizer = torch.optim.SGD(
        parameter_groups(model, crt.learning_rate, retrained.crt_backbone_rate),
        lr=crt.learning_rate,
        momentum=0.9,
        weight_decay=crt.weight_decay,
    )
    about = {
        **trained.about,
        "preprocessing": asdict(preprocessing),
        "crt": {
            "epochs": crt.epochs,
            "batch_size": crt.batch_size,
            "learning_rate": crt.learning_rate,
            "weight_decay": crt.weight_decay,
            "repeat_threshold": crt.repeat_threshold,
            "bn_mode": retrained.bn_mode,
            "part": retrained.crt_part,
            "backbone_rate": retrained.crt_backbone_rate,
            "sampling": crt.sampling,
            "schedule": crt.schedule,
            "seed": runtime.seed,
        },
    }
    last = folder / "last.pt"
    resume = load_checkpoint(last) if last.is_file() else None
    if resume is not None and read_about(resume, last) != about:
        resume = None  # an earlier call with other settings of cRT: its checkpoint is overwritten
    if resume is not None and TrainingState.of(resume, str(last)).epoch >= crt.epochs:
        load_weights(task, resume["task"], str(last))
    else:
        retraining = replace(
            stage,
            representation=crt.sampling,
            epochs=crt.epochs,
            batch_size=crt.batch_size,
            run_length=4,
            rebalance_from=0.0,
            repeat_threshold=crt.repeat_threshold,
        )
        images = prepare(splits.train, preprocessing, fabric.device)
        plan = TrainingPlan(
            num_epochs=crt.epochs,
            schedule=Schedule(crt.schedule),
            seed=runtime.seed,
            save_every=stage.save_every,
        )
        batches = training_batches(fabric, images, preprocessing, retraining, runtime.seed)
        train(fabric, task, optimizer, batches, plan, TrainingRecord(folder, about, resume, quiet=runtime.quiet))
    task.eval()
    weight, bias = linear_parameters(model)
    head = crt.take(
        weight.cpu().numpy(),
        bias.cpu().numpy(),
        class_counts=class_counts(splits.train.labels, len(splits.train.class_names)),
    )
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
            predicted[rows.start : rows.stop] = in_passes(model, batch).argmax(dim=1)
    # every row was predicted by one process, all others hold 0 there
    return fabric.all_reduce(predicted, reduce_op="sum").cpu().numpy()  # type: ignore[union-attr]
