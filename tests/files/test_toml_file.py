"""TOML is read, or refused in one sentence."""

import pytest

from longtail.errors import InputError
from longtail.files.toml_file import read_toml


def test_toml_is_read_in_the_encodings_of_people(tmp_path):
    path = tmp_path / "a.toml"
    text = 'epochs = 3\r\n[data]\r\ndata = "Bäume"\r\n'
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        path.write_bytes(text.encode(encoding))
        assert read_toml(path, expected="settings") == {"epochs": 3, "data": {"data": "Bäume"}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"epochs = ten", r"a\.toml: no TOML \(invalid value, at line 1, column 10\)\. Expected settings\."),
        (b"epochs = 1\nepochs = 2", r"no TOML \(cannot overwrite a value, at "),
        (b"day = 2020-13-45", r"a\.toml: no TOML \("),
        (b"a = " + b"[" * 100_000, "nested too deep|no TOML"),
        (b"a = '\xff'", r"a\.toml, line 1: is no text in UTF-8"),
    ],
)
def test_what_is_no_toml_is_refused(tmp_path, content, message):
    path = tmp_path / "a.toml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as refusal:
        read_toml(path, expected="settings")
    assert "\n" not in str(refusal.value)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(InputError, match=r"none\.toml: no such file\. Expected settings\."):
        read_toml(tmp_path / "none.toml", expected="settings")
