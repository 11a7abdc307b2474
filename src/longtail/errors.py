"""Exceptions that tell a person what to do."""

__all__ = ["InputError", "LongtailError"]


class LongtailError(Exception):
    """Base of everything that longtail raises on purpose."""


class InputError(LongtailError, ValueError):
    """Something that a user handed in cannot be used.

    The message is one sentence for a person: what was expected, what came, where, and what to do. The
    command line prints it without a traceback and ends with exit code 2.
    """
