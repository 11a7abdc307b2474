"""`--prior` of predict and evaluate, and `study shift`, as a user types them."""

import csv
import json

import numpy as np
import pytest

from longtail.cli import main
from longtail.errors import InputError
from longtail.evaluation.label_shift import resampled_rows, shifted_priors
from longtail.features import write_features
from longtail.heads import load_head, save_head
from longtail.jobs.predicting.prior_file import read_prior
from longtail.jobs.predicting.target_prior import find_prior
from longtail.report import render_study
from longtail.studies.shift import shift_study

NAMES = ["ant", "bee, or wasp", "cat", "dog"]
COUNTS = [400, 150, 50, 20]


def draw(counts, seed):
    """Draw features of four classes around the corners of a square, near enough to be confused."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(4), counts))
    corners = 2.0 * np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    return (corners[labels] + rng.normal(size=(len(labels), 2))).astype(np.float32), labels


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    """A run of `longtail fit` whose features lie in its own folder."""
    folder = tmp_path_factory.mktemp("priors")
    for split, counts, seed in (("train", COUNTS, 0), ("val", [150] * 4, 1), ("test", [150] * 4, 2)):
        attributes = {"class_names": json.dumps(NAMES)}
        write_features(folder / "features" / f"feature_{split}.h5", *draw(counts, seed), attributes=attributes)
    words = ["fit", str(folder / "features"), "--methods", "joint,la,auto", "--set", "la.tau=1", "--out", str(folder)]
    assert main([*words, "--quiet"]) == 0
    return folder


def predict(run_folder, inputs, out, *words):
    assert main(["predict", str(run_folder), str(inputs), "--method", "joint", "--out", str(out), *words]) == 0
    with out.open() as file:
        rows = list(csv.reader(file))[1:]
    prior = out.with_suffix(".prior.json")
    return [row[1] for row in rows], json.loads(prior.read_text()) if prior.exists() else None


def test_predict_for_a_uniform_prior_is_what_python_gives(run_folder, tmp_path, capsys):
    inputs = run_folder / "features" / "feature_test.h5"
    plain, nothing = predict(run_folder, inputs, tmp_path / "plain.csv")
    uniform, prior = predict(run_folder, inputs, tmp_path / "uniform.csv", "--prior", "uniform")
    features, _ = draw([150] * 4, 2)
    head = load_head(run_folder / "heads" / "joint.npz")
    assert nothing is None
    assert plain == [NAMES[c] for c in head.predict(features)]
    assert uniform == [NAMES[c] for c in head.predict(features, prior="uniform")]
    assert plain != uniform
    assert prior["shares"] == dict.fromkeys(NAMES, 0.25)
    assert "prior uniform: all classes equally common" in capsys.readouterr().out


def test_a_file_of_counts_by_name_or_number_with_a_class_that_does_not_occur(run_folder, tmp_path, capsys):
    given = tmp_path / "prior.csv"
    given.write_text('class,images\nant,0\n"bee, or wasp",30\n2,10\ndog,60\n')
    inputs = run_folder / "features" / "feature_test.h5"
    predicted, prior = predict(run_folder, inputs, tmp_path / "p.csv", "--prior", str(given))
    assert prior["shares"] == pytest.approx({"ant": 0.0, "bee, or wasp": 0.3, "cat": 0.1, "dog": 0.6})
    assert "ant" not in predicted
    assert "note: share 0, so never predicted: ant" in capsys.readouterr().out


@pytest.mark.parametrize("word", ["estimated", "estimated-bbse"])
def test_the_prior_is_estimated_from_the_inputs_and_helps(run_folder, tmp_path, word):
    """A thousand inputs from a world that is the reverse of train."""
    world = shifted_priors(COUNTS)["backward-50"]
    features, labels = draw([3000] * 4, 5)
    rows = resampled_rows(labels, world, 1000, np.random.default_rng(0))
    write_features(tmp_path / "new.h5", features[rows], labels[rows])
    told, prior = predict(run_folder, tmp_path / "new.h5", tmp_path / "p.csv", "--prior", word)
    plain, _ = predict(run_folder, tmp_path / "new.h5", tmp_path / "q.csv")
    truth = [NAMES[c] for c in labels[rows]]
    right, plainly_right = (np.mean([a == b for a, b in zip(found, truth, strict=True)]) for found in (told, plain))
    assert right > plainly_right + 0.05
    shares = np.array(list(prior["shares"].values()))
    assert 0.5 * np.abs(shares - world).sum() < 0.1
    low, high = np.array(list(prior["interval"].values())).T
    assert ((low <= shares) & (shares <= high)).mean() > 0.7
    assert prior["calibrated_on"] == "val"


def test_evaluate_for_a_prior_and_in_shifted_worlds(run_folder, tmp_path, capsys):
    words = ["evaluate", str(run_folder / "heads" / "joint.npz"), "--prior", "uniform", "--shift", "--draws", "1"]
    assert main([*words, "--out", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "evaluation.json").read_text())
    plain, told = found["methods"]["joint"], found["methods"]["joint for that prior"]
    # the test split is balanced: where all classes are equally common, accuracy is what was measured
    assert plain["at_prior"]["accuracy"] == pytest.approx(plain["balanced"])
    assert told["at_prior"]["accuracy"] == pytest.approx(told["balanced"])
    assert told["balanced"] > plain["balanced"]
    shift = {world: one["accuracy"] for world, one in found["shift"].items()}
    assert shift["uniform"]["as it is"]["mean"] == pytest.approx(plain["balanced"])
    assert shift["uniform"]["true prior"]["mean"] == pytest.approx(told["balanced"])
    for world in ("uniform", "backward-50"):
        assert shift[world]["EM"]["mean"] > shift[world]["as it is"]["mean"]
    assert "backward-50" in capsys.readouterr().out


def test_predictions_of_a_file_are_measured_at_a_prior(run_folder, tmp_path):
    (tmp_path / "counts.txt").write_text("\n".join(map(str, COUNTS)))
    (tmp_path / "prior.csv").write_text("0,0.1\n1,0.2\n2,0.3\n3,0.4\n")
    words = ["evaluate", str(run_folder / "predictions" / "test.csv"), "--prior", str(tmp_path / "prior.csv")]
    assert main([*words, "--train-counts", str(tmp_path / "counts.txt"), "--out", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "evaluation.json").read_text())["methods"]["joint"]
    expected = np.array([0.1, 0.2, 0.3, 0.4]) @ np.array(found["per_class"])
    assert found["at_prior"]["accuracy"] == pytest.approx(expected)


@pytest.fixture(scope="module")
def study(run_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("shift")
    words = ["study", "shift", str(run_folder), "--methods", "joint,la", "--draws", "2", "--out", str(folder)]
    assert main([*words, "--quiet"]) == 0
    return json.loads((folder / "study.json").read_text()), folder


def test_the_study_finds_what_bayes_rule_promises(study):
    found, folder = study
    tables = {table["title"].partition(":")[0]: table for table in found["tables"] if "accuracy" in table["title"]}
    assert list(tables) == ["joint", "la"]
    values = {}
    for name, table in tables.items():
        for row in table["rows"]:
            values[name, row["name"]] = dict(
                zip(table["columns"], (cell["mean"] for cell in row["cells"]), strict=True)
            )
    assert len(values) == 22
    # la with tau 1 is joint told that classes are equally common; told the same prior, both are the same
    for (name, world), cells in values.items():
        assert cells["true prior"] == pytest.approx(values["joint", world]["true prior"])
        assert cells["uniform"] == pytest.approx(values["la", world]["as it is"]), name
    assert values["joint", "backward-50"]["true prior"] > values["joint", "backward-50"]["as it is"] + 10
    assert not (folder / "heads").exists(), "the run's own heads are taken"


def test_the_page_is_made_from_the_numbers_alone(study):
    found, folder = study
    page = (folder / "report.html").read_text()
    assert page == render_study(found)
    assert "<script" not in page
    assert page.count("<svg") == 2
    assert "2012.00321" in page
    assert "1910.09217" not in page


def test_on_features_alone_heads_are_fitted_and_subsets_counted(run_folder, tmp_path):
    words = ["study", "shift", str(run_folder / "features"), "--methods", "la", "--draws", "2", "--subsample"]
    assert main([*words, "--out", str(tmp_path), "--quiet"]) == 0
    found = json.loads((tmp_path / "study.json").read_text())
    assert (tmp_path / "heads" / "la.npz").is_file()
    row = next(row for row in found["tables"][0]["rows"] if row["name"] == "uniform")
    assert len(row["cells"][0]["values"]) == 2
    assert "drawn without replacement" in found["notes"][0]


def test_without_validation_nothing_is_calibrated_and_bbse_is_left_out():
    cell = {"mean": 50.0, "interval": None, "values": [50.0]}
    names = ("as it is", "uniform", "true prior", "EM", "BBSE", "EM, not calibrated")
    accuracy = {name: None if name in ("EM", "BBSE") else cell for name in names}
    distance = {"train": cell, "uniform": cell, "EM": None, "BBSE": None, "EM, not calibrated": cell}
    measured = {world: {"accuracy": accuracy, "distance": distance} for world in shifted_priors(COUNTS)}
    data = {"name": "d", "class_names": NAMES, "train_counts": COUNTS}
    found = shift_study({"joint": measured}, data, draws=1, subsample=False, smallest_class=3)
    assert found["tables"][0]["columns"] == ["as it is", "uniform", "true prior", "EM, not calibrated"]
    assert "50.0 by EM, not calibrated" in found["answers"][0]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("ant,1\ncat,1\n", "names 2 of 4 classes; missing: bee, or wasp, dog. Write 0"),
        ("ant,1\nant,2\n", "line 2: class ant is named twice"),
        ("ant,1\neel,2\n", "line 2: no class 'eel'. Classes: ant, bee, or wasp, cat, dog"),
        ("ant\n", "line 1: 'ant'; expected `class,share`"),
        ("ant,1\ncat,many\n", "line 2: 'cat,many'; expected `class,share`"),
        ("0,0.5\n1,0.5\n2,0.5\n3,0.5\n", "sum to 2; expected 1"),
        ("0,1.5\n1,-0.5\n2,0\n3,0.0\n", "share of class 1 is -0.5"),
        ("0,5\n1,-5\n2,0\n3,0\n", "count of class 1 is -5"),
        ("0,0\n1,0\n2,0\n3,0\n", "all class counts are 0"),
    ],
)
def test_files_that_hold_no_prior_are_refused(text, told, run_folder, tmp_path, capsys):
    (tmp_path / "prior.csv").write_text(text)
    inputs = run_folder / "features" / "feature_test.h5"
    words = ["predict", str(run_folder), str(inputs), "--out", str(tmp_path / "p.csv")]
    assert main([*words, "--prior", str(tmp_path / "prior.csv")]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert "prior.csv" in error
    assert not list(tmp_path.glob("p.*")), "nothing half-written"


def test_a_head_that_learnt_from_validation_is_not_calibrated_on_it(run_folder, tmp_path, capsys):
    facts = json.loads((run_folder / "results.json").read_text())["methods"]["auto"]["choice"]
    assert facts["fitted_on"] == ["train", "val"]
    inputs = run_folder / "features" / "feature_test.h5"
    words = ["predict", str(run_folder), str(inputs), "--method", "auto", "--out", str(tmp_path / "p.csv"), "--prior"]
    assert main([*words, "estimated"]) == 0
    assert "no validation split to calibrate on that the head has not seen" in capsys.readouterr().out
    assert json.loads((tmp_path / "p.prior.json").read_text())["calibrated_on"] is None
    assert main([*words, "estimated-bbse"]) == 2
    assert "needs a validation split that the head was not fitted to" in capsys.readouterr().err


def test_a_head_of_an_older_longtail_finds_its_counts_in_the_run(run_folder, tmp_path):
    head = load_head(run_folder / "heads" / "joint.npz")
    del head.class_counts_
    old = tmp_path / "run" / "heads" / "joint.npz"
    save_head(head, old)
    (tmp_path / "run" / "results.json").write_text((run_folder / "results.json").read_text())
    inputs = run_folder / "features" / "feature_test.h5"
    words = ["--prior", "uniform"]
    assert (
        predict(old, inputs, tmp_path / "a.csv", *words)[0]
        == predict(run_folder, inputs, tmp_path / "b.csv", *words)[0]
    )
    evaluate = ["evaluate", str(old), "--features", str(run_folder / "features"), *words]
    assert main([*evaluate, "--out", str(tmp_path)]) == 0


def test_shares_that_were_rounded_are_taken(tmp_path):
    (tmp_path / "prior.csv").write_text("class,share\n\nant,0.33\n1,0.33\ncat,0.33\ndog,0\n")
    np.testing.assert_allclose(read_prior(tmp_path / "prior.csv", NAMES), [1 / 3, 1 / 3, 1 / 3, 0])


def test_mistakes_are_told_in_a_sentence(run_folder, tmp_path, capsys):
    head = run_folder / "heads" / "joint.npz"

    def told(*words):
        assert main([str(word) for word in words]) == 2
        return capsys.readouterr().err

    assert "none of uniform, train, estimated" in told("evaluate", head, "--prior", "unifrom")
    file = run_folder / "predictions" / "test.csv"
    assert "--shift needs a head" in told("evaluate", file, "--shift")
    assert "needs a head and inputs to score" in told("evaluate", file, "--prior", "estimated")
    assert "--draws 0; expected at least 1" in told("study", "shift", run_folder, "--draws", "0")
    # a head far from its run: no validation, and no class counts
    lonely = load_head(head)
    save_head(lonely, tmp_path / "a" / "joint.npz")
    inputs = run_folder / "features" / "feature_test.h5"
    predict_words = ("predict", tmp_path / "a" / "joint.npz", inputs, "--out", tmp_path / "p.csv", "--prior")
    assert "needs a validation split" in told(*predict_words, "estimated-bbse")
    del lonely.class_counts_
    save_head(lonely, tmp_path / "a" / "joint.npz")
    assert "does not know how many images of each class" in told(*predict_words, "uniform")


@pytest.mark.parametrize(
    "text",
    [
        "bee, or wasp,0.01\nrest,train\n".replace("bee, or wasp", '"bee, or wasp"'),
        'class;share\n"bee, or wasp";0,01\n*;train\n',
        "1\t1 %\nrest\ttrain\n",
        "\ufeff1,1%\r\nrest,train\r\n",
    ],
)
def test_what_is_not_named_is_shared_out_as_in_train(tmp_path, text):
    path = tmp_path / "prior.csv"
    path.write_text(text, encoding="utf-8")
    rest = np.array([400, 0, 50, 20]) / 470
    np.testing.assert_allclose(read_prior(path, NAMES, np.array(COUNTS)), 0.99 * rest + [0, 0.01, 0, 0])
    utf16 = tmp_path / "utf16.csv"
    utf16.write_bytes(text.removeprefix("\ufeff").encode("utf-16"))
    np.testing.assert_allclose(read_prior(utf16, NAMES, np.array(COUNTS)), 0.99 * rest + [0, 0.01, 0, 0])


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            "ant,0.1\n",
            "missing: bee, or wasp, cat, dog. Write 0 for a class that does not occur, or a line `rest,train`",
        ),
        ("0,9223372036854775808\n1,\u00b2\n2,0\n3,0\n", "line 2: '1,\u00b2'; expected"),
        ("0,--3\n1,1\n2,0\n3,0\n", "line 1: '0,--3'; expected"),
        ("0,nan\n1,1\n2,0\n3,0\n", "line 1: '0,nan'; expected"),
        ("0,1e999\n1,1.0\n2,0\n3,0\n", "share of class 0 is inf"),
        ("0," + "9" * 400 + "\n1,1\n2,0\n3,0\n", "count of class 0 is inf"),
        ("0,0.9\nrest,0.1\n", "no class 'rest'"),
        ("0,1.5\nrest,train\n", "sum to 1.5; expected at most 1"),
        ("x" * 200_000 + ",1\n", "field larger than field limit"),
        ("", "names 0 of 4 classes"),
    ],
)
def test_files_of_people_that_hold_no_prior(tmp_path, content, told):
    path = tmp_path / "prior.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_prior(path, NAMES, np.array(COUNTS))
    assert told in str(caught.value)


def test_counts_beyond_64_bits_are_counts(tmp_path):
    path = tmp_path / "prior.csv"
    path.write_text("0,9223372036854775808\n1,9223372036854775808\n2,0\n3,0\n")
    assert read_prior(path, NAMES).tolist() == [0.5, 0.5, 0, 0]


def test_one_reader_serves_with_and_without_inputs(tmp_path):
    assert find_prior("uniform", NAMES, None).shares.tolist() == [0.25] * 4
    np.testing.assert_allclose(find_prior("train", NAMES, np.array(COUNTS)).shares, np.array(COUNTS) / 620)
    for text, told in (
        ("train", "is not known"),
        ("estimated", "needs a head and inputs"),
        ("unifrom", "none of uniform, train. A file holds"),
    ):
        with pytest.raises(InputError, match=told):
            find_prior(text, NAMES, None)


def test_an_estimate_of_many_inputs_holds_their_probabilities_once(run_folder):
    import tracemalloc

    from longtail.jobs.predicting.prior_estimator import PriorEstimator

    head = load_head(run_folder / "heads" / "joint.npz")
    features, _ = draw([30_000] * 4, 7)
    estimator = PriorEstimator(head, None)
    tracemalloc.start()
    found = estimator.em(estimator.probabilities(features), weights=np.ones(len(features), dtype=np.int64))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.converged
    # 4 N C bytes of probabilities, two numbers a row besides, and blocks that do not grow with N
    assert peak < 4 * 4 * len(features) + 2 * 8 * len(features) + 4e6


def test_the_interval_of_an_estimate_draws_the_groups_of_the_rows(run_folder, tmp_path, capsys):
    """Forty copies of each of ten rows tell of ten rows: the interval of their prior is that of few."""
    features, labels = draw([3, 3, 2, 2], 5)
    copies, groups = np.repeat(np.arange(10), 40), np.repeat(np.arange(10), 40)
    widths = []
    for name, known in (("alone", None), ("together", groups)):
        about = {"class_names": json.dumps(NAMES)}
        write_features(tmp_path / f"{name}.h5", features[copies], labels[copies], groups=known, attributes=about)
        words = ["--features", str(tmp_path / f"{name}.h5"), "--prior", "estimated-em", "--out", str(tmp_path / name)]
        assert main(["evaluate", str(run_folder / "heads" / "joint.npz"), *words]) == 0
        prior = json.loads((tmp_path / name / "evaluation.json").read_text())["prior"]
        widths.append(np.mean([high - low for low, high in prior["interval"].values()]))
        assert prior.get("groups") == (None if known is None else 10)
    assert widths[1] > 2 * widths[0]
    assert "its interval draws the 10 groups of the inputs" in capsys.readouterr().out
