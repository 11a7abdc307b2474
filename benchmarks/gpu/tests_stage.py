"""The tests marked `gpu`."""

import os
import re
import subprocess
import sys
from pathlib import Path

from measured_rows import Row, stage_size


def main() -> None:
    """Run them, and count."""
    size = stage_size(str(__doc__))
    words = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider", "tests/test_gpu.py"]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        words, cwd=root, capture_output=True, text=True, env={**os.environ, "LONGTAIL_TEST_DEVICE": size.device}
    )
    for number, word in re.findall(r"(\d+) (passed|failed|errors?|skipped)", done.stdout):
        Row("tests", word, int(number), "tests").tell()
    for line in done.stdout.splitlines():
        if line.startswith(("FAILED", "ERROR")):
            Row("tests", line[:120], 1, "test").tell()
    if done.returncode:
        raise SystemExit(done.stdout.strip().splitlines()[-1])


if __name__ == "__main__":
    main()
