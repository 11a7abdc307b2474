"""Fit a head again to other rows, with the settings that it found."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from longtail.heads import Ensemble, Joint, Transformed
from longtail.heads.base import Head
from longtail.heads.linear import LinearParameters
from longtail.jobs.fitting.problem import FeatureProblem

__all__ = ["fitted_again", "fitted_like"]


def fitted_again(head: Head, problem: FeatureProblem, seed: int, device: str) -> Head:
    """Fit a head of the same settings on train and val; what was "auto" is what was found."""
    parts = [problem.splits[split] for split in ("train", "val")]
    features = np.concatenate([np.asarray(part.features) for part in parts])
    labels = np.concatenate([part.labels for part in parts])
    return fitted_like(head, features, labels, own=problem.head, seed=seed, device=device)


def fitted_like(
    head: Head,
    features: NDArray[Any],
    labels: NDArray[np.int64],
    *,
    own: LinearParameters | None = None,
    seed: int | None = None,
    device: str = "cpu",
) -> Head:
    """Fit a head of the same settings to other rows; what was "auto" is what was found.

    Args:
        head: fitted, or read from a file.
        features: shape (N, D).
        labels: class indices, shape (N,).
        own: weight (C, D) and bias (C,) of the network's own classifier, for methods that start from a trained one; it
            is for features as they are, not for those behind a transform.
        seed: of the fit and, without `own`, of the `Joint` that they start from; None leaves both to the head.
        device: where that one is computed.

    Example:
        >>> features, labels = np.array([[0.0, 1.0], [0.1, 2.0], [1.0, 0.2]]), np.array([0, 0, 1])
        >>> head = fitted_like(Transformed(feature_transform="l2").fit(features, labels), features[::-1], labels[::-1])
        >>> type(head).__name__, head.feature_transform_.kind
        ('Transformed', 'l2')
    """
    if isinstance(head, Transformed):
        transform = clone(head.feature_transform_).fit(features)
        inner = fitted_like(head.head_, transform.transform(features), labels, seed=seed, device=device)
        return Transformed.of(transform, inner)
    if isinstance(head, Ensemble):
        members = {
            name: fitted_like(member, features, labels, own=own, seed=seed, device=device)
            for name, member in zip(head.members_, head.heads_, strict=True)
        }
        return Ensemble.of(members, average=head.average, selected_on=head.selected_on_)
    if isinstance(head, Joint) and own is not None:
        return head  # a network's own classifier is what it is
    settings = head.get_params(deep=False)
    changed: dict[str, Any] = {
        name: getattr(head, f"{name}_")
        for name, value in settings.items()
        if isinstance(value, str) and value == "auto" and hasattr(head, f"{name}_")
    }
    if "random_state" in settings and seed is not None:
        changed["random_state"] = seed
    if "head" in settings:
        changed["head"] = own
    if "head" in settings and own is None and seed is not None and not isinstance(head, Joint):
        joint = Joint(random_state=seed, device=device).fit(features, labels)
        changed["head"] = joint.weight_, joint.bias_
    again: Head = clone(head).set_params(**changed).fit(features, labels)
    return again
