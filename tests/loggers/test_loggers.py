"""Loggers: each epoch once whatever was stopped, none that fails stops a training, and every service's own reader."""

import csv
import json
import struct
from contextlib import suppress
from pathlib import Path

import pytest

import longtail
from longtail.cli import main
from longtail.errors import InputError
from longtail.loggers import LoggedRun, RunLog, check_loggers, opened_log
from longtail.loggers.csv_logger import CSVLogger
from longtail.loggers.run_log import LOGGERS

FAST = ["--device", "cpu", "--precision", "float32", "--quiet"]
HISTORY = [{"epoch": n, "train_loss": 1 / n, "val_few": 10.0 * n, "val_many": None} for n in (1, 2, 3)]
RESULTS = {
    "verdict": {"best": "tau"},
    "stage1": {"epochs": 3},
    "methods": {
        name: {"metrics": {"test": {"all": 50.0, "balanced": value, "many": 90.0, "medium": None, "few": 1.0}}}
        for name, value in (("joint", 20.0), ("tau", 40.0))
    },
}


def table(path):
    return list(csv.DictReader(Path(path).read_text().splitlines()))


def curve(folder, name):
    """The points of a curve of the CSV logger: (epoch, value)."""
    rows = table(folder / "logs/csv/curves.csv")
    return [(int(row["epoch"]), float(row["value"])) for row in rows if row["name"] == name]


@pytest.fixture
def a_run(tmp_path):
    """A run as loggers know it, with its report."""
    folder = tmp_path / "birds" / "seed-1"
    folder.mkdir(parents=True)
    (folder / "report.html").write_text("<p>report</p>")
    (folder / "results.json").write_text("{}")
    return LoggedRun(folder, {"epochs": 3, "learning_rate": 0.1, "backbone": "resnet20", "quiet": True}, group="birds")


def logged_in_parts(run, name):
    """Log a run that was stopped after two epochs and went on, and was called again when it was done."""
    with suppress(KeyboardInterrupt), opened_log(run, [name]) as log:
        log.epochs(HISTORY[:1])
        log.epochs(HISTORY[:2])
        raise KeyboardInterrupt
    for _ in range(2):
        with opened_log(run, [name]) as log:
            log.epochs(HISTORY)
            log.results(RESULTS, run.folder)


def test_what_is_trained_is_logged_as_it_stands_in_the_metrics(tmp_path):
    assert main(["train", "digits", "--epochs", "2", "--logger", "csv", "--out", str(tmp_path), *FAST]) == 0
    metrics = table(tmp_path / "metrics.csv")
    for name, column in (("train/loss", "train_loss"), ("val/balanced", "val_balanced"), ("val/few", "val_few")):
        assert curve(tmp_path, name) == [(int(row["epoch"]), float(row[column])) for row in metrics]
    settings = {row["name"]: row["value"] for row in table(tmp_path / "logs/csv/settings.csv")}
    assert (settings["epochs"], settings["dataset"]) == ("2", "digits")


def test_curves_by_group_are_the_means_of_the_report(tmp_path):
    words = ["--epochs", "2", "--methods", "joint", "--many-above", "60", "--few-below", "30", "--logger", "csv"]
    assert main(["run", "digits", *words, "--out", str(tmp_path), *FAST]) == 0
    results = json.loads((tmp_path / "results.json").read_text())
    val = results["methods"]["joint"]["metrics"]["val"]
    for group in ("many", "medium", "few", "balanced"):
        assert curve(tmp_path, f"val/{group}")[-1][1] == pytest.approx(val[group])
    (row,) = (row for row in table(tmp_path / "logs/csv/results.csv") if row["split"] == "test")
    assert float(row["few"]) == results["methods"]["joint"]["metrics"]["test"]["few"]


def test_a_training_that_goes_on_logs_every_epoch_once(tmp_path, monkeypatch):
    words = ["train", "digits", "--epochs", "3", "--logger", "csv", "--out", str(tmp_path), *FAST]
    log_epoch = CSVLogger.log_epoch

    def stopped(self, epoch, values):
        log_epoch(self, epoch, values)
        if epoch == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(CSVLogger, "log_epoch", stopped)
    assert main(words) == 130
    again = []
    monkeypatch.setattr(CSVLogger, "log_epoch", lambda *of: (again.append(of[1]), log_epoch(*of)))
    assert main([*words, "--resume"]) == 0
    assert again == [2, 3]  # the second was stopped before it was noted down
    assert [epoch for epoch, _ in curve(tmp_path, "train/loss")] == [1, 2, 3]


def test_a_logger_that_fails_is_told_once_and_stops_nothing(tmp_path, monkeypatch, capsys):
    def fails(self, epoch, values):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(CSVLogger, "log_epoch", fails)
    words = ["run", "digits", "--epochs", "3", "--methods", "joint", "--logger", "csv"]
    assert main([*words, "--out", str(tmp_path), *FAST]) == 0
    assert (tmp_path / "report.html").is_file()
    notes = [line for line in capsys.readouterr().err.splitlines() if "--logger csv fails" in line]
    assert len(notes) == 1
    assert "No space left on device" in notes[0]


def test_a_logger_that_cannot_begin_is_left_out(a_run, monkeypatch, capsys):
    monkeypatch.setattr(CSVLogger, "__init__", lambda self, run, logged: 1 / 0)
    with opened_log(a_run, ["csv"]) as log:
        log.epochs(HISTORY)
        log.results(RESULTS, a_run.folder)
    assert capsys.readouterr().err.count("is left out from here on: ZeroDivisionError") == 1


def test_of_several_processes_one_logs(a_run):
    with opened_log(a_run, ()) as log:  # what the others are given
        log.epochs(HISTORY)
        log.results(RESULTS, a_run.folder)
    assert not (a_run.folder / "logs").exists()


@pytest.mark.slow
@pytest.mark.distributed
def test_two_processes_log_each_epoch_once(forked, tmp_path):
    words = ["train", "digits", "--epochs", "2", "--logger", "csv", "--device", "cpu", "--quiet", "--devices", "2"]
    assert forked.run("-m", "longtail", *words, "--out", tmp_path).returncode == 0
    assert [epoch for epoch, _ in curve(tmp_path, "train/loss")] == [1, 2]


def test_other_settings_are_another_run_and_harmless_ones_are_not(a_run):
    logged_in_parts(a_run, "csv")
    assert curve(a_run.folder, "val/few") == [(1, 10.0), (2, 20.0), (3, 30.0)]
    same = LoggedRun(a_run.folder, {**a_run.settings, "quiet": False}, a_run.group)
    RunLog(same, ["csv"]).epochs(HISTORY)
    assert len(curve(a_run.folder, "val/few")) == 3
    other = LoggedRun(a_run.folder, {**a_run.settings, "epochs": 2}, a_run.group)
    RunLog(other, ["csv"]).epochs(HISTORY[:2])
    assert curve(a_run.folder, "val/few") == [(1, 10.0), (2, 20.0)]
    assert not (a_run.folder / "logs/csv/results.csv").exists()


def test_a_damaged_note_begins_anew(a_run):
    logged_in_parts(a_run, "csv")
    (a_run.folder / "logs/logged.json").write_text("{")
    logged_in_parts(a_run, "csv")
    assert len(curve(a_run.folder, "val/few")) == 3


def test_fits_log_their_tables_and_seeds_their_own(tmp_path, tailed, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, (rows, labels) in zip(("train", "test"), tailed, strict=True):
        longtail.write_features(tmp_path / "embeddings" / f"feature_{name}.h5", rows, labels)
    words = ["fit", "embeddings", "--methods", "joint,ncm", "--label-check", "none", "--logger", "csv", "--quiet"]
    assert main([*words, "--seeds", "2", "--out", "both"]) == 0
    for seed in (0, 1):
        rows = table(tmp_path / f"both/seed-{seed}/logs/csv/results.csv")
        assert [row["method"] for row in rows if row["split"] == "test"] == ["joint", "ncm"]
    assert main([*words, "--out", "one"]) == 0
    assert main([*words[:-3], "--quiet", "--out", "one"]) == 0
    assert not (tmp_path / "one/logs").exists()  # those of the fit that was replaced


@pytest.mark.parametrize("name", [name for name, (_, _, packages) in LOGGERS.items() if packages])
def test_what_is_not_installed_is_named_before_anything_is_done(name, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(check_loggers.__globals__, "find_spec", lambda package: None)
    with pytest.raises(InputError, match=rf"pip install 'longtail\[{name}\]'"):
        check_loggers([name])
    for words in (["train", "digits"], ["run", "digits"], ["pretrain", "digits"], ["fit", str(tmp_path / "x.csv")]):
        assert main([*words, "--logger", name, "--out", str(tmp_path / "out"), "--quiet"]) == 2
        assert f"--logger {name}: {name} is not installed" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def needed(*packages):
    """Skip where one of the packages is not installed."""
    for package in packages:
        pytest.importorskip(package, reason=f"{package} is not installed: pip install 'longtail[{packages[0]}]'")


@pytest.mark.filterwarnings("ignore")
def test_tensorboard_reads_what_was_logged(a_run):
    needed("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logged_in_parts(a_run, "tensorboard")
    events = EventAccumulator(str(a_run.folder / "logs" / "tensorboard"))
    events.Reload()
    points = {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
    assert points["val/few"] == [(1, 10.0), (2, 20.0), (3, 30.0)]
    assert points["test/tau/balanced"] == points["best/test/balanced"] == [(3, 40.0)]
    assert "val/many" not in points
    for tag, word in (("settings", "resnet20"), ("results", "joint"), ("report", "report.html")):
        (event,) = events.Tensors(f"{tag}/text_summary")
        assert word in event.tensor_proto.string_val[0].decode()
    assert "_hparams_/session_start_info" in events.summary_metadata


@pytest.mark.filterwarnings("ignore")
def test_mlflow_has_what_was_logged(a_run, tmp_path, monkeypatch):
    needed("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.chdir(tmp_path)
    from mlflow import MlflowClient

    logged_in_parts(a_run, "mlflow")
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    (found,) = client.search_runs([client.get_experiment_by_name("longtail").experiment_id])
    history = client.get_metric_history(found.info.run_id, "val/few")
    assert [(point.step, point.value) for point in history] == [(1, 10.0), (2, 20.0), (3, 30.0)]
    assert found.data.metrics["test/tau/balanced"] == found.data.metrics["best/test/balanced"] == 40
    assert found.data.params["backbone"] == "resnet20"
    assert (found.info.run_name, found.info.status) == ("birds/seed-1", "FINISHED")
    assert found.data.tags["longtail_group"] == "birds"
    assert {file.path for file in client.list_artifacts(found.info.run_id)} == {"report.html", "results.json"}


@pytest.mark.filterwarnings("ignore")
def test_a_server_that_is_gone_is_given_up(a_run, monkeypatch, capsys):
    needed("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with opened_log(a_run, ["mlflow"]) as log:
        log.epochs(HISTORY)
    assert capsys.readouterr().err.count("--logger mlflow fails and is left out from here on") == 1


def records_of(path):
    """The records of a .wandb file: LevelDB's log format behind a header of 7 bytes."""
    content, place, record = path.read_bytes(), 7, b""
    while place < len(content):
        if (left := 32768 - place % 32768) < 7:
            place += left
            continue
        length, kind = struct.unpack_from("<HB", content, place + 4)
        record += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield record
            record = b""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_wandb_writes_a_run_for_sync(a_run, monkeypatch):
    needed("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    from wandb.proto import wandb_internal_pb2

    with opened_log(a_run, ["wandb"]) as log:
        log.epochs(HISTORY)
        log.results(RESULTS, a_run.folder)
    (file,) = (a_run.folder / "logs" / "wandb").glob("offline-run-*/run-*.wandb")
    few, group, artifacts = [], None, set()
    for data in records_of(file):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        if record.HasField("run"):
            group = record.run.run_group
            settings = {one.key: json.loads(one.value_json) for one in record.run.config.update}
        for item in record.history.item:
            if item.key == "val/few" or list(item.nested_key) == ["val/few"]:
                few.append(json.loads(item.value_json))
        if record.HasField("artifact"):
            artifacts |= {entry.path for entry in record.artifact.manifest.contents}
    assert few == [10.0, 20.0, 30.0]
    assert group == "birds"
    assert settings["backbone"] == "resnet20"
    assert {"report.html", "results.json"} <= artifacts
