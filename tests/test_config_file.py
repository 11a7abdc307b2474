"""Settings from a file: config.json of a run or TOML, below what is typed and above the defaults."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pytest

from longtail.cli import main
from longtail.command_errors import flag_names
from longtail.config_file import ConfigFile, read_config, taken_from, with_settings
from longtail.errors import InputError
from longtail.features import write_features
from longtail.heads import Joint
from longtail.jobs.balance import BalanceConfig
from longtail.jobs.calibrate import CalibrateConfig
from longtail.jobs.describe import DescribeConfig
from longtail.jobs.evaluate import EvaluateConfig
from longtail.jobs.fit import FitConfig
from longtail.jobs.inspect_labels import InspectConfig
from longtail.jobs.report import ReportConfig
from longtail.jobs.run import RunConfig
from longtail.jobs.stage_one.settings import plain
from longtail.recipes import RECIPES
from longtail.studies.representations import RepresentationsConfig

FAST = ["--device", "cpu", "--precision", "float32", "--quiet"]
VARIES = {"seconds", "images_per_second", "created", "command", "environment", "head_sha256"}


@dataclass(frozen=True)
class Left:
    """A group."""

    epochs: int = 1
    rate: float = 0.5


@dataclass(frozen=True)
class Right:
    """Another, with a setting of the same name."""

    epochs: int = 2


@dataclass(frozen=True)
class Both:
    """Settings of nobody."""

    left: Left = field(default_factory=Left)
    right: Right = field(default_factory=Right)


def settings(kind, **content):
    return ConfigFile(Path("a.toml"), content).settings(kind)


def refused(capsys, *words):
    """Return what a command that has to be refused says."""
    assert main([str(word) for word in words]) == 2
    message = capsys.readouterr().err
    assert message.startswith("longtail: ")
    assert message.count("\n") == 1
    return message.removeprefix("longtail: ").strip()


def lasting(value):
    """Return results without times and what follows from the place where they lie."""
    if isinstance(value, dict):
        return {name: lasting(inside) for name, inside in value.items() if name not in VARIES}
    return [lasting(inside) for inside in value] if isinstance(value, list) else value


def check_same_run(first, second):
    """Results and heads are equal to the bit, and so are the settings but for the folder."""
    results, repeated = (json.loads((folder / "results.json").read_text()) for folder in (first, second))
    assert lasting(repeated) == lasting(results)
    assert results["command"] != repeated["command"]
    configs = [json.loads((folder / "config.json").read_text()) for folder in (first, second)]
    for config in configs:
        config["runtime"]["out"] = None
    assert configs[0] == configs[1]
    heads = sorted(path.name for path in (first / "heads").iterdir())
    assert heads == sorted(path.name for path in (second / "heads").iterdir())
    for name in heads:
        assert (first / "heads" / name).read_bytes() == (second / "heads" / name).read_bytes()


@pytest.fixture(scope="module")
def digits_run(tmp_path_factory):
    """`longtail run digits` with settings that are none of the recipe's."""
    folder = tmp_path_factory.mktemp("runs") / "digits"
    words = ["--epochs", "2", "--ratio", "20", "--seed", "3", "--methods", "joint,tau,crt", "--out", str(folder)]
    assert main(["run", "digits", *words, *FAST]) == 0
    return folder


@pytest.fixture
def features(tmp_path, tailed):
    """Feature files, as `longtail fit` takes them."""
    for name, (rows, labels) in zip(("train", "test"), tailed, strict=True):
        write_features(tmp_path / "features" / f"feature_{name}.h5", rows, labels)
    return tmp_path / "features"


def test_a_run_is_repeated_from_what_it_wrote(digits_run, tmp_path):
    config = json.loads((digits_run / "config.json").read_text())
    assert (config["verb"], config["recipe"], config["dataset"]) == ("run", "digits", "digits")
    assert main(["run", "--config", str(digits_run / "config.json"), "--out", str(tmp_path / "again")]) == 0
    check_same_run(digits_run, tmp_path / "again")


def test_a_fit_is_repeated_from_what_it_wrote(features, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    words = ["--methods", "joint,crt,tau", "--set", "crt.epochs=2", "--seed", "5", "--out", str(first), "--quiet"]
    assert main(["fit", str(features), *words]) == 0
    assert main(["fit", f"--config={first / 'config.json'}", "--out", str(second)]) == 0
    check_same_run(first, second)


def test_a_balance_is_repeated_from_what_it_wrote(features, tailed, tmp_path):
    layer = Joint().fit(*tailed[0])
    np.savez(tmp_path / "layer.npz", weight=layer.weight_, bias=layer.bias_)
    first, second = tmp_path / "first", tmp_path / "second"
    words = ["--features", str(features), "--methods", "tau,la", "--out", str(first), "--quiet"]
    assert main(["balance", str(tmp_path / "layer.npz"), *words]) == 0
    assert main(["balance", "--config", str(first / "config.json"), "--out", str(second)]) == 0
    check_same_run(first, second)


def test_the_file_leads_to_the_folder_that_the_same_words_lead_to(features, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["--methods", "joint,ncm", "--quiet"]
    for out in ([], ["--out", "named"]):
        assert main(["fit", "features", *words, *out]) == 0
        folder = Path(*out[1:]) if out else next(Path("runs").iterdir())
        before = json.loads((folder / "results.json").read_text())
        assert main(["fit", "--config", str(folder / "config.json")]) == 0
        after = json.loads((folder / "results.json").read_text())
        assert lasting(after) == lasting(before)
        assert (before["command"], after["command"]) == (
            " ".join(["longtail fit features", *words, *out]),
            f"longtail fit --config {folder / 'config.json'}",
        )
    assert len(list(Path("runs").iterdir())) == 1


def test_each_of_several_seeds_writes_what_repeats_it_alone(features, tmp_path):
    words = ["--methods", "joint,crt", "--set", "crt.epochs=2", "--quiet", "--label-check", "none"]
    assert main(["fit", str(features), *words, "--seeds", "2", "--out", str(tmp_path / "both")]) == 0
    second = tmp_path / "both" / "seed-1"
    config = json.loads((second / "config.json").read_text())
    assert (config["seeds"], config["runtime"]["seed"], config["runtime"]["out"]) == (1, 1, str(second))
    assert main(["fit", "--config", str(second / "config.json"), "--out", str(tmp_path / "one")]) == 0
    check_same_run(second, tmp_path / "one")


def test_what_is_typed_wins_over_the_file_and_the_file_over_the_recipe(tmp_path, capsys):
    path = tmp_path / "settings.toml"
    path.write_text(
        'recipe = "digits"\nepochs = 1\nlearning-rate = 0.01\nquiet = true\nreweight = true\n[stage]\nbatch_size = 16\n'
        f'[heads]\nmethods = "joint"\n[data]\nratio = 10\n[runtime]\ndevice = "cpu"\nout = "{tmp_path / "file"}"\n'
    )
    words = ["--learning-rate", "0.02", "--no-reweight", "--out", str(tmp_path / "typed")]
    assert main(["run", "--config", str(path), *words]) == 0
    assert not (tmp_path / "file").exists()
    config = json.loads((tmp_path / "typed" / "config.json").read_text())
    stage = config["stage"]
    assert (stage["epochs"], stage["learning_rate"], stage["batch_size"], stage["reweight"]) == (1, 0.02, 16, False)
    assert (config["data"]["ratio"], config["heads"]["methods"]) == (10.0, "joint")
    assert stage["schedule"] == RECIPES["digits"]().stage.schedule
    assert config["runtime"]["quiet"] is True


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_read_back_as_it_was_written(name):
    config = RECIPES[name]()
    read = ConfigFile(Path("config.json"), plain(asdict(config))).settings(RunConfig)
    assert with_settings(RunConfig, None, read, None) == config


@pytest.mark.parametrize("kind", [FitConfig, BalanceConfig])
def test_every_setting_is_read_back_as_it_was_written(kind):
    config = kind(Path("a b"))
    read = ConfigFile(Path("config.json"), plain(asdict(config))).settings(kind)
    assert with_settings(kind, None, read, None) == config


def test_names_are_those_of_the_file_that_runs_write_or_of_flags():
    nested = settings(RunConfig, stage={"epochs": 3}, heads={"choice": {"cv_folds": 2}}, data={"data": "photos"})
    assert nested == settings(RunConfig, **{"epochs": 3, "cv-folds": 2, "data": "photos"})
    assert nested == settings(RunConfig, stage={"epochs": 3}, heads={"cv-folds": 2}, data="photos")
    assert nested[("data", "data")] == Path("photos")
    assert settings(FitConfig, **{"drop-columns": ["a", "b"]}) == {("columns", "drop_columns"): ("a", "b")}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"epohcs": 3}, "a.toml: no such settings here: 'epohcs' (did you mean epochs?). "),
        ({"stage": {"los": "focal", "zzz": 1}}, "'stage.los' (did you mean stage.loss?), 'stage.zzz'. "),
        ({"heads": {"epochs": 3}}, "'heads.epochs' (did you mean stage.epochs?)"),
        ({f"zzz{n}": 1 for n in range(7)}, "'zzz4', and 2 more. "),
        ({"stage": {"epochs": 3}, "epochs": 4}, "a.toml: epochs stands there twice, with its group and alone."),
        ({"stage": 3}, "a.toml: stage is 3; expected a group of settings."),
        ({"stage": {"epochs": "ten"}}, 'a.toml: stage.epochs is "ten"; expected a whole number.'),
        ({"epochs": 1.5}, "a.toml: epochs is 1.5; expected a whole number."),
        ({"epochs": True}, "a.toml: epochs is true; expected a whole number."),
        ({"epochs": {"of": 3}}, 'a.toml: epochs is {"of": 3}; expected a whole number.'),
        ({"epochs": None}, "a.toml: epochs is null; expected a whole number."),
        ({"learning_rate": "fast"}, 'a.toml: learning_rate is "fast"; expected a number.'),
        ({"learning_rate": float("nan")}, "a.toml: learning_rate is NaN; expected a number above 0."),
        ({"learning_rate": 10**400}, "expected a number."),
        ({"reweight": "yes"}, 'a.toml: reweight is "yes"; expected true or false.'),
        ({"schedule": "cosin"}, 'a.toml: schedule is "cosin"; expected one of '),
        ({"augmentation": "cosin"}, 'a.toml: augmentation is "cosin"; expected one of auto, '),
        ({"backbone": 18}, "a.toml: backbone is 18; expected text."),
        ({"backbone": ""}, 'a.toml: backbone is ""; expected text.'),
        ({"init": 5}, "a.toml: init is 5; expected a path."),
        ({"init": ""}, 'a.toml: init is ""; expected a path.'),
        ({"init": "a\0b"}, "expected a path."),
        ({"export": "onnx"}, 'a.toml: export is "onnx"; expected a list, each one of torch-export, onnx.'),
        ({"export": ["onx"]}, 'a.toml: export is ["onx"]; expected a list, each one of torch-export, onnx.'),
        ({"seeds": 0}, "a.toml: seeds is 0; expected at least 1."),
        ({"stage": {"batch_size": 0}}, "a.toml: stage.batch_size is 0; expected at least 1."),
        ({"val_fraction": 1}, "a.toml: val_fraction is 1.0; expected a number from 0 to below 1."),
    ],
)
def test_wrong_content_is_told_with_file_and_name(content, message):
    with pytest.raises(InputError) as refusal:
        settings(RunConfig, **content)
    assert message in str(refusal.value)


@pytest.mark.parametrize(
    "heads", [{"images": {"crt_from": "images", "crt_part": "all"}}, {"crt_from": "images", "crt-part": "all"}]
)
def test_crt_from_images_is_read_where_earlier_versions_wrote_it(heads):
    now = settings(RunConfig, images={"crt_from": "images", "crt_part": "all"})
    assert now == {("images", "crt_from"): "images", ("images", "crt_part"): "all"}
    assert settings(RunConfig, heads=heads) == now
    assert settings(RunConfig, **{"crt-from": "images", "crt-part": "all"}) == now
    assert settings(RepresentationsConfig, run={"heads": heads}) == {("run", *place): now[place] for place in now}
    with pytest.raises(InputError, match="stands there twice"):
        settings(RunConfig, heads=heads, images={"crt_part": "all"})


@pytest.mark.parametrize("kind", [FitConfig, BalanceConfig])
def test_what_earlier_versions_wrote_of_images_for_verbs_without_them_is_left_out(kind):
    idle = {"crt_from": "features", "bn_mode": "frozen", "crt_part": "classifier", "crt_backbone_rate": 0.1}
    assert settings(kind, heads={"images": idle, "methods": "tau"}) == {("heads", "methods"): "tau"}
    with pytest.raises(InputError, match=r"no such settings here: 'heads\.images'"):
        settings(kind, heads={"images": {**idle, "crt_from": "images"}})
    with pytest.raises(InputError, match="no such settings here: 'zzz'"):
        settings(kind, zzz=None)


@pytest.mark.parametrize("kind", [DescribeConfig, EvaluateConfig, InspectConfig, CalibrateConfig])
def test_settings_that_never_had_an_effect_are_left_out(kind):
    earlier = {"out": "r", "seed": 3, "device": "cuda", "devices": 2, "threads": None, "timeout": 5.0, "quiet": True}
    now = {("runtime", "out"): Path("r"), ("runtime", "seed"): 3, ("runtime", "quiet"): True}
    assert settings(kind, runtime={**earlier, "precision": "float32"}) == now
    assert settings(kind, device="cpu", seed=3) == {("runtime", "seed"): 3}
    with pytest.raises(InputError, match=r"no such settings here: 'runtime\.devise'"):
        settings(kind, runtime={"devise": "cpu"})
    with pytest.raises(InputError, match="no such settings here: 'device'"):
        settings(ReportConfig, device="cpu")
    assert not {"device", "devices", "threads", "timeout", "precision"} & flag_names(kind)


def test_a_run_of_an_earlier_version_is_repeated(digits_run, tmp_path):
    config = json.loads((digits_run / "config.json").read_text())
    config["heads"]["images"] = config.pop("images")
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert main(["run", "--config", str(tmp_path / "config.json"), "--out", str(tmp_path / "again")]) == 0
    check_same_run(digits_run, tmp_path / "again")


def test_one_word_is_a_list_of_one_and_a_list_of_methods_is_typed_with_commas():
    assert settings(FitConfig, set="tau.tau=0.7") == {("heads", "set"): ("tau.tau=0.7",)}
    assert settings(FitConfig, methods=["joint", "tau"]) == {("heads", "methods"): "joint,tau"}
    with pytest.raises(InputError, match=r"methods is .*; expected text"):
        settings(FitConfig, methods=["joint", 3])


def test_a_list_of_another_length_is_told():
    with pytest.raises(InputError, match="expected a list of 3, each a number"):
        settings(BalanceConfig, mean=[0.5, 0.5])
    assert settings(BalanceConfig, mean=[0, 1, 0.5]) == {("mean",): (0.0, 1.0, 0.5)}


def test_a_name_that_two_groups_have_needs_its_group():
    with pytest.raises(InputError, match=r"epochs may be left\.epochs or right\.epochs"):
        settings(Both, epochs=3)
    assert settings(Both, rate=1, right={"epochs": 3}) == {("left", "rate"): 1.0, ("right", "epochs"): 3}


def test_settings_of_another_verb_are_refused(digits_run, features, capsys):
    config = digits_run / "config.json"
    message = refused(capsys, "fit", features, "--config", config)
    assert "holds the settings of `longtail run`, not of `longtail fit`" in message
    assert f"Call `longtail run --config {config}`" in message
    message = refused(capsys, "study", "representations", "--config", config)
    assert "not of `longtail study representations`" in message


@pytest.mark.parametrize(
    ("verb", "told"),
    [
        ('"fit"', "holds the settings of `longtail fit`, not of `longtail run`. Call `longtail fit --config "),
        ('"study shift"', "Call `longtail study shift --config "),
        ('"rum"', "verb is 'rum', and there is no such verb. Did you mean run? Expected \"run\" here; write that, or "),
        ('"study"', "verb is 'study', and there is no such verb."),
        ('""', "verb is '', and there is no such verb. Expected \"run\" here"),
        ("3", 'verb is 3; expected text, such as "fit". Leave it out where'),
        ("[]", "verb is []; expected text"),
    ],
)
def test_a_verb_that_is_another_or_none_is_told_with_what_to_do(verb, told, tmp_path, capsys):
    path = tmp_path / "a.toml"
    path.write_text(f'verb = {verb}\nrecipe = "digits"\n')
    assert told in refused(capsys, "run", "--config", path)


def test_settings_of_another_recipe_are_refused(digits_run, tmp_path, capsys):
    message = refused(capsys, "run", "cifar10-lt", "--config", digits_run / "config.json")
    assert "settings of the recipe digits, not of cifar10-lt. Leave cifar10-lt out" in message
    path = tmp_path / "a.toml"
    path.write_text('recipe = "digit"\n')
    assert "a.toml: no recipe 'digit'. Did you mean digits?" in refused(capsys, "run", "--config", path)
    path.write_text("epochs = 1\n")
    assert "a.toml: names no recipe." in refused(capsys, "run", "--config", path)
    # two recipes have this data set; a file of a version that did not write the recipe may be of either
    path.write_text('dataset = "imagenet-lt"\nepochs = "x"\n')
    assert "epochs is" in refused(capsys, "run", "imagenet-lt-mmpretrain", "--config", path)


def test_a_file_that_names_the_data_set_alone_is_of_its_recipe(digits_run, tmp_path):
    config = json.loads((digits_run / "config.json").read_text())
    del config["verb"], config["recipe"]  # as runs were written before
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert main(["run", "--config", str(tmp_path / "config.json"), "--out", str(tmp_path / "again")]) == 0
    check_same_run(digits_run, tmp_path / "again")


def test_a_folder_is_taken_with_settings_of_another(tmp_path, capsys):
    path = tmp_path / "a.toml"
    path.write_text('recipe = "folder"\ndata = "nowhere"\n')
    assert refused(capsys, "run", "--config", path).startswith("no data 'nowhere'")
    (tmp_path / "photos").mkdir()
    assert str(tmp_path / "photos") in refused(capsys, "run", tmp_path / "photos", "--config", path)
    assert str(tmp_path / "photos") in refused(capsys, "run", "--config", path, "--data", tmp_path / "photos")


def test_the_default_folder_is_not_written_down_as_if_it_was_typed(tmp_path, monkeypatch):
    """Else the settings with other data would lead into the folder of the first."""
    monkeypatch.chdir(tmp_path)
    assert main(["run", "digits", "--epochs", "1", "--methods", "joint", *FAST]) == 0
    assert json.loads(Path("runs/digits/config.json").read_text())["runtime"]["out"] is None


def test_a_study_takes_a_file_too(tmp_path, capsys):
    path = tmp_path / "a.toml"
    path.write_text(f'fractions = "0"\nrepeats = 20\nhead_counts = "100"\n[runtime]\nout = "{tmp_path / "study"}"\n')
    assert main(["study", "two-gaussians", "--config", str(path), "--quiet"]) == 0
    study = json.loads((tmp_path / "study" / "study.json").read_text())
    assert study["command"] == f"longtail study two-gaussians --config {path} --quiet"
    path.write_text('recipe = "digits"\nrepresentations = "nonsense"\n')
    assert "nonsense" in refused(capsys, "study", "representations", "--config", path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.toml", None, "none.toml: no such file. Expected the config.json of a run"),
        ("a.yaml", "epochs: 3", "a.yaml: ends neither in .json nor in .toml."),
        ("a.toml", "epochs = ", "a.toml: no TOML ("),
        ("a.toml", "verb = 3", "a.toml: verb is 3; expected text, such as"),
        ("a.json", '{"epochs": NaN}', "a.json: no JSON (NaN"),
        ("a.json", "[]", "a.json: expected an object, came an array."),
    ],
)
def test_files_that_hold_no_settings_are_refused(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(InputError) as refusal:
        read_config(tmp_path / name)
    assert message in str(refusal.value)


def test_one_file_is_expected(tmp_path, digits_run):
    (tmp_path / "a.toml").write_text("epochs = 3\n")
    path = str(tmp_path / "a.toml")
    file, rest = taken_from(["digits", "--config", path, "--quiet"])
    assert (file.content, rest) == ({"epochs": 3}, ["digits", "--quiet"])
    with pytest.raises(InputError, match="no file behind it"):
        taken_from(["digits", "--config"])
    with pytest.raises(InputError, match="a second file"):
        taken_from(["--config", path, f"--config={path}"])
    with pytest.raises(InputError, match=r"is a folder. Perhaps you meant .*config.json"):
        read_config(digits_run)


@pytest.mark.parametrize("words", [["run"], ["study", "architectures"]])
def test_help_that_lists_recipes_mentions_it(words, capsys):
    """That of all others: tests/test_command_help.py."""
    with pytest.raises(SystemExit):
        main([*words, "--help"])
    assert f"longtail {' '.join(words)} --config FILE" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "spelling"),
    [
        ("tau = 0.7", 'set = ["tau.tau=VALUE"]'),
        ("[heads.training]\ncrt_epochs = 2", "Settings of methods now stand in set"),
    ],
)
def test_settings_of_methods_of_before_are_told_as_they_are_written_now(tmp_path, capsys, line, spelling):
    (tmp_path / "old.toml").write_text(line + "\n")
    assert main(["fit", "nowhere", "--config", str(tmp_path / "old.toml")]) == 2
    assert spelling in capsys.readouterr().err
