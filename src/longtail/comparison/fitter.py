"""Fit methods by name, behind a feature transform where one is asked for."""

from dataclasses import replace
from typing import Any

import numpy as np

from longtail.comparison.learnt_rows import as_learnt, knowing_images
from longtail.comparison.method_settings import unfitted_head
from longtail.comparison.methods import METHODS
from longtail.comparison.problem import FeatureProblem
from longtail.comparison.protocol import Protocol
from longtail.comparison.refitting import fitted_like
from longtail.comparison.sealed import SealedFeatures
from longtail.errors import InputError
from longtail.features import FeatureFile
from longtail.heads import DLSA, Joint, Transformed
from longtail.heads.base import Head
from longtail.heads.feature_transform import FeatureTransform, TransformKind
from longtail.heads.linear import LinearParameters
from longtail.holdout import fifth_for_choices, grouped_holdout

__all__ = ["Fitter", "core", "fit_method", "learns_from_rows"]


class Fitter:
    """Fits heads to one problem; the joint head and the transformed features of one kind are kept for the next one.

    Args:
        protocol: the problem, and how methods are fitted to it.
        joint: fitted on train; None fits one.
    """

    def __init__(self, protocol: Protocol, joint: Joint | None = None) -> None:
        self.protocol = protocol
        self._joint = fitted_joint(protocol) if joint is None else joint
        self._transformed_for: tuple[TransformKind, FeatureTransform, Protocol] | None = None
        self._transformed_joint: Joint | None = None

    def fit(self, name: str, kind: TransformKind = "none") -> Head:
        """Fit a method's head on train.

        Args:
            name: of the method.
            kind: of the transform before it. A network's own classifier is for the features as they are: joint is left
                alone then, and other methods start from a linear head that is trained on the transformed features.
        """
        if kind == "none" or (name == "joint" and self.protocol.problem.head is not None):
            return fit_method(name, self.protocol, self._joint)
        transform, inner = self._transformed(kind)
        joint = self._joint  # methods that start from no head do not look at it
        if METHODS[name].starts_from_head:
            if self._transformed_joint is None:
                self._transformed_joint = fitted_joint(inner)
            joint = self._transformed_joint
        return Transformed.of(transform, fit_method(name, inner, joint))

    def without_a_fifth(self) -> tuple["Fitter", FeatureFile]:
        """Hold a fifth of train out, class by class: a fitter to the rest, and the rows of the fifth."""
        train = self.protocol.problem.splits["train"]
        labels = np.asarray(train.labels)
        rest, held_out = fifth_for_choices(labels, self.protocol.seed, train.groups)
        return Fitter(self.protocol.on_train(rest)), train.take(held_out)

    def _transformed(self, kind: TransformKind) -> tuple[FeatureTransform, Protocol]:
        if self._transformed_for is None or self._transformed_for[0] != kind:
            problem = self.protocol.problem
            transform = FeatureTransform(kind, keep_length=True).fit(self.protocol.learnt.features)
            splits: dict[str, FeatureFile | SealedFeatures] = {
                split: FeatureFile(
                    file.path,
                    transform.transform(file.features),
                    file.labels,
                    file.attributes,
                    groups=file.groups,
                    group_names=file.group_names,
                    events=file.events,
                    event_names=file.event_names,
                    weights=file.weights,
                    views=None
                    if file.views is None
                    else replace(file.views, features=transform.transform(file.views.features)),
                )
                for split, file in problem.splits.items()
                if split in ("train", self.protocol.select_on)
            }
            # the prior is that of the network's own classifier, which is not for these features
            inner = replace(problem, splits=splits, head=None, own_prior=None)
            self._transformed_for = kind, transform, self.protocol.on(inner)
            self._transformed_joint = None
        return self._transformed_for[1:]


def fitted_joint(protocol: Protocol) -> Joint:
    """Return the classifier that others are compared with: the network's own, or one that is fitted to train."""
    problem, train = protocol.problem, protocol.learnt
    shared = {"random_state": protocol.seed, "device": protocol.device}
    joint: Any = unfitted_head("joint", protocol.settings, head=problem.head, head_prior=problem.own_prior, **shared)
    fitted: Joint = joint.fit(train.features, train.labels)
    return fitted if fitted.selected_on_ == "given" else knowing_images(fitted, [problem.splits["train"]])


def fit_method(name: str, protocol: Protocol, joint: Joint) -> Head:
    """Fit a method's head on train, further views of its images among the rows.

    Args:
        name: of the method.
        protocol: the problem, settings, where choices are made.
        joint: fitted on train: what the methods start from that start from a trained head.

    Raises:
        InputError: it is made of other methods, or its settings cannot be.
    """
    if name == "joint":
        return joint
    return knowing_images(_fitted(name, protocol, joint), [protocol.problem.splits["train"]])


def _fitted(name: str, protocol: Protocol, joint: Joint) -> Head:
    method, problem = METHODS[name], protocol.problem
    if method.cost == "others":
        raise InputError(f"{name} is not fitted to features: it is made of other methods.")
    # without validation data a choice is honest only for a head that has not seen the held-out rows: one that is
    # fitted anew; the network's own head has seen all of train
    fits_anew = method.chooses and problem.head is None and protocol.select_on == "train"
    head = unfitted_head(
        name,
        protocol.settings,
        head=None if fits_anew else (joint.weight_, joint.bias_),
        random_state=protocol.seed,
        device=protocol.device,
        **_standardisation(name, problem),
    )
    train = protocol.learnt
    if method.chooses and protocol.select_on != "train":
        judged = problem.splits[protocol.select_on]
        return head.fit(train.features, train.labels, validation=(judged.features, judged.labels))  # type: ignore[no-any-return]
    if method.chooses and train.groups is not None:
        return _chosen_on_other_groups(head, protocol, None if fits_anew else (joint.weight_, joint.bias_))
    return head.fit(train.features, train.labels)  # type: ignore[no-any-return]


def _chosen_on_other_groups(head: Any, protocol: Protocol, start: LinearParameters | None) -> Head:
    """Choose settings on groups that are held out of train, and fit all of train with them.

    By itself a head would leave single rows out, of which others of the same group tell what they are.
    """
    train, learnt = protocol.problem.splits["train"], protocol.learnt
    labels = np.asarray(train.labels)
    groups = np.arange(len(labels)) if train.groups is None else np.asarray(train.groups)
    rest, held_out = grouped_holdout(labels, groups, 0.2, protocol.seed)
    if not len(held_out):  # every class is a single group: nothing can be judged by others
        return head.fit(learnt.features, learnt.labels)  # type: ignore[no-any-return]
    judged = np.asarray(train.features[held_out]), labels[held_out]
    others = as_learnt(train.take(rest), protocol.seed)
    chosen: Head = head.fit(np.asarray(others.features), others.labels, validation=judged)
    if isinstance(core(chosen), DLSA):  # has stopped where it was best on them
        return chosen
    again = fitted_like(
        chosen, learnt.features, learnt.labels, network_head=start, seed=protocol.seed, device=protocol.device
    )
    again.selected_on_ = "train-cv"
    curve = getattr(core(chosen), "curve_", None)
    if curve is not None:
        again.curve_ = curve
    return again


def _standardisation(name: str, problem: FeatureProblem) -> dict[str, Any]:
    """Let a method that drops the bias of the head it is given drop that of centred features, where we trained it.

    A network's own layer is taken as it is.
    """
    is_open = METHODS[name].parameters.get("standardise", False) is None
    return {"standardise": problem.head is None} if is_open else {}


def core(head: Head) -> Head:
    """Return the head behind a transform, or the head itself."""
    return head.head_ if isinstance(head, Transformed) else head


def learns_from_rows(head: Head) -> bool:
    """Return whether more rows would make another head of it.

    A network's own classifier is what it is; flow filters have chosen their epochs and blocks on val.
    """
    inner = core(head)
    return not isinstance(inner, DLSA) and not (isinstance(inner, Joint) and inner.selected_on_ == "given")
