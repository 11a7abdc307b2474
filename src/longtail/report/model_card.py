"""The model card of a published model: README.md with settings for the hub, made from results alone."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from longtail.counts import GROUPS

__all__ = ["CardFacts", "model_card"]

MOST_CLASSES = 40  # above which the table of classes is folded
COLUMNS = ("all", "balanced", *GROUPS)
FEW_IMAGES = 30  # measured images of a group below which it is said
_FILES = {
    "config.json": "how the network is built and its images are prepared",
    "preprocessor_config.json": "how images are prepared, for `transformers`",
    "model.safetensors": "weights of the network",
    "heads": "the classifier: arrays without pickle",
    "calibration": "what makes its scores probabilities",
    "results.json": "what was measured of it",
    "longtail.json": "what `longtail` reads it by",
    "prior.csv": "how common the classes are where it is to be used",
}


@dataclass(frozen=True)
class CardFacts:
    """What a card says beside what was measured.

    Attributes:
        name: of the model.
        method: that is published.
        summary: the method in words.
        license: of the hub's list; "unknown" where nobody said one.
        read_by: "timm", "transformers" or "longtail".
        softmax: what the network's own softmax is; "" where others see features alone; None without a network.
        probabilities: how `longtail predict` makes probabilities.
        prior: for which shares of classes.
        decode: how JPEGs were decoded; None without a network.
        features: without a network, what the features are; else "".
        place: of the model, "hf://user/name" or "FOLDER".
        files: names of what lies in the folder.
    """

    name: str
    method: str
    summary: str
    license: str
    read_by: str
    softmax: str | None
    probabilities: str
    prior: str
    decode: str | None
    features: str
    place: str
    files: Sequence[str]


def model_card(results: Mapping[str, Any], facts: CardFacts) -> str:
    """Return README.md of a published model.

    Args:
        results: content of results.json, of the method that is published and, for comparison, of `joint`.
        facts: what else is said.

    Returns:
        Markdown behind settings in YAML; whatever somebody may have written is escaped.
    """
    from longtail.report.page import page_environment

    split = "test" if "test" in results["methods"][facts.method]["metrics"] else "val"
    measured = results["methods"][facts.method]["metrics"].get(split)
    data = results["data"]
    images = (measured or {}).get("images")
    environment = page_environment().overlay(autoescape=False)
    environment.filters["cell"] = _cell
    text: str = environment.get_template("model_card.md.j2").render(
        front="\n".join(_front(results, facts, split)),
        name=facts.name,
        lead=_lead(results, facts),
        split=split,
        images="" if images is None else f" ({images:,} images)",
        many_above=f"{data['group_thresholds']['many_above']:g}",
        few_below=f"{data['group_thresholds']['few_below']:g}",
        results_table=_results_table(results, facts, split),
        choice=f"Chosen on: {results['methods'][facts.method]['selected_on']}; never on test unless that says so.",
        data=_data(data),
        counts_table=_counts_table(data, measured),
        probabilities=f"`longtail predict` gives {facts.probabilities}. {facts.prior}",
        with_longtail=_with_longtail(facts),
        without_longtail=_without_longtail(facts),
        limits=_limits(data, measured, facts),
        licence=_licence(facts.license),
        files_table=_files(facts.files),
    )
    return text.rstrip() + "\n"


def _front(results: Mapping[str, Any], facts: CardFacts, split: str) -> list[str]:
    """Return settings as YAML, of which JSON is a part."""
    metrics = results["methods"][facts.method]["metrics"].get(split) or {}
    wanted = {"balanced": "balanced accuracy", "all": "accuracy", "few": "balanced accuracy of rare classes"}
    measured = [
        {"type": "accuracy", "name": f"{words}, %", "value": round(metrics[key], 2)}
        for key, words in wanted.items()
        if metrics.get(key) is not None
    ]
    of = {"type": "image-classification", "name": "Image classification"}
    dataset = {"type": "custom", "name": results["data"]["name"], "split": split}
    settings = {
        "library_name": facts.read_by,
        "pipeline_tag": "image-classification",
        "license": facts.license,
        "tags": ["longtail", "long-tailed-recognition", "class-imbalance", "image-classification"],
        "model-index": [{"name": facts.name, "results": [{"task": of, "dataset": dataset, "metrics": measured}]}],
    }
    return [f"{key}: {json.dumps(value)}" for key, value in settings.items()]


def _lead(results: Mapping[str, Any], facts: CardFacts) -> str:
    stage = results.get("stage1") or {}
    backbone = f" on the features of {_cell(stage['backbone'])}" if stage.get("backbone") else ""
    number = len(results["data"]["class_names"])
    choice = results["methods"][facts.method].get("choice")
    words = f"{choice['method']}, chosen on {choice['on']}" if choice else facts.summary
    return (
        f"A classifier of images in {number:,} classes, made so that rare classes are recognised: "
        f"`{_cell(facts.method)}`{backbone} ({_cell(words)}). Published by `longtail`."
        + (f"\n\n**{_cell(results['quick'])}**" if results.get("quick") else "")
    )


def _results_table(results: Mapping[str, Any], facts: CardFacts, split: str) -> str:
    rows = {"before: the network's own classifier": "joint", f"this model ({facts.method})": facts.method}
    lines = [f"| | {' | '.join(COLUMNS)} |", f"|---|{'---|' * len(COLUMNS)}"]
    for words, method in rows.items():
        metrics = results["methods"].get(method, {"metrics": {}})["metrics"].get(split)
        if metrics is None or (method == facts.method) != words.startswith("this"):
            continue
        intervals = metrics.get("intervals") or {}
        cells = [_with_interval(metrics[column], intervals.get(column)) for column in COLUMNS]
        lines.append(f"| {_cell(words)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _with_interval(value: float | None, interval: Sequence[float] | None) -> str:
    if value is None:
        return "-"
    return f"{value:.1f}" + ("" if interval is None else f" ({interval[0]:.1f} to {interval[1]:.1f})")


def _data(data: Mapping[str, Any]) -> str:
    splits = ", ".join(f"{split['images']:,} {name}" for name, split in data["splits"].items())
    counts = data["train_counts"]
    return (
        f"{_cell(data['name'])}: {splits} images. A class has from {max(counts):,} down to {min(counts):,} training "
        "images."
    )


def _counts_table(data: Mapping[str, Any], measured: Mapping[str, Any] | None) -> str:
    recalls = (measured or {}).get("per_class") or [None] * len(data["class_names"])
    order = sorted(range(len(recalls)), key=lambda number: -data["train_counts"][number])
    lines = ["| class | training images | group | recall, % |", "|---|---|---|---|"]
    for number in order:
        recall = "-" if recalls[number] is None else f"{recalls[number]:.1f}"
        name, count, group = (data[key][number] for key in ("class_names", "train_counts", "group_of_class"))
        lines.append(f"| {_cell(name)} | {count:,} | {group} | {recall} |")
    table = "\n".join(lines)
    if len(order) <= MOST_CLASSES:
        return table
    return f"<details><summary>All {len(order):,} classes</summary>\n\n{table}\n\n</details>"


def _with_longtail(facts: CardFacts) -> str:
    inputs = "new-photos/" if facts.softmax is not None else "features.npz"
    lines = ["pip install longtail", f"longtail predict {facts.place} {inputs} --out predictions.csv"]
    return "\n".join(["With `longtail`:", "", *(f"    {line}" for line in lines)])


def _without_longtail(facts: CardFacts) -> str:
    if facts.softmax is None:
        return (
            f"There is no network here. The head takes features: {facts.features}. It is a plain `.npz`: `numpy.load` "
            "reads its arrays."
        )
    if facts.read_by == "timm":
        return _with_timm(facts)
    if facts.read_by == "transformers":
        lines = [
            "from transformers import pipeline",
            f'classify = pipeline("image-classification", model="{facts.place.removeprefix("hf://")}")',
            'print(classify("photo.jpg"))',
        ]
        return _code("With `transformers` alone:", lines, facts.softmax)
    return (
        f"No other library has this network. `longtail export {facts.place} --format onnx` writes a program that needs "
        "none: classes and probabilities stand in it, and in words how images are resized."
    )


def _with_timm(facts: CardFacts) -> str:
    is_on_hub = facts.place.startswith("hf://")
    place = facts.place.replace("hf://", "hf-hub:") if is_on_hub else f"local-dir:{facts.place}"
    lines = [
        "import timm, torch",
        "from PIL import Image",
        f'model = timm.create_model("{place}", pretrained=True).eval()',
        "transform = timm.data.create_transform(**timm.data.resolve_data_config(model=model))",
        'image = transform(Image.open("photo.jpg").convert("RGB"))[None]',
        "with torch.inference_mode():",
    ]
    if facts.softmax:
        lines += ["    probabilities = model(image).softmax(dim=1)[0]"]
        lines += ['print(model.pretrained_cfg["label_names"][probabilities.argmax()])']
        return _code("With `timm` alone:", lines, facts.softmax)
    lines += ["    features = model(image)"]
    words = "features; the classifier behind them is not one linear layer, and `longtail` alone has it"
    return _code("With `timm` alone, features:", lines, words)


def _code(heading: str, lines: Sequence[str], gives: str) -> str:
    return "\n".join([heading, "", *(f"    {line}" for line in lines), "", f"It gives {gives}."])


def _limits(data: Mapping[str, Any], measured: Mapping[str, Any] | None, facts: CardFacts) -> list[str]:
    limits = [
        "It knows these classes alone: whatever it is shown, it names one of them.",
        "The numbers hold for images like those of the data above; elsewhere they have to be measured again.",
    ]
    if measured is None:
        limits.append("Nothing was measured on images that it was not fitted to.")
    else:
        counts = measured.get("per_class_images") or []
        unseen = [data["class_names"][number] for number, count in enumerate(counts) if not count]
        if unseen:
            limits.append(f"Without a measured image, so nothing is known of: {', '.join(map(_cell, unseen[:10]))}.")
        for group in GROUPS:
            members = [n for n, one in enumerate(data["group_of_class"]) if one == group and n < len(counts)]
            number = sum(counts[n] for n in members)
            if members and number < FEW_IMAGES:
                limits.append(
                    f"The group {group} was measured on {number:,} images alone: see the width of its interval."
                )
    if facts.decode == "scaled":
        limits.append(
            "`longtail` decodes large JPEGs at a half, a quarter or an eighth of their size; decoded whole, as others "
            "do, they give slightly other probabilities."
        )
    return limits


def _licence(license: str) -> str:
    if license == "unknown":
        return "Unknown: nobody has said one. Ask before you use it."
    return f"{_cell(license)}, as its publisher says."


def _files(names: Sequence[str]) -> str:
    lines = ["| file | what |", "|---|---|"]
    return "\n".join([*lines, *(f"| `{name}` | {_FILES[name]} |" for name in _FILES if name in names)])


def _cell(text: str) -> str:
    """Return text as a cell of a table can hold it: no markup, no new line."""
    return escape(" ".join(str(text).split()), quote=False).replace("|", "\\|").replace("`", "'").replace("*", "\\*")
