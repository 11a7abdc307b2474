"""`longtail balance`: a model that exists already in, the same model with a fair last layer out."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import tyro
from numpy.typing import NDArray

from longtail.errors import InputError, LongtailError
from longtail.files.result_files import parts_with
from longtail.files.text import printable
from longtail.jobs.head_options import HeadOptions
from longtail.jobs.options import DataOptions, PixelSize, RuntimeOptions, Workers
from longtail.jobs.run_logs import Loggers

if TYPE_CHECKING:
    from longtail.backbones.model_file import ModelFile
    from longtail.comparison.problem import FeatureProblem
    from longtail.jobs.balancing.opened import OpenedModel

__all__ = ["BalanceConfig", "run"]


@dataclass(frozen=True)
class BalanceConfig:
    """Rebalance the last layer of a trained model; all its other weights stay as they are."""

    model: tyro.conf.Positional[Path]
    """Classifier (.pt, .safetensors, .pt2, folder of Hugging Face, hf://user/name), or its last layer."""
    features: Path | None = None
    """Folder with feature_{train,val,test}.h5, or a file as `fit` takes it, for that last layer."""
    layer: str | None = None
    """Name of the last layer's weights, where it is no usual one (fc, head, classifier, ...)."""
    arch: str | None = None
    """Network, timm:NAME or torchvision:NAME; default: as the file says, or ResNets by shape."""
    class_names: Path | None = None
    """Text file of the model's class names, one a line in the order of its outputs."""
    image_size: PixelSize | None = None
    """Height and width of the network's images, with --data; default: its usual size."""
    mean: tuple[float, float, float] | None = None
    """Mean of each channel in the model's preprocessing, 0 to 1; default: its usual one."""
    std: tuple[float, float, float] | None = None
    """Deviation of each channel in the model's preprocessing; default: its usual one."""
    prior: str | None = None
    """Class shares where the model will be used: uniform, train, or a CSV; default: the method's."""
    export: tuple[Literal["torch-export", "onnx"], ...] = ()
    """Programs of the balanced model to write too, as `export` does."""
    single_label: bool = False
    """Take a model with a sigmoid a class as one of a single class an image."""
    workers: Workers = 2
    """Processes that load images of more than 64 pixels."""
    logger: Loggers = ()
    """Loggers to use."""
    dry_run: bool = False
    """What would be done and how long; nothing is written."""
    data: DataOptions = field(default_factory=DataOptions)
    heads: HeadOptions = field(default_factory=lambda: HeadOptions(methods="all"))
    runtime: RuntimeOptions = field(default_factory=RuntimeOptions)


def run(config: BalanceConfig) -> Path:
    """Find the last layer, fit fair ones on its features, choose without the test split, and write the model again.

    Returns:
        The model that was written.
    """
    from longtail.files.hub import hub_address
    from longtail.files.replacement import replacing
    from longtail.jobs.dry_run.balanced import forecast_balance
    from longtail.jobs.idle_notes import with_idle_settings
    from longtail.jobs.outcome import tell
    from longtail.jobs.places import place_for
    from longtail.jobs.run_logs import log_results
    from longtail.loggers import check_loggers

    check_loggers(config.logger)
    runtime = config.runtime
    folder = place_for("balance", config.model, runtime.out)
    if hub_address(config.model) is None and (folder / config.model.resolve().name).resolve() == config.model.resolve():
        raise InputError(f"--out {printable(folder)}: the model that is read lies there. Expected another folder.")
    if config.features is not None and config.data.data is not None:
        raise InputError("--features and --data were given both. Expected one of them.")
    opened = _opened(config)
    file = opened.file
    if config.prior is not None and file.layer.bias is None:
        raise InputError("--prior goes into the bias, and the model's last layer has none. Leave it out.")
    options, wanted = _head_options(config.heads, has_bias=file.layer.bias is not None)
    num_classes, dimension = file.layer.weight.shape
    kind = "last layer" if len(file.layer.terms) == 1 else "last layers, whose scores are added:"
    _say(
        config,
        f"{printable(file.path)}: {kind} {file.layer.name or 'weight'}, {num_classes} classes x {dimension} features",
    )
    if config.dry_run:
        print(forecast_balance(config, opened, options, folder).text())
        return folder / config.model.name
    problem = with_idle_settings(_problem(config, opened, folder), options, quiet=runtime.quiet)
    stays = ("features",) if config.features is None else parts_with(folder, config.features)
    with replacing(folder, stays=stays) as new:
        results = _compared(config, opened, problem, options, wanted, new)
        exported = _exported(config, opened, new / Path(results["model"]["written"]).name, problem.class_names)
    log_results(config, folder, results)
    model = results["model"]
    best, written, agreement = model["method"], folder / Path(model["written"]).name, model["same_predictions"]
    tell(results, folder, quiet=runtime.quiet)
    what = results["methods"][best].get("choice", {}).get("method", best)
    where = "" if config.prior is None else f", moved to the prior {config.prior} (the table is of {what} without that)"
    layer = file.layer.name or "weight, bias"
    are = "is" if len(file.layer.terms) == 1 else "are"
    print(f"{printable(written)}  ({layer} {are} now {what}'s{where}, all other weights are as they were)")
    if agreement < 1:
        stored = str(file.weights[file.layer.terms[0].weight_key].dtype).removeprefix("torch.")
        print(
            f"  note     stored as {stored}, it predicts the class that the table is of for {100 * agreement:.1f} % "
            "of rows"
        )
    for name, difference in exported.written.items():
        print(f"{printable(folder / name)}  (checked: differs by at most {difference:.1e})")
    if exported.failures:
        raise LongtailError(
            f"{' '.join(exported.failures)} {printable(written)} and the report beside it are written, and whole."
        )
    return written


def _opened(config: BalanceConfig) -> "OpenedModel":
    """Read the model and find what ends it: by running its network where that is known, else by names."""
    from longtail.deploy import require_onnx
    from longtail.files.hub import fetched, hub_address
    from longtail.jobs.balancing.opened import ModelReading, open_model_to_balance

    if "onnx" in config.export:
        require_onnx()
    reading = ModelReading(config.layer, config.arch, config.image_size, config.mean, config.std)
    opened = open_model_to_balance(
        fetched(config.model),
        reading,
        runs=config.data.data is not None or bool(config.export) or config.arch is not None,
        is_single_label=config.single_label,
    )
    address = hub_address(config.model)
    if address is not None:  # its folder is called by a commit
        opened = replace(opened, file=replace(opened.file, called=address.repo.partition("/")[2]))
    if opened.network is not None and opened.preprocessing is not None:
        _say(config, f"{opened.network.architecture}, images of {opened.preprocessing.size} pixels ({opened.source})")
    return opened


def _compared(
    config: BalanceConfig,
    opened: "OpenedModel",
    problem: "FeatureProblem",
    options: HeadOptions,
    wanted: str | None,
    folder: Path,
) -> dict[str, Any]:
    """Fit and measure the layers, and write the model with the best one, and all else, into a folder."""
    from longtail.comparison import compare_under
    from longtail.comparison.verdict import verdict
    from longtail.jobs.head_options import protocol_of
    from longtail.jobs.launch import resolve_device
    from longtail.jobs.outcome import finish
    from longtail.jobs.places import remember_source
    from longtail.jobs.written_comparison import say_fitted, write_comparison

    file = opened.file
    runtime = config.runtime
    protocol = protocol_of(options, problem, seed=runtime.seed, device=resolve_device(runtime.device))
    protocol = replace(protocol, rules=replace(protocol.rules, together=False))  # a mean is no layer
    comparison = compare_under(protocol, options.methods, on_fitted=None if runtime.quiet else say_fitted)
    results = write_comparison(comparison, folder, file.name)
    best = wanted or verdict(results)["best"]
    written, agreement = _written(config, file, problem, folder, best)
    results["model"] = {
        "read": printable(file.path),
        "written": printable(written.name),
        "layer": file.layer.name,
        "method": best,
        "prior": config.prior,
        "same_predictions": agreement,
    }
    remember_source(folder, config.model)
    return finish(results, folder, config, verb="balance")


def _head_options(heads: HeadOptions, *, has_bias: bool) -> tuple[HeadOptions, str | None]:
    """Return the options for the comparison, and the method to be written where there is no choice to be made."""
    from longtail.comparison import read_settings
    from longtail.comparison.linear_methods import linear_methods

    if heads.head is not None:
        raise InputError("--head: the model's own last layer is taken. Leave it out.")
    if heads.feature_transform not in ("none", "centre", "standardise"):
        raise InputError(
            f"--feature-transform {heads.feature_transform}: a linear layer cannot take that over. "
            "Expected none, centre or standardise."
        )
    if heads.feature_transform != "none" and not has_bias:
        raise InputError(
            f"--feature-transform {heads.feature_transform} needs a bias; the model's last layer has none."
        )
    named = linear_methods(heads.methods, read_settings(heads.set), has_bias=has_bias)
    choice = () if len(named) == 1 else ("auto",)
    methods = ",".join(dict.fromkeys(("joint", *named, *choice)))
    return replace(heads, methods=methods), None if choice else named[0]


def _problem(config: BalanceConfig, opened: "OpenedModel", folder: Path) -> "FeatureProblem":
    """Make sure that features, labels and layer belong together."""
    from longtail.comparison.problem import check_problem
    from longtail.jobs.balancing.check import check_fit, check_shape, rare_note
    from longtail.jobs.balancing.data import extracted_features, in_the_models_order, in_timms_order, read_features

    file, network, preprocessing = opened.file, opened.network, opened.preprocessing
    num_classes = len(file.layer.weight)
    if config.features is not None:
        splits, notes = read_features(config.features, config.data, num_classes)
    elif network is not None and preprocessing is not None and config.data.data is not None:
        splits, notes = extracted_features(
            file, network, preprocessing, config.data, config.runtime, folder / "features", workers=config.workers
        )
    else:
        raise InputError("no data: expected --features of this model, or --data, images to make them of.")
    origin = config.class_names or (file.path / "config.json" if file.config else file.path)
    names = file.class_names if config.class_names is None else _names(config.class_names, num_classes)
    splits, more = in_the_models_order(splits, names, printable(origin))
    check_shape(splits["train"], file.linear[0].shape, f"{printable(file.path)}: {file.layer.name or 'weight'}")
    if names is None:
        splits, by_timm = in_timms_order(splits, file.linear, printable(file.path))
        more = (*more, *by_timm)
    problem = check_problem(splits, head=file.linear, drop_nonfinite=config.heads.drop_nonfinite)
    train = problem.splits["train"]
    try:
        result = check_fit(train.features, train.labels, file.linear, problem.class_names, printable(file.path))
    except InputError as error:
        if preprocessing is None:
            raise
        size = preprocessing.size
        raise InputError(
            f"{error} Images were prepared at {size} pixels; a network that was trained at another size, or with "
            "another mean and deviation, sees noise: --image-size, --mean, --std."
        ) from error
    if names is None and splits["train"].class_names is not None:
        more = (*more, *_unsure_note(result["unsure"]))
    notes = (*notes, *_left_out(file), *more, *problem.notes, *rare_note(problem.train_counts, problem.class_names))
    for note in notes:
        _say(config, f"  note     {note}")
    _say(config, f"as it is, it finds {result['all']:.1f} % of the training rows, balanced {result['balanced']:.1f} %")
    return replace(problem, notes=notes)


def _unsure_note(names: list[str]) -> tuple[str, ...]:
    from longtail.jobs.balancing.check import NAMED

    if not names:
        return ()
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return (
        f"{', '.join(names[:NAMED])}{more}: so few training rows that the model's scores do not say whether its "
        "outputs are in the order of the labels; --class-names says it",
    )


def _left_out(file: "ModelFile") -> list[str]:
    notes = [
        f"{key}: no plain values, not read and not written again ({what})" for key, what in file.stored.left_out.items()
    ]
    if "hyper_parameters" in file.stored.left_out:
        notes.append("load_from_checkpoint of Lightning needs them: give it the hyper-parameters by hand")
    return notes


def _names(path: Path, num_classes: int) -> list[str]:
    from longtail.data.list_file import read_names

    return read_names(path, num_classes, f"the model has {num_classes} outputs")


def _written(
    config: BalanceConfig, file: "ModelFile", problem: "FeatureProblem", folder: Path, best: str
) -> tuple[Path, float]:
    """Write the model with the head; give the share of rows for which the written layer says what the head says."""
    from longtail.backbones.model_file import open_model_file
    from longtail.heads import Joint, load_head
    from longtail.heads.linear import LinearHead

    head = load_head(folder / "heads" / f"{best}.npz")
    if not isinstance(head, LinearHead):
        raise InputError(f"{best} became a {type(head).__name__}, which is no linear layer. Leave it out.")
    prior = None if config.prior is None else _prior(config.prior, problem)
    bias = head.bias_ if prior is None else head.bias_for(prior)
    settings = {"problem_type": "single_label_classification"} if config.single_label else None
    written = file.write(folder, head.weight_, bias, settings)
    again = open_model_file(written, config.layer)
    again = again.with_layer(file.layer.of(again.weights))
    rows = problem.splits["val" if "val" in problem.splits else "train"].features
    same: NDArray[np.bool_] = Joint().take(*again.linear).predict(rows) == head.predict(rows, prior=prior)
    return written, float(same.mean())


def _prior(text: str, problem: "FeatureProblem") -> NDArray[np.float64]:
    from longtail.jobs.predicting.target_prior import find_prior

    return find_prior(text, problem.class_names, problem.train_counts).shares


@dataclass
class _Exported:
    """What became of the programs that were asked for: by how much each differs at most, or why there is none."""

    written: dict[str, float] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


def _exported(config: BalanceConfig, opened: "OpenedModel", written: Path, class_names: tuple[str, ...]) -> _Exported:
    """Write the balanced model as programs beside it; what fails takes nothing of the rest with it."""
    from longtail.backbones.model_file import open_model_file
    from longtail.deploy import Deployed, traceable, write_deployed
    from longtail.jobs.balancing.network import build_network

    result = _Exported()
    if opened.network is None or opened.preprocessing is None:
        return result
    for kind in config.export:
        with traceable(kind):
            network = build_network(open_model_file(written, config.layer), opened.network.architecture)
        model = Deployed(network.model, opened.preprocessing, opened.file.layer.output)
        path = written.with_name(f"{written.stem}{'.onnx' if kind == 'onnx' else '.pt2'}")
        try:
            result.written[path.name] = write_deployed(model, path, kind, class_names=class_names)
        except LongtailError as error:
            result.failures.append(str(error))
    return result


def _say(config: BalanceConfig, text: str) -> None:
    if not config.runtime.quiet:
        print(text)
