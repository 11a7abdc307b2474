"""Whether groups were kept whole, in a sentence."""

from typing import Any

__all__ = ["grouping_sentence"]


def grouping_sentence(data: dict[str, Any]) -> str | None:
    """Return what was done about images that belong together.

    Args:
        data: that part of results.json.

    Returns:
        A sentence; None where nobody gave groups, of data in which it is known that there are none.

    Example:
        >>> grouping_sentence({"together": {"groups": {"train": 9, "test": 3}, "torn": {"train/test": 0}}})
        'Whole groups were held out (9 in train, 3 in test): intervals and p-values are for new groups.'
    """
    together = data.get("together")
    if together is None:
        return (
            "Images were split one by one, as no groups were given: where several show one site, specimen or sequence, "
            "accuracies and intervals are too good. `longtail describe` looks for signs; --group-by and --group-column "
            "keep such images together."
            if data.get("split_by") == "images"
            else None
        )
    numbers = ", ".join(f"{number:,} in {split}" for split, number in together["groups"].items())
    torn = [f"{number:,} in {pair.replace('/', ' and ')}" for pair, number in together["torn"].items() if number]
    if torn:
        return (
            f"The splits tear groups apart ({numbers}; {', '.join(torn)}): what is measured on them may be remembered, "
            "and intervals are too narrow for new groups."
        )
    if set(together["groups"]) == {"train"}:
        return f"Groups are kept whole ({numbers}), and none was held out: nothing is measured on others."
    return f"Whole groups were held out ({numbers}): intervals and p-values are for new groups."
