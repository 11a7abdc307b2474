"""The reader of JSON: every damage is a sentence that names the file, and the right content comes back."""

from typing import Annotated, Any, NotRequired, TypedDict

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longtail.errors import InputError
from longtail.files.json_file import check_kind, parse_json, read_json


class Settings(TypedDict):
    epochs: Annotated[int, msgspec.Meta(ge=1)]
    names: NotRequired[list[str]]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"x", "no JSON"),
        (b"", "no JSON"),
        (b'{"epochs": 1', "no JSON"),
        (b'{"epochs": NaN}', "no number of JSON"),
        (b'{"epochs": -Infinity}', "no number of JSON"),
        (b'{"epochs": ' + b"1" * 5000 + b"}", "no JSON"),
        (b"[" * 100_000, "too deep"),
        (b'{"a":' * 100_000, "too deep"),
        ("{ä}".encode("latin-1"), "UTF-8"),
        (b"[]", "expected an object, came a"),
        (b"null", "expected an object"),
        (b"{}", "`epochs`"),
        (b'{"epochs": "1"}', "expected an int at `epochs`, came a str"),
        (b'{"epochs": true}', "expected an int at `epochs`, came a bool"),
        (b'{"epochs": 0}', ">= 1"),
        (b'{"epochs": 1, "names": ["a", 2]}', "expected a str at `names"),
    ],
)
def test_damage_is_a_sentence_that_names_the_file(tmp_path, content, told):
    path = tmp_path / "config.json"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_json(path, Settings, expected="the settings of a run")
    message = str(caught.value)
    assert message.startswith(str(path))
    assert told in message
    assert "the settings of a run" in message
    assert "\n" not in message


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir()], ids=["absent", "folder"])
def test_no_file_there(tmp_path, make):
    path = tmp_path / "config.json"
    make(path)
    with pytest.raises(InputError, match=r"config\.json"):
        read_json(path, Settings, expected="settings")


def test_what_the_type_does_not_name_is_kept(tmp_path):
    text = '{"epochs": 3, "more": [1.5, null]}'
    assert parse_json(text, Settings, origin="here", expected="settings") == {"epochs": 3, "more": [1.5, None]}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_of_windows(tmp_path, encoding):
    (tmp_path / "a.json").write_bytes('["ä"]'.encode(encoding))
    assert read_json(tmp_path / "a.json", list[str], expected="names") == ["ä"]


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner), max_leaves=9))
def test_any_value_is_either_right_or_told(value: Any):
    try:
        result = check_kind(value, list[str], origin="here", expected="names")
    except InputError:
        assert not (isinstance(value, list) and all(isinstance(item, str) for item in value))
    else:
        assert result is value
