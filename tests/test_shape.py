"""The shape of the house: no function of many parameters in its middle, no file of two concepts."""

import ast
import statistics
from pathlib import Path

import pytest

import longtail

ROOT = Path(longtail.__file__).parent
MOST_PARAMETERS, MOST_LINES, MEDIAN_LINES = 6, 350, 130
MIDDLE = [path for room in ("comparison", "training") for path in sorted((ROOT / room).glob("*.py"))]
VERBS = sorted((ROOT / "jobs").glob("*.py"))


def crowded(path):
    """Names of the functions that take more parameters than a person keeps in mind; constructors may."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef) and node.name != "__init__":
            names = [one.arg for one in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
            if len([name for name in names if name not in ("self", "cls")]) > MOST_PARAMETERS:
                yield node.name


@pytest.mark.parametrize("path", [*MIDDLE, *VERBS], ids=lambda path: str(path.relative_to(ROOT)))
def test_a_function_takes_few_parameters(path):
    assert not list(crowded(path))


def test_a_file_is_one_concept():
    lines = {path: len(path.read_text().splitlines()) for path in ROOT.rglob("*.py")}
    assert not [str(path) for path, number in lines.items() if number > MOST_LINES]
    assert statistics.median(lines.values()) <= MEDIAN_LINES
