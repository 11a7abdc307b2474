"""Rebalance a network that is in memory."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import nn

from longtail.backbones.last_layer import find_last_layer, replace_last_layer
from longtail.counts import group_of_class
from longtail.features import FeatureFile
from longtail.heads import Joint
from longtail.jobs.automatic import choose_and_refit, predict_splits
from longtail.jobs.balance import linear_methods
from longtail.jobs.balance_check import check_fit
from longtail.jobs.feature_problem import check_problem
from longtail.jobs.fitting import fit_head
from longtail.jobs.options import HeadOptions

__all__ = ["balance_module"]


def balance_module(
    model: nn.Module,
    features: ArrayLike,
    labels: ArrayLike,
    *,
    validation: tuple[ArrayLike, ArrayLike] | None = None,
    methods: str = "tau,la,lws,crt",
    layer: str | None = None,
    options: HeadOptions | None = None,
    seed: int = 0,
    device: str = "cpu",
) -> nn.Module:
    """Give a copy of a network whose last linear layer is fair to rare classes.

    Each method is fitted on the features; the one with the best balanced accuracy on `validation` (the network's own
    layer among them), or in cross-validation where there is none, is fitted again on all of it and put in.

    Args:
        model: ends in a linear layer; it stays as it is.
        features: what that layer sees, of the training images, shape (N, D).
        labels: in the order of its outputs, 0 .. C - 1, shape (N,).
        validation: features (M, D) and labels (M,) of images that the network was not trained on.
        methods: some of joint, tau, la, lws, crt; a single one is taken without a choice.
        layer: name of the last layer, where it has no usual one.
        options: settings of the methods; its `methods` does nothing.
        seed: of the fits.
        device: where the heads compute.

    Raises:
        InputError: no linear last layer, features that do not fit it, classes in another order, or a method that is not
            linear.

    Example:
        >>> from longtail.backbones import create_backbone, features_of
        >>> rng, model = np.random.default_rng(0), create_backbone("resnet20", num_classes=2)
        >>> labels = np.repeat([0, 1], [60, 12])
        >>> features = rng.normal(size=(72, 64)).astype(np.float32)
        >>> features[:, 0] += 8 * labels
        >>> fitted = Joint(random_state=0).fit(features, labels)
        >>> model = replace_last_layer(model, torch.from_numpy(fitted.weight_), torch.from_numpy(fitted.bias_))
        >>> balanced = balance_module(model, features, labels, methods="crt")
        >>> type(balanced) is type(model), bool((balanced.fc.weight != model.fc.weight).any())
        (True, True)
    """
    found = find_last_layer(model.state_dict(), layer)
    names = linear_methods(methods, has_bias=found.bias is not None)
    bias = torch.zeros(len(found.weight)) if found.bias is None else found.bias
    own = found.weight.detach().float().cpu().numpy(), bias.detach().float().cpu().numpy()
    parts = {"train": (features, labels), **({} if validation is None else {"val": validation})}
    splits = {split: _in_memory(split, *part) for split, part in parts.items()}
    problem = check_problem(splits, head=own)
    train = problem.splits["train"]
    check_fit(train.labels, Joint().take(*own).predict(train.features), problem.class_names, type(model).__name__)
    options = options or HeadOptions()
    joint = Joint(own).fit(train.features, train.labels)
    select_on = "val" if validation is not None else "train"
    heads = {name: fit_head(name, problem, options, joint, select_on, seed, device) for name in names}
    if len(heads) == 1:
        chosen: Any = heads[names[0]]
    else:
        heads = {"joint": joint, **heads}
        predictions = {name: predict_splits(head, problem) for name, head in heads.items()}
        groups = group_of_class(problem.train_counts, options.many_above, options.few_below)
        chosen = choose_and_refit(
            problem, replace(options, methods=methods), heads, predictions, select_on, groups, seed, device
        ).head
    new_bias = None if found.bias is None else torch.from_numpy(chosen.bias_)
    return replace_last_layer(model, torch.from_numpy(chosen.weight_), new_bias, layer)


def _in_memory(split: str, features: ArrayLike, labels: ArrayLike) -> FeatureFile:
    return FeatureFile(Path(split), np.asarray(features), np.asarray(labels, dtype=np.int64), {})
