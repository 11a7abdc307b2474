"""What predicts: a head of a run or a checkpoint's own classifier, and the features of images for it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longtail.errors import InputError
from longtail.files.text import printable
from longtail.runs import Run, run_of_head

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from lightning_fabric import Fabric
    from numpy.typing import NDArray

    from longtail.data.source import ImageSource
    from longtail.heads.base import Head
    from longtail.jobs.stage_one.trained_model import TrainedModel

__all__ = [
    "Predictor",
    "check_stored_features",
    "fitted_on_validation",
    "image_features",
    "open_predictor",
    "validation_of",
]


@dataclass(frozen=True)
class Predictor:
    """A classifier with the network whose features it takes.

    Attributes:
        head: fitted; its classes are 0 .. C - 1.
        class_names: C names.
        feature_names: of the columns that it was fitted on, D of them, or None.
        checkpoint: of the network; it need not exist where features come in.
        path: of the head, or of the checkpoint whose own classifier it is.
        notes: what a person should know.
        name: of the head where it is none of the run's; "": the path tells.
    """

    head: "Head"
    class_names: tuple[str, ...]
    feature_names: tuple[str, ...] | None
    checkpoint: Path
    path: Path
    notes: tuple[str, ...] = ()
    name: str = ""

    @property
    def title(self) -> str:
        """What the head is called."""
        return self.name or self.path.stem

    @property
    def run(self) -> Run:
        """The run that it belongs to."""
        return run_of_head(self.path)


def open_predictor(model: Path, method: str | None = None) -> Predictor:
    """Open a run's head or a checkpoint's own classifier.

    Args:
        model: folder of a run, a published model (its folder, or hf://user/name), a head (RUN/heads/tau.npz), or a
            checkpoint (.pt).
        method: which head of a run; default: the one that its report recommends.

    Raises:
        InputError: nothing usable there, no such method, or an untrained classifier.
    """
    from longtail.files.hub import fetched
    from longtail.heads import load_head

    model = fetched(model)
    if model.suffix == ".pt":
        return _network_classifier(model)
    path = model if model.suffix == ".npz" else Run(model).head_path(method)
    run = run_of_head(path)
    head = load_head(path)
    if run.is_measured:
        _check_names(head, run, path)
        if not hasattr(head, "class_counts_"):  # saved by an older longtail
            head.class_counts_ = run.train_counts
    names = run.class_names if run.is_measured else _names_of(head, "class_names_")
    columns = run.feature_names if run.is_measured else _names_of(head, "feature_names_")
    plain = tuple(str(number) for number in range(len(head.classes_)))
    return Predictor(
        head, plain if names is None else names, columns, _checkpoint_of(run, path.stem), path, run.doubts_of(path)
    )


def validation_of(head_path: Path) -> "tuple[NDArray[Any], NDArray[np.int64]] | None":
    """Return features and class indices of a run's validation split, for a head that was not fitted to them.

    Args:
        head_path: RUN/heads/NAME.npz.

    Returns:
        Features (V, D) and class indices (V,), or None.
    """
    from longtail.features import open_feature_file
    from longtail.jobs.run_features import problem_of_run

    run = run_of_head(head_path)
    if head_path.suffix != ".npz" or fitted_on_validation(head_path) or _takes_other_features(run, head_path.stem):
        return None
    folder = run.features
    if run.rows is None and (folder / "feature_val.h5").is_file():
        file = open_feature_file(folder / "feature_val.h5")
        return file.features, file.labels
    if not folder.exists() or (run.rows is None and (folder / "feature_train.h5").is_file()):
        return None
    val = problem_of_run(run).splits.get("val")
    return None if val is None else (val.features, val.labels)


def fitted_on_validation(head_path: Path) -> bool:
    """Return whether a run's head learnt from its validation split, as `auto` does; it cannot calibrate there."""
    return "val" in _choice(run_of_head(head_path), head_path.stem).get("fitted_on", [])


def check_stored_features(head_path: Path) -> None:
    """Make sure that the features a run keeps are those that a head of it sees.

    Args:
        head_path: RUN/heads/NAME.npz.

    Raises:
        InputError: the head was trained from images, behind a network whose features were not kept.
    """
    if _takes_other_features(run_of_head(head_path), head_path.stem):
        raise InputError(
            f"{head_path}: was trained from images, with features of its own that were not kept. Take another."
        )


def image_features(
    fabric: "Fabric", model: "TrainedModel", source: "ImageSource", workers: int, *, quiet: bool = True
) -> "Iterator[tuple[range, NDArray[np.float32]]]":
    """Walk over the features of the images of a source; every process gets all of them.

    Yields:
        Rows, and their features, float32, shape (rows, D).
    """
    from longtail.jobs.compiled import settle_features
    from longtail.jobs.pace import Work, settle_threads
    from longtail.jobs.stage_one.images import prepare
    from longtail.training.inference import feature_blocks

    settle_threads(fabric, Work.of_features(model, len(source)), quiet=True)
    batches = prepare(source, model.preprocessing, fabric.device).batches(fabric, model.preprocessing, workers=workers)
    features_of = settle_features(fabric, model, len(source), quiet=quiet)
    return feature_blocks(fabric, features_of, batches, len(source), model.dimension)


def _network_classifier(checkpoint: Path) -> Predictor:
    from longtail.backbones import linear_parameters
    from longtail.heads import Joint
    from longtail.jobs.stage_one.objective import trained_prior
    from longtail.jobs.stage_one.trained_model import open_model

    model = open_model(checkpoint)
    if model.about["settings"].get("classifier_is_drawn"):
        raise InputError(f"{checkpoint}: its classifier is untrained. Fit a head: longtail extract, longtail fit.")
    weight, bias = (part.numpy() for part in linear_parameters(model.model))
    run, names = run_of_head(checkpoint), tuple(model.about["class_names"])
    # counts of another folder's run say nothing of this network
    counts = run.train_counts if run.is_measured and run.class_names == names else None
    head = Joint(head_prior=trained_prior(model.about["settings"])).take(weight, bias, class_counts=counts)
    return Predictor(head, names, None, checkpoint, checkpoint)


def _check_names(head: "Head", run: Run, path: Path) -> None:
    head_names = _names_of(head, "class_names_")
    if head_names is not None and head_names != run.class_names:
        raise InputError(
            f"{printable(path)}: is of other classes than the run in {printable(run.folder)}. Take a head of that run."
        )
    if len(head.classes_) != len(run.class_names):
        raise InputError(
            f"{printable(path)}: knows {len(head.classes_)} classes, and the run in {printable(run.folder)} "
            f"{len(run.class_names)}. Take a head of that run."
        )


def _names_of(head: "Head", attribute: str) -> tuple[str, ...] | None:
    names = getattr(head, attribute, None)
    return None if names is None else tuple(names.astype(str).tolist())


def _checkpoint_of(run: Run, method: str) -> Path:
    if _takes_other_features(run, method):
        return run.folder / "checkpoints" / "crt" / "last.pt"
    return run.checkpoint()


def _takes_other_features(run: Run, method: str) -> bool:
    # trained on images, its batch-norm statistics may be its own
    # earlier versions had this group inside that of the heads, the first of them no groups
    heads = run.group("heads")
    images = run.group("images") or heads.get("images", heads)
    crt_from = images.get("crt_from") if isinstance(images, dict) else None
    return bool(crt_from == "images" and _choice(run, method).get("method", method) == "crt")


def _choice(run: Run, method: str) -> dict[str, Any]:
    """Return what results.json says of how `auto` was chosen; nothing for other methods."""
    choice: dict[str, Any] = run.facts(method).get("choice") or {}
    return choice
