"""Errors of processes that load: they come out as themselves, and a process that dies is told."""

import ast
import errno
import itertools
import multiprocessing
import os
import signal
from pathlib import Path

import pytest
import torch

import longtail
from longtail.cli import main
from longtail.data.decode import write_png
from longtail.errors import InputError, LongtailError
from longtail.training.failures import LostConnection, explain
from longtail.training.loading import load_batches

CPU = torch.device("cpu")
KEYS = [[0, 1], [2, 3], [4]]


class OddError(LongtailError):
    """An error that pickle cannot put together again."""

    def __init__(self, what, where):
        super().__init__(f"{what} at {where}")


class Items:
    """Numbers, but for key 3, which fails."""

    def __init__(self, error=None):
        self.error = error

    def __getitem__(self, key):
        if key == 3 and isinstance(self.error, int):
            os.kill(os.getpid(), self.error)
        if key == 3 and self.error is not None:
            raise self.error
        return torch.tensor(float(key)), key

    def name_of(self, key):
        return f"photos/{key}.png"

    def image_of(self, key):
        return (-key,)  # loaded in another order than they come in


def load(items, workers):
    return list(load_batches(items, iter(KEYS), workers=workers, device=CPU))


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_come_in_the_order_of_their_keys(workers):
    batches = load(Items(), workers)
    assert [keys.tolist() for _, keys in batches] == KEYS
    assert all(torch.equal(values, keys.float()) for values, keys in batches)


@pytest.mark.parametrize(
    "error",
    [
        InputError("photos/3.png: cannot be read as an image (OSError). Mend or remove it."),
        FileNotFoundError(errno.ENOENT, "No such file or directory", "photos/3.png"),
        OSError(errno.ENOSPC, "No space left on device"),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("workers", [0, 2])
def test_errors_of_ours_and_of_the_system_come_out_as_themselves(error, workers):
    with pytest.raises(type(error)) as caught:
        load(Items(error), workers)
    assert type(caught.value) is type(error)
    assert str(caught.value) == str(error)
    assert getattr(caught.value, "filename", None) == getattr(error, "filename", None)


def test_errors_come_out_of_a_spawned_process_too():
    usual = multiprocessing.get_start_method()
    multiprocessing.set_start_method("spawn", force=True)
    try:
        batches = load_batches(Items(InputError("no image")), iter(KEYS), workers=1, device=CPU)
        assert next(batches)[1].tolist() == [0, 1]
        with pytest.raises(InputError, match=r"^no image$"):
            next(batches)
    finally:
        multiprocessing.set_start_method(usual, force=True)


@pytest.mark.parametrize("part", ["train", "val"])
def test_a_damaged_image_is_one_sentence(part, tmp_path, capsys):
    for split, name, number in itertools.product(("train", "val", "test"), "ab", range(8)):
        image = torch.full((3, 80, 70), 30 * number, dtype=torch.uint8)
        write_png(image, tmp_path / "photos" / split / name / f"{number}.png")
    damaged = tmp_path / "photos" / part / "b" / "5.png"
    damaged.write_bytes(damaged.read_bytes()[:60])
    words = ["--backbone", "digits_cnn", "--image-size", "72", "--epochs", "2", "--batch-size", "4", "--device", "cpu"]
    command = ["train", str(tmp_path / "photos"), *words, "--workers", "2", "--out", str(tmp_path / "run"), "--quiet"]
    assert main(command) == 2
    (told,) = capsys.readouterr().err.splitlines()
    assert told.startswith(f"longtail: {damaged}: cannot be read as an image")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OddError("hole", "x"), "hole at x"),
        (ZeroDivisionError("division by zero\nand more"), r"photos/3.png: ZeroDivisionError \(division by zero\) in a"),
        (OSError("image file is truncated"), r"photos/3.png: OSError \(image file is truncated\) in a process"),
        (MemoryError(), "there is not enough memory"),
        (KeyError(), "photos/3.png: KeyError in a process that loads images"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_other_errors_of_another_process_are_a_sentence(error, sentence):
    with pytest.raises(LongtailError, match=f"^{sentence}") as caught:
        load(Items(error), 1)
    assert "\n" not in str(caught.value)


def test_in_the_same_process_python_says_where():
    with pytest.raises(ZeroDivisionError) as caught:
        load(Items(ZeroDivisionError()), 0)
    assert caught.traceback[-1].name == "__getitem__"


# torch may hear of the death in the midst of a connection to the one that died, and leaves that unclosed
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_process_that_dies_is_a_sentence(number):
    with pytest.raises(LongtailError, match="a process that loads images has died"):
        load(Items(int(number)), 1)


def test_nobody_else_starts_such_processes():
    root = Path(longtail.__file__).parent
    users = {
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.ImportFrom) and any(alias.name == "DataLoader" for alias in node.names))
        or (isinstance(node, ast.Attribute) and node.attr == "DataLoader")
    }
    assert users == {"training/loading.py"}


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (RuntimeError("DataLoader worker (pid 9) is killed by signal: Killed. "), LongtailError, "has died"),
        (RuntimeError("DataLoader worker (pid(s) 9) exited unexpectedly"), LongtailError, "has died"),
        (
            RuntimeError("DataLoader worker (pid 9) is killed by signal: Bus error. It is possible that dataloader's"),
            LongtailError,
            "--shm-size",
        ),
        (RuntimeError("unable to write to file </torch_9_1_0>: No space left"), LongtailError, "--shm-size"),
        (RuntimeError("Too many open files. Communication with the workers is no longer"), LongtailError, "ulimit"),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), LongtailError, "of the GPU is full"),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp] . DefaultCPUAllocator: can't allocate memory: you tried"),
            LongtailError,
            "not enough memory",
        ),
        (RuntimeError("[gloo/transport/tcp/pair.cc:561] Connection closed by peer [::1]"), LostConnection, "is lost"),
        (torch.distributed.DistNetworkError("Failed to recv, got 0 bytes"), LostConnection, "is lost"),
    ],
)
def test_what_torch_says_is_a_sentence(error, kind, words):
    assert type(explain(error)) is kind
    assert words in str(explain(error))


@pytest.mark.parametrize(
    "error", [ValueError("DataLoader"), RuntimeError("mat1 and mat2 must have the same dtype"), KeyboardInterrupt()]
)
def test_a_mistake_in_the_code_is_none(error):
    assert explain(error) is None
