"""`longtail balance`: a model that exists already in, the same model with a fair last layer out."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import tyro
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.jobs.options import DataOptions, HeadOptions, RuntimeOptions

if TYPE_CHECKING:
    from longtail.features import FeatureFile
    from longtail.jobs.balance_file import ModelFile
    from longtail.jobs.feature_problem import FeatureProblem

__all__ = ["BalanceConfig", "linear_methods", "run"]

# heads that are one linear layer, so that they fit in its place
LINEAR_METHODS = ("joint", "ridge", "lda", "tau", "la", "lws", "crt")
WITHOUT_BIAS = ("joint", "tau", "lws")  # of them, those that need no bias where the model's own layer has none


@dataclass(frozen=True)
class BalanceConfig:
    """Rebalance the last layer of a trained model; all its other weights stay as they are."""

    model: tyro.conf.Positional[Path]
    """State dict or checkpoint of a timm, torchvision or Hugging Face classifier (.pt, .pth, .bin, .safetensors), an
    exported program (.pt2), the last layer alone (.npz, or a state dict of it), or a folder of Hugging Face."""
    features: Path | None = None
    """Folder with feature_{train,val,test}.h5, or a file, as `fit` takes them: what the model's last layer sees."""
    layer: str | None = None
    """Name of the last layer among the weights, where it has no usual one (fc, head, classifier, head.fc, ...)."""
    arch: str | None = None
    """With --data: the network, timm:NAME or torchvision:NAME; default: what the file says, or ResNets by shape."""
    class_names: Path | None = None
    """Text file with the model's class names, one a line in the order of its outputs: labels are numbered by them."""
    image_size: int | None = None
    """With --data: height and width that the network sees; default: as usual for it."""
    mean: tuple[float, float, float] | None = None
    """With --data: mean of each channel that the images were normalised with, 0 to 1; default: as usual for it."""
    std: tuple[float, float, float] | None = None
    """With --data: deviation of each channel."""
    also: tuple[Literal["torch-export", "onnx"], ...] = ()
    """Write the balanced model as these too, with preprocessing and class names inside; as `export` does."""
    workers: int = 2
    """Processes that load images of more than 64 pixels."""
    data: DataOptions = field(default_factory=DataOptions)
    heads: HeadOptions = field(default_factory=lambda: HeadOptions(methods="tau,la,lws,crt"))
    runtime: RuntimeOptions = field(default_factory=RuntimeOptions)


def run(config: BalanceConfig) -> Path:
    """Find the last layer, fit fair ones on its features, choose without the test split, and write the model again.

    Returns:
        The model that was written.
    """
    from longtail.jobs.balance_file import open_model_file
    from longtail.jobs.comparison import compare_heads
    from longtail.jobs.launch import resolve_device
    from longtail.jobs.outcome import finish
    from longtail.jobs.verdict import verdict

    runtime = config.runtime
    folder = runtime.out or Path("runs") / f"balance-{config.model.resolve().stem}"
    if (folder / config.model.resolve().name).resolve() == config.model.resolve():
        raise InputError(f"--out {folder}: the model that is read lies there. Expected another folder.")
    file = open_model_file(config.model, config.layer)
    options, wanted = _head_options(config.heads, has_bias=file.layer.bias is not None)
    num_classes, dimension = file.layer.weight.shape
    _say(config, f"{file.path}: last layer {file.layer.name or 'weight'}, {num_classes} classes x {dimension} features")
    for note in file.notes:
        _say(config, f"  note     {note}")
    splits, notes = _splits(config, file, folder)
    problem = _checked(config, file, splits, notes)
    results = compare_heads(
        problem,
        options,
        title=file.path.resolve().name,
        seed=runtime.seed,
        device=resolve_device(runtime.device),
        folder=folder,
        quiet=runtime.quiet,
    )
    best = wanted or verdict(results)["best"]
    written, agreement = _written(file, problem, folder, best)
    results["model"] = {
        "read": str(file.path),
        "written": str(written),
        "layer": file.layer.name,
        "method": best,
        "same_predictions": agreement,
    }
    finish(results, folder, config, quiet=runtime.quiet)
    what = results["methods"][best].get("choice", {}).get("method", best)
    print(f"{written}  ({file.layer.name or 'weight, bias'} is now {what}'s, all other weights are as they were)")
    if config.also:
        _exported(config, file, written, problem, folder)
    return written


def linear_methods(text: str, *, has_bias: bool) -> tuple[str, ...]:
    """Read a list of methods, all of which must fit in the place of a linear layer.

    Args:
        text: such as "tau,lws", "all" or "auto".
        has_bias: of the model's own layer.

    Raises:
        InputError: an unknown method, one that is no linear layer, or one that needs a bias where there is none.

    Example:
        >>> linear_methods("all", has_bias=False), linear_methods("lws,tau,auto", has_bias=True)
        (('joint', 'tau', 'lws'), ('tau', 'lws'))
    """
    from longtail.jobs.comparison import wanted_methods

    possible = LINEAR_METHODS if has_bias else WITHOUT_BIAS
    words = {word.strip() for word in text.split(",") if word.strip()} - {"auto"}
    if words in ({"all"}, set()):
        return possible
    named = wanted_methods(text)
    wrong = [name for name in named if name not in possible]
    if wrong and wrong[0] in LINEAR_METHODS:
        raise InputError(f"--methods {wrong[0]}: needs a bias, and the model's last layer has none. Use tau or lws.")
    if wrong:
        raise InputError(
            f"--methods {wrong[0]}: is no linear layer, so the model has no place for it. Expected some of "
            f"{', '.join(possible)}."
        )
    return tuple(name for name in possible if name in named)


def _head_options(heads: HeadOptions, *, has_bias: bool) -> tuple[HeadOptions, str | None]:
    """Give the options for the comparison, and the method to be written where there is no choice to be made."""
    if heads.head is not None:
        raise InputError("--head: the model's own last layer is taken. Leave it out.")
    if heads.crt_from == "images" or heads.crt_part != "classifier":
        raise InputError("--crt-from images, and --crt-part, change more than the last layer. Use `longtail run`.")
    if heads.feature_transform not in ("none", "centre", "standardise"):
        raise InputError(
            f"--feature-transform {heads.feature_transform}: a linear layer cannot take that over. "
            "Expected none, centre or standardise."
        )
    if heads.feature_transform != "none" and not has_bias:
        raise InputError(
            f"--feature-transform {heads.feature_transform} needs a bias; the model's last layer has none."
        )
    defaults = "tau,la,lws,crt" if has_bias else "tau,lws"
    is_default = heads.methods == "tau,la,lws,crt"
    named = linear_methods(defaults if is_default else heads.methods, has_bias=has_bias)
    if len(named) == 1:
        return replace(heads, methods=",".join(dict.fromkeys(("joint", *named)))), named[0]
    return replace(heads, methods=",".join(dict.fromkeys(("joint", *named, "auto"))), refit=heads.refit), None


def _splits(config: BalanceConfig, file: "ModelFile", folder: Path) -> tuple[dict[str, "FeatureFile"], tuple[str, ...]]:
    """Open the features, or make them of the images."""
    if (config.features is None) == (config.data.data is None):
        given = "neither" if config.features is None else "both"
        raise InputError(
            f"{given} of --features and --data {'was' if given == 'neither' else 'were'} given. Expected features of "
            "this model, or images to make them of."
        )
    if config.features is not None:
        from longtail.embeddings import open_embeddings

        opened = open_embeddings(
            config.features,
            val_fraction=config.data.val_fraction,
            test_fraction=config.data.test_fraction,
            seed=config.data.split_seed,
        )
        if opened.head is not None:
            raise InputError(f"{config.features}: holds logits. Expected features: what the model's last layer sees.")
        return opened.splits, opened.notes
    return _extracted(config, file, folder)


def _extracted(
    config: BalanceConfig, file: "ModelFile", folder: Path
) -> tuple[dict[str, "FeatureFile"], tuple[str, ...]]:
    from longtail.features import open_feature_folder
    from longtail.jobs.balance_network import architecture_of, build_network, known_preprocessing, split_model
    from longtail.jobs.extract import extract_splits
    from longtail.jobs.images import open_splits
    from longtail.jobs.launch import launch

    architecture = architecture_of(file, config.arch)
    network = build_network(file, architecture)
    preprocessing = known_preprocessing(
        file, architecture, image_size=config.image_size, mean=config.mean, std=config.std
    )
    splits = open_splits(str(config.data.data), replace(config.data, data=None))
    fabric = launch(config.runtime)
    model = split_model(network, file, architecture, preprocessing, splits.class_names)
    model.model.to(fabric.device)
    _say(config, f"{architecture}, images of {preprocessing.size} pixels")
    quiet = config.runtime.quiet
    extract_splits(fabric, model, splits, folder / "features", dtype="float32", workers=config.workers, quiet=quiet)
    return open_feature_folder(folder / "features"), splits.notes


def _checked(
    config: BalanceConfig, file: "ModelFile", splits: dict[str, "FeatureFile"], notes: tuple[str, ...]
) -> "FeatureProblem":
    """Number the labels as the model does, and make sure that features, labels and layer belong together."""
    from longtail.heads import Joint
    from longtail.jobs.balance_check import check_fit
    from longtail.jobs.feature_problem import check_problem

    splits, more = _in_the_models_order(config, file, splits)
    problem = check_problem(splits, head=file.linear, drop_nonfinite=config.heads.drop_nonfinite)
    train = problem.splits["train"]
    predicted = Joint().take(*file.linear).predict(train.features)
    found = check_fit(np.asarray(train.labels), predicted, problem.class_names, str(file.path))
    _say(config, f"as it is, it finds {found['all']:.1f} % of the training rows, balanced {found['balanced']:.1f} %")
    return replace(problem, notes=(*notes, *file.notes, *more, *problem.notes))


def _in_the_models_order(
    config: BalanceConfig, file: "ModelFile", splits: dict[str, "FeatureFile"]
) -> tuple[dict[str, "FeatureFile"], list[str]]:
    from longtail.jobs.balance_check import renumbered

    names, origin = _model_names(config, file)
    if names is None:
        return splits, []
    stored = splits["train"].attributes.get("class_names")
    data_names = names if stored is None else [str(name) for name in json.loads(stored)]
    is_numbered = data_names == [str(c) for c in range(len(data_names))]
    if is_numbered or (config.class_names is None and sorted(data_names) != sorted(names)):
        # nothing to go by: the order is what the labels say, and is looked at below
        note = [] if is_numbered else [f"{origin}: other class names than the data's; taken to be in the same order"]
        return splits, note
    changed = {}
    for split, part in splits.items():
        attributes = {**part.attributes, "class_names": json.dumps(names)}
        labels = renumbered(np.asarray(part.labels), data_names, names, origin)
        changed[split] = replace(part, labels=labels, attributes=attributes)
    moved = sum(ours != theirs for ours, theirs in zip(names, data_names, strict=True))
    return changed, [f"{moved} classes were renumbered by their names, as {origin} has them"] if moved else []


def _model_names(config: BalanceConfig, file: "ModelFile") -> tuple[list[str] | None, str]:
    """Give the model's class names in the order of its outputs, where they are known, and where they stand."""
    num_classes = len(file.layer.weight)
    if config.class_names is not None:
        from longtail.data.list_file import read_lines

        if not config.class_names.is_file():
            raise InputError(f"--class-names {config.class_names}: no such file. Expected a class name a line.")
        names = [line for line in read_lines(config.class_names) if line]
        if len(names) != num_classes:
            raise InputError(f"{config.class_names}: {len(names)} names, but the model has {num_classes} outputs.")
        return names, str(config.class_names)
    stored: dict[str, str] = file.config.get("id2label") or {}
    listed = [str(stored.get(str(c), "")) for c in range(num_classes)]
    listed = file.config.get("label_names") or listed
    drawn = [f"LABEL_{c}" for c in range(num_classes)]
    return (None if listed == drawn or not all(listed) else listed), f"{file.path / 'config.json'}"


def _written(file: "ModelFile", problem: "FeatureProblem", folder: Path, best: str) -> tuple[Path, float]:
    """Write the model with the head; give the share of rows for which the written layer says what the head says."""
    from longtail.heads import Joint, load_head
    from longtail.heads.linear import LinearHead
    from longtail.jobs.balance_file import open_model_file

    head = load_head(folder / "heads" / f"{best}.npz")
    if not isinstance(head, LinearHead):
        raise InputError(f"{best} is no linear layer. Expected some of {', '.join(LINEAR_METHODS)}.")
    written = file.write(folder, head.weight_, head.bias_)
    again = open_model_file(written, file.layer.name or None)
    rows = problem.splits["val" if "val" in problem.splits else "train"].features
    same: NDArray[np.bool_] = Joint().take(*again.linear).predict(rows) == head.predict(rows)
    return written, float(same.mean())


def _exported(config: BalanceConfig, file: "ModelFile", written: Path, problem: "FeatureProblem", folder: Path) -> None:
    from longtail.deploy import Deployed, write_deployed
    from longtail.jobs.balance_file import open_model_file
    from longtail.jobs.balance_network import architecture_of, build_network, known_preprocessing

    architecture = architecture_of(file, config.arch)
    network = build_network(open_model_file(written, file.layer.name or None), architecture)
    preprocessing = known_preprocessing(
        file, architecture, image_size=config.image_size, mean=config.mean, std=config.std
    )
    for kind in config.also:
        path = folder / f"{written.stem}{'.onnx' if kind == 'onnx' else '.pt2'}"
        difference = write_deployed(Deployed(network, preprocessing), path, kind, class_names=problem.class_names)
        print(f"{path}  (checked: logits differ by at most {difference:.1e})")


def _say(config: BalanceConfig, text: str) -> None:
    if not config.runtime.quiet:
        print(text)
