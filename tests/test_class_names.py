"""Names of classes that are one name written in two ways."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longtail.class_names import alike_names, check_names, merged_names, settled_names
from longtail.errors import InputError

names_of_people = st.text(st.characters(exclude_categories=("Cs",)), min_size=1).filter(str.strip)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Deer", "deer"),
        (" deer", "deer"),
        ("deer", "deer\u00a0"),
        ("black bear", "black_bear"),
        ("black-bear", "BlackBear"),
        ("black\u2010bear", "black\u2013bear"),
        ("Bär", unicodedata.normalize("NFD", "Bär")),
        ("Straße", "STRASSE"),
        ("\u200bdeer", "deer"),
        ("ﬁsh", "fish"),
        ("class 1", "class_1"),
        ("2020-1-12", "2020_1_12"),
        ("ant", "ant"),
    ],
)
def test_names_that_are_alike(first, second):
    assert alike_names([first, "other", second]) == ((first, second),)
    assert merged_names([first, "other", second]) == ((first.strip(), "other"), (0, 1, 0))


@pytest.mark.parametrize(
    "names",
    [
        ("1_12", "11_2"),
        ("1", "-1"),
        ("1", "01"),
        ("c1", "c2"),
        ("a", "á"),
        ("-", "_"),
        ("deer", "deers"),
        ("1.5", "15"),
    ],
)
def test_names_that_are_not(names):
    assert alike_names(names) == ()
    assert settled_names(names, "ask", "photos") == (names, (0, 1))


@given(st.lists(names_of_people, max_size=8))
def test_merging_leaves_names_that_are_not_alike_and_keeps_order(names):
    kept, numbers = merged_names(names)
    assert merged_names(kept) == (kept, tuple(range(len(kept))))
    assert len(numbers) == len(names)
    assert list(dict.fromkeys(numbers)) == list(range(len(kept)))
    assert sum(len(group) - 1 for group in alike_names(names)) == len(names) - len(kept)


def test_the_question_and_its_answers():
    names = ("Deer", "deer", "black bear", "black_bear", "fox")
    with pytest.raises(InputError, match=r"photos: 2 class names are .*'Deer' = 'deer'; 'black bear' = 'black_bear'"):
        settled_names(names, "ask", "photos")
    assert settled_names(names, "keep", "photos") == (names, (0, 1, 2, 3, 4))
    assert settled_names(names, "merge", "photos") == (("Deer", "black bear", "fox"), (0, 0, 1, 1, 2))
    with pytest.raises(InputError, match="two classes are called 'fox'"):
        settled_names(("fox", "fox"), "keep", "photos")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("\udce4hre", r"'\\xe4hre' is no text"),
        ("\ud800", r"'\\ud800' is no text"),
        ("", "is empty"),
        (" \t", "is empty"),
    ],
)
def test_names_that_nothing_can_hold(name, told):
    with pytest.raises(InputError, match=told):
        check_names(["ant", name], "photos")
