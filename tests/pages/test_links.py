"""Links between pages lead to files that are there, and to headings that they have."""

import re

import pytest

from pages.written import DOCS, PAGES, ROOT, name_of

_LINK = re.compile(r"\]\(([^()\s]+)\)")


def prose_of(page):
    return "\n".join(line for line in page.read_text().splitlines() if not line.startswith("    "))


def anchors_of(page):
    """The names of the headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.*)$", prose_of(page), re.MULTILINE)
    plain = (re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading) for heading in headings)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md"], ids=name_of)
def test_links_lead_somewhere(page):
    for link in _LINK.findall(prose_of(page)):
        target, _, anchor = link.partition("#")
        if ":" in target:
            continue
        aim = page if not target else (page.parent / target).resolve()
        assert aim.exists(), link
        assert not anchor or anchor in anchors_of(aim), link


def test_every_page_can_be_reached_from_the_first():
    reached, ahead = set(), [ROOT / "docs/index.md"]
    while ahead:
        page = ahead.pop()
        reached.add(page)
        links = [link.partition("#")[0] for link in _LINK.findall(prose_of(page)) if ":" not in link]
        ahead += {(page.parent / link).resolve() for link in links if link.endswith(".md")} - reached
    assert set(DOCS) <= reached
