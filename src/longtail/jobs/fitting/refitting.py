"""Fit a chosen head again, with the settings that it found, on more rows."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from longtail.heads import Ensemble, Joint, Transformed
from longtail.heads.base import Head
from longtail.jobs.fitting.fitter import learns_from_rows
from longtail.jobs.fitting.problem import FeatureProblem

__all__ = ["fitted_again"]


def fitted_again(head: Head, problem: FeatureProblem, seed: int, device: str) -> Head:
    """Fit a head of the same settings on train and val; what was "auto" is what was found."""
    parts = [problem.splits[split] for split in ("train", "val")]
    features = np.concatenate([np.asarray(part.features) for part in parts])
    labels = np.concatenate([part.labels for part in parts])
    return _refitted(head, features, labels, seed, device, has_own=problem.head is not None)


def _refitted(
    head: Head, features: NDArray[Any], labels: NDArray[np.int64], seed: int, device: str, *, has_own: bool
) -> Head:
    if not learns_from_rows(head):
        return head
    if isinstance(head, Transformed):
        transform = clone(head.feature_transform_).fit(features)
        inner = _refitted(head.head_, transform.transform(features), labels, seed, device, has_own=False)
        return Transformed.of(transform, inner)
    if isinstance(head, Ensemble):
        members = {
            name: _refitted(member, features, labels, seed, device, has_own=has_own)
            for name, member in zip(head.members_, head.heads_, strict=True)
        }
        return Ensemble.of(members, average=head.average, selected_on=head.selected_on_)
    settings = head.get_params(deep=False)
    fixed = {
        name: getattr(head, f"{name}_")
        for name, value in settings.items()
        if isinstance(value, str) and value == "auto" and hasattr(head, f"{name}_")
    }
    if settings.get("head") is not None and not has_own:
        joint = Joint(random_state=seed, device=device).fit(features, labels)
        fixed["head"] = (joint.weight_, joint.bias_)
    again: Head = clone(head).set_params(**fixed).fit(features, labels)
    return again
