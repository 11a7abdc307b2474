"""How and with what a result was computed."""

import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from longtail.typed_command import typed_command

__all__ = ["environment", "provenance"]


def provenance() -> dict[str, Any]:
    """Return how a result came about, for results.json and study.json.

    Returns:
        `command` (None where Python code called the library), `created` (time in UTC) and `environment`.
    """
    return {
        "command": typed_command(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "environment": environment(),
    }


def environment() -> dict[str, str]:
    """Return versions, processor and threads, as strings for results.json."""
    import numpy as np
    import sklearn
    import torch

    from longtail import __version__

    result = {
        "longtail": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "scikit-learn": sklearn.__version__,
        "platform": platform.platform(),
        "cpu": _cpu_name(),
        "cores": str(os.cpu_count()),
        "threads": str(torch.get_num_threads()),
    }
    if "timm" in sys.modules:
        result["timm"] = sys.modules["timm"].__version__
    if torch.cuda.is_available():
        result["gpu"] = torch.cuda.get_device_name()
    return result


def _cpu_name() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
