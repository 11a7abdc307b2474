"""Which methods end in one linear layer, so that a model has a place for them."""

from functools import cache
from pathlib import Path

import numpy as np

from longtail.comparison.fitter import fit_method
from longtail.comparison.method_names import is_alone, is_named, wanted_methods
from longtail.comparison.method_settings import MethodSettings, settable
from longtail.comparison.methods import METHODS
from longtail.comparison.problem import FeatureProblem, check_problem
from longtail.comparison.protocol import Protocol
from longtail.errors import InputError
from longtail.features import FeatureFile
from longtail.heads import Joint
from longtail.heads.base import Head
from longtail.heads.linear import LinearHead

__all__ = ["is_linear", "linear_methods"]

_heads: dict[tuple[str, str], Head] = {}  # that were tried, by method and settings


def linear_methods(methods: str, settings: MethodSettings, *, has_bias: bool) -> tuple[str, ...]:
    """Return those of the wanted methods that fit in the place of a linear layer.

    Each is fitted to three small made-up classes with its settings, and what comes out is looked at: a new method needs
    no word anywhere.

    Args:
        methods: such as "tau,lws", "all" or "auto"; named methods must all fit. "auto" alone chooses among all here,
            since the mean that it makes elsewhere is no linear layer.
        settings: of methods, by parameter.
        has_bias: of the model's own layer.

    Raises:
        InputError: an unknown method, one that is no linear layer, or one that needs a bias where there is none.

    Example:
        >>> linear_methods("lws,tau,auto", {}, has_bias=True)
        ('tau', 'lws')
    """
    result = []
    for name in wanted_methods("all" if is_alone("auto", methods) else methods):
        named = is_named(name, methods)
        if METHODS[name].cost == "others":
            if named:
                raise InputError(f"`methods` {name}: the mean of several classifiers is no linear layer. Leave it out.")
            continue
        head = _tried(name, settings)
        if is_linear(head) and (has_bias or not np.any(head.bias_)):
            result.append(name)
        elif named and is_linear(head):
            raise InputError(f"`methods` {name}: needs a bias, and the model's last layer has none. Use tau or lws.")
        elif named:
            raise InputError(
                f"`methods` {name}: is no linear layer ({type(head).__name__}), so the model has no place for it. "
                "Expected methods such as tau, la, lws and crt; all takes every one that fits."
            )
    return tuple(result)


def is_linear(head: Head) -> bool:
    """Return whether the logits of a fitted head are features W^T + b, with its `weight_` and `bias_`."""
    if not isinstance(head, LinearHead):
        return False
    features = np.random.default_rng(0).normal(size=(8, head.n_features_in_)).astype(np.float32)
    return bool(np.allclose(head.logits(features), features @ head.weight_.T + head.bias_, rtol=1e-3, atol=1e-3))


def _tried(name: str, settings: MethodSettings) -> Head:
    """Return a method's head after two epochs, which show its kind as well as hundreds do."""
    short = {parameter: 2 for parameter in settable(METHODS[name]) if parameter == "epochs"}
    wanted = {**settings.get(name, {}), **short}
    key = name, repr(wanted)
    if key not in _heads:
        problem, joint = _made_up()
        _heads[key] = fit_method(name, Protocol(problem, settings={name: wanted}), joint)
    return _heads[key]


@cache
def _made_up() -> tuple[FeatureProblem, Joint]:
    """Return a problem of three classes, and a head that misses the rare one, so that there is something to mend."""
    rng, labels = np.random.default_rng(0), np.repeat([0, 1, 2], [40, 20, 10])
    features = (3 * np.eye(3, 4)[labels] + rng.normal(size=(len(labels), 4))).astype(np.float32)
    network_head = (
        np.diag([3.0, 1.0, 0.3]).astype(np.float32) @ np.eye(3, 4, dtype=np.float32),
        np.zeros(3, dtype=np.float32),
    )
    problem = check_problem({"train": FeatureFile(Path("made-up"), features, labels, {})}, head=network_head)
    return problem, Joint(network_head).fit(features, labels)
