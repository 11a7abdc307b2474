"""Settings of methods: as they are typed, as the estimators check them, and what stays as it was without them."""

import inspect

import numpy as np
import pytest

from longtail.cli import main
from longtail.comparison import METHODS, compare, read_settings
from longtail.comparison.method_settings import check_settings, settable, unfitted_head
from longtail.errors import InputError
from longtail.method_flags import OLD_FLAGS, gathered_settings, refuse_old_flags
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
