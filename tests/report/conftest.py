"""Made-up but plausible results, as the jobs would write them."""

from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest

from longtail.counts import GROUPS, exponential_counts, gini, group_of_class, imbalance_ratio

METHODS = ("joint", "ncm", "crt", "tau", "lws")


def _mean(values, chosen):
    known = [value for value, inside in zip(values, chosen, strict=True) if inside and value is not None]
    return float(np.mean(known)) if known else None


def _interval(value, half=4.0):
    return None if value is None else [max(value - half, 0.0), min(value + half, 100.0)]


def _metrics(per_class, groups):
    everything = {
        "all": _mean(per_class, groups != ""),
        "balanced": _mean(per_class, groups != ""),
        **{group: _mean(per_class, groups == group) for group in GROUPS},
    }
    return {
        "images": 40 * len(per_class),
        **everything,
        "macro_f1": everything["balanced"],
        "geometric_mean": 0.0,
        "per_class": per_class,
        "per_class_precision": [None, *per_class[1:]],
        "intervals": {name: _interval(value) for name, value in everything.items()},
    }


def _tested(differences):
    return {
        key: None
        if found is None
        else {**found, "p": 0.01, "p_corrected": 0.0004 if found["difference"] > 5 else 0.31, "smallest": 4.2}
        for key, found in differences.items()
    }


def _build(num_classes=10, largest=500, ratio=250, names=None, counts=None):
    counts = exponential_counts(num_classes, largest, ratio) if counts is None else np.array(counts)
    num_classes = len(counts)
    groups = group_of_class(counts)
    rng = np.random.default_rng(0)
    share = np.log(np.maximum(counts, 1)) / np.log(max(counts.max(), 2))
    entries = {}
    for strength, name in enumerate(METHODS):
        recall = np.clip(100 * share ** (1.6 - 0.33 * strength) + rng.normal(0, 4, num_classes), 0, 100)
        per_class = [float(value) for value in recall]
        metrics = _metrics(per_class, groups)
        grid = [round(0.1 * step, 1) for step in range(21)]
        entries[name] = {
            "params": {"epochs": 10, "metric": "l2"} if name != "tau" else {"tau": 0.6, "keep_bias": False},
            "selected_on": "val" if name == "tau" else "not selected",
            "seconds": 0.4 + 70 * strength,
            "metrics": {"val": deepcopy(metrics), "test": metrics},
            "weight_norms": None if name == "ncm" else (1 + 0.5 * share * (5 - strength)).tolist(),
            "curve": None
            if name != "tau"
            else {
                "parameter": "tau",
                "grid": grid,
                "split": "val",
                "chosen": 0.6,
                "metrics": {
                    key: None if metrics[key] is None else [metrics[key] - 20 * (tau - 0.6) ** 2 for tau in grid]
                    for key in ("all", "balanced", *GROUPS)
                },
            },
            "versus_joint": None,
        }
    joint = entries["joint"]["metrics"]["test"]
    for name in METHODS[1:]:
        found = entries[name]["metrics"]["test"]
        entries[name]["versus_joint"] = {
            key: None
            if found[key] is None
            else {
                "difference": found[key] - joint[key],
                "interval": [found[key] - joint[key] - 3, found[key] - joint[key] + 3],
            }
            for key in ("all", "balanced", *GROUPS)
        }
    few = [int(c) for c in np.argsort(counts, kind="stable")[:14]]
    history = [
        {
            "epoch": epoch,
            "learning_rate": 0.1,
            "train_loss": 2 / (epoch + 1),
            "train_accuracy": 100 - 60 / (epoch + 1),
            "val_all": 90 - 50 / (epoch + 1),
            "val_balanced": None if epoch == 0 else 80 - 50 / (epoch + 1),
            "seconds": 1.0,
        }
        for epoch in range(12)
    ]
    return {
        "schema": 1,
        "title": "digits",
        "command": "longtail run digits --out 'my runs/digits'",
        "created": "2026-11-20T12:00:00+00:00",
        "seed": 0,
        "data": {
            "name": "digits",
            "num_classes": num_classes,
            "class_names": names or [f"class {c}" for c in range(num_classes)],
            "train_counts": counts.tolist(),
            "imbalance_ratio": imbalance_ratio(counts) if counts.min() > 0 else None,
            "gini": gini(counts),
            "splits": {
                "train": {"images": int(counts.sum())},
                "val": {"images": 90},
                "test": {"images": 400},
            },
            "group_thresholds": {"many_above": 100, "few_below": 20},
            "group_of_class": groups.tolist(),
            "notes": ["no val folder: 120 of 1,200 training images split off, stratified, seed 0"],
        },
        "stage1": {
            "backbone": "digits_cnn",
            "sampling": "instance",
            "epochs": 12,
            "seconds": 12.0,
            "images_per_second": 4000.0,
            "parameters": 120_000,
            "history": history,
        },
        "methods": entries,
        "comparisons": {
            "split": "test",
            "best": "tau",
            "correction": "holm",
            "level": 0.05,
            "power": 0.8,
            "pairs": [
                {"method": name, "baseline": baseline, "metrics": _tested(entries[name]["versus_joint"])}
                for name, baseline in [*((name, "joint") for name in METHODS[1:]), ("ncm", "tau"), ("crt", "tau")]
            ],
        },
        "learning_curve": {
            "method": "tau",
            "measured_on": "val",
            "draws": 4,
            "levels": [0.125, 0.25, 0.5, 1.0],
            "seconds": 1.0,
            "exponent": 0.4,
            "group_doubling": {"many": None, "medium": [1.0, -1.0, 3.0], "few": [6.0, 2.0, 10.0]},
            "classes": [
                {
                    "class": c,
                    "train_count": int(counts[c]),
                    "measured_images": 9,
                    "recall": None if c == 0 else 50.0,
                    "doubling": 5.0 + c,
                    "interval": [c - 2.5, 12.5 + c],
                    "own_share": 0.2 * (c % 5),
                    "verdict": "gains" if c > 2 else "cannot say",
                    "images_for_10_points": 30 + c if c % 2 else None,
                }
                for c in range(num_classes)
            ],
        },
        "shared_rows": {
            "identical": 3,
            "near": 1,
            "pairs": {
                "val": {"rows": 90, "identical": 0, "near": 0, "of": ["train"]},
                "test": {"rows": 400, "identical": 3, "near": 1, "of": ["train", "val"]},
            },
            "not_looked_for": None,
            "without": {
                name: {
                    "images": 396,
                    **{key: entry["metrics"]["test"][key] for key in ("all", "balanced", "many", "medium")},
                    "few": None if entry["metrics"]["test"]["few"] is None else 12.34,
                }
                for name, entry in entries.items()
            },
        },
        "confusion": {
            name: {
                "matrix": None
                if num_classes > 25
                else (np.eye(num_classes, dtype=int) * 31 + np.eye(num_classes, k=1, dtype=int) * 9).tolist(),
                "most": [{"class": 0, "predicted": 1, "count": 9, "images": 40}],
            }
            for name in ("joint", "tau")
        },
        "label_problems": {
            "totals": {"nearly the same, two splits": 14, "likely mislabelled": 1},
            "not_looked_for": [],
            "found": [
                {
                    "problem": "nearly the same, two splits",
                    "split": "train",
                    "row": 3,
                    "label": names[0] if names else "class 0",
                    "other_split": "test",
                    "other_row": 5,
                    "other_label": names[0] if names else "class 0",
                    "score": 0.99995,
                },
                {
                    "problem": "likely mislabelled",
                    "split": "train",
                    "row": 8,
                    "label": names[0] if names else "class 0",
                    "other_split": "",
                    "other_row": "",
                    "other_label": names[1] if names else "class 1",
                    "score": 0.8,
                },
            ],
        },
        "rare_classes": [
            {
                "class": c,
                "train_count": int(counts[c]),
                "test_count": 40,
                "found": {"joint": 4, "tau": 31},
                "confused_with": {"joint": [{"class": 0, "count": 20}, {"class": 1, "count": 3}], "tau": []},
                "examples": [
                    {
                        "file": f"examples/test-{c:05d}-{k}.png",
                        "name": f"a/b/photo_{k}.png",
                        "predicted": {"joint": 0, "tau": c},
                    }
                    for k in range(3)
                ],
                "train_example": f"examples/train-{c:05d}.png",
            }
            for c in few
        ],
        "class_examples": {"0": "examples/train-00000.png", "1": "examples/train-00001.png"},
        "verdict": {
            "best": "tau",
            "selected_on": "val",
            "sentence": "The rare classes: joint finds 4 of 40 images, tau finds 31 (+67.5 points).",
            "leak": "3 of 400 test rows stand in train or val too.",
            "doubts": ["crt: it was stopped before it had converged"],
        },
        "environment": {"longtail": "0.1.0", "python": "3.12.1", "cpu": "made-up processor"},
    }


@pytest.fixture(scope="session")
def build_results():
    """A function that makes results of any number of classes."""
    return _build


@pytest.fixture
def save_images():
    """A function that writes an image for every file that results name."""

    def save(results, folder: Path):
        from PIL import Image

        named = [example["file"] for row in results["rare_classes"] for example in row["examples"]]
        named += [row["train_example"] for row in results["rare_classes"]] + list(results["class_examples"].values())
        (folder / "examples").mkdir(parents=True, exist_ok=True)
        for number, name in enumerate(sorted(set(named))):
            pixels = np.random.default_rng(number).integers(0, 255, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name)

    return save
