"""The notebooks in examples run from top to bottom, and what is stored of their outputs is small and plain."""

import ast
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "examples" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
QUICK = ("probabilities",)  # of a second or two


def cells(path):
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def executed(path):
    """Run all code in one namespace, and return what cells show: HTML where there is some."""
    names, shown = {"__name__": "__main__"}, []
    for cell in cells(path):
        if cell["cell_type"] != "code":
            continue
        tree = ast.parse("".join(cell["source"]))
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, path.name, "exec"), names)
        value = None if last is None else eval(compile(ast.Expression(last.value), path.name, "eval"), names)
        if value is not None:
            html = value._repr_html_() if hasattr(value, "_repr_html_") else None
            shown.append(html if html is not None else repr(value))
    return shown


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=() if path.stem in QUICK else pytest.mark.slow) for path in NOTEBOOKS],
    ids=lambda path: path.stem,
)
def test_it_runs_and_shows_what_is_stored(path, tmp_path, monkeypatch, shared):
    if path.stem == "decoupling_on_cifar10_lt":
        monkeypatch.setenv("CIFAR10", str(shared / "data" / "cifar10.h5"))
        monkeypatch.setenv("EPOCHS", "1")
    monkeypatch.chdir(tmp_path)  # some write files
    stored = [output for cell in cells(path) for output in cell.get("outputs", ()) if "data" in output]
    shown = executed(path)
    assert len(shown) == len(stored)
    for text, output in zip(shown, stored, strict=True):
        assert text.startswith("<table") == ("text/html" in output["data"])


def test_without_cifar_it_says_so(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CIFAR10", raising=False)
    assert executed(FOLDER / "decoupling_on_cifar10_lt.ipynb") == []
    assert capsys.readouterr().out == "CIFAR10 names no data: nothing is computed here.\n"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_is_stored_is_small_and_plain(path):
    text = path.read_text(encoding="utf-8")
    assert len(text) < 30_000
    assert not re.search(r"/(home|root|tmp|work|Users)/", text)
    for cell in cells(path):
        outputs = cell.get("outputs", ())
        assert not [one for one in outputs if one["output_type"] == "error" or one.get("name") == "stderr"]
    assert sum(bool(cell.get("outputs")) for cell in cells(path)) >= 2


def test_the_page_shows_the_examples_as_they_are():
    page = (ROOT / "docs" / "how-to" / "share-and-serve.md").read_text(encoding="utf-8")
    for name in ("onnx_in_ten_lines.py", "program_in_ten_lines.py"):
        lines = (ROOT / "examples" / "serve" / name).read_text(encoding="utf-8").splitlines()
        start = max(number for number, line in enumerate(lines) if re.match(r"(import|from) ", line)) + 2
        assert "\n".join(f"    {line}".rstrip() for line in lines[start:]) in page
