"""What can be typed: the flags of each verb and study, and the words that they take."""

from dataclasses import fields, is_dataclass
from functools import cache
from importlib import import_module
from typing import get_type_hints

from longtail.cli import VERBS
from longtail.command_help import setting_groups
from longtail.comparison.methods import METHODS
from longtail.setting_kinds import bare_type, choices_of
from longtail.studies import STUDIES

GROUP_WORDS = {"all", "auto", "usual", "ensemble"}


def _choices(kind):
    """The words that each setting takes of a dataclass and of the groups in it; empty for any."""
    hints = get_type_hints(kind, include_extras=True)
    result = {}
    for field in fields(kind):
        hint = hints[field.name]
        inside = _choices(hint) if is_dataclass(hint) else {field.name: set(map(str, choices_of(bare_type(hint))))}
        result |= inside
    return result


@cache
def flags_of(verb):
    """The flags of a verb, or of "study NAME": {flag: the words that may follow; empty for any}."""
    place = STUDIES[verb.split()[1]] if verb.startswith("study ") else VERBS[verb]
    kind = getattr(import_module(place[0]), place[1])
    choices = _choices(kind)
    flags = {"--config": set(), "--help": set()}
    for option in (option for _, inside in setting_groups(kind) for option in inside if not option.is_positional):
        name = option.left.split()[0].removeprefix("--").removeprefix("no-")
        flags |= dict.fromkeys((f"--{name}", f"--no-{name}"), choices[name.replace("-", "_")])
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
