"""What a report of a fault needs to say of the machine and of the packages."""

import re
from importlib import metadata

__all__ = ["version_report"]


def version_report() -> str:
    """Return the version of longtail, Python, the machine, and of every package that it needs or can use.

    Example:
        >>> version_report().splitlines()[0].split()[0]
        'longtail'
    """
    from longtail import __version__
    from longtail.environment import environment

    facts = environment()
    rows = [("longtail", __version__), *((name, facts[name]) for name in ("python", "platform", "cpu", "cores"))]
    rows += [(name, facts[name]) for name in ("threads", "gpu") if name in facts]
    rows += [(name, _version(name)) for name in _packages()]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


def _packages() -> list[str]:
    """Return the packages that longtail names, those of extras too, in the order of its metadata."""
    needed = metadata.requires("longtail") or []
    names = [match[0] for one in needed if (match := re.match(r"[A-Za-z0-9_.-]+", one))]
    return [name for name in dict.fromkeys(names) if name != "longtail"]


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"
