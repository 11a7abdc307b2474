"""Faults of people and of disks, as the command meets them: a sentence that names what is wrong, and exit code 2."""

import json
import os
import shutil

import numpy as np
import pytest
from PIL import Image

from longtail.cli import main

RNG = np.random.default_rng(0)
LABELS = np.repeat(["ant", "bee", "cow"], 20)
VALUES = RNG.normal(size=(60, 2)).round(4)
TABLE = "label,f0,f1\n" + "".join(f"{name},{a},{b}\n" for name, (a, b) in zip(LABELS, VALUES, strict=True))
QUICK = ("--methods", "ncm", "--quiet")


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """Return a folder with a table and a run that was made of it."""
    folder = tmp_path_factory.mktemp("fitted")
    (folder / "e.csv").write_text(TABLE)
    assert main(["fit", str(folder / "e.csv"), *QUICK, "--out", str(folder / "run")]) == 0
    return folder


def told(capsys, *words):
    """Return the one sentence that a command ends with."""
    assert main([str(word) for word in words]) == 2
    shown = capsys.readouterr().err
    assert "Traceback" not in shown
    assert shown.startswith("longtail: ")
    assert shown.count("\n") == 1
    return shown


DAMAGE = {"no JSON": b"x", "nested too deep": b"[" * 100_000, "UTF-8": b"{'b\xe4r'}", "no JSON (": b"{'a': 1}"}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", ["results.json", "config.json"])
@pytest.mark.parametrize("verb", ["predict", "evaluate", "calibrate"])
def test_damaged_files_of_a_run(fitted, tmp_path, capsys, verb, name, damage):
    run = shutil.copytree(fitted / "run", tmp_path / "run")
    (run / name).write_bytes(DAMAGE[damage])
    more = (fitted / "e.csv", "--out", tmp_path / "p.csv") if verb == "predict" else ()
    shown = told(capsys, verb, run, *more)
    assert name in shown
    assert damage in shown


@pytest.mark.parametrize("damage", [b"", b"x", b"PK\x03\x04", b"PK\x03\x04" + bytes(200)])
def test_damaged_heads_of_a_run(fitted, tmp_path, capsys, damage):
    run = shutil.copytree(fitted / "run", tmp_path / "run")
    (run / "heads" / "ncm.npz").write_bytes(damage)
    assert "ncm.npz" in told(capsys, "evaluate", run)


FILES = {
    "cell.csv": (b"label,f0\nant,%0140000d\n" % 1, "row 0 (line 2)"),
    "header.npy": (b'\x93NUMPY\x01\x00\x76\x00{"descr": "<f8", (((\n' + bytes(100), "damaged"),
    "latin.csv": ("label,f0\nb\xe4r,1\n".encode("latin-1"), "no text in UTF-8"),
    "no_rows.csv": (b"label,f0\n", "holds no row"),
    "nothing.csv": (b"", "holds no row"),
    "nothing.npz": (b"", "damaged"),
    "nothing.parquet": (b"", "damaged"),
    "nothing.h5": (b"", "no HDF5 file"),
    "words.csv": (b"label,f0\nant,x\nbee,y\n", "no column of numbers"),
}


@pytest.mark.parametrize("name", FILES)
def test_files_of_features_that_are_none(tmp_path, capsys, name):
    content, what = FILES[name]
    (tmp_path / name).write_bytes(content)
    shown = told(capsys, "fit", tmp_path / name, *QUICK, "--out", tmp_path / "run")
    assert name in shown
    assert what in shown
    assert not (tmp_path / "run").exists()


LABELS_OF_ODD_KINDS = {
    "structured": np.array([("a", 1)] * 60, dtype=[("x", "U1"), ("y", "i4")]),
    "complex": np.ones(60) * 1j,
    "dates": np.arange(60).astype("M8[s]"),
    "too few": np.zeros(59),
    "three axes": np.zeros((60, 1, 1)),
    "below 0": -np.ones(60),
    "broken": np.full(60, 0.5),
    "infinite": np.full(60, np.inf),
}


@pytest.mark.parametrize("kind", LABELS_OF_ODD_KINDS)
def test_labels_of_odd_kinds(tmp_path, capsys, kind):
    np.savez(tmp_path / "e.npz", features=VALUES, labels=LABELS_OF_ODD_KINDS[kind])
    shown = told(capsys, "fit", tmp_path / "e.npz", *QUICK, "--out", tmp_path / "run")
    assert "e.npz" in shown
    assert "label" in shown


@pytest.mark.parametrize("number", ["99999999999999999999999", "²", "--3", "1e400", "0x1"])
def test_labels_that_look_like_numbers_are_names(tmp_path, number):
    (tmp_path / "e.csv").write_text(TABLE + f"{number},1,2\n" * 10, encoding="utf-8")
    assert main(["fit", str(tmp_path / "e.csv"), *QUICK, "--out", str(tmp_path / "run")]) == 0
    names = json.loads((tmp_path / "run" / "results.json").read_text(encoding="utf-8"))["data"]["class_names"]
    assert number in names


WEIGHT = np.eye(3, 2)
HEADS = {
    "complex": (WEIGHT * 1j, np.zeros(3)),
    "words": (WEIGHT.astype(str), np.zeros(3)),
    "dates": (WEIGHT.astype("M8[s]"), np.zeros(3)),
    "booleans": (WEIGHT.astype(bool), np.zeros(3)),
    "words in bias": (WEIGHT, np.array(["a"] * 3)),
    "structured": (np.zeros((3, 2), dtype=[("x", "f4")]), np.zeros(3)),
    "too few": (WEIGHT[:2], np.zeros(2)),
    "no numbers": (WEIGHT * np.nan, np.zeros(3)),
    "one axis": (WEIGHT[0], np.zeros(3)),
}


@pytest.mark.parametrize("kind", HEADS)
def test_heads_of_odd_kinds(fitted, tmp_path, capsys, kind):
    weight, bias = HEADS[kind]
    np.savez(tmp_path / "h.npz", weight=weight, bias=bias)
    words = ("fit", fitted / "e.csv", "--methods", "joint", "--quiet", "--out", tmp_path / "run")
    assert "h.npz" in told(capsys, *words, "--head", tmp_path / "h.npz")


@pytest.mark.parametrize("cost", ["1e300", "-1", "nan", "inf", "x", ""])
def test_costs_that_are_none(fitted, tmp_path, capsys, cost):
    (tmp_path / "costs.csv").write_text(f"0,{cost},1\n1,0,1\n1,1,0\n")
    words = ("fit", fitted / "e.csv", "--methods", "auto", "--quiet", "--out", tmp_path / "run")
    assert "costs.csv" in told(capsys, *words, "--costs", tmp_path / "costs.csv")
    assert not (tmp_path / "run" / "results.json").exists()


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "is empty"),
        ("label,prediction\nb\xe4r,1\n".encode("latin-1"), "no text in UTF-8"),
        (b"label,prediction\nant,ant\n", "expected a class number"),
        (b"label,prediction\n1,\n", "expected a class number"),
        (b"label,prediction\n1,99999999999999999999\n", "expected a class number"),
        (b"label,prediction\n1,1,1\n", "row 0 has 3 values"),
        (b"prediction\n1\n", "expected a CSV with the columns label and prediction"),
    ],
)
def test_files_of_predictions_that_are_none(tmp_path, capsys, content, what):
    (tmp_path / "p.csv").write_bytes(content)
    assert what in told(capsys, "evaluate", tmp_path / "p.csv")


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        *(("--seed", value) for value in ("-1", "99999999999999999999999")),
        *(("--split-seed", value) for value in ("-1", "99999999999999999999999")),
        *(("--val-fraction", value) for value in ("-1", "1", "nan")),
        *(("--test-fraction", value) for value in ("-0.1", "inf")),
        *(("--cv-repeats", value) for value in ("-1", "0")),
        *(("--cv-folds", value) for value in ("-1", "1")),
        ("--out", ""),
    ],
)
def test_settings_that_nothing_can_be_done_with(fitted, capsys, flag, value):
    assert f"{flag} " in told(capsys, "fit", fitted / "e.csv", *QUICK, flag, value)


def test_names_that_no_disk_holds(fitted, tmp_path, capsys):
    assert "name too long" in told(capsys, "fit", fitted / "e.csv", *QUICK, "--out", tmp_path / ("a" * 300))


@pytest.mark.parametrize("odd", [b"\xff", b"a\xe4"], ids=repr)
def test_names_of_classes_that_are_no_text_are_told_before_anything_is_learnt(tmp_path, capsys, odd):
    for name in ("ant", os.fsdecode(odd)):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(4):
            pixels = RNG.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / name / f"{number}.png")
    for words in (("describe", tmp_path / "data"), ("train", tmp_path / "data"), ("pack", tmp_path / "data")):
        out = tmp_path / ("out.h5" if words[0] == "pack" else "out")
        assert "is no text in UTF-8. Rename the folder" in told(capsys, *words, "--out", out)
        assert not out.exists()
