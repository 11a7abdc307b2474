"""What a person is told of a path that the system refuses."""

import errno

import pytest

from longtail.files.unwritable import system_sentence


def refused(path):
    return system_sentence(NotADirectoryError(errno.ENOTDIR, "Not a directory", path))


@pytest.mark.parametrize("path", ["/a/file/cache", "/a/file", "/tmp/torchinductor_ann/x"])
def test_the_folder_that_torch_needs_to_train_is_told_of(monkeypatch, path):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "/a/file/cache")
    assert refused(path) == (
        f"{path}: not a directory. There torch keeps what it compiles, and does not train without such a folder: let "
        "TORCHINDUCTOR_CACHE_DIR name one that can be written."
    )


def test_of_any_other_path_a_person_is_told_to_choose_another(monkeypatch):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "/a/file/cache")
    assert refused("/b/out") == "/b/out: not a directory. Choose another path, or change its permissions."
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR")
    assert refused("/a/file").endswith("Choose another path, or change its permissions.")
