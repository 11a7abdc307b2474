"""What `auto` is, in a few sentences: who decides, how well, who could not be told apart, what to expect."""

from typing import Any

__all__ = ["choice_sentence"]

TOLD_APART = 2  # standard errors
FLATTERED = 0.05  # points


def choice_sentence(choice: dict[str, Any]) -> str:
    """Say what `auto` is.

    Args:
        choice: as results.json has it.

    Example:
        >>> choice = {"method": "tau", "best": "tau", "on": "val", "metric": "balanced", "costs": None}
        >>> choice |= {"scores": {"joint": 40.0, "la": 51.0, "tau": 51.5}, "fitted_on": ["train"], "doubt": None}
        >>> print(choice_sentence({**choice, "standard_errors": {"joint": 2.0, "la": 0.8, "tau": 0.0}}))
        auto is tau, chosen on val by balanced accuracy (51.5 %); la and tau cannot be told apart there.
    """
    method, scores = choice["method"], choice["scores"]
    if method not in scores:
        return f"auto is {_decides(choice)}: there are no rows to choose by."
    sentences = [f"auto is {_decides(choice)}, {_ground(choice)}; {_rivals(choice)}."]
    if len(choice["fitted_on"]) > 1:
        sentences.append("It was fitted again on train and val.")
    expected = choice.get("expected")
    if expected:
        low, high = expected["interval"]
        flattered = ", what choosing there flatters taken off" if expected["optimism"] >= FLATTERED else ""
        interval = f"95 % interval {low:.1f} to {high:.1f}"
        sentences.append(f"Expect {expected['score']:.1f} % on new rows like those ({interval}){flattered}.")
    if choice.get("unjudged"):
        number = choice["unjudged"]
        what = "1 class has" if number == 1 else f"{number} classes have"
        sentences.append(f"{what} no row to judge by, and may be worse.")
    if choice["doubt"]:
        sentences.append(choice["doubt"])
    return " ".join(sentences)


def _decides(choice: dict[str, Any]) -> str:
    """Return who decides, the weightiest first."""
    weights = choice.get("members") or {}
    if choice["method"] != "ensemble" or not weights:
        return str(choice["method"])
    ordered = sorted(weights, key=lambda name: -weights[name])
    return "the mean of " + ", ".join(f"{name} ({100 * weights[name]:.0f} %)" for name in ordered)


def _ground(choice: dict[str, Any]) -> str:
    """Return where and by what was chosen, and the score."""
    score, by_cost = choice["scores"][choice["method"]], choice["costs"] is not None
    what = f"{choice['metric']} cost" if by_cost else f"{choice['metric']} accuracy"
    number = f"{-score:.3f}" if by_cost else f"{score:.1f} %"
    if choice["method"] == "ensemble" and not by_cost:
        return f"weighed by how probable it makes the classes of {choice['on']} ({what} there {number})"
    return f"chosen on {choice['on']} by {what} ({number})"


def _rivals(choice: dict[str, Any]) -> str:
    """Return which methods cannot be told apart from the best one; where none, how far behind the next one is."""
    scores, errors, best = choice["scores"], choice["standard_errors"], choice["best"]
    by_cost = choice["costs"] is not None
    unit, digits = ("", 3) if by_cost else (" points", 1)
    near = [name for name in scores if name == best or scores[best] - scores[name] <= TOLD_APART * errors[name]]
    if len(near) > 1:
        return f"{', '.join(near[:-1])} and {near[-1]} cannot be told apart there"
    others = [name for name in scores if name != best]
    if not others:
        return "nothing else was tried (auto named alone tries several kinds)"
    rival = max(others, key=lambda name: scores[name])
    lead = f"{scores[best] - scores[rival]:.{digits}f}{unit}"
    return f"next is {rival}, {lead} behind (standard error {errors[rival]:.{digits}f})"
