"""Write all files of a published model, and read it back before it is kept."""

import csv
import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch

from longtail import __version__
from longtail.backbones.example_inputs import noise
from longtail.errors import InputError, LongtailError
from longtail.files.atomic import write_json, write_text
from longtail.files.text import printable
from longtail.jobs.balancing.opened import balanced_model, open_balanced
from longtail.jobs.calibrating.file import calibration_path
from longtail.jobs.predicting.predictor import Predictor, open_predictor
from longtail.jobs.predicting.probabilities import how_calibrated, stored_calibration
from longtail.jobs.publishing.network_files import (
    NetworkFiles,
    SoftmaxLayer,
    balanced_files,
    network_files,
    softmax_layer,
)
from longtail.jobs.stage_one.trained_model import TrainedModel, open_model
from longtail.published import FORMAT, PUBLISHED
from longtail.report.model_card import CardFacts, model_card
from longtail.runs import Run

if TYPE_CHECKING:
    from longtail.jobs.calibrating.file import StoredCalibration

__all__ = ["write_published"]

TOLERANCE = 1e-4
_DATA = (
    *("num_classes", "class_names", "feature_names", "train_counts", "splits", "group_thresholds", "group_of_class"),
    *("imbalance_ratio", "boxes"),
)
_MEASURED = ("summary", "chosen", "selected_on", "seconds", "metrics", "choice", "versus_joint", "head_sha256")
# settings that predictions depend on
_SETTINGS = ("logits", "layer", "image_size", "mean", "std")
_GROUPS = {"columns": None, "data": ("box_padding", "box_square")}


class Wishes(Protocol):
    """What of the settings is needed here."""

    @property
    def method(self) -> str | None: ...
    @property
    def license(self) -> str: ...
    @property
    def to(self) -> str: ...


def write_published(run: Run, folder: Path, *, name: str, config: Wishes) -> Iterator[str]:
    """Write a run's network, head, calibration, results and model card into an empty folder.

    Args:
        run: of run, fit or balance.
        folder: empty.
        name: what the model is called.
        config: the method, the licence, and where it will be.

    Yields:
        Sentences that a person should read.

    Raises:
        InputError: the run is published already, or has no such method.
        LongtailError: what was written is not the same network.
    """
    if run.is_published:
        raise InputError(f"{printable(run.folder)}: is published already; copy that folder. --to hf://... uploads it.")
    predictor = open_predictor(run.folder, config.method)
    method = predictor.path.stem
    if predictor.notes:  # what was measured does not hold of it
        raise InputError(f"not published: {'; '.join(predictor.notes)}. Fit it again.")
    if run.is_balanced and method != run.recommended:
        raise InputError(f"--method {method}: the balanced model has {run.recommended} in it. Leave --method out.")
    calibration = stored_calibration(predictor.path, predictor.class_names)
    opened, files = _network(run, predictor, calibration, folder)
    for source, inside in ((predictor.path, "heads"), (calibration_path(predictor.path), "calibration")):
        if source.is_file():
            (folder / inside).mkdir()
            shutil.copyfile(source, folder / inside / source.name)
    about = {
        "format": FORMAT,
        "longtail": __version__,
        "name": name,
        "layout": None if files is None else files.layout,
        "network": None if files is None else files.about,
        "settings": _settings(run, folder, None if files is None else files.arch),
    }
    write_json(folder / PUBLISHED, about)
    results = _results(run, method, files)
    write_json(folder / "results.json", results)
    if opened is not None and files is not None:
        _check(folder, opened, files)
    facts = _card_facts(run, predictor, calibration, opened, files)
    joint = {key: value for key, value in run.results["methods"].items() if key == "joint"}
    shown = {**results, "methods": {**joint, **results["methods"]}, "stage1": run.results["stage1"]}
    names = sorted(path.name for path in folder.iterdir())
    place = config.to if config.to.startswith("hf:") else "FOLDER"
    card = CardFacts(name=name, method=method, license=config.license, place=place, files=names, **facts)
    write_text(folder / "README.md", model_card(shown, card))
    yield from _notes(predictor, calibration, opened, files, config.license)


def _network(
    run: Run, predictor: Predictor, calibration: "StoredCalibration | None", folder: Path
) -> tuple[TrainedModel | None, NetworkFiles | None]:
    """Write the network where the run has one."""
    if run.is_balanced:
        try:
            model = balanced_model(run)
        except InputError:  # its last layer alone is known
            return None, None
        weight, bias = model.file.linear
        layer = SoftmaxLayer(torch.from_numpy(weight), torch.from_numpy(bias), is_calibrated=False)
        return open_balanced(run), balanced_files(model, layer, folder, run.class_names)
    if not predictor.checkpoint.is_file():
        return None, None
    opened = open_model(predictor.checkpoint)
    layer_of_head = softmax_layer(predictor.head, opened, None if calibration is None else calibration.calibrator)
    return opened, network_files(opened, layer_of_head, folder)


def _settings(run: Run, folder: Path, arch: str | None) -> dict[str, Any]:
    """Return the settings that predictions depend on, and write the prior of a balanced model where it is a file."""
    settings = {key: run.settings[key] for key in _SETTINGS if run.settings.get(key) is not None}
    for group, names in _GROUPS.items():
        settings[group] = {key: value for key, value in run.group(group).items() if names is None or key in names}
    return {**settings, "prior": _write_prior(run, folder), "arch": arch} if run.is_balanced else settings


def _results(run: Run, method: str, files: NetworkFiles | None) -> dict[str, Any]:
    """Return what was measured of one method, without places and names of this machine."""
    results = run.results
    data = {key: results["data"][key] for key in _DATA if results["data"].get(key) is not None}
    data["name"] = Path(str(results["data"]["name"])).name
    entry = {key: results["methods"][method][key] for key in _MEASURED if key in results["methods"][method]}
    choice = entry.get("choice")
    if choice and choice.get("costs"):
        entry["choice"] = {**choice, "costs": Path(choice["costs"]).name}
    reduced = {
        "schema": results["schema"],
        "title": Path(str(results["title"])).name,
        "data": data,
        "methods": {method: {"params": {}, **entry}},
        "verdict": {"best": method, "selected_on": results["verdict"].get("selected_on")},
        "created": results.get("created"),
        "environment": {
            key: results["environment"][key] for key in ("longtail", "torch", "timm") if key in results["environment"]
        },
    }
    if results.get("quick"):
        reduced["quick"] = reduced["verdict"]["quick"] = results["quick"]
    if results.get("model"):
        written = Path(results["model"]["written"]).name if files is None else files.written
        reduced["model"] = {**results["model"], "read": Path(results["model"]["read"]).name, "written": written}
    return reduced


def _write_prior(run: Run, folder: Path) -> str | None:
    """Return the balanced model's prior; of a CSV a copy goes into the folder."""
    from longtail.jobs.predicting.target_prior import find_prior

    prior: str | None = run.settings.get("prior")
    if prior in (None, "uniform", "train"):
        return prior
    shares = find_prior(prior, run.class_names, run.train_counts).shares
    text = io.StringIO()
    csv.writer(text).writerows([("class", "share"), *zip(run.class_names, shares.tolist(), strict=True)])
    write_text(folder / "prior.csv", text.getvalue())
    return "prior.csv"


def _check(folder: Path, opened: TrainedModel, files: NetworkFiles) -> None:
    """Make sure that what was written gives the same features, and the same scores where others read it.

    Raises:
        LongtailError: it does not.
    """
    published = Run(folder)
    again = open_balanced(published) if published.is_balanced else open_model(published.checkpoint())
    images = noise(opened.image_shape)
    with torch.inference_mode():
        features = opened.features(images)
        difference = _difference(again.features(images), features)
        if files.layer is not None and files.read_by == "timm":
            import timm

            theirs = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
            scores = features @ files.layer.weight.T + files.layer.bias
            difference = max(difference, _difference(theirs(images), scores))
    if not difference <= TOLERANCE:
        raise LongtailError(
            f"not published: the network that was written differs from the run's by {difference:.1e}, more than "
            f"{TOLERANCE:g}. `longtail export --format onnx` writes it in another way."
        )


def _difference(theirs: torch.Tensor, ours: torch.Tensor) -> float:
    return float((theirs - ours).abs().max() / ours.abs().max().clamp(min=1))


def _card_facts(
    run: Run,
    predictor: Predictor,
    calibration: "StoredCalibration | None",
    opened: TrainedModel | None,
    files: NetworkFiles | None,
) -> dict[str, Any]:
    softmax: str | None = None
    if files is not None:
        words = (
            "calibrated probabilities"
            if files.layer and files.layer.is_calibrated
            else "softmax of the scores, not calibrated"
        )
        softmax = "" if files.layer is None else words
    return {
        "summary": run.facts(predictor.path.stem).get("summary", ""),
        "read_by": "longtail" if files is None else files.read_by,
        "softmax": softmax,
        "probabilities": how_calibrated(calibration, None),
        "prior": _prior_words(run, predictor, calibration),
        "decode": None if opened is None else opened.preprocessing.decode,
        "features": "" if opened is not None else _features_words(run, predictor),
    }


def _features_words(run: Run, predictor: Predictor) -> str:
    """Say what the features are that a head takes, as far as their file says it."""
    words = [f"{predictor.head.n_features_in_:,} numbers an image"]
    try:
        attributes = run.open_features().splits["train"].attributes
    except InputError:  # they are no longer there
        attributes = {}
    names = {"backbone": "network", "weights": "SHA-256 of its weights", "preprocessing": "preprocessing"}
    words += [f"{name} {attributes[key]}" for key, name in names.items() if isinstance(attributes.get(key), str)]
    return "; ".join(word for word in words if not any(sign in word for sign in ("\n", "/", "\\")))  # no place


def _prior_words(run: Run, predictor: Predictor, calibration: "StoredCalibration | None") -> str:
    """Say for which shares of classes the probabilities are meant."""
    prior = run.settings.get("prior") if run.is_balanced else None
    worlds = {
        "uniform": "all classes are equally common",
        "train": "classes are as common as in the training images",
    }
    if prior is not None:
        world = worlds.get(prior, "classes are as common as prior.csv says")
    elif calibration is not None:
        shares = calibration.calibrator.prior
        extremes = f"{100 * np.max(shares):.2g} % the most common class, {100 * np.min(shares):.2g} % the rarest"
        world = f"classes are as common as where it was calibrated ({extremes})"
    else:
        world = worlds[predictor.head.implied_prior]
    return f"They are meant for a world in which {world}; `--prior` moves them to another."


def _notes(
    predictor: Predictor,
    calibration: "StoredCalibration | None",
    opened: TrainedModel | None,
    files: NetworkFiles | None,
    license: str,
) -> Iterator[str]:
    if files is None:
        yield "  note     no network is known here: the head alone is published, and predicts from features"
    elif files.read_by == "longtail":
        yield "  note     no other library has this network: longtail alone reads it (longtail export writes ONNX)"
    elif files.layer is None:
        yield f"  note     the head {_why_features(opened, predictor)}: timm reads the features, longtail the head too"
    elif calibration is not None and calibration.calibrator.method != "none" and not files.layer.is_calibrated:
        yield (
            f"  note     {files.read_by} gives scores that are not calibrated: a calibration by "
            f"{calibration.calibrator.method} is not one linear layer. longtail predict calibrates them"
        )
    if license == "unknown":
        yield "  note     its licence is unknown to those who find it: --license says it"


def _why_features(opened: TrainedModel | None, predictor: Predictor) -> str:
    if opened is not None and opened.layers:
        return "sees features of several layers"
    if opened is not None and opened.test_views > 1:
        return "sees the mean over several views"
    return f"({type(predictor.head).__name__}) is not one linear layer"
