"""`compare` from Python: what it gives, that it is what `longtail fit` does, and what it refuses."""

import json

import numpy as np
import pytest
import torch

from longtail.cli import main
from longtail.comparison import Comparison, Rules, compare, open_problem
from longtail.comparison.sealed import SealedLabelsError
from longtail.errors import InputError
from longtail.features import open_features, write_features
from longtail.heads import load_head, save_head

COUNTS = {"train": (60, 30, 9), "val": (12, 12, 12), "test": (20, 20, 20)}
NAMES = np.array(["ant", "bee", "cow"])


def made_up(seed=0):
    rng = np.random.default_rng(seed)
    data = {}
    for split, counts in COUNTS.items():
        labels = np.repeat([0, 1, 2], counts)
        data[split] = (2 * np.eye(3, 5)[labels] + rng.normal(size=(len(labels), 5))).astype(np.float32), NAMES[labels]
    return data


@pytest.fixture(scope="module")
def comparison():
    return compare(made_up(), "joint,tau,lda,auto")


@pytest.fixture
def folder(tmp_path):
    for split, (features, labels) in made_up().items():
        np.savez(tmp_path / f"{split}.npz", features=features, labels=labels)
    return tmp_path


def without_times(measured):
    methods = {name: {**entry, "seconds": 0, "head_sha256": ""} for name, entry in measured["methods"].items()}
    return json.loads(json.dumps({**measured, "methods": methods}))


def test_it_is_what_fit_does(folder):
    words = ["fit", str(folder), "--methods", "joint,tau,lda,auto", "--set", "lda.shrinkage=0.3", "--out"]
    assert main([*words, str(folder / "r"), "--label-check", "none", "--seed", "3", "--quiet"]) == 0
    typed = json.loads((folder / "r" / "results.json").read_text())
    again = compare(folder, "joint,tau,lda,auto", settings={"lda": {"shrinkage": 0.3}}, seed=3)
    ours = without_times(again.measured)
    assert ours == {name: value for name, value in without_times(typed).items() if name in ours}
    for name, head in again.heads.items():
        stored, features = load_head(folder / "r" / "heads" / f"{name}.npz"), made_up()["test"][0]
        np.testing.assert_allclose(head.logits(features), stored.logits(features), rtol=1e-5, atol=1e-5)


def test_a_head_is_a_path_or_two_arrays(folder):
    weight, bias = np.eye(3, 5), np.zeros(3)
    np.savez(folder / "head.npz", weight=weight, bias=bias)
    for head in (str(folder / "head.npz"), folder / "head.npz", (weight, bias)):
        np.testing.assert_array_equal(open_problem(folder, head=head).head[0], weight)
    for head in (weight, [weight, bias], (weight,), 3):
        with pytest.raises(InputError, match=r"`head` is .*; expected a path, or \(weight, bias\)"):
            open_problem(folder, head=head)


def test_arrays_and_files_give_the_same(folder, comparison):
    from_files = compare(open_problem(folder), "joint,tau,lda,auto")
    for name, head in comparison.heads.items():
        np.testing.assert_array_equal(head.logits(np.eye(5)), from_files.heads[name].logits(np.eye(5)))


def test_it_predicts_names(comparison):
    features, labels = made_up()["test"]
    assert comparison.best == "auto"
    predicted = comparison.predict(features)
    assert (predicted == labels).mean() > 0.8
    np.testing.assert_array_equal(predicted, NAMES[comparison.predictions["auto"]["test"]])
    other = comparison.predict(features, method="joint", prior=[0.9, 0.05, 0.05])
    assert (other == "ant").sum() > (comparison.predict(features, method="joint") == "ant").sum()
    assert comparison.predict_proba(features).sum(axis=1) == pytest.approx(1)
    with pytest.raises(InputError, match=r"`method` is 'tua'; expected one of joint, tau, lda, ensemble, auto"):
        comparison.predict(features, method="tua")


def test_the_table_has_a_row_a_method(comparison):
    rows = {row["method"]: row for row in comparison.table}
    assert [name for name in rows if name != "ensemble"] == ["joint", "tau", "lda", "auto"]
    assert rows["tau"]["balanced"] == comparison.measured["methods"]["tau"]["metrics"]["test"]["balanced"]
    assert rows["tau"]["chosen"].startswith("tau = ")
    assert f"{rows['lda']['few']:.1f}" in repr(comparison)
    assert comparison.results["verdict"]["sentence"] in repr(comparison)


def test_it_shows_itself_in_a_notebook():
    data = {split: (features, np.char.add(labels, "<b>")) for split, (features, labels) in made_up().items()}
    html = compare(data, "joint,tau")._repr_html_()
    assert html.count("<tr") == 3
    assert "<td>tau</td>" in html
    assert "<b>" not in html


def test_the_report_is_one_file_or_a_folder(comparison, tmp_path):
    page = comparison.report(tmp_path / "page.html")
    assert "lda" in page.read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page.html"]
    folder = comparison.report(tmp_path / "run").parent
    assert sorted(path.name for path in folder.iterdir()) == ["heads", "report.html", "results.json"]
    assert load_head(folder / "heads" / "lda.npz").class_names_.tolist() == NAMES.tolist()
    assert main(["report", str(folder)]) == 0
    assert json.loads(comparison.to_json())["methods"].keys() == comparison.heads.keys()


def test_nothing_is_printed_or_written(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.savez("joint_head.npz", weight=np.ones((3, 5)), bias=np.zeros(3))  # is not looked for
    result = compare(made_up(), "joint,tau")
    assert isinstance(result, Comparison)
    assert capsys.readouterr() == ("", "")
    assert [path.name for path in tmp_path.iterdir()] == ["joint_head.npz"]
    assert result.protocol.problem.head is None


@pytest.mark.parametrize("refit", [True, False])
def test_the_headline_says_what_auto_has_seen_and_joint_has_not(refit):
    results = compare(made_up(), "joint,ncm,auto", Rules(refit=refit)).results
    assert results["methods"]["auto"]["choice"]["method"] == "ncm"
    more = (
        "auto has also learnt from the val rows, which joint has not seen: part of the difference may come from them."
    )
    assert (more in results["verdict"]["sentence"]) == refit


def test_joint_may_be_the_best_on_validation_and_in_cross_validation():
    results = compare(made_up(), "joint,auto", Rules(cv_folds=3)).results
    assert results["methods"]["auto"]["selected_on"] == "val+cv"
    assert results["verdict"]["sentence"] == (
        "On validation and in cross-validation of train no method is better than joint: keep the classifier as it is."
    )


def test_labels_of_test_are_sealed_until_everything_is_chosen(monkeypatch):
    def peeking(decision, candidates, evidence, protocol):
        return protocol.problem.splits["test"].labels

    monkeypatch.setattr("longtail.comparison.fit_methods.fitted_on_all", peeking)
    with pytest.raises(SealedLabelsError):
        compare(made_up(), "ncm,auto")


def test_without_val_and_test(tmp_path):
    result = compare({"train": made_up()["train"]}, "joint,ncm,auto", Rules(cv_folds=2))
    assert result.table == []
    assert result.results["verdict"]["sentence"] == "There is no test split: nothing can be said about new images."
    assert "nothing was measured" in repr(result)
    assert result.predict(np.eye(5)[:3]).shape == (3,)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"val": ([[1.0]], [0])}, r"`data` holds no 'train'; expected a path, a problem, opened features"),
        ({"train": ([[1.0]], [0]), "tests": ([[1.0]], [0])}, r"`data` holds 'tests'"),
        ({"train": [[1.0, 2.0]]}, r"train: expected features \(N, D\) and labels \(N,\)"),
        ({"train": (np.ones((5, 3)), [0, 1])}, r"labels"),
        ({"train": (np.eye(4), ["a", None, "b", "b"])}, r"a NoneType in row 1"),
        ({"train": (np.eye(4), [0, 1, 0, np.nan])}, r"label"),
        ({"train": (np.eye(4), ["Ant", "ant", "bee", "bee"])}, r"alike|differ"),
        ({"train": (np.eye(4), list("abab")), "test": (np.eye(3), list("aba"))}, r"columns; expected the same number"),
        ({"train": (np.full((4, 2), np.nan), list("abab"))}, r"NaN"),
        ({"train": (np.ones((2, 2)), [0, 0])}, r"one class only"),
        (7, r"`data` is int; expected a path"),
    ],
)
def test_data_that_cannot_be(data, told):
    with pytest.raises(InputError, match=told):
        compare(data, "joint")


def test_a_choice_on_test_needs_its_word():
    data = made_up()
    with pytest.raises(InputError, match=r"makes the test result worthless. Use `select_on` val"):
        compare(data, "joint,tau", Rules(select_on="test"))
    result = compare(data, "joint,tau", Rules(select_on="test", i_know_test_is_spoiled=True))
    assert result.measured["methods"]["tau"]["selected_on"] == "test"
    with pytest.raises(InputError, match=r"`select_on` val: .* holds no rows of val"):
        compare({"train": data["train"]}, "joint", Rules(select_on="val"))


@pytest.mark.parametrize("kind", [int, np.int8, float, object, str, bytes])
def test_labels_of_every_kind(kind):
    data = {}
    for split, (features, labels) in made_up().items():
        codes = np.searchsorted(NAMES, labels)
        data[split] = features, (labels.astype(kind) if kind in (object, str, bytes) else (codes + 5).astype(kind))
    result = compare(data, "joint,ncm")
    predicted, wanted = result.predict(data["test"][0], method="ncm"), data["test"][1]
    if kind is bytes:
        wanted = wanted.astype(str)
    assert (predicted == wanted).mean() > 0.8


def test_what_the_library_returns_is_taken(folder):
    from longtail.features import open_features

    opened = open_features(folder)
    results = [compare(one, ["joint", "tau"]) for one in (opened, opened.splits, folder, str(folder))]
    for result in results:
        np.testing.assert_array_equal(result.heads["tau"].weight_, results[0].heads["tau"].weight_)


def test_a_problem_is_sealed_again_for_each_comparison(folder, monkeypatch):
    problem = open_problem(folder)
    compare(problem, "joint,ncm")
    with pytest.raises(SealedLabelsError):
        problem.splits["test"].labels  # noqa: B018
    monkeypatch.setattr(
        "longtail.comparison.fit_methods.fitted_on_all",
        lambda decision, candidates, evidence, protocol: protocol.problem.splits["test"].labels,
    )
    with pytest.raises(SealedLabelsError):
        compare(problem, "ncm,auto")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"metric": "balancd"}, "metric is 'balancd'; expected one of balanced, all"),
        ({"cv_folds": 1}, "cv_folds is 1; expected a whole number from 2"),
        ({"cv_folds": 2.5}, "cv_folds is 2.5"),
        ({"cv_repeats": 0}, "cv_repeats is 0; expected a whole number from 1"),
        ({"few_below": 20.5}, "few_below is 20.5"),
        ({"one_standard_error": "no"}, "one_standard_error is 'no'; expected True or False"),
        ({"feature_transform": "l3"}, "feature_transform is 'l3'"),
        ({"select_on": "foo"}, "select_on is 'foo'; expected one of val, train, test"),
        ({"curve_draws": 1}, "curve_draws is 1; expected 0"),
        ({"curve_draws": -1}, "curve_draws is -1"),
        ({"costs_name": 5}, "costs_name is 5; expected text"),
    ],
)
def test_rules_that_cannot_be(words, told):
    with pytest.raises(InputError, match=told):
        Rules(**words)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"rules": {"metric": "few"}}, r"`rules` is .*; expected longtail.Rules"),
        ({"rules": Rules(costs=np.ones((2, 2)))}, r"the costs have shape \(2, 2\); expected 3 x 3"),
        ({"settings": ["tau.tau=0.7"]}, r"`settings` is .*; expected \{"),
        ({"settings": {"tau": 0.7}}, r"`settings` is"),
        ({"settings": {1: {}}}, r"no method 1. Methods: "),
        ({"settings": {"tau": {1: 1}}}, r"tau has no setting 1. It has tau"),
        ({"settings": {"dlsa": {"published": ["x"]}}}, r"dlsa.published is \['x'\]; expected one of"),
        ({"settings": {"tau": {"tau": -1}}}, r"tau.tau is -1; expected a number from 0"),
        ({"methods": 3}, r"`methods` is 3; expected names"),
        ({"methods": "tua"}, r"no method 'tua'. Did you mean tau"),
        ({"seed": -1}, r"seed is -1"),
        ({"seed": None}, r"seed is None"),
        ({"seed": True}, r"seed is True"),
        ({"device": "nowhere"}, r"device is 'nowhere'"),
    ],
)
def test_arguments_that_cannot_be(words, told):
    with pytest.raises(InputError, match=told):
        compare(made_up(), **{"methods": "joint,tau", **words})


def test_a_comparison_is_called_as_its_data_are(comparison, folder):
    assert comparison.results["title"] == "Features in memory"
    assert compare(folder, "joint").results["title"] == folder.name  # not train.npz
    np.savez(folder / "birds.npz", features=made_up()["train"][0], labels=made_up()["train"][1])
    assert compare(folder / "birds.npz", "joint").results["title"] == "birds"
    assert compare({"train": open_features(folder).splits["train"]}, "joint").results["title"] == folder.name


def test_notes_and_errors_speak_of_rows():
    features, labels = (part.copy() for part in made_up()["train"])
    features[0] = 0
    notes = compare({"train": (features, labels)}, "joint").measured["data"]["notes"]
    assert "train: 1 row is zero in every feature; no head can tell them apart" in notes
    absent = {"train": (features[labels != "cow"], labels[labels != "cow"]), "test": made_up()["test"]}
    with pytest.raises(InputError, match="cow") as refusal:
        compare(absent, "joint")
    assert "image" not in str(refusal.value)


def test_seeds_of_numpy_are_seeds(comparison):
    assert json.loads(compare(made_up(), "joint", seed=np.int64(3)).to_json())["seed"] == 3


def test_settings_and_rules_of_numpy_can_be_written():
    settings = {
        "crt": {"epochs": np.int64(2)},
        "tau": {"tau": np.float32(0.5), "keep_bias": np.bool_(True)},
        "lda": {"prior": np.array([0.2, 0.3, 0.5])},
    }
    rules = Rules(many_above=np.int64(50), refit=np.bool_(True), costs=np.ones((3, 3)) - np.eye(3))
    plain = {"crt": {"epochs": 2}, "tau": {"tau": 0.5, "keep_bias": True}, "lda": {"prior": [0.2, 0.3, 0.5]}}
    result = compare(made_up(), "crt,tau,lda,auto", rules, settings=settings)
    assert result.protocol.settings == plain
    assert type(result.protocol.rules.many_above) is int
    same = compare(made_up(), "crt,tau,lda,auto", Rules(many_above=50, costs=rules.costs), settings=plain)
    assert json.loads(result.to_json())["methods"].keys() == result.heads.keys()
    assert without_times(result.measured) == without_times(same.measured)


WRITERS = {
    "page": lambda comparison, place: comparison.report(place / "r.html"),
    "report": lambda comparison, place: comparison.report(place / "r"),
    "report of a name that is too long": lambda comparison, place: comparison.report(place.parent / ("n" * 300)),
    "heads": lambda comparison, place: comparison.save_heads(place),
    "head": lambda comparison, place: save_head(comparison.heads["tau"], place / "h.npz"),
    "features": lambda comparison, place: write_features(place / "f.h5", *made_up()["train"]),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_place_that_cannot_be_written_is_told_with_the_reason(comparison, tmp_path, writer):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError) as refusal:
        WRITERS[writer](comparison, tmp_path / "file")
    told = str(refusal.value)
    assert told.startswith(str(tmp_path))
    assert told.endswith(". Choose another path, or change its permissions.")
    assert "too long" in told if "too long" in writer else "folder" in told or "directory" in told
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_device_that_is_there_is_found():
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    auto = compare(made_up(), "joint,crt", device="auto")
    assert {auto.protocol.device, *(head.device for head in auto.heads.values())} == {expected}
    named = compare(made_up(), "joint,crt", device=torch.device(expected))
    assert np.array_equal(auto.predictions["crt"]["test"], named.predictions["crt"]["test"])


@pytest.mark.parametrize("features", [np.eye(4), np.ones(5), np.ones((0, 5)), "e.csv", [["a"] * 5]])
def test_other_features_are_no_rows_to_predict(comparison, features):
    with pytest.raises(InputError, match=r"features have shape .*; expected numbers \(N, 5\)"):
        comparison.predict(features)


def test_a_report_is_a_page_or_a_folder(comparison, tmp_path):
    for write in (comparison.report, comparison.save_heads):
        with pytest.raises(InputError, match=r"is None; expected a path"):
            write(None)
    with pytest.raises(InputError, match=r"page.pdf; expected a folder, or a file that ends in .html"):
        comparison.report(tmp_path / "page.pdf")


def test_a_second_report_leaves_nothing_of_the_first(comparison, folder, tmp_path):
    out = folder / "r"
    assert main(["fit", str(folder), "--methods", "ncm", "--out", str(out), "--label-check", "none", "--quiet"]) == 0
    (out / "mine.txt").write_text("a person's")
    comparison.report(out)
    assert sorted(path.name for path in out.iterdir()) == ["heads", "mine.txt", "report.html", "results.json"]
    assert {path.stem for path in (out / "heads").iterdir()} == set(comparison.heads)
    (tmp_path / "other" / "heads").mkdir(parents=True)
    (tmp_path / "other" / "heads" / "statue.jpg").write_text("a person's")
    with pytest.raises(InputError, match="heads"):
        comparison.report(tmp_path / "other")
    assert (tmp_path / "other" / "heads" / "statue.jpg").read_text() == "a person's"
