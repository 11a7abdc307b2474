"""COCO-style annotation files: every order, every gap, every way to be malformed."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longtail.data.coco_file import read_coco
from longtail.errors import InputError


@pytest.fixture
def write(tmp_path):
    def put(content):
        path = tmp_path / "train2018.json"
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_text(text)
        return path

    return put


def content_of(labels, ids=None, categories=3):
    ids = list(range(len(labels))) if ids is None else ids
    return {
        "images": [{"id": number, "file_name": f"a/{number}.jpg"} for number in ids],
        "annotations": [{"id": 7, "image_id": i, "category_id": c} for i, c in zip(ids, labels, strict=True)],
        "categories": [{"id": c, "name": f"species {c}"} for c in range(categories)],
    }


@given(
    labels=st.lists(st.integers(0, 4), min_size=1, max_size=12),
    shift=st.integers(0, 3),
    rng=st.randoms(use_true_random=False),
)
def test_images_meet_their_annotations_in_any_order(tmp_path_factory, labels, shift, rng):
    ids = rng.sample(range(1000), len(labels))
    content = content_of(labels, ids, categories=5)
    for item in content["annotations"]:
        item["category_id"] += shift
    for item in content["categories"]:
        item["id"] += shift
    rng.shuffle(content["annotations"])
    rng.shuffle(content["categories"])
    path = tmp_path_factory.mktemp("coco") / "train2018.json"
    path.write_text(json.dumps(content))
    paths, numbers, names, notes = read_coco(path)
    assert paths == [f"a/{number}.jpg" for number in ids]
    assert numbers == labels
    assert names == tuple(f"species {c}" for c in range(5))
    assert len(notes) == (shift > 0)


def test_ids_with_gaps_are_numbered_and_told(write):
    content = content_of([0, 0])
    content["categories"] = [{"id": 30}, {"id": 4, "name": "ant"}]
    for item, category in zip(content["annotations"], (30, 4), strict=True):
        item["category_id"] = category
    _, numbers, names, notes = read_coco(write(content))
    assert (numbers, names) == ([1, 0], ("ant", "30"))
    assert notes == ("train2018.json: its 2 category ids, 4 to 30, are numbered from 0 here",)


def changed(**parts):
    return {**content_of([0, 1]), **parts}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", r"no JSON \(line 1"),
        ("", "no JSON"),
        ("[1, 2]", "expected an object, came a array"),
        ("null", "Expected a COCO file"),
        ("[" * 100_000, "nested too deep"),
        (changed(images=3), "expected an array at `images`"),
        (changed(images=["a.jpg"]), r"expected an object at `images\[0\]`"),
        (changed(categories=["ant", "bee"]), r"expected an object at `categories"),
        (changed(categories=[{"id": 0}, {"id": "1"}]), "some ids of categories are numbers, others are text"),
        (changed(categories=[{"id": 0}, {"id": 0}, {"id": 1}]), "two categories have the same id"),
        (changed(categories=[{"id": 0, "name": "\ud800"}, {"id": 1}]), "is no text in UTF-8"),
        (changed(categories=[{"id": 0, "name": " "}, {"id": 1}]), "is empty"),
        (changed(annotations=[{"image_id": [0], "category_id": 0}]), r"at `annotations\[0\].image_id`"),
        ("{}", "missing required field `images`"),
        ({"images": [], "annotations": []}, "missing required field `categories`"),
        (changed(images=[{"id": 0}]), "missing required field `file_name`"),
        (changed(images=[]), "no image in it"),
        (changed(annotations=[]), "2 of 2 images have no annotation, a/0.jpg for example"),
        (changed(categories=[{"id": 0}]), "image 1 is of category 1, which is not among the categories"),
        (changed(images=[{"id": 0, "file_name": 5}]), r"at `images\[0\].file_name`, came a int"),
        (changed(annotations=[{"image_id": 1, "category_id": 0}] * 2), "image 1 has several annotations"),
        (
            changed(images=[{"id": k, "file_name": "a.jpg"} for k in (0, 1)]),
            "1 files stand in it as several images, a.jpg",
        ),
    ],
)
def test_a_malformed_file_is_told_in_a_sentence(write, content, told):
    with pytest.raises(InputError, match=told) as raised:
        read_coco(write(content))
    assert str(raised.value).startswith(str(write(content)))


def test_other_encodings(tmp_path):
    (tmp_path / "a.json").write_bytes(b'{"images": "caf\xe9"}')
    with pytest.raises(InputError, match="is no text in UTF-8"):
        read_coco(tmp_path / "a.json")
