"""What a training is made of besides network, loss and sampler: its switches, as they are typed."""

from pathlib import Path

import torch
from torch import Tensor, nn

from longtail.backbones import classifier_of
from longtail.data.policies.policy import Policy
from longtail.errors import InputError
from longtail.files.text import printable
from longtail.heads.max_norm import project
from longtail.jobs.options import StageOneOptions
from longtail.jobs.stage_one.experts import check_experts
from longtail.jobs.stage_one.refusals import changed_settings, flag, refuse_alone, refuse_beside
from longtail.training.mixing import Mixing

__all__ = ["COSINES", "cap_classifier", "check_switches", "mixing_of", "policy_of", "switched_on"]

SWITCHES = (
    *("experts", "distill_from", "classifier", "policy", "erasing", "cutout"),
    *("mix", "ema", "sam", "classifier_radius"),
)
# settings, and what each belongs to
_BELONGS: dict[str, tuple[str, tuple[str, ...]]] = {
    **dict.fromkeys(("policy_operations", "policy_magnitude", "policy_spread"), ("policy", ("randaugment",))),
    **dict.fromkeys(("mix_alpha", "mix_probability"), ("mix", ("mixup", "cutmix", "remix", "cmo"))),
    **dict.fromkeys(("remix_ratio", "remix_threshold"), ("mix", ("remix",))),
    "classifier_scale": ("classifier", ("cosine", "class-means")),
    **dict.fromkeys(("head_smoothing", "tail_smoothing"), ("loss", ("label-aware",))),
}
_LENGTHS = "compares directions, and the lengths of its weights mean nothing"
COSINES = "whose logits are cosines and say next to nothing as probabilities"
_USUAL_PROBABILITY = {"mixup": 1.0, "cutmix": 0.5, "remix": 1.0, "cmo": 0.5}


def check_switches(stage: StageOneOptions) -> None:
    """Refuse switches that do nothing where they are, and settings of others than are on; experts among them.

    Raises:
        InputError: naming the two.
    """
    check_experts(stage)
    changed = changed_settings(stage)
    for name, (switch, values) in _BELONGS.items():
        if name in changed and getattr(stage, switch) not in values:
            raise InputError(f"{flag(name)} does nothing without {flag(switch)} {' or '.join(values)}. Leave it out.")
    on = list(switched_on(stage))
    if stage.frozen and on:
        raise InputError(f"--frozen trains no backbone, so {flag(on[0])} does nothing. Leave one of them out.")
    if stage.loss == "ldam":
        refuse_beside(stage, "--loss ldam", {"classifier": "compares directions itself", "classifier_radius": _LENGTHS})
    if stage.classifier != "linear":
        refuse_beside(stage, f"--classifier {stage.classifier}", {"classifier_radius": _LENGTHS})
    if stage.nesterov and stage.momentum == 0:
        raise InputError("--nesterov: there is no momentum to look ahead by. Leave it out, or --momentum 0.")
    if stage.distill_from is None:
        refuse_alone([name for name in ("distill_weight", "distill_temperature") if name in changed], "distill_from")
    elif stage.loss == "ldam":
        raise InputError(f"--distill-from: not with --loss ldam, {COSINES}. Leave one of them out.")
    if stage.contrast != "none":
        _check_beside_contrast(stage)
    if stage.tail_smoothing > stage.head_smoothing:
        raise InputError(
            f"--tail-smoothing {stage.tail_smoothing} is more than --head-smoothing {stage.head_smoothing}: expected "
            "rare classes to be smoothed less than common ones."
        )


def _check_beside_contrast(stage: StageOneOptions) -> None:
    contrast = f"--contrast {stage.contrast}"
    if stage.distill_from is not None:
        raise InputError(f"--distill-from: {contrast} learns by more than its logits. Leave one of them out.")
    if stage.mix != "none":
        raise InputError(f"--mix {stage.mix}: {contrast} compares images that have one label. Leave one of them out.")
    if stage.sam > 0:
        raise InputError(f"--sam takes two passes a step, and {contrast} would remember both. Leave one of them out.")
    if (
        stage.classifier_radius is not None
        and stage.contrast in ("bcl", "proco")
        and stage.contrast_classifier == "cosine"
    ):
        raise InputError(
            f"--classifier-radius: {contrast} compares directions, and the lengths of its weights mean nothing. Add "
            "--contrast-classifier linear, or leave it out."
        )


def switched_on(stage: StageOneOptions) -> dict[str, str | float]:
    """Return the switches that are on, and how.

    Example:
        >>> switched_on(StageOneOptions(mix="cmo", ema=0.999))
        {'mix': 'cmo', 'ema': 0.999}
    """
    changed = changed_settings(stage)
    values = {name: getattr(stage, name) for name in SWITCHES if name in changed}
    return {name: printable(value) if isinstance(value, Path) else value for name, value in values.items()}


def policy_of(stage: StageOneOptions, size: int) -> Policy:
    """Return what training does to an image after it was cropped.

    Args:
        stage: of the options.
        size: height and width of the images, in pixels.

    Raises:
        InputError: a square that hides whole images.
    """
    if stage.cutout >= size:
        raise InputError(f"--cutout {stage.cutout} would hide most of images of {size} pixels. Take {size // 2} or so.")
    return Policy(
        stage.policy,
        stage.policy_operations,
        stage.policy_magnitude,
        stage.policy_spread,
        erasing=stage.erasing,
        cutout=stage.cutout,
    )


def mixing_of(stage: StageOneOptions, class_counts: Tensor) -> Mixing | None:
    """Return how images are mixed, with the published probability where none is given; None: not at all.

    Args:
        stage: of the options.
        class_counts: n_c of training, shape (C,).

    Example:
        >>> counts = torch.tensor([3, 1])
        >>> mixing_of(StageOneOptions(mix="cmo"), counts).probability, mixing_of(StageOneOptions(), counts)
        (0.5, None)
    """
    if stage.mix == "none":
        return None
    given = stage.mix_probability
    return Mixing(
        stage.mix,
        stage.mix_alpha,
        _USUAL_PROBABILITY[stage.mix] if given is None else given,
        ratio=stage.remix_ratio,
        threshold=stage.remix_threshold,
        class_counts=class_counts,
    )


@torch.no_grad()
def cap_classifier(model: nn.Module, radius: float) -> None:
    """Shorten the weight vectors of a network's classifier that are longer than the radius to it, in place."""
    project(classifier_of(model).weight, radius)
