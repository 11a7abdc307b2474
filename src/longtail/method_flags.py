"""`--set METHOD.SETTING=VALUE` as it is typed, the flags that it took the place of, and those of other verbs."""

from collections.abc import Collection, Sequence

from longtail.errors import InputError, did_you_mean
from longtail.old_flags import OF_COMPUTING, OLD_FLAGS

__all__ = ["gathered_settings", "refuse_idle_flags", "refuse_method_flags", "refuse_old_flags", "refuse_run_flags"]

# settings of `longtail run` that other verbs with methods had too, only to refuse them
_OF_RUN = ("crt_from", "bn_mode", "crt_part", "crt_backbone_rate")


def refuse_old_flags(arguments: Sequence[str]) -> None:
    """Answer a flag of a single method with its new spelling.

    Args:
        arguments: as they were typed, behind the verb.

    Raises:
        InputError: one of them is such a flag.

    Example:
        >>> refuse_old_flags(["--tau", "0.7"])
        Traceback (most recent call last):
        ...
        longtail.errors.InputError: --tau is now: --set tau.tau=0.7 (`longtail methods tau` lists its settings).
    """
    for place, word in enumerate(arguments):
        flag, equals, value = word.partition("=")
        setting = OLD_FLAGS.get(flag.replace("_", "-"))
        if setting is None:
            continue
        typed = setting if "=" in setting else f"{setting}={value if equals else _behind(arguments, place)}"
        method = setting.partition(".")[0].split(",")[0]
        lists = "lists all" if method == "*" else f"{method} lists its settings"
        lists = f"`longtail methods{'' if method == '*' else ' ' + method}` {lists.removeprefix(method + ' ')}"
        raise InputError(f"{flag} is now: --set {typed} ({lists}).")


def refuse_method_flags(arguments: Sequence[str], names: Collection[str]) -> None:
    """Answer a flag that is made of a method and one of its settings with how that is typed.

    Args:
        arguments: as they were typed, behind the verb.
        names: of the verb's settings.

    Raises:
        InputError: one of them is such a flag.

    Example:
        >>> refuse_method_flags(["--mlp-hidden", "5"], {"methods", "set"})
        Traceback (most recent call last):
        ...
        longtail.errors.InputError: --mlp-hidden is typed --set mlp.hidden=5 (`longtail methods mlp` lists ...
    """
    from longtail.comparison.method_settings import settable
    from longtail.comparison.methods import METHODS

    for place, word in enumerate(arguments):
        flag, equals, value = word.partition("=")
        whole = flag.removeprefix("--").replace("-", "_").replace(".", "_")
        if not flag.startswith("--") or whole in names:
            continue
        name, _, setting = whole.partition("_")
        known = settable(METHODS[name]) if name in METHODS else {}
        near = setting if setting in known else did_you_mean(setting, known)[len(" Did you mean ") : -1]
        if not near:
            continue
        following = value if equals else "true" if known[near] is False else _behind(arguments, place)
        says = "is typed" if near == setting else "is no setting. Perhaps you meant"
        raise InputError(
            f"{flag} {says} --set {name}.{near}={following} (`longtail methods {name}` lists its settings)."
        )


def _behind(arguments: Sequence[str], place: int) -> str:
    """Return the value behind a flag, or a word for it where there is none."""
    word = arguments[place + 1] if place + 1 < len(arguments) else "--"
    return "VALUE" if word.startswith("--") else word


def refuse_run_flags(arguments: Sequence[str], names: Collection[str]) -> None:
    """Answer a flag that retrains cRT from images where there are none.

    Args:
        arguments: as they were typed, behind the verb.
        names: of the verb's settings.

    Raises:
        InputError: one of them is such a flag, and no setting of the verb.

    Example:
        >>> refuse_run_flags(["--crt-from", "images"], {"methods", "set"})
        Traceback (most recent call last):
        ...
        longtail.errors.InputError: --crt-from is a setting of `longtail run`, which has the images and the network ...
    """
    for word in arguments:
        flag = word.partition("=")[0].replace("_", "-")
        if any(flag == f"--{name.replace('_', '-')}" and name not in names for name in _OF_RUN):
            raise InputError(
                f"{flag} is a setting of `longtail run`, which has the images and the network that it retrains. "
                "Use it there, or leave it out."
            )


def refuse_idle_flags(arguments: Sequence[str], names: Collection[str], program: str) -> None:
    """Answer a flag of how networks are computed where none is.

    Args:
        arguments: as they were typed, behind the verb.
        names: of the verb's settings.
        program: the verb as it was typed, such as "longtail describe".

    Raises:
        InputError: one of them is such a flag, and no setting of the verb.

    Example:
        >>> refuse_idle_flags(["--device", "cpu"], {"seed", "quiet"}, "longtail describe")
        Traceback (most recent call last):
        ...
        longtail.errors.InputError: --device: `longtail describe` computes no network, ... Leave it out.
    """
    for word in arguments:
        flag = word.partition("=")[0]
        name = flag.removeprefix("--").replace("-", "_")
        if flag.startswith("--") and name in OF_COMPUTING and "seed" in names and name not in names:
            raise InputError(f"{flag}: `{program}` computes no network, and this had no effect there. Leave it out.")


def gathered_settings(
    arguments: Sequence[str],
    usual: Sequence[str] = (),
    flag: str = "--set",
    expected: str = "METHOD.SETTING=VALUE behind it, such as tau.tau=0.7",
) -> list[str]:
    """Gather what stands behind every --set behind one, after the usual settings, so that what is typed holds.

    Args:
        arguments: as they were typed, behind the verb.
        usual: settings that hold where nothing else is typed: those of a recipe.
        flag: that may be repeated.
        expected: what stands behind it, for the message.

    Raises:
        InputError: nothing stands behind it.

    Example:
        >>> gathered_settings(["x", "--set", "tau.tau=0.7", "--seed", "1", "--set", "crt.epochs=3"], ["lws.epochs=9"])
        ['x', '--seed', '1', '--set', 'lws.epochs=9', 'tau.tau=0.7', 'crt.epochs=3']
    """
    others: list[str] = []
    settings: list[str] = []
    words = list(arguments)
    while words:
        word = words.pop(0)
        if word.startswith(f"{flag}="):
            settings.append(word.removeprefix(f"{flag}="))
        elif word == flag:
            if not words or words[0].startswith("-"):
                raise InputError(f"{flag}: expected {expected}.")
            while words and not words[0].startswith("-") and ("=" in words[0] or not settings):
                settings.append(words.pop(0))
        else:
            others.append(word)
    return [*others, flag, *usual, *settings] if settings else others
