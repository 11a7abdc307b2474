"""A head of a run as a program, which `export` checks itself."""

import pytest

from longtail.cli import main

__all__ = ["assert_exported"]


def assert_exported(run, head, form, folder, capsys):
    """Export a head of a run in a form, torch-export or onnx."""
    if form == "onnx":
        pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")
    out = folder / ("model.onnx" if form == "onnx" else "model.pt2")
    head_file = run / "heads" / f"{head}.npz"
    assert main(["export", str(run), "--format", form, "--head", str(head_file), "--out", str(out)]) == 0
    assert "checked: differs by at most" in capsys.readouterr().out
