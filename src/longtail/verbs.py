"""The verbs from Python: a run out of images, features out of a network, predictions out of a run.

Each takes the settings of its command by name; nothing is printed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from longtail.arguments import plain_value
from longtail.config_file import placed_settings, with_settings
from longtail.errors import InputError, with_arguments
from longtail.files.unwritable import telling_why

if TYPE_CHECKING:
    from longtail.comparison.method_settings import MethodSettings
    from longtail.features import FeatureFile
    from longtail.runs import Run

__all__ = ["Predictions", "extract", "predict", "run"]


@dataclass(frozen=True, repr=False)
class Predictions:
    """What a head says of inputs.

    Attributes:
        inputs: what the inputs are called, N of them: paths of images, ids of rows.
        probabilities: shape (N, C).
        class_names: C of them.
    """

    inputs: tuple[str, ...]
    probabilities: NDArray[np.floating]
    class_names: tuple[str, ...]

    @property
    def classes(self) -> NDArray[np.str_]:
        """Name of the most likely class of each input, shape (N,)."""
        classes: NDArray[np.str_] = np.asarray(self.class_names)[self.probabilities.argmax(axis=1)]
        return classes

    def __repr__(self) -> str:
        lines = ["  ".join(row) for row in self._first()]
        more = len(self.inputs) - len(lines)
        counted = f"{len(self.inputs):,} predictions of {len(self.class_names):,} classes"
        return "\n".join([counted, *lines, *([f"and {more:,} more"] if more else [])])

    def _repr_html_(self) -> str:
        """Return the first predictions as a table for a notebook; names are escaped."""
        cells = (
            f"<td>{escape(name)}</td><td>{escape(kind)}</td><td>{share}</td>" for name, kind, share in self._first()
        )
        names = "".join(f'<th scope="col">{name}</th>' for name in ("input", "class", "probability"))
        caption = escape(repr(self).split("\n", 1)[0])
        body = "".join(f"<tr>{row}</tr>" for row in cells)
        return f"<table><caption>{caption}</caption><thead><tr>{names}</tr></thead><tbody>{body}</tbody></table>"

    def _first(self, most: int = 8) -> list[tuple[str, str, str]]:
        shares = self.probabilities[:most].max(axis=1, initial=0)
        rows = zip(self.inputs, self.classes[:most].tolist(), shares, strict=False)
        return [(name, kind, f"{share:.3f}") for name, kind, share in rows]


@telling_why()
def run(
    data: Path | str, *, recipe: str | None = None, settings: "MethodSettings | None" = None, **options: Any
) -> "Run":
    """Carry out a recipe on images: train or take a network, extract features, compare classifiers, write the report.

    What an earlier call with the same settings finished is not done again.

    Args:
        data: folder with a sub-folder for each class, a list file, an image pack, or the name of a recipe such as
            "digits".
        recipe: one of `longtail run`; default: that of folders where `data` is a path, else the one of that name.
        settings: parameters of methods, as `compare` takes them: {"tau": {"tau": 0.7}, "crt": {"epochs": 30}}.
        options: of `longtail run RECIPE` by name: backbone="resnet50", pretrained=True, methods="auto", epochs=30,
            seed=1, out="runs/photos", ...; one seed a call.

    Returns:
        The finished run.

    Raises:
        InputError: no such data, recipe or setting, a value that it does not take, or an `out` that cannot be written.
    """
    from longtail.jobs import run as job
    from longtail.recipes import RECIPES
    from longtail.runs import Run

    if "seeds" in options:
        raise InputError("`seeds`: longtail.run makes one run. Call it for each seed, with another `out`.")
    place = Path(data)
    is_recipe = recipe is None and str(data) in RECIPES and not place.exists()
    name = str(data) if is_recipe else recipe or "folder"
    if name not in RECIPES:
        raise InputError(f"`recipe` is {name!r}; expected one of {', '.join(RECIPES)}.")
    typed = options if is_recipe else {"data": place, **options}
    default = RECIPES[name]()
    given = [one for one in (options.get("set"), settings) if one is not None]
    if given:  # stands behind what the recipe sets, and wins
        typed = {**typed, "set": [*default.heads.set, *(word for one in given for word in _set_words(one))]}
    default = replace(default, recipe=name, recipe_set=default.heads.set)
    with _naming_arguments(job.RunConfig), _as_before():
        config = _config(job.RunConfig, default, typed, "run")
        return Run(job.run(config, table=False))


@telling_why()
def extract(
    checkpoint: "Path | str | Run", data: Path | str | None = None, **settings: Any
) -> "dict[str, FeatureFile]":
    """Extract the features of images with a trained network.

    Args:
        checkpoint: file, a run, or the folder of one; the features are written beside, or into `out`.
        data: as `run` takes it; default: the data, and the very splits, that the network was trained with.
        settings: of `longtail extract` by name: out="features", dtype="float16", workers=4, ...

    Returns:
        "train" and, where there are, "val" and "test"; `longtail.compare` takes them.

    Raises:
        InputError: no such checkpoint, data or setting, or an `out` that cannot be written.
    """
    from longtail.features import open_feature_folder
    from longtail.jobs import extract as job

    if "shards" in settings or "backbone" in settings:
        raise InputError("`shards` are for any number of workers: start them as `longtail extract --shards`.")

    typed = {
        "checkpoint": _place(checkpoint, "checkpoint"),
        **({} if data is None else {"dataset": str(data)}),
        **settings,
    }
    with _naming_arguments(job.ExtractConfig), _as_before():
        config = _config(job.ExtractConfig, None, typed, "extract")
        return open_feature_folder(job.run(config))


@telling_why()
def predict(model: "Path | str | Run", inputs: Path | str, **settings: Any) -> Predictions:
    """Predict the classes of images or features; no file is written.

    Args:
        model: a run or its folder, one of its heads (RUN/heads/tau.npz), a checkpoint (.pt), or the folder of
            `longtail balance`.
        inputs: an image, a folder or table of images, an image pack, or a file of features.
        settings: of `longtail predict` by name: method="tau", prior="estimated", uncalibrated=True,
            image_column="file", box_columns=("x", "y", "w", "h"), ...

    Returns:
        The probabilities, calibrated where the head was.

    Raises:
        InputError: no such model, input or setting, or features of other columns.
    """
    from longtail.jobs import predict as job

    of_files = ("out", "top", "sets", "reject", "format", "by_event", "event_by", "model_name")
    refused = next((name for name in of_files if name in settings), None)
    if refused is not None:
        raise InputError(f"`{refused}` is of the file that `longtail predict` writes. Leave it out here.")
    typed = {"model": _place(model, "model"), "inputs": _place(inputs, "inputs"), **settings}
    with _naming_arguments(job.PredictConfig), _as_before():
        config = _config(job.PredictConfig, None, typed, "predict")
        names, blocks = job.predicted(config)
        parts = list(blocks)
    rows = tuple(name for names_of_block, _ in parts for name in names_of_block)
    return Predictions(rows, np.concatenate([probabilities for _, probabilities in parts]), names)


@contextmanager
def _naming_arguments(kind: type) -> Iterator[None]:
    """Let what the command line would say of its flags name the arguments of a function here."""
    try:
        yield
    except InputError as error:
        from longtail.command_errors import flag_names

        message = with_arguments(str(error), flag_names(kind))
        if type(error) is not InputError or message == str(error):
            raise
        raise InputError(message) from error


@contextmanager
def _as_before() -> Iterator[None]:
    """Let torch's random numbers and threads be on leaving what they were, whatever was computed inside."""
    import torch

    from longtail.jobs.launch import restored_threads

    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()  # type: ignore[no-untyped-call]
    with restored_threads(), torch.random.fork_rng(devices=list(devices)):
        yield


def _place(given: Any, name: str) -> Path:
    from longtail.runs import Run

    if isinstance(given, Run):
        return given.folder
    if not isinstance(given, str | Path):
        raise InputError(f"`{name}` is {type(given).__name__}; expected a path.")
    return Path(given)


def _config(kind: type, default: Any, settings: dict[str, Any], function: str) -> Any:
    """Return the settings of a verb, those that are named in the place of the defaults, checked as a file's are."""
    plain = {name: _plain(value) for name, value in {"quiet": True, **settings}.items()}
    if settings.get("dry_run"):
        raise InputError(f"`dry_run` prints what would be done: `longtail {function} --dry-run`. Leave it out here.")
    if "methods" in settings:
        from longtail.comparison.method_names import methods_text

        plain["methods"] = methods_text(settings["methods"])
    advice = f"`longtail {function} --help` lists those that there are"
    given = placed_settings(plain, kind, f"longtail.{function}", advice)
    missing = object()
    config = with_settings(kind, default, given, missing)
    absent = [name for name, value in vars(config).items() if value is missing]
    if absent:
        raise InputError(f"longtail.{function}: `{absent[0]}` is missing.")
    return config


def _set_words(given: Any) -> list[Any]:
    """Return settings of methods, as `compare` takes them or as typed behind --set, as a list of what is typed."""
    if isinstance(given, str | tuple | list):
        return [given] if isinstance(given, str) else list(given)
    from longtail.comparison.method_settings import check_settings

    check_settings(given)
    return [f"{method}.{name}={_word(value)}" for method, one in given.items() for name, value in one.items()]


def _word(value: Any) -> str:
    """Return a value as it is typed behind --set."""
    value = plain_value(value)
    if isinstance(value, tuple | list):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return value
