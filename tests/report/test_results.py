import json
from pathlib import Path
from typing import get_args, get_type_hints, is_typeddict

import pytest

from longtail.errors import InputError
from longtail.report import read_results
from longtail.report.schema import Results


def save(results, folder):
    (folder / "results.json").write_text(json.dumps(results), encoding="utf-8")
    return folder / "results.json"


def test_file_and_folder_give_the_same(tmp_path, build_results):
    path = save(build_results(), tmp_path)
    assert read_results(path) == read_results(tmp_path) == build_results()


def test_absent_optional_parts_become_empty(tmp_path, build_results):
    results = build_results()
    later = ("comparisons", "learning_curve", "label_problems")
    for key in ("stage1", *later, "rare_classes", "class_examples", "environment"):
        del results[key]
    found = read_results(save(results, tmp_path))
    assert (found["stage1"], found["rare_classes"], found["class_examples"]) == (None, [], {})
    assert [found[key] for key in later] == [None, None, None]


def test_missing_file_says_what_was_expected(tmp_path):
    with pytest.raises(InputError, match=r"results\.json: no such file; expected the folder of a finished run"):
        read_results(tmp_path)


def test_folder_of_several_seeds_names_them(tmp_path, build_results):
    for seed in (0, 1):
        (tmp_path / f"seed-{seed}").mkdir()
        save(build_results(), tmp_path / f"seed-{seed}")
    with pytest.raises(InputError, match="Name one: seed-0, seed-1"):
        read_results(tmp_path)


def test_truncated_json_names_the_line(tmp_path):
    (tmp_path / "results.json").write_text('{"schema": 1,\n"title": ')
    with pytest.raises(InputError, match=r"no JSON \(line 2"):
        read_results(tmp_path)


def test_bytes_that_are_no_text(tmp_path):
    (tmp_path / "results.json").write_bytes(b"\x89HDF\xff\xfe")
    with pytest.raises(InputError, match="is no text"):
        read_results(tmp_path)


@pytest.mark.parametrize("schema", [3, 0, "1", None])
def test_other_schema_is_refused(tmp_path, build_results, schema):
    with pytest.raises(InputError, match="reads schemas up to 2"):
        read_results(save(build_results() | {"schema": schema}, tmp_path))


@pytest.mark.parametrize(
    ("where", "key"),
    [
        ([], "verdict"),
        (["data"], "train_counts"),
        (["data", "group_thresholds"], "many_above"),
        (["methods", "tau"], "selected_on"),
        (["methods", "tau", "metrics", "test"], "balanced"),
    ],
)
def test_missing_key_is_named(tmp_path, build_results, where, key):
    results = build_results()
    part = results
    for step in where:
        part = part[step]
    del part[key]
    with pytest.raises(InputError, match=rf"missing required field `{key}`.*{where[0] if where else ''}"):
        read_results(save(results, tmp_path))


def test_wrong_number_of_classes_is_told(tmp_path, build_results):
    results = build_results()
    results["methods"]["crt"]["metrics"]["test"]["per_class"].pop()
    with pytest.raises(InputError, match=r"crt.*per_class' holds 9 values; expected 10"):
        read_results(save(results, tmp_path))


@pytest.mark.parametrize("content", [[], "text", 3, None])
def test_json_of_another_kind(tmp_path, content):
    with pytest.raises(InputError, match="expected an object"):
        read_results(save(content, tmp_path))


def kinds_in(kind):
    """Every TypedDict that a type leads to."""
    if is_typeddict(kind):
        yield kind
        for hint in get_type_hints(kind).values():
            yield from kinds_in(hint)
    for part in get_args(kind):
        yield from kinds_in(part)


def test_every_key_is_explained():
    page = (Path(__file__).parents[2] / "docs" / "results.md").read_text()
    keys = {key for kind in kinds_in(Results) for key in get_type_hints(kind)}
    assert len(keys) > 100
    assert not [key for key in sorted(keys) if f"`{key}`" not in page]


@pytest.mark.parametrize("schema", [1, 2])
def test_what_older_versions_wrote_is_read(tmp_path, build_results, schema):
    results = build_results() | {"schema": schema}
    assert read_results(save(results, tmp_path)) == results
