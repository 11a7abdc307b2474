"""A run whose data are opened again: its rows are found wherever they stand, and what has changed is told."""

import json
from pathlib import Path

import numpy as np
import pytest

from longtail.cli import main
from longtail.identity import read_identities

NAMES = np.array(["ant", "bee", "cow"])


@pytest.fixture(params=["ids", "no ids"])
def rows(request, tmp_path, monkeypatch):
    """Rows in a random order, with names or without, a run on them, and a function that writes them anew."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    codes = rng.permutation(np.repeat([0, 1, 2], [60, 40, 30]))
    features = (rng.normal(size=(130, 3)) + 2 * np.eye(3)[codes]).round(5)
    ids = np.array([f"im{row:03d}.jpg" for row in range(130)])

    def write(order, features=features, labels=NAMES[codes], more=()):
        lines = ["id,label,a,b,c" if request.param == "ids" else "label,a,b,c", *more]
        for row in order:
            cells = [labels[row], *map(str, features[row])]
            lines.append(",".join([ids[row], *cells] if request.param == "ids" else cells))
        (tmp_path / "e.csv").write_text("\n".join(lines) + "\n")

    write(range(130))
    assert main(["fit", "e.csv", "--methods", "ncm,lda", "--out", "run", "--quiet"]) == 0
    return write, features, NAMES[codes]


def measured(*words):
    assert main(["evaluate", "run/heads/lda.npz", "--out", "ev", *words]) == 0
    report = json.loads(Path("ev/evaluation.json").read_text(encoding="utf-8"))
    return report["methods"]["lda"], report["notes"]


def test_rows_in_another_order_give_the_same_numbers(rows):
    write, _, _ = rows
    before, _ = measured()
    write(np.random.default_rng(5).permutation(130))
    after, notes = measured()
    assert after == before
    assert not any("changed since the run" in note for note in notes)


def test_a_new_row_is_told_and_not_used(rows, request):
    write, _, _ = rows
    before, _ = measured()
    has_ids = "no ids" not in request.node.name
    write(range(130), more=["new.jpg,ant,9,9,9"] if has_ids else ["ant,9,9,9"])
    after, notes = measured()
    assert after == before
    assert any("1 row is new" in note for note in notes)
    assert any("new.jpg" in note for note in notes) == has_ids


def test_rows_that_are_gone_are_told(rows):
    write, _, _ = rows
    write(range(120))
    _, notes = measured()
    assert any("10 rows are gone" in note for note in notes)


def test_labels_that_were_corrected_are_a_question_with_two_answers(rows, capsys):
    write, _, labels = rows
    before, _ = measured()
    changed = labels.copy()
    changed[:40] = np.where(changed[:40] == "ant", "bee", "ant")
    write(range(130), labels=changed)
    capsys.readouterr()
    assert main(["evaluate", "run/heads/lda.npz"]) == 2
    told = capsys.readouterr().err
    assert "40 rows are others than they were" in told
    assert "--changed leave-out, or --changed use" in told
    without, _ = measured("--changed", "leave-out")
    assert without["images"] < before["images"]
    now, _ = measured("--changed", "use")
    assert now["images"] == before["images"]
    assert now["all"] < before["all"]


def test_other_rows_altogether_are_refused(rows, capsys):
    write, features, _ = rows
    write(range(130), features=features + 1)
    assert main(["evaluate", "run/heads/lda.npz"]) == 2
    told = capsys.readouterr().err
    assert "were made of is there" in told or "others than they were" in told or "none of the" in told


def test_calibration_and_estimated_priors_see_the_runs_own_validation(rows):
    write, _, _ = rows
    assert main(["calibrate", "run", "--heads", "lda", "--quiet"]) == 0
    before = Path("run/calibration/lda.json").read_text(encoding="utf-8")
    write(np.random.default_rng(6).permutation(130))
    assert main(["calibrate", "run", "--heads", "lda", "--quiet"]) == 0
    assert (
        json.loads(Path("run/calibration/lda.json").read_text(encoding="utf-8"))["calibrator"]
        == json.loads(before)["calibrator"]
    )


def test_rows_of_the_run_under_other_labels_are_a_question(rows, tmp_path, capsys, request):
    _, features, labels = rows
    lines = ["id,label,a,b,c"]
    for row in range(130):
        other = NAMES[(np.flatnonzero(labels[row] == NAMES)[0] + 1) % 3]
        lines.append(f"im{row:03d}.jpg,{other},{','.join(map(str, features[row]))}")
    if "no ids" in request.node.name:
        lines = [line.split(",", 1)[1] for line in lines]
    (tmp_path / "shifted.csv").write_text("\n".join(lines) + "\n")
    words = ["evaluate", "run/heads/lda.npz", "--features", "shifted.csv", "--out", "ev"]
    assert main(words) == 2
    assert "the run knows them with other values or labels" in capsys.readouterr().err
    assert main([*words, "--changed", "use"]) == 0
    assert json.loads(Path("ev/evaluation.json").read_text())["methods"]["lda"]["all"] < 20


def test_a_row_that_was_learnt_is_no_new_one_under_another_name(rows, tmp_path):
    _, features, labels = rows
    known = read_identities(Path("run/rows.npz"))
    if known["train"].names is None:
        pytest.skip("without names a copy is known by its values")
    test = [int(name[2:5]) for name in known["test"].names.tolist()]
    copied = int(known["train"].names[0][2:5])
    lines = ["id,label,a,b,c"]
    lines += [f"im{row:03d}.jpg,{labels[row]},{','.join(map(str, features[row]))}" for row in range(130)]
    lines.append(f"copy.jpg,{labels[copied]},{','.join(map(str, features[copied]))}")
    (tmp_path / "copied.csv").write_text("\n".join(lines) + "\n")
    assert main(["evaluate", "run/heads/lda.npz", "--features", "copied.csv", "--out", "ev"]) == 0
    assert json.loads(Path("ev/evaluation.json").read_text())["methods"]["lda"]["images"] == len(test)
