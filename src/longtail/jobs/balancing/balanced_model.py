"""Rebalance a network that is in memory."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import nn

from longtail.backbones.measured_layer import last_layer_of
from longtail.backbones.split import check_replaceable, put_in
from longtail.comparison import Protocol, Rules, check_problem
from longtail.comparison.automatic import decide, fitted_on_all
from longtail.comparison.candidates import Candidate, gathered_evidence
from longtail.comparison.fitter import fit_method
from longtail.comparison.linear_methods import linear_methods
from longtail.errors import InputError
from longtail.evaluation.selection import Metric
from longtail.features import FeatureFile
from longtail.features.groups import read_groups
from longtail.heads import Joint
from longtail.heads.base import Head, Prior
from longtail.heads.linear import LinearHead
from longtail.jobs.balancing.check import check_fit, check_shape

__all__ = ["balance_model"]


def balance_model(
    model: nn.Module,
    features: ArrayLike,
    labels: ArrayLike,
    *,
    validation: tuple[ArrayLike, ArrayLike] | None = None,
    groups: ArrayLike | None = None,
    methods: str = "all",
    metric: Metric = "balanced",
    prior: Prior | None = None,
    layer: str | None = None,
    images: Any = None,
    seed: int = 0,
    device: str = "cpu",
) -> nn.Module:
    """Return a copy of a network whose last linear layer is fair to rare classes.

    Each method is fitted on the features; the best one on `validation` (the network's own layer among them), or in
    cross-validation where there is none, is fitted again on all of it and put in.

    That the layer ends the network is seen by running it on a few inputs: `images`, or noise of the shape that it
    seems to take. Whether the features are what the layer sees of the training images is judged by the labels alone:
    the layer's scores must have to do with them.

    Args:
        model: ends in a linear layer, or in several whose scores are added; it stays as it is.
        features: what that layer sees, of the training images, shape (N, D); `SplitNetwork` gives it. Of several
            layers, what they see laid side by side.
        labels: in the order of its outputs, 0 .. C - 1, shape (N,).
        validation: features (M, D) and labels (M,) of images that the network was not trained on.
        groups: words or numbers that say which training images belong together, such as those of one site, shape (N,);
            none is on both sides of a choice. Default: images are independent.
        methods: such as "tau,la", or "all" that are one linear layer; a single one is taken without a choice.
        metric: what the choice is made by: "balanced", "all", "many", "medium", "few" or "worst" (class).
        prior: how common the classes are where the network will be used: "uniform", "train", or the share of each
            class, shape (C,); it goes into the bias after the choice. None: the world of the chosen method, which for
            most makes all classes equally common.
        layer: name of the last layer; default: whatever ends the network.
        images: a few inputs that the network takes: a tensor, or the tuple or dict of its arguments. Needed where it
            cannot be run on noise.
        seed: of the fits.
        device: where the heads compute.

    Returns:
        The balanced network.

    Raises:
        InputError: no linear layer ends the network (a softmax, a temperature or another head stands behind it, or its
            weights are quantised or made by a norm), it cannot be run without `images`, features that do not fit it,
            classes in another order or trained with a sigmoid each, a method that is not linear, or a prior that is
            unusable or has no bias to go into.

    Example:
        >>> from longtail.backbones import create_backbone
        >>> rng, model = np.random.default_rng(0), create_backbone("resnet20", num_classes=2)
        >>> labels = np.repeat([0, 1], [60, 12])
        >>> features = rng.normal(size=(72, 64)).astype(np.float32)
        >>> features[:, 0] += 8 * labels
        >>> fitted = Joint(random_state=0).fit(features, labels)
        >>> from longtail.backbones import replace_last_layer
        >>> model = replace_last_layer(model, torch.from_numpy(fitted.weight_), torch.from_numpy(fitted.bias_))
        >>> balanced = balance_model(model, features, labels, methods="crt")
        >>> type(balanced) is type(model), bool((balanced.fc.weight != model.fc.weight).any())
        (True, True)
    """
    _check_single_label(model)
    last = last_layer_of(model, layer, images)
    check_replaceable(model, last)
    weight = last.weight.detach().float().cpu()
    bias = torch.zeros(len(weight)) if last.bias is None else last.bias.detach().float().cpu()
    network_head = weight.numpy(), bias.numpy()
    names = linear_methods(methods, {}, has_bias=last.bias is not None)
    origin = f"{type(model).__name__}: {last.name or 'weight'}"
    if prior is not None and last.bias is None:
        raise InputError(f"{origin}: has no bias, which a prior would go into. Leave the prior out.")
    parts = {"train": (features, labels), **({} if validation is None else {"val": validation})}
    splits = {split: _in_memory(split, *part) for split, part in parts.items()}
    if groups is not None:
        numbers, named = read_groups(np.asarray(groups), len(splits["train"].labels), origin="`groups`")
        splits["train"] = replace(splits["train"], groups=numbers, group_names=named)
    check_shape(splits["train"], weight.shape, origin)
    problem = check_problem(splits, head=network_head)
    protocol = Protocol(problem, Rules(metric=metric, together=False), seed=seed, device=device)
    train = problem.splits["train"]
    check_fit(train.features, train.labels, network_head, problem.class_names, origin)
    joint = Joint(network_head).fit(train.features, train.labels)
    heads = {name: fit_method(name, protocol, joint) for name in names}
    chosen: Head = next(iter(heads.values()))
    if len(heads) > 1:
        candidates = {name: Candidate(head) for name, head in {"joint": joint, **heads}.items()}
        evidence = gathered_evidence(protocol, candidates)
        decision = decide(evidence, protocol)
        chosen, _ = fitted_on_all(decision, candidates, evidence, protocol)
    if not isinstance(chosen, LinearHead):
        raise InputError(f"{type(chosen).__name__} is no linear layer. Leave that method out.")
    moved = chosen.bias_ if prior is None else chosen.bias_for(prior)
    new_bias = None if last.bias is None else torch.from_numpy(moved)
    return put_in(model, last, torch.from_numpy(chosen.weight_), new_bias)


def _check_single_label(model: nn.Module) -> None:
    config: Any = getattr(model, "config", None)
    kind = getattr(config, "problem_type", None)
    if kind in ("multi_label_classification", "regression"):
        raise InputError(
            f"{type(model).__name__}: its config.problem_type is {kind}: the classes do not exclude each other. Where "
            "each "
            'image has one class all the same, set it to "single_label_classification" first.'
        )


def _in_memory(split: str, features: ArrayLike, labels: ArrayLike) -> FeatureFile:
    rows, codes = np.asarray(features), np.asarray(labels, dtype=np.int64)
    if rows.ndim != 2 or codes.shape != rows.shape[:1]:
        raise InputError(f"{split}: features {rows.shape} and labels {codes.shape}; expected N x D and N.")
    return FeatureFile(Path(split), rows, codes, {})
