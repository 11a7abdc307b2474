"""Settings of methods: as they are typed, as the estimators check them, and what stays as it was without them."""

import inspect
from pathlib import Path

import numpy as np
import pytest

from longtail.cli import main
from longtail.comparison import METHODS, Protocol, Rules, compare, read_settings
from longtail.comparison.idle_settings import idle_parts
from longtail.comparison.method_settings import check_settings, settable, unfitted_head
from longtail.comparison.problem import check_problem
from longtail.errors import InputError
from longtail.features import FeatureFile, write_features
from longtail.heads import Joint
from longtail.method_flags import OLD_FLAGS, gathered_settings, refuse_method_flags, refuse_old_flags
from longtail.runs import Run

EVERY = [(name, setting) for name, method in METHODS.items() for setting in settable(method)]


@pytest.mark.parametrize(
    ("words", "settings"),
    [
        (["tau.tau=0.7"], {"tau": {"tau": 0.7}}),
        (["tau.tau=0.7", "tau.tau=0.9"], {"tau": {"tau": 0.9}}),
        (["tau.tau=auto"], {"tau": {"tau": "auto"}}),
        (["tau.keep-bias=True"], {"tau": {"keep_bias": True}}),
        (["crt, bsm.epochs = 30"], {"crt": {"epochs": 30}, "bsm": {"epochs": 30}}),
        (["tau.grid=0,0.5,1"], {"tau": {"grid": (0.0, 0.5, 1.0)}}),
        (["dlsa.clip_norm=none"], {"dlsa": {"clip_norm": None}}),
        (["dlsa.published=imagenet-paco"], {"dlsa": {"published": "imagenet-paco"}}),
        (["lda.weighting=rows"], {"lda": {"weighting": "rows"}}),
    ],
)
def test_words_become_values(words, settings):
    assert read_settings(words) == settings


def test_a_star_means_all_that_have_it():
    settings = read_settings(["*.batch_size=7"])
    assert {"crt", "lws", "mlp", "dlsa", "joint"} <= settings.keys()
    assert "lda" not in settings
    assert set(map(str, settings.values())) == {"{'batch_size': 7}"}


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("tau=0.7", r"`set` 'tau=0.7': expected METHOD.SETTING=VALUE"),
        ("tau.tau", "expected METHOD.SETTING=VALUE"),
        ("tua.tau=1", r"no method 'tua'. Did you mean tau\?"),
        ("tau.tua=1", r"tau has no setting 'tua'. Did you mean tau\? It has tau, keep_bias"),
        ("*.nothing=1", "no method has a setting 'nothing'"),
        ("lda.shrinkage=2", "lda.shrinkage is 2; expected a number from 0 to 1, or 'auto'"),
        ("lda.weighting=colums", "lda.weighting is 'colums'; expected one of rows, classes, auto"),
        ("crt.epochs=0", "crt.epochs is 0; expected a whole number of at least 1"),
        ("crt.epochs=2.5", "crt.epochs is 2.5; expected a whole number"),
        ("crt.learning_rate=nan", "crt.learning_rate is 'nan'; expected a number above 0"),
        ("crt.seed=1", "crt has no setting 'seed'"),
        ("crt.random_state=1", "crt.random_state is set for all methods alike"),
        ("tau.head=x", "tau.head is set for all methods alike"),
        ("tau.grid=a,b", "tau.grid is 'a,b'; expected at least one value"),
        ("ensemble.average=log", "ensemble has no settings: it is made of other methods"),
        ("dlsa.published=imagenet", "dlsa.published is 'imagenet'; expected one of imagenet-ce"),
    ],
)
def test_what_cannot_be_is_told(word, told):
    with pytest.raises(InputError, match=told):
        read_settings([word])


@pytest.mark.parametrize(("name", "setting"), EVERY)
def test_every_default_is_a_value_that_the_estimator_takes(name, setting):
    check_settings({name: {setting: settable(METHODS[name])[setting]}})


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_its_estimator_with_what_the_row_fixes(name):
    method, head = METHODS[name], unfitted_head(name, {}, random_state=3, device="cpu")
    assert type(head) is method.estimator
    defaults = {
        parameter.name: parameter.default for parameter in inspect.signature(method.estimator).parameters.values()
    }
    expected = defaults | dict(method.fixed) | ({"random_state": 3} if "random_state" in defaults else {})
    assert head.get_params(deep=False) == expected
    assert set(method.fixed) <= set(defaults)
    assert method.summary


def test_a_preset_gives_way_to_what_is_named():
    head = unfitted_head("dlsa", {"dlsa": {"published": "places-paco", "epochs": 3}}, head="given")
    assert (head.epochs, head.flow_epochs, head.head) == (3, 60, "given")
    assert unfitted_head("dlsa", {"dlsa": {"published": "places-ce"}}, head="given").head is None


def test_old_flags_name_settings_that_there_are():
    for setting in OLD_FLAGS.values():
        methods, _, parameter = setting.partition("=")[0].rpartition(".")
        for name in methods.split(","):
            known = set.union(*(set(settable(method)) for method in METHODS.values()))
            assert parameter in (known if name == "*" else settable(METHODS[name])), setting


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--tau=0.7"], r"--tau is now: --set tau.tau=0.7 \(`longtail methods tau`"),
        (["--keep-bias", "--seed", "1"], r"--keep-bias is now: --set tau.keep_bias=true"),
        (["--crt_epochs", "30"], r"--crt_epochs is now: --set crt,bsm,cb,cosine.epochs=30 \(`longtail methods crt`"),
        (["--head-precision", "bfloat16"], r"--set \*.precision=bfloat16 \(`longtail methods` lists all\)"),
        (["--rho"], "--set marc,disalign.rho=VALUE"),
    ],
)
def test_an_old_flag_is_answered_with_its_new_spelling(words, told):
    with pytest.raises(InputError, match=told):
        refuse_old_flags(words)


def test_the_commands_answer_old_flags(tmp_path, capsys):
    for verb in (["fit", "x"], ["run", "digits"], ["balance", "x"], ["study", "shift", "x"]):
        assert main([*verb, "--lda-shrinkage", "0.3"]) == 2
        assert "--lda-shrinkage is now: --set lda.shrinkage=0.3" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "setting"), EVERY)
def test_every_setting_that_is_typed_as_a_flag_is_answered(name, setting):
    told = f"--set {name}.{setting}=5 (`longtail methods {name}`"
    for flag in (f"--{name}-{setting.replace('_', '-')}=5", f"--{name}_{setting}=5", f"--{name}.{setting}=5"):
        with pytest.raises(InputError) as refusal:
            refuse_method_flags([flag, "--seed", "1"], {"set", "seed"})
        assert told in str(refusal.value)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["--mlp-hidden", "5"],
            "--mlp-hidden is typed --set mlp.hidden=5 (`longtail methods mlp` lists its settings).",
        ),
        (["--mlp-hiden=5"], "--mlp-hiden is no setting. Perhaps you meant --set mlp.hidden=5"),
        (["--cb-reweight", "--seed", "1"], "--set cb.reweight=VALUE"),
        (["--crt-balance-twice", "--seed", "1"], "--set crt.balance_twice=true"),
        (["--crt-from-pictures", "x"], "unrecognized options"),
        (["--mlp", "5"], "unrecognized options"),
    ],
)
def test_the_commands_answer_flags_of_methods(words, told, capsys):
    assert main(["fit", "x", *words]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--set"], ["--set", "--seed", "1"]])
def test_a_word_is_expected_behind_set(words):
    with pytest.raises(InputError, match=r"expected METHOD\.SETTING=VALUE behind it"):
        gathered_settings(words)


def test_what_is_typed_wins_over_the_recipe():
    words = gathered_settings(["--set=crt.epochs=3", "--quiet"], ["crt.epochs=9", "lws.epochs=4"])
    settings = read_settings(words[words.index("--set") + 1 :])
    assert settings == {"crt": {"epochs": 3}, "lws": {"epochs": 4}}


@pytest.mark.parametrize("name", METHODS)
def test_the_settings_of_a_method_are_listed_with_their_meaning(name, capsys):
    assert main(["methods", name]) == 0
    printed = capsys.readouterr().out
    for setting in settable(METHODS[name]):
        assert f"  {name}.{setting}=" in printed
    assert printed.count("expected:") == len(settable(METHODS[name]))


def test_the_methods_are_listed(capsys):
    assert main(["methods"]) == 0
    printed = capsys.readouterr().out
    assert all(f"  {name:<10}{method.summary}" in printed for name, method in METHODS.items())
    assert main(["methods", "tua"]) == 2
    assert "Did you mean tau?" in capsys.readouterr().err


def test_settings_of_methods_that_are_not_compared_are_noted(tmp_path, capsys):
    rng, labels = np.random.default_rng(0), np.repeat([0, 1], [30, 12])
    np.savez(tmp_path / "e.npz", features=rng.normal(size=(42, 3)) + labels[:, None], labels=labels)
    words = ["fit", str(tmp_path / "e.npz"), "--methods", "joint,tau", "--out", str(tmp_path / "r"), "--set"]
    assert main([*words, "crt.epochs=3", "tau.tau=1", "joint.penalty=0.1"]) == 0
    noted = "crt.epochs is set, and does nothing: crt is not among the methods"
    assert noted in capsys.readouterr().err
    notes = Run(tmp_path / "r").results["data"]["notes"]
    assert [note for note in notes if "does nothing" in note] == [noted]
    settings = {"lda": {"shrinkage": 0.5}, "crt": {}}
    assert (
        "lda.shrinkage is set" in compare(tmp_path / "e.npz", "joint", settings=settings).measured["data"]["notes"][-1]
    )


def idle(settings, *, head=None, transform="none", classes=2):
    labels = np.repeat(np.arange(classes), 3)
    problem = check_problem({"train": FeatureFile(Path("x"), np.eye(len(labels), 4), labels, {})}, head=head)
    return idle_parts(Protocol(problem, Rules(feature_transform=transform), settings), list(METHODS)).keys()


@pytest.mark.parametrize(
    ("method", "given", "expected"),
    [
        ("bsm", {"epochs": 30, "standardise": True, "penalty": 0.1}, {"epochs"}),
        ("bsm", {"epochs": 30, "solver": "sgd", "penalty": 0.1}, {"penalty"}),
        ("bsm", {"epochs": 30, "sampling": "class", "balance_twice": True, "penalty": 0.1}, {"penalty"}),
        ("bsm", {"epochs": 30, "loss": "focal", "penalty": 0.1}, {"penalty"}),
        ("bsm", {"epochs": 30, "reweight": True, "rebalance_from": 0.5, "balance_twice": True}, set()),
        ("cb", {"learning_rate": 0.1, "beta": 0.9}, {"learning_rate"}),
        ("crt", {"epochs": 3, "run_length": 2, "repeat_threshold": 0.1, "beta": 0.9}, {"repeat_threshold", "beta"}),
        ("crt", {"epochs": 3, "solver": "lbfgs", "precision": "bfloat16"}, {"epochs"}),
        ("cosine", {"epochs": 3, "run_length": 2}, {"run_length"}),
        ("joint", {"epochs": 3, "batch_size": 9, "momentum": 0.5}, {"epochs", "batch_size", "momentum"}),
        ("lws", {"tau": 2.0, "momentum": 0.5}, {"tau"}),
        ("lws", {"tau": 2.0, "initial": "tau"}, set()),
        ("tau", {"tau": 2.0, "grid": (0.0, 1.0)}, {"grid"}),
        ("tau", {"grid": (0.0, 1.0)}, set()),
        ("ridge", {"gamma": 1.0, "gammas": (1.0,), "penalties": (1.0,)}, {"gammas"}),
        ("maxnorm", {"radius": 1.0, "shares": (1.0,), "weight_decays": (1.0,)}, {"shares"}),
        ("dlsa", {"published": "places-ce", "epochs": 3}, set()),
    ],
)
def test_settings_that_have_no_part_in_a_method_are_idle(method, given, expected):
    assert idle({method: given}) == {(method, name) for name in expected}
    parts = METHODS[method].estimator(
        **{**METHODS[method].fixed, **{k: v for k, v in given.items() if k != "published"}}
    )
    assert set(parts.idle_parameters(2, 4)) & set(given) == expected


def test_of_a_network_s_own_classifier_every_setting_is_idle():
    given, head = {"joint": {"penalty": 0.1, "epochs": 3}}, (np.eye(2, 4), np.zeros(2))
    assert idle(given, head=head) == {("joint", "penalty"), ("joint", "epochs")}
    assert idle(given, head=head, transform="centre") == {("joint", "epochs")}


def test_what_an_idle_setting_is_set_to_changes_nothing(tailed):
    (rows, labels), (test, _) = tailed
    for method, given in (("joint", {"epochs": 3}), ("crt", {"penalty": 9.0}), ("bsm", {"learning_rate": 1e-3})):
        heads = [unfitted_head(method, {method: one}, random_state=0).fit(rows, labels) for one in ({}, given)]
        assert not set(given) & set(heads[1].parameters_in_use())
        assert np.array_equal(heads[0].logits(test), heads[1].logits(test))


def test_a_solver_that_takes_no_such_setting_is_named(tmp_path, capsys):
    rng, labels = np.random.default_rng(0), np.repeat([0, 1], [30, 12])
    np.savez(tmp_path / "e.npz", features=rng.normal(size=(42, 3)) + labels[:, None], labels=labels)
    words = ["fit", str(tmp_path / "e.npz"), "--methods", "joint,bsm,crt", "--out", str(tmp_path / "r")]
    assert main([*words, "--set", "bsm.epochs=30", "crt,bsm.batch_size=9", "*.momentum=0.5"]) == 0
    noted = "bsm.epochs is set, and does nothing: the solver is lbfgs"
    told = capsys.readouterr().err
    # what is set for several methods does something where one of them takes it
    assert (noted in told, told.count("does nothing"), told.count("do nothing")) == (True, 1, 0)
    notes = compare(tmp_path / "e.npz", "bsm", settings={"bsm": {"epochs": 3, "momentum": 0.5}}).measured["data"][
        "notes"
    ]
    assert notes[-1] == "bsm.epochs, bsm.momentum are set, and do nothing: the solver is lbfgs"


def test_balance_and_the_studies_note_them_too(tailed, tmp_path, capsys):
    for name, (rows, labels) in zip(("train", "test"), tailed, strict=True):
        write_features(tmp_path / "f" / f"feature_{name}.h5", rows, labels)
    layer = Joint().fit(*tailed[0])
    np.savez(tmp_path / "layer.npz", weight=layer.weight_, bias=layer.bias_)
    features, out = str(tmp_path / "f"), ["--set", "lda.shrinkage=0.5", "--out", str(tmp_path / "r")]
    told = "  note      lda.shrinkage is set, and does nothing: lda is not among the methods\n"
    for words in (
        ["balance", str(tmp_path / "layer.npz"), "--features", features, "--methods", "tau"],
        ["study", "shift", features, "--methods", "joint", "--draws", "1"],
        ["study", "weight-norms", features, "--methods", "joint"],
        ["study", "similarity", features],
    ):
        assert main([*words, *out]) == 0
        assert capsys.readouterr().err.count(told) == 1, words
    assert main(["study", "shift", str(tmp_path / "r"), "--methods", "joint", "--draws", "1", *out]) == 0
    assert "--set does nothing: the heads in" in capsys.readouterr().err


def test_a_run_notes_what_was_typed_and_not_what_its_recipe_brings_along(tmp_path, capsys):
    words = ["run", "digits", "--epochs", "1", "--methods", "joint,ncm", "--device", "cpu", "--out", str(tmp_path)]
    assert main(words) == 0
    told = capsys.readouterr().err
    assert "nothing" not in told
    assert ", 1 epoch at learning rate" in told
    assert "sampling, 1 epoch, " in " ".join((tmp_path / "report.html").read_text().split())
    assert main([*words, "--set", "crt.epochs=3"]) == 0
    noted = "crt.epochs is set, and does nothing: crt is not among the methods"
    assert f"  note      {noted}\n" in capsys.readouterr().err
    assert noted in Run(tmp_path).results["data"]["notes"]
