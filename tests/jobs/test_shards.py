"""`extract --shards` and `merge`: workers that share a folder and nothing else."""

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from data.manifests.samples_shards import LABELS, parquet_table, picture, sample_members, web_dataset, write_tar
from longtail.backbones import create_backbone
from longtail.cli import main
from longtail.data.preprocessing_choice import LARGE_INPUT, preprocessing_for
from longtail.features import open_feature_file, open_feature_folder
from longtail.jobs.sharding.inputs import named_shards
from longtail.jobs.stage_one.settings import about_network
from longtail.training.checkpoints import save_checkpoint

FAST = ["--device", "cpu", "--precision", "float32", "--threads", "1", "--workers", "0", "--quiet"]
ORDER = [number for shard in range(3) for number in range(shard, 12, 3)]


def write_checkpoint(path, *, seed=1, is_trained=True):
    """Write a small network that knows the classes A, B and C."""
    torch.manual_seed(seed)
    model = create_backbone("resnet20", num_classes=3)
    preprocessing = preprocessing_for(16, 3, LARGE_INPUT.statistics, "none")
    settings = {"dataset": None, "data": {}, **({} if is_trained else {"classifier_is_drawn": True})}
    about = about_network("resnet20", ["A", "B", "C"], preprocessing, settings)
    task = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    save_checkpoint({"task": task, "optimizer": {}, "precision": {}, "state": {}, "about": about}, path)
    return path


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("network") / "net.pt")


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return web_dataset(tmp_path_factory.mktemp("shards"))


@pytest.fixture(scope="module")
def done(network, shards, tmp_path_factory):
    """A folder in which all shards are done."""
    folder = tmp_path_factory.mktemp("done")
    assert extract(network, folder, shards, "--group-column", "site") == 0
    return folder


@pytest.fixture
def copy(done, tmp_path):
    return Path(shutil.copytree(done, tmp_path / "copy"))


def extract(network, out, *words):
    return main(["extract", str(network), *FAST, "--out", str(out), "--shards", *map(str, words)])


def merge(folder, out, *words):
    return main(["merge", str(folder), "--out", str(out), *words])


def bytes_of(folder):
    return {path.name: path.read_bytes() for path in (folder / "shards").rglob("*.h5")}


def test_merged_features_are_those_of_the_images(done, shards, network, tmp_path):
    assert merge(done, tmp_path / "merged") == 0
    file = open_feature_file(tmp_path / "merged" / "feature_train.h5")
    assert file.class_names == ("A", "B", "C")
    assert [file.class_names[label] for label in file.labels] == [LABELS[number] for number in ORDER]
    assert file.ids.tolist()[:2] == ["data-000.tar/0000.png", "data-000.tar/0003.png"]
    with h5py.File(file.path) as stored:
        assert [word.decode() for word in stored["groups"]] == [f"s{number % 3}" for number in ORDER]
        assert stored.attrs["grouped_by"] == "site"
    # as without shards
    words = ["extract", str(network), str(shards), "--test-fraction", "0", "--val-fraction", "0", *FAST]
    assert main([*words, "--out", str(tmp_path / "whole")]) == 0
    whole = open_feature_file(tmp_path / "whole" / "feature_train.h5")
    np.testing.assert_array_equal(file.labels, whole.labels)
    np.testing.assert_allclose(file.features, whole.features, atol=1e-5)
    for name in ("weights", "backbone", "preprocessing"):
        assert file.attributes[name] == whole.attributes[name]
    theirs, ours = (np.load(tmp_path / name / "joint_head.npz") for name in ("whole", "merged"))
    assert all(np.array_equal(theirs[name], ours[name]) for name in theirs)


def test_only_what_is_missing_is_done(done, copy, network, shards):
    before = bytes_of(copy)
    assert set(before) == {f"data-{number:03}.tar.h5" for number in range(3)}
    assert not list((copy / "claims").iterdir())
    (copy / "shards" / "data-001.tar.h5").unlink()
    times = {path: path.stat().st_mtime_ns for path in (copy / "shards").iterdir()}
    assert extract(network, copy, shards, "--group-column", "site") == 0
    assert bytes_of(copy) == before  # the same bits
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in times.items())


def test_a_worker_does_not_wait_for_others_to_meet(done, network, shards, tmp_path, monkeypatch):
    """torchrun and SLURM are a way to start workers: none of them hears of the others."""
    for name, value in {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "3", "LOCAL_WORLD_SIZE": "4"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MASTER_PORT", "1")
    assert extract(network, tmp_path, shards, "--group-column", "site") == 0
    assert bytes_of(tmp_path) == bytes_of(done)
    assert not torch.distributed.is_initialized()


def test_a_claim_of_another_is_waited_for_and_then_taken_over(copy, network, shards, monkeypatch):
    (copy / "shards" / "data-002.tar.h5").unlink()
    claim = copy / "claims" / "data-002.tar.json"
    claim.write_text("{}")

    def killed(seconds):
        os.utime(claim, (1, 1))

    monkeypatch.setattr("longtail.jobs.sharding.work.time.sleep", killed)
    assert extract(network, copy, shards, "--group-column", "site") == 0
    assert len(bytes_of(copy)) == 3
    assert not claim.exists()


def test_one_bad_shard_costs_itself_alone(network, shards, tmp_path, capsys):
    shutil.copytree(shards, tmp_path / "data")
    (tmp_path / "data" / "data-001.tar").write_bytes(b"no archive" * 100)
    assert extract(network, tmp_path / "out", tmp_path / "data") == 2
    assert "1 shard of 3 could not be done, the others are. The first, data-001.tar" in capsys.readouterr().err
    assert set(bytes_of(tmp_path / "out")) == {"data-000.tar.h5", "data-002.tar.h5"}
    assert merge(tmp_path / "out", tmp_path / "merged") == 2
    assert "1 shard of 3 is missing, the first data-001.tar" in capsys.readouterr().err
    assert not (tmp_path / "merged").exists()


def test_splits_of_names_and_shards_without_labels(network, tmp_path):
    write_tar(tmp_path / "data" / "train" / "0.tar", sample_members(range(6)))
    write_tar(tmp_path / "data" / "train" / "1.tar", sample_members(range(6, 10)))
    write_tar(tmp_path / "data" / "test" / "0.tar", sample_members((10, 11)))
    unlabelled = [("a.png", picture(50)), ("a.json", b'{"label": null}')]
    write_tar(tmp_path / "data" / "test" / "1.tar", unlabelled)
    words = [tmp_path / "data" / "t*" / "*.tar", "--label-column", "label"]
    assert extract(network, tmp_path / "out", *words) == 0
    assert merge(tmp_path / "out", tmp_path / "merged", "--quiet") == 0
    files = open_feature_folder(tmp_path / "merged")
    assert {split: len(file.labels) for split, file in files.items()} == {"train": 10, "test": 2}
    assert files["test"].labels.tolist() == [2, 2]  # of the classes of all shards
    assert files["test"].ids.tolist() == ["test/0.tar/0010.png", "test/0.tar/0011.png"]


def test_parquet_at_an_address(network, tmp_path):
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    for part in range(2):
        stream = io.BytesIO()
        pq.write_table(parquet_table(range(part, 12, 2)), stream, row_group_size=4)
        memory.pipe(f"/bucket/data/train-{part:05}-of-00002.parquet", stream.getvalue())
    try:
        words = ["memory://bucket/data/train-{00000..00001}-of-00002.parquet"]
        assert extract(network, tmp_path / "out", *words) == 0
        assert [one.name for one in named_shards(["memory://bucket/data/*.parquet"])] == [
            f"train-{part:05}-of-00002.parquet" for part in range(2)
        ]
    finally:
        memory.rm("/bucket", recursive=True)
    assert merge(tmp_path / "out", tmp_path / "merged", "--quiet") == 0
    file = open_feature_file(tmp_path / "merged" / "feature_train.h5")
    assert np.bincount(file.labels).tolist() == [6, 4, 2]


def test_names_of_classes_are_fetched_with_a_shard(done, network, shards, tmp_path):
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    for path in shards.iterdir():
        memory.pipe(f"/tars/{path.name}", path.read_bytes())
    try:
        assert extract(network, tmp_path / "out", "memory://tars/data-00*.tar", "--group-column", "site") == 0
    finally:
        memory.rm("/tars", recursive=True)
    assert merge(tmp_path / "out", tmp_path / "merged", "--quiet") == 0
    assert (tmp_path / "merged" / "joint_head.npz").is_file()


def test_images_that_cannot_be_read(network, tmp_path, capsys):
    members = [*sample_members(range(11)), ("x.cls", b"1"), ("x.png", b"no image"), ("x.json", b"{}")]
    write_tar(tmp_path / "a.tar", members)
    assert extract(network, tmp_path / "out", tmp_path / "a.tar") == 2
    assert "a.tar[x.png]" in capsys.readouterr().err
    assert extract(network, tmp_path / "other", tmp_path / "a.tar", "--skip-bad") == 0
    assert merge(tmp_path / "other", tmp_path / "merged") == 0
    assert len(open_feature_file(tmp_path / "merged" / "feature_train.h5").labels) == 11
    assert "the network's own classifier was left out: it knows 3 classes (A, B, C, ...)" in capsys.readouterr().err


def test_a_network_of_timm(tmp_path, shards, monkeypatch):
    from longtail.backbones import create

    built = create.create_backbone

    def untrained(name, *, num_classes, in_chans=3, pretrained=False):
        assert pretrained
        return built(name, num_classes=num_classes, in_chans=in_chans)

    monkeypatch.setattr("longtail.backbones.create_backbone", untrained)
    words = [
        "extract",
        "--backbone",
        "test_vit",
        "--shards",
        str(shards / "data-00[01].tar"),
        "--out",
        str(tmp_path / "o"),
    ]
    assert main([*words, *FAST]) == 0
    assert merge(tmp_path / "o", tmp_path / "merged", "--quiet") == 0
    assert not (tmp_path / "merged" / "joint_head.npz").exists()
    assert json.loads((tmp_path / "o" / "plan.json").read_text())["preprocessing"]["size"] == 160


def change(path, **attributes):
    with h5py.File(path, "r+") as file:
        for name, value in attributes.items():
            file.attrs[name] = value


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"weights": "of another"}, "another weights"),
        ({"preprocessing": "{}"}, "another preprocessing"),
        ({"stated_classes": '["A", "B"]'}, "another list of classes"),
        ({"shard": "data-000.tar"}, "holds 4 rows of data-000.tar; expected 4 of data-001.tar"),
        ({"samples": 5}, "holds 4 rows of data-001.tar; expected 5"),
        ({"bytes": 5}, "has 20,480 bytes, and had 5"),
        ({"class_names": "["}, "a list of names"),
    ],
)
def test_shards_that_do_not_fit_together(copy, tmp_path, capsys, wrong, told):
    change(copy / "shards" / "data-001.tar.h5", **wrong)
    assert merge(copy, tmp_path / "merged") == 2
    assert "data-001.tar" in (message := capsys.readouterr().err)
    assert re.search(told, message)
    assert not (tmp_path / "merged").exists()


def test_a_shard_that_is_damaged(copy, tmp_path, capsys):
    path = copy / "shards" / "data-001.tar.h5"
    path.write_bytes(path.read_bytes()[:500])
    assert merge(copy, tmp_path / "merged") == 2
    assert "data-001.tar.h5: truncated" in capsys.readouterr().err


def test_a_row_that_is_there_twice(network, shards, tmp_path, capsys):
    shutil.copytree(shards, tmp_path / "data")
    write_tar(tmp_path / "data" / "more.tar", sample_members((4, 5)))
    assert extract(network, tmp_path / "out", tmp_path / "data") == 0
    assert merge(tmp_path / "out", tmp_path / "merged") == 2
    message = capsys.readouterr().err
    assert "data-001.tar/0004.png and more.tar/0004.png are the same row, and 1 more" in message or (
        "data-002.tar/0005.png and more.tar/0005.png are the same row, and 1 more" in message
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--dtype", "float16"], "was begun with another --dtype: float32, not float16"),
        (["--precision", "bfloat16"], "was begun with another --precision: float32, not bfloat16"),
        (["--label-column", "label"], "was begun with other settings of the data"),
        (["--threads", "2"], "was begun with another number of --threads: 1, not 2"),
        (["--profile", "exp"], "--profile means nothing with --shards"),
    ],
)
def test_other_settings_than_the_folder_was_begun_with(copy, network, shards, capsys, words, told):
    words = [
        "extract",
        str(network),
        "--shards",
        str(shards),
        "--group-column",
        "site",
        "--out",
        str(copy),
        *FAST,
        *words,
    ]
    assert main(words) == 2
    assert told in capsys.readouterr().err


@pytest.mark.slow
def test_all_workers_compile_the_network_or_none(done, network, shards, tmp_path, capsys):
    words = [network, tmp_path, shards, "--group-column", "site"]
    assert extract(*words, "--compile", "always") == 0
    compiled = bytes_of(tmp_path)
    (tmp_path / "shards" / "data-001.tar.h5").unlink()
    assert extract(*words) == 2
    assert "was begun with another --compile: always, not never" in capsys.readouterr().err
    assert extract(*words, "--compile", "always") == 0
    assert bytes_of(tmp_path) == compiled != bytes_of(done)


def test_where_a_network_cannot_be_compiled_nobody_is_bound_to_it(network, shards, tmp_path, monkeypatch, capsys):
    def refuse(*_, **__):
        raise RuntimeError("no C++ compiler here")

    with monkeypatch.context() as patched:
        patched.setattr(torch, "compile", refuse)
        assert extract(network, tmp_path, shards, "--compile", "always") == 2
    assert "Leave it out, and the network computes as it is" in capsys.readouterr().err
    assert extract(network, tmp_path, shards) == 0  # as it was told


def test_another_network_or_other_shards(copy, shards, tmp_path, network, capsys):
    other = write_checkpoint(tmp_path / "other.pt", seed=2)
    assert extract(other, copy, shards, "--group-column", "site") == 2
    assert "was begun with another network" in capsys.readouterr().err
    assert extract(network, copy, shards / "data-00[01].tar", "--group-column", "site") == 2
    assert "was begun with 3 shards, not with these 2" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["extract", "{network}", "digits", "--shards", "{shards}", "--out", "{out}"], "are both data"),
        (["extract", "--shards", "{shards}", "--out", "{out}"], "--shards needs a network"),
        (["extract", "{network}", "--shards", "{shards}"], "--shards needs --out"),
        (["extract", "{network}", "--backbone", "resnet20"], "stands for one with --shards alone"),
        (["extract"], "extract needs a checkpoint"),
        (["extract", "{network}", "--shards", "{network}", "--out", "{out}"], "files that end in .tar or .parquet"),
        (["extract", "{network}", "--shards", "{out}/none", "--out", "{out}"], "no such file or folder"),
        (["extract", "{network}", "--shards", "{out}/*.tar", "--out", "{out}"], "no file is called so"),
        (["extract", "{network}", "--shards", "nothing://a/b.tar", "--out", "{out}"], "Protocol not known"),
        (["extract", "{network}", "--shards", "memory://x/b.tar", "--out", "{out}"], "cannot be fetched"),
        (["extract", "{network}", "--shards", "{shards}", "{shards}", "--out", "{out}"], "is named twice"),
        (["merge", "{out}", "--out", "{out}/m"], "plan.json: no such file"),
    ],
)
def test_mistakes_are_told(words, told, network, shards, tmp_path, capsys):
    words = [word.format(network=network, shards=shards, out=tmp_path) for word in words]
    assert main([*words, "--quiet"]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.distributed
def test_a_killed_worker_costs_its_shard_only(network, tmp_path):
    """Of four workers one is killed in the middle of a shard: the others do that too, and all bits are the same."""
    for shard in range(10):
        write_tar(tmp_path / "data" / f"{shard}.tar", sample_members(range(12 * shard, 12 * shard + 12), 10 * LABELS))
    assert extract(network, tmp_path / "alone", tmp_path / "data") == 0
    script = [sys.executable, str(Path(__file__).with_name("shard_worker.py")), "extract", str(network)]
    words = ["--shards", str(tmp_path / "data"), "--out", str(tmp_path / "out"), "--takeover", "3", *FAST]
    started = [subprocess.Popen([*script, *words], stderr=subprocess.PIPE) for _ in range(4)]
    claims = tmp_path / "out" / "claims"
    victim, shard = None, ""
    while victim is None:
        time.sleep(0.01)
        for path in claims.glob("*.json") if claims.is_dir() else ():
            try:
                process = json.loads(path.read_text())["process"]
            except (OSError, ValueError):
                continue
            victim, shard = next((one for one in started if one.pid == process), None), path.name
    victim.send_signal(signal.SIGKILL)
    others = [one for one in started if one is not victim]
    assert [one.wait() for one in others] == [0, 0, 0], [one.stderr.read() for one in others]
    assert victim.wait() == -signal.SIGKILL
    for one in started:
        one.stderr.close()
    assert f"{shard.removesuffix('.json')}.h5" in bytes_of(tmp_path / "out")
    assert bytes_of(tmp_path / "out") == bytes_of(tmp_path / "alone")
    assert not list(claims.iterdir())
    assert merge(tmp_path / "out", tmp_path / "merged", "--quiet") == 0
    assert len(open_feature_file(tmp_path / "merged" / "feature_train.h5").labels) == 120
