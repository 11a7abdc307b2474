"""The one class of each event, out of those of its images."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.files.text import printable

__all__ = ["SeveralInEvent", "labels_of_events"]

IntArray = NDArray[np.int64]
SeveralInEvent = Literal["refuse", "majority"]


def labels_of_events(
    labels: IntArray,
    events: Sequence[str],
    class_counts: IntArray,
    class_names: Sequence[str],
    several: SeveralInEvent = "refuse",
) -> tuple[IntArray, IntArray]:
    """Return the class of each event.

    Args:
        labels: class indices of the images, shape (N,).
        events: name of each image's event, N of them.
        class_counts: training images of each class, shape (C,).
        class_names: C names, for messages.
        several: what becomes of an event whose images are of several classes: "refuse" it, or take that of the
            "majority"; of classes with as many images, the one with the fewest in training.

    Returns:
        Class indices of the events, in the order of their first images, shape (E,); and the event of each image, 0 to
        E - 1, shape (N,).

    Raises:
        InputError: not one event for each image, or one of several classes that is refused.

    Example:
        >>> from longtail.evaluation.event_labels import labels_of_events
        >>> counts, names = np.array([90, 5]), ["fox", "lynx"]
        >>> of_events, event = labels_of_events(np.array([0, 1, 0]), ["b", "a", "b"], counts, names)
        >>> of_events.tolist(), event.tolist()
        ([0, 1], [0, 1, 0])
        >>> labels_of_events(np.array([0, 1]), ["a", "a"], counts, names, "majority")[0].tolist()
        [1]
    """
    if len(events) != len(labels):
        raise InputError(f"{len(events)} events for {len(labels)} images; expected one for each.")
    numbers: dict[str, int] = {}
    event = np.array([numbers.setdefault(name, len(numbers)) for name in events], dtype=np.int64)
    images = np.zeros((len(numbers), len(class_counts)), dtype=np.int64)
    np.add.at(images, (event, labels), 1)
    mixed = np.flatnonzero((images > 0).sum(axis=1) > 1)
    if len(mixed) and several == "refuse":
        first = int(mixed[0])
        named = ", ".join(class_names[c] for c in np.flatnonzero(images[first])[:4])
        raise InputError(
            f"the images of event {printable(list(numbers)[first])!r} are of several classes: {named}, and so are "
            f"those of {len(mixed) - 1:,} others. Say `event_labels` majority: an event is of the class of most of its "
            "images."
        )
    # of classes with as many images, the rarest in training
    order = np.argsort(class_counts, kind="stable")
    return order[images[:, order].argmax(axis=1)].astype(np.int64), event
