"""Which methods end in one linear layer, so that a model has a place for them."""

from functools import cache
from pathlib import Path

import numpy as np

from longtail.errors import InputError
from longtail.features import FeatureFile
from longtail.heads import Joint
from longtail.heads.base import Head
from longtail.heads.linear import LinearHead
from longtail.jobs.fitting.head_options import HeadOptions
from longtail.jobs.fitting.heads import fit_head
from longtail.jobs.fitting.methods import MADE_OF_OTHERS, wanted_methods
from longtail.jobs.fitting.problem import check_problem

__all__ = ["is_linear", "linear_methods"]


def linear_methods(options: HeadOptions, *, has_bias: bool) -> tuple[str, ...]:
    """Give those of the wanted methods that fit in the place of a linear layer.

    Each is fitted to three small made-up classes with its settings, and what comes out is looked at: a new method needs
    no word anywhere.

    Args:
        options: methods, such as "tau,lws", "all" or "auto", and their settings; named methods must all fit.
        has_bias: of the model's own layer.

    Raises:
        InputError: an unknown method, one that is no linear layer, or one that needs a bias where there is none.

    Example:
        >>> linear_methods(HeadOptions(methods="lws,tau,auto"), has_bias=True)
        ('tau', 'lws')
    """
    words = {word.strip() for word in options.methods.split(",") if word.strip()}
    found = []
    for name in wanted_methods(options.methods):
        if name in MADE_OF_OTHERS:
            if name in words:
                raise InputError(f"--methods {name}: the mean of several classifiers is no linear layer. Leave it out.")
            continue
        head = _tried(name, options)
        if is_linear(head) and (has_bias or not np.any(head.bias_)):
            found.append(name)
        elif name in words and is_linear(head):
            raise InputError(f"--methods {name}: needs a bias, and the model's last layer has none. Use tau or lws.")
        elif name in words:
            raise InputError(
                f"--methods {name}: is no linear layer ({type(head).__name__}), so the model has no place for it. "
                "Expected methods such as tau, la, lws and crt; all takes every one that fits."
            )
    return tuple(found)


def is_linear(head: Head) -> bool:
    """Say whether the logits of a fitted head are features W^T + b, with its `weight_` and `bias_`."""
    if not isinstance(head, LinearHead):
        return False
    features = np.random.default_rng(0).normal(size=(8, head.n_features_in_)).astype(np.float32)
    return bool(np.allclose(head.logits(features), features @ head.weight_.T + head.bias_, rtol=1e-3, atol=1e-3))


@cache
def _tried(name: str, options: HeadOptions) -> Head:
    rng, labels = np.random.default_rng(0), np.repeat([0, 1, 2], [40, 20, 10])
    features = (3 * np.eye(3, 4)[labels] + rng.normal(size=(len(labels), 4))).astype(np.float32)
    # a head that misses the rare class, so that there is something to mend
    own = np.diag([3.0, 1.0, 0.3]).astype(np.float32) @ np.eye(3, 4, dtype=np.float32), np.zeros(3, dtype=np.float32)
    problem = check_problem({"train": FeatureFile(Path("made-up"), features, labels, {})}, head=own)
    joint = Joint(own).fit(features, labels)
    return fit_head(name, problem, options, joint, "train", 0, "cpu")
