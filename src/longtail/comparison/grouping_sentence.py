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
        >>> grouping_sentence({"together": {"groups": {"train": 9, "test": 3}, "in_train_too": {"test": 0}}})
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
    crossing = {split: number for split, number in together["in_train_too"].items() if number}
    if crossing:
        named = " and ".join(f"{number:,} of {split}" for split, number in crossing.items())
        return f"The splits that the data have tear groups apart ({numbers}): {named} are in train too."
    return f"Whole groups were held out ({numbers}): intervals and p-values are for new groups."
