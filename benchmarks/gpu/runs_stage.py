"""Whole runs as they are typed: CIFAR-10-LT with ResNet-32 for as many epochs as fit, and one process of torchrun."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measured_rows import Row, Size, stage_size

EPOCHS = 200


def main() -> None:
    """Run both."""
    size = stage_size(str(__doc__))
    with tempfile.TemporaryDirectory() as folder:
        _torchrun(size, Path(folder) / "digits")
        shared = os.environ.get("LONGTAIL_SHARED")
        images = Path(shared) / "data/cifar10.h5" if shared else None
        if images is None or not images.is_file():
            Row("runs", "cifar10-lt", 0, "epochs", "not run: LONGTAIL_SHARED has no data/cifar10.h5").tell()
            return
        words = ["run", "cifar10-lt", "--data", str(images), "--out", str(Path(folder) / "cifar")]
        epochs = size.of(EPOCHS, 1)
        words += ["--epochs", str(epochs), "--methods", "joint,crt,tau,lws", *_runtime(size)]
        if size.tiny:
            words += ["--largest", "20", "--ratio", "10"]
        seconds, results = _timed([sys.executable, "-m", "longtail", *words], Path(folder) / "cifar")
        Row("runs", f"cifar10-lt, {epochs} epochs, whole run", seconds, "s").tell()
        for name, method in results["methods"].items():
            Row("runs", f"cifar10-lt, {name}", method["metrics"]["test"]["balanced"], "% balanced").tell()


def _torchrun(size: Size, out: Path) -> None:
    """Run the digits under torchrun, one process."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "1", "-m"]
    words = ["longtail", "run", "digits", "--out", str(out), "--epochs", str(size.of(15, 1)), *_runtime(size)]
    seconds, _ = _timed([*launcher, *words], out)
    Row("runs", "digits under torchrun, one process", seconds, "s").tell()


def _runtime(size: Size) -> list[str]:
    return ["--device", size.device, "--quiet", "--devices", "1"]


def _timed(words: list[str], out: Path) -> tuple[float, dict]:
    """Run a command; return its seconds, and what it wrote."""
    started = time.perf_counter()
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr.strip().splitlines()[-1])
    return time.perf_counter() - started, json.loads((out / "results.json").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
