"""Print the lowest version of every package that pyproject.toml allows, as a file of constraints for pip.

python tests/lowest_versions.py pyproject.toml
"""

import re
import sys
import tomllib
from pathlib import Path

__all__ = ["lowest_versions"]


def lowest_versions(text: str) -> list[str]:
    """Return "name==version" for each requirement of a pyproject.toml that names a lowest one.

    Example:
        >>> lowest_versions('[project]\\ndependencies = ["numpy>=2.0", "fsspec[s3]>=2024.6"]')
        ['fsspec==2024.6', 'numpy==2.0']
    """
    project = tomllib.loads(text)["project"]
    extras = project.get("optional-dependencies", {}).values()
    needed = [*project["dependencies"], *(one for extra in extras for one in extra)]
    found = {match[1]: match[2] for one in needed if (match := re.fullmatch(r"([\w.-]+)(?:\[.*\])?>=([\w.]+)", one))}
    return [f"{name}=={version}" for name, version in sorted(found.items())]


if __name__ == "__main__":
    print("\n".join(lowest_versions(Path(sys.argv[1]).read_text(encoding="utf-8"))))
