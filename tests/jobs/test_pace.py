"""With how many threads a command computes: asked for, begun with, or fastest now; told, and noted down."""

import json
import os

import pytest
import torch

from longtail.cli import main
from longtail.jobs import pace
from longtail.jobs.pace import Work, go_on_with, settle_threads
from longtail.threads import Threads
from longtail.training.checkpoints import load_checkpoint

WORDS = ["train", "digits", "--epochs", "2", "--batch-size", "128", "--device", "cpu", "--precision", "float32"]


@pytest.fixture
def one_is_fastest(two_threads, monkeypatch):
    """Let a measurement say so, however little there is to compute; gives how often one was made."""
    made = []

    def measured(step, **_):
        step()
        made.append(torch.get_num_threads())
        return Threads(1, torch.get_num_threads(), {1: 0.02, 2: 0.5})

    monkeypatch.setattr(pace, "fastest_threads", measured)
    monkeypatch.setattr(pace, "LITTLE", 0)
    monkeypatch.setattr(pace, "MEASURED", 0)
    return made


def threads_of(folder):
    return load_checkpoint(folder / "checkpoints" / "last.pt")["about"]["threads"]


def test_the_fastest_number_is_taken_told_and_noted_down(one_is_fastest, tmp_path, capsys):
    assert main([*WORDS, "--out", str(tmp_path)]) == 0
    told = [line for line in capsys.readouterr().err.splitlines() if "threads" in line]
    assert told == [
        "computing with 1 of 2 threads: a step takes 20 ms so, 500 ms with all of them, while others compute here "
        "too. --threads N takes N."
    ]
    assert threads_of(tmp_path) == {"command": 1, "training": 1}
    assert (len(one_is_fastest), torch.get_num_threads()) == (1, 2)  # the command's number ends with it


def test_it_is_measured_once_and_stands_in_the_results(one_is_fastest, tmp_path):
    assert main(["run", "digits", *WORDS[2:], "--methods", "joint,ncm", "--out", str(tmp_path), "--quiet"]) == 0
    assert json.loads((tmp_path / "results.json").read_text())["environment"]["threads"] == "1"
    assert len(one_is_fastest) == 1


@pytest.mark.parametrize("by", ["option", "variable"])
def test_a_number_that_was_asked_for_wins(one_is_fastest, tmp_path, monkeypatch, by):
    if by == "variable":
        monkeypatch.setenv("OMP_NUM_THREADS", "2")
    words = ["--threads", "2"] if by == "option" else []
    assert main([*WORDS, "--out", str(tmp_path), "--quiet", *words]) == 0
    assert threads_of(tmp_path) == {"command": 2, "training": 2}
    assert not one_is_fastest
    assert os.environ.get("OMP_NUM_THREADS") == ("2" if by == "variable" else None)


@pytest.mark.parametrize("said", ["0", "many"])
def test_nonsense_in_the_environment_is_a_sentence(tmp_path, monkeypatch, capsys, said):
    monkeypatch.setenv("OMP_NUM_THREADS", said)
    assert main([*WORDS, "--out", str(tmp_path)]) == 2
    assert f"OMP_NUM_THREADS is {said!r}; expected a whole number" in capsys.readouterr().err


def test_a_run_goes_on_with_the_number_it_began_with(one_is_fastest, tmp_path, monkeypatch, capsys):
    from longtail.training import loop

    save = loop.save_checkpoint

    def stopping(state, path):
        save(state, path)
        if path.name == "last.pt" and state["state"]["epoch"] == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(loop, "save_checkpoint", stopping)
    assert main([*WORDS, "--out", str(tmp_path), "--quiet"]) == 130
    monkeypatch.setattr(loop, "save_checkpoint", save)
    monkeypatch.setattr(pace, "fastest_threads", pytest.fail)
    assert main([*WORDS, "--out", str(tmp_path), "--resume"]) == 0
    assert threads_of(tmp_path) == {"command": 1, "training": 1}
    assert main([*WORDS, "--out", str(tmp_path), "--resume"]) == 0  # it is finished
    assert "threads" not in capsys.readouterr().err


class Alone:
    """What is asked of a Fabric, of one process."""

    device, is_global_zero = torch.device("cpu"), True

    def broadcast(self, value):
        return value


def settle(fabric, began_with=None):
    return settle_threads(fabric, Work(None, None, images_at_once=4, images=4), began_with=began_with)


def test_another_number_than_a_run_began_with_is_told(two_threads, monkeypatch, capsys):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert settle(Alone(), began_with=2) == 1
    assert "began with 2 threads and goes on with 1" in capsys.readouterr().err


def test_what_a_finished_run_computed_with_is_kept(two_threads):
    fabric = Alone()
    go_on_with(fabric, 1)
    assert settle(fabric) == torch.get_num_threads() == 1


def test_little_work_is_not_measured(two_threads, monkeypatch, tmp_path):
    monkeypatch.setattr(pace, "fastest_threads", pytest.fail)
    assert main([*WORDS, "--batch-size", "16", "--out", str(tmp_path), "--quiet"]) == 0
    assert threads_of(tmp_path) == {"command": 2, "training": 1}  # its steps are small


def test_heads_compute_with_one_thread_where_others_get_in_the_way(one_is_fastest):
    from longtail.jobs.pace import settle_threads_of_heads

    settle_threads_of_heads(None)
    assert torch.get_num_threads() == 1
