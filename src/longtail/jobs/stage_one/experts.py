"""Several experts as they are typed: what they cannot be said with, their usual settings, their loss."""

import math
from functools import partial

from torch import Tensor

from longtail.backbones.hugging_face_network import PREFIX
from longtail.errors import InputError
from longtail.jobs.options import StageOneOptions
from longtail.jobs.stage_one.objective import Objective
from longtail.jobs.stage_one.refusals import changed_settings, flag, refuse_alone, refuse_beside
from longtail.losses import RIDE, SADE, Deferred, effective_number_weights

__all__ = ["check_experts", "experts_objective"]

# settings, and whose they are
_BELONGS = {
    **dict.fromkeys(("num_experts", "experts_diversity", "experts_temperature", "experts_from"), "ride"),
    "experts_tau": "sade",
}
# as released: of large images, and of those up to 64 pixels
_DIVERSITY, _TEMPERATURE = (0.2, 0.45), (0.02, 0.05)
_SADE_EXPERTS = 3


def check_experts(stage: StageOneOptions) -> None:
    """Refuse what does not go with several experts, and their settings without them.

    Raises:
        InputError: naming the two.
    """
    changed = changed_settings(stage)
    given = [name for name in _BELONGS if name in changed]
    if stage.experts == "none":
        return refuse_alone(given, "experts")
    experts = f"--experts {stage.experts}"
    if stage.experts == "sade" and stage.num_experts != _SADE_EXPERTS:
        raise InputError(f"--num-experts {stage.num_experts}: {experts} has three, one for each world. Leave it out.")
    if idle := [name for name in given if name != "num_experts" and _BELONGS[name] != stage.experts]:
        raise InputError(f"{flag(idle[0])} does nothing for {experts}. Leave it out.")
    if stage.frozen:
        raise InputError(f"--frozen trains no backbone, and {experts} would. Leave one of them out.")
    if stage.pretrained or stage.backbone.startswith(PREFIX):
        raise InputError(f"{experts} makes stages that no pretrained network has. Leave its weights out.")
    if any(word.startswith("experts=") for word in stage.backbone_set):
        raise InputError(f"--backbone-set experts=...: with {experts}, --num-experts says how many.")
    others = {
        "contrast": "learns by a loss of its own",
        "loss": "has a loss of its own, which knows the class counts",
        "reweight": "weighs classes itself, or knows how rare they are",
        "adapter": "trains the network itself",
        "train_part": "trains all of the network",
        "classifier": "has classifiers of its own",
        "classifier_radius": "compares directions, and the lengths of its weights mean nothing",
        "compile": "takes the logits of each expert from within the network, which is compiled as a whole",
    }
    refuse_beside(stage, experts, others)


def experts_objective(stage: StageOneOptions, class_counts: Tensor, *, is_small: bool) -> Objective:
    """Build the loss of several experts: with the settings that were given, else those published for such images.

    Args:
        stage: with `experts`.
        class_counts: n_c of train, shape (C,).
        is_small: whether the images have up to 64 pixels.

    Raises:
        InputError: a class without an image.
    """
    counts = class_counts.float()
    if stage.experts == "sade":
        return Objective(SADE(counts, tau=stage.experts_tau), None)
    diversity, temperature = stage.experts_diversity, stage.experts_temperature
    build = partial(
        RIDE,
        counts,
        diversity=_DIVERSITY[is_small] if diversity is None else diversity,
        largest_margin=stage.ldam_margin,
    )
    weighted = build(
        temperature_share=_TEMPERATURE[is_small] if temperature is None else temperature,
        weight=effective_number_weights(counts, stage.beta),
    )
    deferred = Deferred(build(), weighted, math.floor(stage.experts_from * stage.epochs))
    return Objective(deferred, deferred.set_epoch)
