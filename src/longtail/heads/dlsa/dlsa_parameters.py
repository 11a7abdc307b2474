"""What the parameters of DLSA may be, and the plan that they make."""

from typing import Any

from longtail.errors import InputError
from longtail.heads.dlsa.block_classifier import ClassifierPlan
from longtail.heads.dlsa.blocks import BuildPlan
from longtail.heads.dlsa.flow_filter import FlowPlan
from longtail.heads.linear_training import FEWEST_STEPS, SGD_CONSTRAINTS, SGDPlan
from longtail.heads.parameters import AUTO, Constraints, real, whole, words
from longtail.heads.precision import AutoPrecision, Precision, fast_precision
from longtail.schedules import Schedule

__all__ = ["CONSTRAINTS", "build_plan_of"]

LEARNING_RATES = (0.1, 0.01)  # that "auto" tries
FEWEST_FEATURES = 256  # of a flow whose products are large enough to gain by bfloat16

CONSTRAINTS: Constraints = {
    **SGD_CONSTRAINTS,
    "depth": [whole()],
    "choose_depth": ["boolean"],
    "clusters": [whole()],
    "center_scale": [real(above=0), None],
    "proportion": [real(above=0, below=1)],
    "threshold": [real(), None],
    "prior_smoothing": [real(0)],
    "flow_blocks": [whole()],
    "flow_epochs": [whole()],
    "flow_batch_size": [whole()],
    "flow_learning_rate": [real(0)],
    "flow_momentum": [real(0, below=1)],
    "weight_power": [real(-10, 10)],
    "likelihood_weight": [real(0)],
    "balance_weight": [real(0)],
    "separation_weight": [real(0)],
    "posterior_momentum": [real(0, below=1)],
    "clip_norm": [real(above=0), None],
    "standardize": ["boolean"],
    "classifier": [str],  # those that are not there are told with the reason
    "learning_rate": [real(0), AUTO],
    "eval_every": [whole()],
    "precision": [words(AutoPrecision)],
    "original": ["boolean"],
}


def build_plan_of(head: Any) -> BuildPlan:
    """Read all that decides how DLSA is built from an estimator's parameters.

    Args:
        head: a `DLSA` whose parameters were checked.

    Raises:
        InputError: no such classifier, or a learning rate to choose in the original's way.
    """
    is_auto = head.learning_rate == "auto"
    if is_auto and head.original:
        raise InputError(
            "learning_rate is 'auto'; expected a number with original=True: the released code chooses none."
        )
    rate = LEARNING_RATES[0] if is_auto else head.learning_rate
    flow = FlowPlan(
        clusters=head.clusters,
        center_scale=head.center_scale,
        blocks=head.flow_blocks,
        epochs=head.flow_epochs,
        batch_size=head.flow_batch_size,
        learning_rate=head.flow_learning_rate,
        momentum=head.flow_momentum,
        weight_power=head.weight_power,
        likelihood_weight=head.likelihood_weight,
        balance_weight=head.balance_weight,
        separation_weight=head.separation_weight,
        posterior_momentum=head.posterior_momentum,
        clip_norm=head.clip_norm,
        standardize=head.standardize,
        precision=_flow_precision(head),
    )
    sgd = SGDPlan(
        head.epochs,
        head.batch_size,
        float(rate),
        head.momentum,
        head.weight_decay,
        Schedule(head.schedule),
        "float32" if head.precision == "auto" else head.precision,  # their products are too small to gain
        fewest_steps=1 if head.original else FEWEST_STEPS,
        drop_last=not head.original,
    )
    classifier = ClassifierPlan(head.classifier, sgd, head.eval_every, head.original)
    smoothing = 0.0 if head.original else head.prior_smoothing
    return BuildPlan(
        head.depth,
        head.proportion,
        head.threshold,
        smoothing,
        flow,
        classifier,
        head.original,
        learning_rates=LEARNING_RATES if is_auto else None,
    )


def _flow_precision(head: Any) -> Precision:
    if head.precision != "auto":
        precision: Precision = head.precision
        return precision
    is_large = head.n_features_in_ >= FEWEST_FEATURES
    return fast_precision(head.device) if is_large and not head.original else "float32"
