"""Settings of stage 1 that cannot stand together: told by the words that a person types."""

from collections.abc import Mapping
from dataclasses import fields

from longtail.errors import InputError
from longtail.jobs.options import StageOneOptions

__all__ = ["changed_settings", "flag", "refuse_alone", "refuse_beside"]


def flag(name: str) -> str:
    """Return a setting as it is typed.

    Example:
        >>> flag("num_experts")
        '--num-experts'
    """
    return f"--{name.replace('_', '-')}"


def changed_settings(stage: StageOneOptions) -> list[str]:
    """Return the names of the settings that are not as usual, in their order.

    Example:
        >>> changed_settings(StageOneOptions(mix="cmo", ema=0.999))
        ['mix', 'ema']
    """
    return [field.name for field in fields(StageOneOptions) if getattr(stage, field.name) != field.default]


def refuse_alone(given: list[str], switch: str) -> None:
    """Refuse settings of something that is off.

    Args:
        given: names of them.
        switch: name of what would turn it on.

    Raises:
        InputError: there are any.
    """
    if given:
        raise InputError(f"{flag(given[0])} does nothing without {flag(switch)}. Add it, or leave this out.")


def refuse_beside(stage: StageOneOptions, what: str, reasons: Mapping[str, str]) -> None:
    """Refuse settings that do not go with something.

    Args:
        stage: all settings.
        what: it is, as it is typed.
        reasons: of each setting that does not go with it, why: "--loss: WHAT has a loss of its own. ..."

    Raises:
        InputError: one of them is not as usual; the first of the reasons counts.
    """
    changed = changed_settings(stage)
    if others := [name for name in reasons if name in changed]:
        raise InputError(f"{flag(others[0])}: {what} {reasons[others[0]]}. Leave it out.")
