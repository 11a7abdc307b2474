"""Settings of methods: read from words such as `tau.tau=0.7`, and checked by the estimators themselves."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from longtail.arguments import brief
from longtail.comparison.methods import METHODS, Method
from longtail.errors import InputError, did_you_mean
from longtail.heads.base import Head
from longtail.heads.parameters import Each, check_parameters

__all__ = [
    "MethodSettings",
    "check_settings",
    "last_settings",
    "method_of",
    "read_settings",
    "settable",
    "settings_of_parts",
    "unfitted_head",
]

MethodSettings = Mapping[str, Mapping[str, Any]]  # by method, by parameter

PRESET = "published"
DEEPEST = 20  # brackets in a value
BY_PROTOCOL = (
    "head",
    "head_prior",
    "heads",
    "teacher",
    "random_state",
    "device",
)  # that the comparison sets for all alike
_WORDS = {"true": True, "false": False, "none": None, "null": None}


def read_settings(words: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Read settings as a person types them; the later of two words about one thing holds.

    Args:
        words: such as "tau.tau=0.7", "crt,bsm.epochs=30" for several methods, or "*.batch_size=64" for all that have
            such a parameter.

    Returns:
        By method, its parameters that were named.

    Raises:
        InputError: no such words, an unknown method or parameter, or a value that the estimator does not take.

    Example:
        >>> read_settings(["tau.tau=0.7", "crt,bsm.epochs=30", "tau.keep_bias=true"])
        {'tau': {'tau': 0.7, 'keep_bias': True}, 'crt': {'epochs': 30}, 'bsm': {'epochs': 30}}
    """
    result: dict[str, dict[str, Any]] = {}
    for word in words:
        target, equals, text = word.partition("=")
        methods, dot, parameter = target.strip().rpartition(".")
        if not (equals and dot and methods and parameter):
            raise InputError(
                f"`set` {word!r}: expected METHOD.SETTING=VALUE, such as tau.tau=0.7 or crt,bsm.epochs=30."
            )
        parameter = parameter.replace("-", "_")
        for name in _meant(methods, parameter, word):
            result.setdefault(name, {})[parameter] = _value(text.strip(), name, parameter)
    check_settings(result)
    return result


def check_settings(settings: MethodSettings) -> None:
    """Make sure that methods have the parameters that are set, and take their values.

    Args:
        settings: by method, by parameter.

    Raises:
        InputError: naming the method and parameter, what came, and what it may be.

    Example:
        >>> check_settings({"lda": {"shrinkage": 2.0}})
        Traceback (most recent call last):
        ...
        longtail.errors.InputError: lda.shrinkage is 2.0; expected a number from 0 to 1, or 'auto'.
    """
    if not isinstance(settings, Mapping) or not all(isinstance(one, Mapping) for one in settings.values()):
        raise InputError(
            f'`settings` is {settings!r:.80}; expected {{"tau": {{"tau": 0.7}}, "crt": {{"epochs": 30}}}}.'
        )
    for name, parameters in settings.items():
        method = method_of(name)
        for parameter, value in parameters.items():
            _check_one(name, method, parameter, value)


def settable(method: Method) -> dict[str, Any]:
    """Return the parameters of a method that a person may set, with their defaults."""
    given = {name: value for name, value in method.parameters.items() if name not in BY_PROTOCOL}
    return {} if method.cost == "others" else given | ({PRESET: None} if method.presets else {})


def unfitted_head(name: str, settings: MethodSettings, **by_protocol: Any) -> Head:
    """Build the estimator of a method.

    Args:
        name: of the method.
        settings: of methods, by parameter.
        by_protocol: `head`, `random_state`, `device`, ..., of which each estimator takes what it knows.

    Raises:
        InputError: as `check_settings`.

    Example:
        >>> unfitted_head("crt", {"crt": {"epochs": 30}}, random_state=0, head=None).epochs
        30
    """
    method, method_settings = method_of(name), dict(settings.get(name, {}))
    check_settings({name: method_settings})
    known = method.parameters
    preset = method.presets.get(method_settings.pop(PRESET, None) or "", {})
    given = {parameter: value for parameter, value in by_protocol.items() if parameter in known}
    return method.estimator(**{**given, **method.fixed, **preset, **method_settings})


def last_settings(name: str, settings: MethodSettings) -> dict[str, Any]:
    """Return the parameters of a method's last fit that nobody has set otherwise."""
    part = METHODS[name].part
    return {} if part is None else {key: part.last[key] for key in part.last if key not in settings.get(name, {})}


def settings_of_parts(settings: MethodSettings) -> MethodSettings:
    """Return settings, and of the parts of `auto` those that nobody has set otherwise."""
    parts = {name: method.part.settings for name, method in METHODS.items() if method.part is not None}
    return {name: {**parts.get(name, {}), **settings.get(name, {})} for name in (*parts, *settings)}


def method_of(name: str) -> Method:
    """Return the method of a name.

    Raises:
        InputError: there is none.
    """
    if name not in METHODS:
        raise InputError(f"no method {name!r}.{did_you_mean(name, METHODS)} Methods: {', '.join(METHODS)}.")
    return METHODS[name]


def _meant(methods: str, parameter: str, word: str) -> list[str]:
    if methods.strip() == "*":
        names = [name for name, method in METHODS.items() if parameter in settable(method)]
        if not names:
            raise InputError(f"`set` {word!r}: no method has a setting {parameter!r}.")
        return names
    return [name.strip() for name in methods.split(",")]


def _value(text: str, name: str, parameter: str) -> Any:
    """Turn typed words into a number, True, False, None, several numbers, or leave them as words."""
    if text.count("[") + text.count("{") > DEEPEST:  # else reading it may use up the stack
        raise InputError(
            f"{name}.{parameter} is {brief(text)}; expected a number, a word, or several with commas between."
        )
    try:
        value = _WORDS[text.lower()] if text.lower() in _WORDS else json.loads(text)
    except ValueError:
        value = text
    allowed = method_of(name).estimator._parameter_constraints.get(parameter, [])
    if allowed and isinstance(allowed[0], Each):
        parts = text.strip("[]()").split(",")
        try:
            return tuple(float(part) for part in parts)
        except ValueError:
            return text
    return value


def _check_one(name: str, method: Method, parameter: str, value: Any) -> None:
    known = settable(method)
    if parameter not in known:
        if not known:
            raise InputError(f"{name} has no settings: it is made of other methods. Set theirs.")
        if parameter in BY_PROTOCOL:
            raise InputError(
                f"{name}.{parameter} is set for all methods alike (`seed`, `device`, `head`), not by `set`."
            )
        perhaps = did_you_mean(parameter, known)
        raise InputError(f"{name} has no setting {parameter!r}.{perhaps} It has {', '.join(known)}.")
    if parameter == PRESET:
        if value is not None and (not isinstance(value, str) or value not in method.presets):
            raise InputError(f"{name}.{parameter} is {brief(value)}; expected one of {', '.join(method.presets)}.")
        return
    try:
        check_parameters({parameter: value}, method.estimator._parameter_constraints)
    except InputError as error:
        raise InputError(f"{name}.{error}") from error
