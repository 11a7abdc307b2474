"""`transformers`, an extra, called so that it prints nothing, fetches nothing unasked and runs no code of a folder."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from longtail.errors import InputError

__all__ = ["quiet_transformers"]


@contextmanager
def quiet_transformers(what: str, advice: str) -> Iterator[Any]:
    """Give the library, silent for as long as it is used.

    Args:
        what: needs it, such as "hf:models/vit"; the message begins with it.
        advice: what to do without it, for the message.

    Raises:
        InputError: it is not installed.
    """
    try:
        library: Any = importlib.import_module("transformers")
        logging: Any = importlib.import_module("transformers.utils.logging")
    except ImportError as error:
        raise InputError(f"{what}: its network is of `transformers`, which is not installed. {advice}") from error
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield library
    finally:
        logging.set_verbosity(verbosity)
        logging.enable_progress_bar()
