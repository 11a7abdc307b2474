"""Run the stages of the GPU benchmark, each in a process of its own, within a time, and print a table."""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch

from longtail.environment import environment

HERE = Path(__file__).resolve().parent
# part of the time that is left which a stage may take: the first ones cannot starve the last
STAGES = {"tests": 0.25, "networks": 0.35, "heads": 0.5, "runs": 1.0}


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("gpu_results.json"), help="JSON file for what is measured")
    parser.add_argument("--minutes", type=float, default=8, help="that everything may take")
    parser.add_argument("--stages", default=",".join(STAGES), help="names with commas between")
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--tiny", action="store_true", help="sizes that end in seconds, to see whether it runs")
    options = parser.parse_args()
    names = options.stages.split(",")
    if unknown := sorted(set(names) - set(STAGES)):
        raise SystemExit(f"--stages: no stage {unknown[0]!r}. Stages: {', '.join(STAGES)}.")
    if options.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("torch finds no GPU here. To see whether the script runs: --device cpu --tiny.")
    ends = time.monotonic() + 60 * options.minutes
    result: dict[str, Any] = {"environment": environment(), "tiny": options.tiny, "stages": {}, "rows": []}
    print(f"{result['environment'].get('gpu', result['environment']['cpu'])}, torch {torch.__version__}\n", flush=True)
    print("| stage | what | measured | |\n|---|---|---|---|", flush=True)
    for name in names:
        limit = (ends - time.monotonic()) * (STAGES[name] if name != names[-1] else 1.0)
        outcome, rows = _stage(name, options, limit)
        result["stages"][name] = outcome
        result["rows"] += rows
        options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        for row in rows:
            print(f"| {name} | {row['what']} | {row['value']:,.4g} {row['unit']} | {row['note']} |")
        if outcome != "done":
            print(f"| {name} | {outcome} | | |")
        sys.stdout.flush()
    print(f"\nThe same as JSON: {options.out}")
    if failed := [name for name, outcome in result["stages"].items() if outcome.startswith("failed")]:
        raise SystemExit(f"Stages that failed: {', '.join(failed)}.")


def _stage(name: str, options: argparse.Namespace, limit: float) -> tuple[str, list[dict[str, Any]]]:
    """Run one stage; return how it ended, and the rows that it printed."""
    words = [sys.executable, str(HERE / f"{name}_stage.py"), "--device", options.device, *["--tiny"] * options.tiny]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])}
    # a session of its own: what the stage has started is stopped with it
    stage = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    )
    try:
        said, complained = stage.communicate(timeout=max(limit, 1))
    except subprocess.TimeoutExpired:
        os.killpg(stage.pid, signal.SIGKILL)
        said, _ = stage.communicate()
        outcome = f"stopped after {limit:.0f} s, when its time was over"
    else:
        last = (complained.strip() or said.strip() or "nothing was said").splitlines()[-1]
        outcome = f"failed (exit code {stage.returncode}): {last}" if stage.returncode else "done"
    return outcome, [json.loads(line) for line in said.splitlines() if line.startswith("{")]


if __name__ == "__main__":
    main()
