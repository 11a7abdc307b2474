"""Finished runs side by side: figures counted by hand, which rows are the same, and the command as it is typed."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

import longtail
from longtail.across_runs.measured_run import open_run
from longtail.across_runs.same_rows import shared_rows
from longtail.cli import main
from longtail.errors import InputError
from longtail.evaluation import paired_metric_tests
from longtail.identity import identify_rows, write_identities
from longtail.report.run_comparison_page import render_run_comparison

NAMES = ["ant", "bee"]
TRUTH = [0] * 6 + [1] * 4
FIRST = [0, 0, 0, 0, 0, 1, 0, 0, 0, 1]  # 5 of 6 ants, 1 of 4 bees
SECOND = [0, 0, 0, 0, 1, 1, 1, 1, 1, 1]  # 4 of 6 ants, 4 of 4 bees
IDS = [f"{place}.png" for place in range(10)]


def measured(labels, said):
    recall = [100 * float(np.mean([s == c for t, s in zip(labels, said, strict=True) if t == c])) for c in (0, 1)]
    right = 100 * float(np.mean(np.array(labels) == np.array(said)))
    values = {"all": right, "balanced": sum(recall) / 2, "many": recall[0], "medium": None, "few": recall[1]}
    return {**values, "per_class": recall}


@pytest.fixture
def make_run(tmp_path):
    """Write what a finished run leaves, as far as a comparison looks at it."""

    def make(name, said, labels=TRUTH, *, ids=IDS, names=NAMES, contents=None, settings=None, counts=(120, 5)):
        folder = tmp_path / name
        (folder / "predictions").mkdir(parents=True)
        metrics = measured(labels, said)
        entry = {"params": {}, "selected_on": "val", "seconds": 0.1, "metrics": {"test": metrics}}
        data = {
            "name": "insects",
            "class_names": names,
            "train_counts": list(counts),
            "group_of_class": ["many", "few"],
        }
        data |= {"group_thresholds": {"many_above": 100, "few_below": 20}, "splits": {"test": {"images": len(labels)}}}
        results = {"schema": 2, "title": "insects", "seed": 0, "data": data, "methods": {"tau": entry}}
        (folder / "results.json").write_text(json.dumps({**results, "verdict": {"best": "tau"}}))
        (folder / "config.json").write_text(json.dumps({"verb": "run", "stage": {"epochs": 3}, **(settings or {})}))
        lines = ["row,label,tau" + (",id" if ids else "")]
        for row, (truth, answer) in enumerate(zip(labels, said, strict=True)):
            lines.append(f"{row},{truth},{answer}" + (f",{ids[row]}" if ids else ""))
        (folder / "predictions" / "test.csv").write_text("\n".join(lines))
        if contents is not None:
            rows = {"train": identify_rows([b"x"]), "test": identify_rows(contents, ids)}
            write_identities(folder / "images.npz", rows)
        return folder

    return make


def test_figures_are_those_counted_by_hand(make_run):
    comparison = longtail.compare_runs(make_run("one", FIRST), make_run("two", SECOND))
    content = comparison.content
    values = [{name: cell and cell["value"] for name, cell in one["metrics"].items()} for one in content["runs"]]
    assert values[0] == pytest.approx(
        {"all": 60, "balanced": (500 / 6 + 25) / 2, "many": 500 / 6, "few": 25, "medium": None}
    )
    assert values[1] == pytest.approx(
        {"all": 80, "balanced": (400 / 6 + 100) / 2, "many": 400 / 6, "few": 100, "medium": None}
    )
    differences = comparison.differences["B"]
    assert differences["few"]["difference"] == pytest.approx(75)
    assert differences["many"]["difference"] == pytest.approx(-100 / 6)
    assert differences["medium"] is None
    tests = paired_metric_tests(TRUTH, SECOND, FIRST, np.array(["many", "few"]))
    for name in ("all", "balanced", "many", "few"):
        assert differences[name]["p"] == tests[name].p
        assert differences[name]["interval"] == tests[name].interval()
    rows = {row["name"]: row for row in content["classes"]}
    assert rows["bee"] == {
        "name": "bee",
        "group": "few",
        "train": {"A": 5, "B": 5},
        "rows": 4,
        "found": {"A": 1, "B": 4},
    }
    assert content["rows"] == 10
    assert content["settings"] == []
    assert "rare classes from 25.0 to 100.0 % (+75.0 points" in content["answers"][0]


def test_rows_are_matched_by_name_and_classes_by_theirs_whatever_the_order(make_run):
    order = [9, 3, 5, 0, 7, 1, 8, 2, 4, 6]
    turned = make_run(
        "two",
        [1 - SECOND[row] for row in order],
        [1 - TRUTH[row] for row in order],
        ids=[IDS[row] for row in order],
        names=NAMES[::-1],
        counts=(5, 120),
    )
    straight = longtail.compare_runs(make_run("one", FIRST), make_run("three", SECOND))
    assert longtail.compare_runs(make_run("four", FIRST), turned).differences == straight.differences


def test_rows_that_some_runs_lack_are_left_out_for_all(make_run):
    short = make_run("two", SECOND[:7], TRUTH[:7], ids=IDS[:7])
    relabelled = make_run("three", SECOND, [1, *TRUTH[1:]])
    content = longtail.compare_runs(make_run("one", FIRST), short, relabelled).content
    assert content["rows"] == 6
    assert content["runs"][0]["metrics"]["many"]["value"] == pytest.approx(80)
    assert any("6 of the 10 test rows of A are in all of them" in note for note in content["notes"])
    assert any(note.startswith("1 row with another label in C than in A") for note in content["notes"])
    assert [pair["metrics"]["all"]["p_corrected"] for pair in content["differences"]] == pytest.approx([1, 1])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"ids": [f"other/{row}.png" for row in range(10)]}, "none of the 10 test rows of A is in it"),
        ({"ids": [*IDS[:3], *(f"other/{row}.png" for row in range(7))]}, "only 3 of the 10 test rows"),
        ({"names": ["ant", "cow"]}, "it has other classes: 'cow' is one of B alone"),
        ({"contents": [bytes([row + 50]) for row in range(10)]}, "none of the 10 test rows"),
        ({"ids": None}, "none of the 10 test rows"),  # A's have names
    ],
)
def test_runs_of_other_data_are_told_apart_and_not_tested(make_run, changes, told):
    first = make_run("one", FIRST, contents=[bytes([row]) for row in range(10)])
    comparison = longtail.compare_runs(first, make_run("two", SECOND, **changes))
    assert comparison.differences == {}
    assert told in comparison.content["runs"][1]["apart"]
    assert "B is of other data than A" in repr(comparison)
    assert comparison.content["runs"][1]["metrics"]["few"] == {"value": 100.0, "interval": None}  # its own
    assert "other data" in comparison._repr_html_()


def test_images_of_other_content_are_other_images(make_run):
    before, after = ([bytes([row]) for row in range(10)] for _ in range(2))
    after[2] = b"another"
    comparison = longtail.compare_runs(make_run("one", FIRST, contents=before), make_run("two", SECOND, contents=after))
    assert comparison.content["rows"] == 9
    assert "1 image of another content in B: not compared." in comparison.content["notes"]


def test_rows_without_names_are_matched_by_their_place_where_all_labels_agree(make_run):
    first, second = make_run("one", FIRST, ids=None), make_run("two", SECOND, ids=None)
    assert "taken to be the same row by row" in longtail.compare_runs(first, second).content["notes"][0]
    odd = make_run("three", SECOND, [*TRUTH[:5], 1, *TRUTH[6:]], ids=None)
    one, other = open_run(first, "A"), open_run(odd, "B")
    assert shared_rows(one, other).apart
    assert shared_rows(one, replace(other, split="val")).apart == "it was measured on val, A on test"


def test_of_many_classes_that_changed_the_page_has_those_that_changed_most(make_run):
    content = longtail.compare_runs(make_run("one", FIRST), make_run("two", SECOND)).content
    like = next(row for row in content["classes"] if row["name"] == "bee")
    content["classes"] = [
        {**like, "name": f"bee {c:03d}", "rows": 300, "found": {"A": 150, "B": c if c < 150 else c + 1}}
        for c in range(299)
    ]
    page = render_run_comparison(content)
    assert re.findall(r"bee (\d+)</th>", page) == [f"{c:03d}" for c in [*range(298, 248, -1), *range(49, -1, -1)]]
    assert "The 50 that gained and lost most; comparison.json has 199 more." in page


def test_settings_are_named_as_they_are_typed(make_run):
    settings = {"stage": {"epochs": 5, "learning_rate": 0.1}, "runtime": {"out": "b", "seed": 1}}
    content = longtail.compare_runs(make_run("one", FIRST), make_run("two", SECOND, settings=settings)).content
    assert content["settings"] == [{"name": "epochs", "values": {"A": "3", "B": "5"}}]


def test_what_cannot_be_compared_is_refused(make_run, tmp_path):
    one = make_run("one", FIRST)
    same = make_run("same", FIRST)
    with pytest.raises(InputError, match="same: is given twice"):
        longtail.compare_runs(same, same / ".." / "same")
    with pytest.raises(InputError, match="1 runs to compare; expected 2 to 26"):
        longtail.compare_runs(one)
    with pytest.raises(InputError, match=r"no method 'lda' in .*one\. It has tau"):
        longtail.compare_runs(one, one, method="lda")
    with pytest.raises(InputError, match="no such folder"):
        longtail.compare_runs(one, tmp_path / "nowhere")
    with pytest.raises(InputError, match="no correction 'none'"):
        longtail.compare_runs(one, one, correction="none")
    (one / "predictions" / "test.csv").write_text("row,label,tau\n0,0,7\n")
    with pytest.raises(InputError, match="names class 7; the run has 2 classes"):
        longtail.compare_runs(one, one)
    (one / "predictions" / "test.csv").unlink()
    with pytest.raises(InputError, match="carry out the run again"):
        longtail.compare_runs(one, one)


def test_the_command_as_it_is_typed(tmp_path, monkeypatch, capsys, tailed):
    monkeypatch.chdir(tmp_path)
    for name, (rows, labels) in zip(("train", "test"), tailed, strict=True):
        longtail.write_features(tmp_path / "embeddings" / f"feature_{name}.h5", rows, labels)
    words = ["--methods", "joint,crt", "--label-check", "none", "--quiet"]
    assert main(["fit", "embeddings", *words, "--set", "crt.epochs=2", "--out", "a"]) == 0
    assert main(["fit", "embeddings", *words, "--set", "crt.epochs=3", "--out", "b"]) == 0
    capsys.readouterr()
    assert main(["report", "a", "b"]) == 2
    assert "longtail compare a b" in capsys.readouterr().err
    assert main(["compare", "a", "b", "--method", "crt"]) == 0
    told = capsys.readouterr().out
    assert "B (crt) against A (crt), on the same 300 test rows" in told
    assert "Open runs/compare-a-b/comparison.html" in told
    content = json.loads((tmp_path / "runs/compare-a-b/comparison.json").read_text())
    assert content["settings"] == [{"name": "set", "values": {"A": "crt.epochs=2", "B": "crt.epochs=3"}}]
    assert content["command"] == "longtail compare a b --method crt"
    page = (tmp_path / "runs/compare-a-b/comparison.html").read_text()
    assert page.count("<svg") == 2
    assert "prefers-color-scheme: dark" in page
    for metric, value in json.loads((tmp_path / "a/results.json").read_text())["methods"]["crt"]["metrics"][
        "test"
    ].items():
        if metric in content["runs"][0]["metrics"]:
            assert content["runs"][0]["metrics"][metric]["value"] == pytest.approx(value)
