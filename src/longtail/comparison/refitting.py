"""Fit a head again to other rows, with the settings that it found."""

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from longtail.comparison.learnt_rows import as_learnt, knowing_images
from longtail.comparison.protocol import Protocol
from longtail.heads import Ensemble, Joint, Transformed
from longtail.heads.base import Head
from longtail.heads.linear import LinearParameters

__all__ = ["fitted_again", "fitted_like"]


def fitted_again(head: Head, protocol: Protocol, splits: Sequence[str], last: Mapping[str, Any]) -> Head:
    """Fit a head of the same settings on some splits together; what was "auto" is what it chose.

    Args:
        head: fitted on train.
        protocol: of the problem.
        splits: such as train and val.
        last: parameters of this fit alone.
    """
    files = [protocol.problem.splits[split] for split in splits]
    parts = [as_learnt(file, protocol.seed) for file in files]
    features = np.concatenate([np.asarray(part.features) for part in parts])
    labels = np.concatenate([part.labels for part in parts])
    network_head, seed = protocol.problem.head, protocol.seed
    again = fitted_like(
        _with(head, last), features, labels, network_head=network_head, seed=seed, device=protocol.device
    )
    return knowing_images(again, files)


def _with(head: Head, parameters: Mapping[str, Any]) -> Head:
    """Return a fitted head, or one behind a transform, with other parameters for its next fit."""
    if not parameters:
        return head
    again = copy(head)
    if isinstance(again, Transformed):
        again.head_ = _with(again.head_, parameters)
        return again
    return again.set_params(**parameters)  # type: ignore[no-any-return]


def fitted_like(
    head: Head,
    features: NDArray[Any],
    labels: NDArray[np.int64],
    *,
    network_head: LinearParameters | None = None,
    seed: int | None = None,
    device: str = "cpu",
) -> Head:
    """Fit a head of the same settings to other rows; what was "auto" is what it chose.

    Args:
        head: fitted, or read from a file.
        features: shape (N, D).
        labels: class indices, shape (N,).
        network_head: weight (C, D) and bias (C,) of the network's own classifier, for methods that start from a trained
            one; it is for features as they are, not for those behind a transform.
        seed: of the fit and, without `network_head`, of the `Joint` that they start from; None leaves both to the head.
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
            name: fitted_like(member, features, labels, network_head=network_head, seed=seed, device=device)
            for name, member in zip(head.members_, head.heads_, strict=True)
        }
        again_together = Ensemble.of(
            members,
            weights=head.weights_,
            scales=head.scales_,
            tau=head.tau_,
            selected_on=head.selected_on_,
            average=head.average,
            prior=head.prior,
        )
        again_together.scale_ = head.scale_
        return again_together
    if isinstance(head, Joint) and network_head is not None:
        return head  # a network's own classifier is what it is
    settings = head.get_params(deep=False)
    left_open = [name for name, value in settings.items() if isinstance(value, str) and value == "auto"]
    changed = {name: value for name, value in head.chosen_parameters().items() if name in left_open}
    if "random_state" in settings and seed is not None:
        changed["random_state"] = seed
    if "head" in settings:
        changed["head"] = network_head
    if "head" in settings and network_head is None and seed is not None and not isinstance(head, Joint):
        joint = Joint(random_state=seed, device=device).fit(features, labels)
        changed["head"] = joint.weight_, joint.bias_
    again: Head = clone(head).set_params(**changed).fit(features, labels)
    return again
