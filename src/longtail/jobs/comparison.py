"""Fit several heads to one problem and measure them under one protocol."""

import difflib
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.counts import gini, group_of_class, imbalance_ratio
from longtail.errors import InputError
from longtail.evaluation import (
    accuracy_intervals,
    accuracy_report,
    group_means,
    paired_differences,
    tally,
)
from longtail.heads import (
    ClassifierRetraining,
    Joint,
    LearnableWeightScaling,
    NearestClassMean,
    TauNormalized,
    save_head,
)
from longtail.heads.base import Head
from longtail.jobs.feature_problem import FeatureProblem
from longtail.jobs.options import METHODS, HeadOptions

__all__ = ["compare_heads", "selection_split", "wanted_methods"]

Predictions = dict[str, dict[str, NDArray[np.int64]]]


def compare_heads(
    problem: FeatureProblem,
    options: HeadOptions,
    *,
    title: str,
    seed: int,
    device: str,
    folder: Path,
    quiet: bool,
    ready: dict[str, tuple[Head, dict[str, NDArray[np.int64]]]] | None = None,
) -> dict[str, Any]:
    """Fit each wanted method on train, choose on the selection split, measure on val and test.

    Args:
        problem: checked features.
        options: methods and their settings.
        title: of the report.
        seed: of initialisation and sampling.
        device: where the heads compute.
        folder: of the run; `heads/` and `predictions/` are written into it.
        quiet: say nothing.
        ready: heads that were trained elsewhere (cRT from images) with their predictions on val and test, taken instead
            of fitting.

    Returns:
        The content of results.json, without environment and command.

    Raises:
        InputError: an unknown method, or a selection split that is not there or not allowed.
    """
    methods = wanted_methods(options.methods)
    select_on = selection_split(problem, options)
    groups = group_of_class(problem.train_counts, options.many_above, options.few_below)
    joint = Joint(problem.head, random_state=seed, device=device)
    train = problem.splits["train"]
    joint.fit(train.features, train.labels)
    linear = (joint.weight_, joint.bias_)
    predictions: Predictions = {}
    entries: dict[str, Any] = {}
    for name in methods:
        started = time.perf_counter()
        if ready and name in ready:
            head, predictions[name] = ready[name]
        else:
            head = _fitted(name, problem, options, linear, joint, select_on, seed, device)
            predictions[name] = {
                split: head.predict(file.features) for split, file in problem.splits.items() if split != "train"
            }
        seconds = time.perf_counter() - started
        save_head(head, folder / "heads" / f"{name}.npz")
        entries[name] = {
            "params": _parameters(head),
            "selected_on": "test" if head.selected_on_ == "val" and select_on == "test" else head.selected_on_,
            "seconds": round(seconds, 3),
            "metrics": _metrics(problem, predictions[name], groups, options, seed),
            "weight_norms": np.linalg.norm(head.weight_, axis=1).tolist() if hasattr(head, "weight_") else None,
            "curve": _curve(head, groups, select_on),
            "versus_joint": None,
        }
        if not quiet:
            print(f"  {name} done in {seconds:.1f} s")
    test = problem.splits.get("test")
    if test is not None and "joint" in predictions:
        for name, entry in entries.items():
            if name != "joint":
                entry["versus_joint"] = paired_differences(
                    test.labels, predictions[name]["test"], predictions["joint"]["test"], groups, seed=seed
                )
    _write_predictions(problem, predictions, folder)
    return {
        "schema": 1,
        "title": title,
        "seed": seed,
        "data": _data_facts(problem, groups, options),
        "stage1": None,
        "methods": entries,
        "rare_classes": _rare_classes(problem, predictions, groups),
        "class_examples": {},
    }


def wanted_methods(text: str) -> tuple[str, ...]:
    """Read a list of methods such as "joint,tau" or "all".

    Raises:
        InputError: an unknown method.

    Example:
        >>> wanted_methods("tau, joint")
        ('joint', 'tau')
    """
    if text == "all":
        return METHODS
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in METHODS:
            close = difflib.get_close_matches(name, METHODS, n=1)
            raise InputError(
                f"no method {name!r}.{f' Did you mean {close[0]}?' if close else ''} "
                f"Methods: {', '.join(METHODS)}, all."
            )
    if not names:
        raise InputError(f"--methods is empty; expected some of {', '.join(METHODS)}, or all.")
    return tuple(name for name in METHODS if name in names)


def selection_split(problem: FeatureProblem, options: HeadOptions) -> str:
    """Say on which split choices are made: "val", "train" (a part held out) or, only by an explicit word, "test".

    Raises:
        InputError: the split is not there, or test was not allowed.
    """
    wanted = options.select_on or ("val" if "val" in problem.splits else "train")
    if wanted == "test" and not options.i_know_test_is_spoiled:
        other = "--select-on val (feature_val.h5 is there)" if "val" in problem.splits else "--select-on train"
        raise InputError(
            f"choosing on the test split makes the test result worthless. Use {other}, or, to reproduce a publication "
            'that did so, --select-on test --i-know-test-is-spoiled; every table will carry the mark "chosen on test".'
        )
    if wanted != "train" and wanted not in problem.splits:
        folder = problem.splits["train"].path.parent
        raise InputError(f"--select-on {wanted}: {folder} holds no feature_{wanted}.h5. Use --select-on train.")
    return wanted


def _fitted(
    name: str,
    problem: FeatureProblem,
    options: HeadOptions,
    linear: tuple[NDArray[Any], NDArray[Any]],
    joint: Joint,
    select_on: str,
    seed: int,
    device: str,
) -> Head:
    train = problem.splits["train"]
    shared: dict[str, Any] = {
        "batch_size": options.head_batch_size,
        "learning_rate": options.head_learning_rate,
        "weight_decay": options.head_weight_decay,
        "schedule": options.head_schedule,
        "sampling": options.head_sampling,
        "repeat_threshold": options.head_repeat_threshold,
        "precision": options.head_precision,
        "random_state": seed,
        "device": device,
    }
    match name:
        case "joint":
            return joint
        case "ncm":
            ncm = NearestClassMean(transform=options.ncm_transform, metric=options.ncm_metric, device=device)
            return ncm.fit(train.features, train.labels)
        case "crt":
            return ClassifierRetraining(epochs=options.crt_epochs, **shared).fit(train.features, train.labels)
        case "lws":
            lws = LearnableWeightScaling(linear, epochs=options.lws_epochs, **shared)
            return lws.fit(train.features, train.labels)
        case _:
            # without validation data the choice is honest only for a head that has not seen the held-out rows: one that
            # is fitted anew; the network's own head has seen all of train
            head = linear if problem.head is not None or select_on != "train" else None
            tau = TauNormalized(
                "auto" if options.tau is None else options.tau,
                head,
                keep_bias=options.keep_bias,
                random_state=seed,
                device=device,
            )
            chosen_on = problem.splits.get(select_on) if select_on != "train" else None
            validation = None if chosen_on is None else (chosen_on.features, chosen_on.labels)
            return tau.fit(train.features, train.labels, validation=validation)


def _parameters(head: Head) -> dict[str, Any]:
    """Give the settings that had a part in this head."""
    if isinstance(head, Joint) and head.selected_on_ == "given":
        return {}
    unused = {"head", "device", "grid"}
    if isinstance(head, LearnableWeightScaling) and head.initial == "ones":
        unused |= {"tau"}
    given = {name: value for name, value in head.get_params().items() if name not in unused}
    learned = {"tau": head.tau_} if isinstance(head, TauNormalized) else {}
    return {**given, **learned}


def _metrics(
    problem: FeatureProblem,
    predictions: dict[str, NDArray[np.int64]],
    groups: NDArray[np.str_],
    options: HeadOptions,
    seed: int,
) -> dict[str, Any]:
    measured = {}
    for split, predicted in predictions.items():
        labels = problem.splits[split].labels
        report = accuracy_report(
            labels,
            predicted,
            problem.train_counts,
            many_above=options.many_above,
            few_below=options.few_below,
        )
        counted = tally(labels, predicted, len(groups))
        measured[split] = {**report, "intervals": accuracy_intervals(counted, groups, seed=seed)}
    return measured


def _curve(head: Head, groups: NDArray[np.str_], select_on: str) -> dict[str, Any] | None:
    if not isinstance(head, TauNormalized) or head.curve_ is None:
        return None
    hits, totals = np.array(head.curve_["hits"]), np.array(head.curve_["totals"])
    by_group = group_means(100 * hits / np.maximum(totals, 1), totals > 0, groups)
    return {
        "parameter": "tau",
        "grid": head.curve_["grid"],
        "split": "train-cv" if head.selected_on_ == "train-cv" else select_on,
        "chosen": head.tau_,
        "metrics": {
            "all": head.curve_["all"],
            "balanced": head.curve_["balanced"],
            **{group: None if values is None else values.tolist() for group, values in by_group.items()},
        },
    }


def _data_facts(problem: FeatureProblem, groups: NDArray[np.str_], options: HeadOptions) -> dict[str, Any]:
    counts = problem.train_counts
    return {
        "name": problem.splits["train"].attributes.get("data", problem.splits["train"].path.parent.name),
        "num_classes": len(counts),
        "class_names": list(problem.class_names),
        "train_counts": counts.tolist(),
        "imbalance_ratio": imbalance_ratio(counts),
        "gini": gini(counts),
        "splits": {split: {"images": len(file.labels)} for split, file in problem.splits.items()},
        "group_thresholds": {"many_above": options.many_above, "few_below": options.few_below},
        "group_of_class": groups.tolist(),
        "notes": list(problem.notes),
    }


def _rare_classes(
    problem: FeatureProblem, predictions: Predictions, groups: NDArray[np.str_], most: int = 12
) -> list[dict[str, Any]]:
    test = problem.splits.get("test")
    if test is None:
        return []
    test_counts = np.bincount(test.labels, minlength=len(groups))
    rarest = [int(c) for c in np.argsort(problem.train_counts, kind="stable") if test_counts[c] > 0]
    few = [c for c in rarest if groups[c] == "few"] or rarest[: max(len(rarest) // 4, 1)]
    rows = []
    for c in few[:most]:
        members = test.labels == c
        found, confused = {}, {}
        for name, predicted in predictions.items():
            votes = np.bincount(predicted["test"][members], minlength=len(groups))
            found[name] = int(votes[c])
            votes[c] = 0
            others = np.argsort(-votes, kind="stable")[:3]
            confused[name] = [{"class": int(o), "count": int(votes[o])} for o in others if votes[o] > 0]
        rows.append(
            {
                "class": c,
                "train_count": int(problem.train_counts[c]),
                "test_count": int(test_counts[c]),
                "found": found,
                "confused_with": confused,
                "examples": [],
                "train_example": None,
            }
        )
    return rows


def _write_predictions(problem: FeatureProblem, predictions: Predictions, folder: Path) -> None:
    from longtail.atomic import atomic_path

    for split, file in problem.splits.items():
        if split == "train":
            continue
        names = ["row", "label", *predictions]
        columns = [
            np.arange(len(file.labels)),
            file.labels,
            *(predictions[name][split] for name in predictions),
        ]
        with atomic_path(folder / "predictions" / f"{split}.csv") as temporary:
            np.savetxt(
                temporary,
                np.stack(columns, axis=1),
                fmt="%d",
                delimiter=",",
                header=",".join(names),
                comments="",
            )
