"""What can be typed: the flags of each verb and study, and the words that they take."""

from dataclasses import fields, is_dataclass
from functools import cache
from importlib import import_module
from typing import get_type_hints

from longtail.cli import VERBS
from longtail.comparison.methods import METHODS
from longtail.setting_kinds import bare_type, choices_of
from longtail.studies import STUDIES

GROUP_WORDS = {"all", "auto", "usual", "ensemble"}


def _settings(kind):
    """Each setting of a dataclass and of the groups in it: its name, type, and whether it is on by itself."""
    hints = get_type_hints(kind, include_extras=True)
    for field in fields(kind):
        if is_dataclass(hints[field.name]):
            yield from _settings(hints[field.name])
        else:
            yield field.name.replace("_", "-"), hints[field.name]


@cache
def flags_of(verb):
    """The flags of a verb, or of "study NAME": {flag: the words that may follow, or None for any}."""
    place = STUDIES[verb.split()[1]] if verb.startswith("study ") else VERBS[verb]
    flags = {"--config": None, "--help": None}
    for name, hint in _settings(getattr(import_module(place[0]), place[1])):
        flags[f"--{name}"] = set(map(str, choices_of(bare_type(hint)))) or None
        if bare_type(hint) is bool:
            flags[f"--no-{name}"] = None
    return flags


@cache
def all_flags():
    verbs = [*VERBS, *(f"study {name}" for name in STUDIES)]
    return {flag for verb in verbs for flag in flags_of(verb)} | {"--version", "--verbose"}


def parameters_of(method):
    """What can be set of a method."""
    return {*METHODS[method].parameters, *([] if not METHODS[method].presets else ["published"])}


def unknown_methods(words):
    """Those of `a,b,c` that are no method."""
    return [word for word in words.split(",") if word not in METHODS and word not in GROUP_WORDS and word.islower()]


def unknown_setting(word):
    """What is wrong with METHODS.SETTING=VALUE; None: nothing."""
    target, equals, _ = word.partition("=")
    methods, dot, parameter = target.partition(".")
    if not equals or not dot or methods.isupper():
        return None
    if methods == "*":
        return None if any(parameter in parameters_of(one) for one in METHODS) else word
    wrong = [one for one in methods.split(",") if one not in METHODS or parameter not in parameters_of(one)]
    return word if wrong else None
