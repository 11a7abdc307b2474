"""The direction in which rooms may import each other."""

import ast
from pathlib import Path

import pytest

import longtail

ROOT = Path(longtail.__file__).parent
PURE = {
    "arguments",
    "class_names",
    "counts",
    "grouping",
    "priors",
    "ranges",
    "schedules",
    "signals",
    "holdout",
    "row_weights",
}
PURE |= {"errors", "whole_groups"}
BASE = PURE | {"files", "identity"}
LIBRARY = BASE | {
    "sampling",
    "losses",
    "flows",
    "backbones",
    "data",
    "features",
    "evaluation",
    "global_draws",
    "processor",
    "threads",
}
ALLOWED = {
    **dict.fromkeys(PURE, PURE),
    **dict.fromkeys(LIBRARY - PURE, LIBRARY),
    "files": {"files", "errors"},
    "identity": BASE,
    "published": {"errors", "files"},
    "features": BASE | {"features"},
    "runs": LIBRARY | {"report", "heads", "comparison", "published"},
    "across_runs": LIBRARY | {"comparison", "environment", "report", "runs", "across_runs"},
    "heads": LIBRARY | {"heads"},
    "pretraining": LIBRARY | {"heads", "pretraining"},
    "contrast": LIBRARY | {"pretraining", "contrast"},
    "deploy": LIBRARY | {"deploy"},
    "loggers": {"loggers", "files", "errors"},
    "training": LIBRARY | {"heads", "pretraining", "training"},
    "comparison": LIBRARY | {"heads", "report", "environment", "comparison"},
    "environment": PURE | {"typed_command"},
    "report": {"report", "counts", "files", "errors"},
    "typed_command": set(),
    "waiting": set(),
    "version_report": {"environment"},
    "demo": {"cli", "errors", "typed_command"},
    "setting_kinds": {"errors", "ranges"},
    "config_file": {"errors", "files", "old_flags", "setting_kinds"},
    "jobs": LIBRARY
    | {
        "heads",
        "comparison",
        "environment",
        "pretraining",
        "contrast",
        "training",
        "quick_imports",
        "report",
        "jobs",
        "deploy",
        "published",
        "runs",
        "across_runs",
        "loggers",
        "signals",
        "typed_command",
        "waiting",
    },
    "recipes": LIBRARY | {"jobs", "recipes"},
    "studies": LIBRARY
    | {"heads", "comparison", "environment", "training", "report", "jobs", "recipes", "studies", "runs"},
}
JOBS = {  # what the rooms of `jobs` may import of `jobs`
    "stage_one": {"options", "pace", "head_options", "flags", "launch", "run_logs", "dry_run"},
    "dry_run": {
        "compiled",
        "stage_one",
        "balancing",
        "predicting",
        "options",
        "head_options",
        "launch",
        "run",
        "run_checks",
        "train",
        "balance",
    },
    "calibrating": set(),
    "predicting": {"calibrating", "stage_one", "pace", "compiled", "run_features", "seeds"},
    "sharding": {"stage_one", "options", "launch", "processes", "precision", "compiled"},
    "publishing": {"balancing", "calibrating", "predicting", "stage_one"},
    "balancing": {"stage_one", "options", "launch", "extraction", "flags"},
}
MATHS = ("counts", "priors", "sampling", "losses", "flows", "heads", "evaluation", "schedules")
FILES = sorted(path for path in ROOT.rglob("*.py") if path.parent != ROOT or path.stem in ALLOWED)


def room(path):
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_rooms_import_only_what_they_may(path):
    for name in imported(path):
        if name.startswith("longtail."):
            assert name.split(".")[1] in ALLOWED[room(path)], f"{path} imports {name}"


@pytest.mark.parametrize("name", JOBS)
def test_rooms_of_jobs_import_only_what_they_may(name):
    assert (ROOT / "jobs" / name).is_dir()
    for path in (ROOT / "jobs" / name).glob("*.py"):
        rooms = {module.split(".")[2] for module in imported(path) if module.startswith("longtail.jobs.")}
        assert rooms <= JOBS[name] | {name}, path


def test_the_command_line_alone_reads_what_was_typed():
    assert [path.name for path in ROOT.rglob("*.py") if "sys.argv" in path.read_text()] == ["cli.py"]


@pytest.mark.parametrize("path", [p for p in FILES if room(p) in MATHS], ids=lambda path: str(path.relative_to(ROOT)))
def test_maths_imports_no_framework(path):
    heavy = {"lightning", "lightning_fabric", "timm", "torchvision", "matplotlib", "tyro", "rich"}
    assert not {name.split(".")[0] for name in imported(path)} & heavy


def test_import_longtail_imports_nothing_heavy():
    import subprocess
    import sys

    code = "import sys, longtail; print([m for m in ('torch', 'numpy', 'sklearn', 'h5py') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
