"""The site is built without a warning, and a browser goes through it as on a phone."""

import re

import pytest

from pages.browser import led_by

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def walked(site):
    """What a browser of the width of a phone met, on every page."""
    return led_by("walk.html", site, [f"/{path.relative_to(site).as_posix()}" for path in sorted(site.rglob("*.html"))])


def test_there_is_a_page_for_each_verb_method_and_room(site):
    for page in (
        "index.html",
        "reference/commands/fit.html",
        "reference/commands/study-leakage.html",
        "reference/python/heads.html",
        "methods/tau.html",
        "project/changelog.html",
    ):
        assert (site / page).is_file(), page


def test_names_of_the_reference_are_links(site):
    page = (site / "reference/python/heads.html").read_text()
    assert 'id="longtail.heads.TauNormalized"' in page
    assert "https://numpy.org/doc/stable/reference/typing.html#numpy.typing.ArrayLike" in page
    assert 'id="cmdoption-longtail-fit-methods"' in (site / "reference/commands/fit.html").read_text()


def test_no_page_is_wider_than_a_phone(walked):
    assert "error" not in walked
    assert {page: one["wide"] for page, one in walked["pages"].items() if one["wide"] > 390} == {}


def test_light_and_dark_can_be_read(walked):
    for page, one in walked["pages"].items():
        light, dark = ([brightness(colour) for colour in theme] for theme in one["colours"])
        assert light[0] < 0.3 < 0.7 < light[1], page
        assert dark[1] < 0.3 < 0.7 < dark[0], page


def brightness(colour):
    return sum(map(int, re.findall(r"\d+", colour)[:3])) / 765


def test_search_finds_what_is_rare(walked):
    assert len(walked["found"]) >= 5


def test_the_table_of_methods_sorts_and_narrows(walked):
    numbers = [float(cell) for cell in walked["sorted"] if cell != "-"]
    assert numbers == sorted(numbers, reverse=True)
    assert walked["sorted"][-1] == "-"
    assert {"ncm", "lda", "tau"} <= set(walked["narrowed"])
    assert "mlp" not in walked["narrowed"]
