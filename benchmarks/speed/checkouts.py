"""Today's code beside an older checkout of it, for benchmarks that compare the two in processes of their own."""

import os
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]
HELP = "older checkout, the folder that holds src/"


def checked(before: Path) -> Path:
    """Return an older checkout; without its code, Python would import what is installed, and compare that with itself.

    Raises:
        SystemExit: there is no src/longtail in it.
    """
    before = before.resolve()
    if not (before / "src" / "longtail" / "__init__.py").is_file():
        raise SystemExit(
            f"--before {before}: has no src/longtail. Expected a checkout: git worktree add ../before COMMIT"
        )
    return before


def environment_of(checkout: Path, bytecode: Path) -> dict[str, str]:
    """Return the environment of a process on one thread that imports a checkout's code, compiled before.

    Args:
        checkout: the folder that holds src/.
        bytecode: folder for what Python compiles.
    """
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {
        "PYTHONPATH": str(checkout / "src"),
        "OMP_NUM_THREADS": "1",
        "PYTHONPYCACHEPREFIX": str(bytecode),
    }
