"""Settings of methods that do nothing: their method is not compared, or goes another way than the one they are for."""

from collections.abc import Collection, Iterable, Mapping

from longtail.comparison.method_settings import read_settings, unfitted_head
from longtail.comparison.protocol import Protocol

__all__ = ["idle_parts", "idle_settings", "idle_words"]

Parts = Mapping[tuple[str, str], str]  # by method and setting, why it does nothing


def idle_settings(protocol: Protocol, methods: Collection[str]) -> tuple[str, ...]:
    """Say of settings that they do nothing.

    Args:
        protocol: with the settings, and the problem that the methods are fitted to.
        methods: names of those that are compared; joint is fitted for the others anyway.

    Returns:
        A sentence for each method and reason; none where all have an effect.

    Example:
        >>> import numpy as np
        >>> from longtail.comparison.opened_problem import problem_of
        >>> problem = problem_of({"train": (np.eye(4), [0, 0, 1, 1])})
        >>> settings = {"crt": {"epochs": 3}, "tau": {"tau": 0.7}, "joint": {"epochs": 9}}
        >>> print(*idle_settings(Protocol(problem, settings=settings), ["joint", "tau"]), sep="\\n")
        crt.epochs is set, and does nothing: crt is not among the methods
        joint.epochs is set, and does nothing: the solver is lbfgs
    """
    return _told(idle_parts(protocol, methods))


def idle_words(words: Iterable[str], parts: Parts) -> tuple[str, ...]:
    """Say of settings as they were typed that they do nothing; one for several methods does where it does for any.

    Args:
        words: as `read_settings` takes them.
        parts: of all settings, those that do nothing.

    Example:
        >>> parts = {("bsm", "epochs"): "bsm is not among the methods"}
        >>> idle_words(["crt,bsm.epochs=3"], parts), idle_words(["bsm.epochs=3"], parts)
        ((), ('bsm.epochs is set, and does nothing: bsm is not among the methods',))
    """
    meant = [[(name, one) for name, settings in read_settings([word]).items() for one in settings] for word in words]
    idle = [part for several in meant if all(part in parts for part in several) for part in several]
    return _told({part: parts[part] for part in idle})


def idle_parts(protocol: Protocol, methods: Collection[str]) -> dict[tuple[str, str], str]:
    """Return each setting that does nothing, as (method, setting), with the reason.

    Args:
        protocol: with the settings, and the problem that the methods are fitted to.
        methods: names of those that are compared; joint is fitted for the others anyway.
    """
    problem, result = protocol.problem, dict[tuple[str, str], str]()
    size = len(problem.train_counts), problem.splits["train"].features.shape[1]
    # behind a transform methods start from a joint of their own, also where the network's is known
    given = problem.head if protocol.rules.feature_transform == "none" else None
    for name, settings in protocol.settings.items():
        if name in (*methods, "joint"):
            reasons = unfitted_head(name, protocol.settings, head=given).idle_parameters(*size) if settings else {}
        else:
            reasons = dict.fromkeys(settings, f"{name} is not among the methods")
        result |= {(name, setting): reasons[setting] for setting in settings if setting in reasons}
    return result


def _told(parts: Parts) -> tuple[str, ...]:
    together: dict[tuple[str, str], list[str]] = {}
    for (name, setting), reason in parts.items():
        together.setdefault((name, reason), []).append(f"{name}.{setting}")
    return tuple(
        f"{', '.join(names)} {'is set, and does' if len(names) == 1 else 'are set, and do'} nothing: {reason}"
        for (_, reason), names in together.items()
    )
