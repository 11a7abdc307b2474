"""Run every benchmark of this folder, and print one table of what each found.

    python benchmarks/speed/all.py [--quick] [--only tau_sweep,sampling] [--out FILE.json]

--quick takes small sizes: whether everything runs, in some 20 minutes of a busy machine. What it prints says nothing of
speed, as what is fixed counts most. Without it each script runs at the sizes of the README's table, for hours; what the
notes there say besides (other formats, methods and data) took the flags that they name. What is compared with an older
checkout takes part where --before names one. Which script is at work, and how long it took, is told on stderr.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from checkouts import checked

HERE = Path(__file__).resolve().parent
FOLDER, BEFORE = "{folder}", "{before}"


@dataclass(frozen=True)
class Benchmark:
    """A script, and which of its lines tell the result.

    Attributes:
        question: that it answers.
        says: pattern of the lines that are quoted.
        quick: arguments for small sizes.
        full: arguments for the sizes of the README.
    """

    question: str
    says: str
    quick: tuple[str, ...] = ()
    full: tuple[str, ...] = ()


BENCHMARKS = {
    "tau_sweep": Benchmark("tau sweep against the released code", "ratio|differ", ("--quick",)),
    "sampling": Benchmark("class-balanced indices", "ours|ratio|million", ("--repeat", "3")),
    "training": Benchmark("stage 1 against a plain loop", "ratio", ("--steps", "2", "--repeat", "1")),
    "extraction": Benchmark("extraction against the forward pass", "share", ("--images", "256", "--repeat", "1")),
    "memory": Benchmark("memory of heads on mapped features", "peak", ("--rows", "20000")),
    "linear_head": Benchmark("cRT against its products", "times", ("--quick",), ("--steps",)),
    "heads_at_scale": Benchmark(
        "heads at iNaturalist 2018 size",
        "peak",
        ("--folder", FOLDER, "--scale", "small", "--crt-epochs", "1", "--budget", "20"),
        ("--folder", FOLDER, "--budget", "2000"),
    ),
    "closed_forms": Benchmark(
        "knn, ridge and lda against scikit-learn", "ratio|peak", ("--quick",), ("--queries", "4096", "--repeat", "1")
    ),
    "heads_at_two_million": Benchmark(
        "heads on 2,000,000 rows of 5,000 classes",
        "fit",
        ("--folder", FOLDER, "--quick"),
        ("--folder", FOLDER, "--methods", "ncm,ridge"),
    ),
    "growth": Benchmark("how time and memory of heads grow", r"\^", ("--quick",)),
    "crt_cached": Benchmark("cRT on cached features", "times|fast", ("--scale", "small", "--repeat", "1")),
    "flow_step": Benchmark(
        "a step of DLSA's flow",
        "times as fast",
        ("--batch", "32", "--clusters", "8", "--dimension", "64", "--rounds", "1"),
        ("--batch", "512"),
    ),
    "dlsa_defaults": Benchmark("DLSA with its defaults", "products", ("--quick", "--data", "places")),
    "augmentation": Benchmark(
        "switches of stage 1 against torchvision and the bare passes",
        "ratio|times",
        ("--steps", "1", "--repeat", "1", "--batch-size", "8"),
    ),
    "pretraining": Benchmark("self-supervised steps", "ratio", ("--steps", "1", "--repeat", "1", "--batch-size", "8")),
    "contrast": Benchmark(
        "steps of supervised contrast", "ratio", ("--steps", "1", "--repeat", "1", "--batch-size", "8")
    ),
    "grouped_split": Benchmark("a split by group against scikit-learn", "ours|scikit|peak|ratio", ("--quick",)),
    "prior_estimate": Benchmark("estimate of a prior", "fast", ("--rows", "2000", "--resamples", "5")),
    "predict_rows": Benchmark(
        "predict against the bare product", "of the bare product", ("--quick",), ("--rows", "100000")
    ),
    "photographs": Benchmark(
        "JPEGs of photographs against a plain loop", "times|ours", ("--quick",), ("--images", "120")
    ),
    "passes": Benchmark("few images a pass, and a compiled network", "times", ("--quick",)),
    "forward_passes": Benchmark("forward passes on a CPU", "times", ("--quick",)),
    "manifest": Benchmark("a table of a million rows to its first image", "image|Reader", ("--quick",)),
    "report_page": Benchmark("the report page", "ratio", ("--before", BEFORE, "--repeat", "1"), ("--before", BEFORE)),
    "threads": Benchmark("one thread or two", "taken", ("--rounds", "1", "--seconds", "0.05")),
    "start_up": Benchmark(
        "verbs that load a network", "ratio", ("--before", BEFORE, "--repeat", "1"), ("--before", BEFORE)
    ),
    "shorter_ways": Benchmark("bfloat16 in mlp and logistic, few rows in lda and ridge", "ratio", ("--quick",)),
    "small_fit": Benchmark("a small fit", "ratio", ("--before", BEFORE, "--repeat", "1"), ("--before", BEFORE)),
}


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--only", help="names of scripts, with commas between")
    parser.add_argument("--before", type=Path, help="older checkout, for what is compared with it")
    parser.add_argument("--out", type=Path, help="JSON file for all that was printed")
    options = parser.parse_args()
    names = options.only.split(",") if options.only else list(BENCHMARKS)
    if unknown := [name for name in names if name not in BENCHMARKS]:
        raise SystemExit(f"--only: no benchmark {unknown[0]!r}. Benchmarks: {', '.join(BENCHMARKS)}.")
    if options.before is not None:
        checked(options.before)
    found: dict[str, dict[str, object]] = {}
    if options.quick:
        print("Small sizes: these numbers say that everything runs, and nothing of speed.\n", flush=True)
    print("| question | command | found |\n|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            words = BENCHMARKS[name].quick if options.quick else BENCHMARKS[name].full
            if BEFORE in words and options.before is None:
                print(f"| {BENCHMARKS[name].question} | `{name}.py` | left out: it needs --before |", flush=True)
                continue
            known = {FOLDER: folder, BEFORE: str(options.before)}
            print(f"{name} ...", end=" ", file=sys.stderr, flush=True)
            found[name] = _run(name, [known.get(word, word) for word in words])
            print(f"{found[name]['seconds']} s", file=sys.stderr, flush=True)
            shown = ["FOLDER" if word == FOLDER else known.get(word, word) for word in words]
            print(_row(name, shown, str(found[name]["said"])), flush=True)
            if options.out:
                options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if failed := [name for name, one in found.items() if one["exit_code"]]:
        raise SystemExit(f"failed: {', '.join(failed)}")


def _run(name: str, words: list[str]) -> dict[str, object]:
    started = time.perf_counter()
    done = subprocess.run([sys.executable, str(HERE / f"{name}.py"), *words], capture_output=True, text=True)
    said = done.stdout if not done.returncode else done.stdout + done.stderr
    return {"said": said, "exit_code": done.returncode, "seconds": round(time.perf_counter() - started, 1)}


def _row(name: str, words: list[str], said: str) -> str:
    lines = said.strip().splitlines()
    told = [line for line in lines if re.search(BENCHMARKS[name].says, line)] or lines[-1:]
    command = " ".join([f"{name}.py", *words])
    result = "; ".join(" ".join(line.replace("|", "/").split()) for line in told)
    return f"| {BENCHMARKS[name].question} | `{command}` | {result} |"


if __name__ == "__main__":
    main()
