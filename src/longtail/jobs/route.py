"""`longtail route`: the experts of a network asked one after the other, of each image as many as it needs."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from longtail.errors import InputError
from longtail.files.text import printable
from longtail.jobs.options import DataOptions, RuntimeOptions, Workers
from longtail.ranges import Count, Range
from longtail.typed_command import say_next

if TYPE_CHECKING:
    from longtail.backbones.expert_router import RoutedExperts
    from longtail.heads.routing import RoutingPoint
    from longtail.jobs.stage_one.routing import Routing
    from longtail.jobs.stage_one.trained_model import TrainedModel

__all__ = ["RouteConfig", "run"]

PUBLISHED = 0.0  # threshold of the scores: a probability of one half


@dataclass(frozen=True)
class RouteConfig:
    """Learn which images need more than the first expert of a network; write a checkpoint that asks no others."""

    model: tyro.conf.Positional[Path]
    """Run of --experts, or its checkpoint."""
    dataset: tyro.conf.Positional[str | None] = None
    """Data as in `train`; default: data and splits that the network was trained with."""
    epochs: Count = 5
    """Passes over the training images."""
    most_loss: Annotated[float, Range(0, most=100)] = 0.5
    """Points of balanced accuracy on val that fewer experts may cost."""
    threshold: Annotated[float, Range(-1e6, most=1e6)] | None = None
    """Score of the router above which the next expert is asked; default: 0, as published, or lower as val asks."""
    workers: Workers = 2
    """Processes that load images of more than 64 pixels."""
    dry_run: bool = False
    """What would be done and how long; nothing is written."""
    data: DataOptions = field(default_factory=DataOptions)
    runtime: RuntimeOptions = field(default_factory=RuntimeOptions)


def run(config: RouteConfig) -> Path:
    """Write the checkpoint; print what fewer experts save, and what they cost."""
    from longtail.heads.routing import chosen_point, routing_curve
    from longtail.jobs.dry_run.routing import forecast_routing
    from longtail.jobs.launch import launch
    from longtail.jobs.stage_one.routing import RouterSettings, check_experts, fit_router, measure_routing
    from longtail.jobs.stage_one.trained_data import folder_of, open_trained_data
    from longtail.jobs.stage_one.trained_model import open_model
    from longtail.runs import Run
    from longtail.training.checkpoints import save_checkpoint

    if config.threshold is not None and config.most_loss != RouteConfig.most_loss:
        raise InputError("--most-loss does nothing beside --threshold, which says it. Leave one of them out.")
    path = Run(config.model).checkpoint() if config.model.is_dir() else config.model
    fabric = launch(config.runtime)
    quiet = config.runtime.quiet or not fabric.is_global_zero
    trained = open_model(path, fabric.device)
    splits = open_trained_data(path, trained.about, config.dataset, config.data, quiet=quiet)
    if config.threshold is None and (splits.val is None or not len(splits.val)):
        raise InputError("whether fewer experts are enough is checked on val, and there is none. Say --threshold 0.")
    batch_size = min(512, max(32, len(splits.train) // 20))  # published 512, of 10,847 images or more
    settings = RouterSettings(config.runtime.seed, config.workers, config.epochs, batch_size)
    folder = folder_of(path)
    out = config.runtime.out or folder / "checkpoints" / "routed.pt"
    check_experts(trained)
    if config.dry_run:
        forecast = forecast_routing(fabric, trained, splits, settings, out)
        if fabric.is_global_zero:
            print(forecast.text())
        return out
    model, about = fit_router(
        fabric, trained, splits.train, settings, folder / "checkpoints" / "router", quiet=config.runtime.quiet
    )
    sources = {"val": splits.val, "test": splits.test}
    measured = {
        split: measure_routing(fabric, model, trained, source, workers=config.workers)
        for split, source in sources.items()
        if source is not None and len(source)
    }
    threshold = config.threshold
    if threshold is None:
        val = measured["val"]
        of_val = val.scores, val.right, val.labels
        curve = [*routing_curve(*of_val), *routing_curve(*of_val, [PUBLISHED])]
        threshold = chosen_point(curve, config.most_loss, PUBLISHED).threshold
    model.threshold = about["router"]["threshold"] = threshold
    if fabric.is_global_zero:
        save_checkpoint(_checkpoint(model, about), out)
        print(*_table(model, trained, measured, threshold, chosen=config.threshold is None), sep="\n")
        print(printable(out))
    if not quiet:
        say_next(["predict", printable(out), "NEW-IMAGES/"])
    return out


def _checkpoint(model: "RoutedExperts", about: dict[str, Any]) -> dict[str, Any]:
    weights = {f"model.{name}": tensor.cpu() for name, tensor in model.state_dict().items()}
    return {"task": weights, "optimizer": {}, "precision": {}, "state": {}, "about": about}


def _table(
    model: "RoutedExperts",
    trained: "TrainedModel",
    measured: "dict[str, Routing]",
    threshold: float,
    *,
    chosen: bool,
) -> list[str]:
    """Return lines: the experts asked, the multiply-adds of an image, and balanced accuracy by split."""
    from longtail.backbones.costs import network_cost
    from longtail.heads.routing import routing_curve

    if not measured:
        return ["there is no val or test: nothing was measured."]
    everywhere = 1e6  # no score reaches it
    thresholds = {
        "all experts": -everywhere,
        "the first alone": everywhere,
        "as published": PUBLISHED,
        ("as val allows" if chosen else "as asked for"): threshold,
    }
    points: dict[str, list[RoutingPoint]] = {
        split: routing_curve(one.scores, one.right, one.labels, list(thresholds.values()))
        for split, one in measured.items()
    }
    shared, first = (
        network_cost(part, trained.image_shape).multiply_adds
        for part in (model.early, _in_line(model.early, model.experts[0]))
    )
    shown = next(reversed(points))  # test where there is one
    lines = [f"{'':20}{'experts asked':>14}{'multiply-adds':>15}" + "".join(f"{f'balanced, {s}':>17}" for s in points)]
    for number, name in enumerate(thresholds):
        asked = points[shown][number].asked
        cost = shared + asked * (first - shared)
        accuracy = "".join(f"{points[split][number].balanced:17.1f}" for split in points)
        lines.append(f"{name:20}{asked:14.2f}{f'{cost / 1e6:,.1f} M':>15}{accuracy}")
    return [*lines, f"experts asked and multiply-adds are means over the images of {shown}."]


def _in_line(*modules: Any) -> Any:
    from torch import nn

    return nn.Sequential(*modules)
