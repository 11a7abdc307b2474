"""Fit methods by name, behind a feature transform where one is asked for."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.features import FeatureFile
from longtail.heads import DLSA, Joint, Transformed
from longtail.heads.base import Head
from longtail.heads.feature_transform import FeatureTransform, TransformKind
from longtail.holdout import fifth_for_choices
from longtail.jobs.fitting.head_options import HeadOptions
from longtail.jobs.fitting.heads import fit_head, parameters_of
from longtail.jobs.fitting.problem import FeatureProblem
from longtail.jobs.fitting.sealed import SealedFeatures

__all__ = ["Fitter", "core", "learns_from_rows", "settings_of"]

# methods that start from a trained linear head
FROM_JOINT = ("joint", "tau", "la", "lws", "maxnorm", "marc", "disalign", "dlsa")


class Fitter:
    """Fits heads to one problem; the joint head and the transformed features of one kind are kept for the next one.

    Args:
        problem: checked features.
        options: settings of the methods.
        select_on: "val", "train" or "test".
        seed: of initialisation and sampling.
        device: where to compute.
        joint: fitted on train; None fits one.
    """

    def __init__(
        self,
        problem: FeatureProblem,
        options: HeadOptions,
        select_on: str,
        seed: int,
        device: str,
        joint: Joint | None = None,
    ) -> None:
        self.problem, self.options = problem, options
        self.select_on, self.seed, self.device = select_on, seed, device
        train = problem.splits["train"]
        own = Joint(problem.head, random_state=seed, device=device, head_prior=problem.own_prior)
        self._joint = joint or own.fit(train.features, train.labels)
        self._kept: tuple[TransformKind, FeatureTransform, FeatureProblem] | None = None
        self._kept_joint: Joint | None = None

    def fit(self, name: str, kind: TransformKind = "none") -> Head:
        """Fit a method's head on train.

        Args:
            name: of the method.
            kind: of the transform before it. A network's own classifier is for the features as they are: joint is left
                alone then, and other methods start from a linear head that is trained on the transformed features.
        """
        if kind == "none" or (name == "joint" and self.problem.head is not None):
            return self._fit(name, self.problem, self._joint)
        transform, inner = self._transformed(kind)
        joint = self._joint  # methods that start from no head do not look at it
        if name in FROM_JOINT:
            if self._kept_joint is None:
                train = inner.splits["train"]
                joint = Joint(random_state=self.seed, device=self.device)
                self._kept_joint = joint.fit(train.features, train.labels)
            joint = self._kept_joint
        return Transformed.of(transform, self._fit(name, inner, joint))

    def _fit(self, name: str, problem: FeatureProblem, joint: Joint) -> Head:
        return fit_head(name, problem, self.options, joint, self.select_on, self.seed, self.device)

    def without_a_fifth(self) -> tuple["Fitter", NDArray[Any], NDArray[np.int64]]:
        """Hold a fifth of train out, class by class: a fitter to the rest, and features and labels of the fifth."""
        train = self.problem.splits["train"]
        labels = np.asarray(train.labels)
        rest, out = fifth_for_choices(labels, self.seed)
        fitter = Fitter(self.problem.of_train(rest), self.options, "train", self.seed, self.device)
        return fitter, np.asarray(train.features[out]), labels[out]

    def _transformed(self, kind: TransformKind) -> tuple[FeatureTransform, FeatureProblem]:
        if self._kept is None or self._kept[0] != kind:
            transform = FeatureTransform(kind, keep_length=True).fit(self.problem.splits["train"].features)
            splits: dict[str, FeatureFile | SealedFeatures] = {
                split: FeatureFile(file.path, transform.transform(file.features), file.labels, file.attributes)
                for split, file in self.problem.splits.items()
                if split in ("train", self.select_on)
            }
            self._kept = kind, transform, replace(self.problem, splits=splits, head=None)
            self._kept_joint = None
        return self._kept[1], self._kept[2]


def core(head: Head) -> Head:
    """Give the head behind a transform, or the head itself."""
    return head.head_ if isinstance(head, Transformed) else head


def settings_of(head: Head) -> dict[str, Any]:
    """Give the settings that had a part in this head, the transform before it among them."""
    inner = parameters_of(core(head))
    return {**inner, "feature_transform": head.feature_transform_.kind} if isinstance(head, Transformed) else inner


def learns_from_rows(head: Head) -> bool:
    """Say whether more rows would make another head of it.

    A network's own classifier is what it is; flow filters have chosen their epochs and blocks on val.
    """
    inner = core(head)
    return not isinstance(inner, DLSA) and not (isinstance(inner, Joint) and inner.selected_on_ == "given")
