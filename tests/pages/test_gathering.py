"""What the site is made of, before Sphinx sees it."""

import doctest
import re
from importlib import import_module

import pytest

from longtail.cli import VERBS
from longtail.comparison.methods import METHODS
from longtail.recipes import RECIPES
from longtail.studies import STUDIES
from pages.settings import flags_of
from pages.written import DOCS, ROOT


@pytest.fixture(autouse=True)
def modules_of_the_site(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs/site"))


def test_each_page_stands_at_the_side_once():
    from navigation import SECTIONS

    entries = [entry for section in SECTIONS.values() for entry in section]
    written = {page.relative_to(ROOT / "docs").with_suffix("").as_posix() for page in DOCS} - {"index"}
    assert len(entries) == len(set(entries))
    assert {page for page in written if not page.startswith("methods/")} <= set(entries)


def test_links_are_led_to_where_pages_lie_on_the_site(tmp_path):
    from gathering import gather, sources

    gather(ROOT, tmp_path)
    assert all((tmp_path / place).is_file() for place in sources(ROOT).values())
    for page in tmp_path.rglob("*.md"):
        prose = "\n".join(line for line in page.read_text().splitlines() if not line.startswith("    "))
        for link in re.findall(r"\]\(([^()\s#]+)", prose):
            assert ":" in link or (page.parent / link).is_file() or link.endswith("table.md"), (page, link)
    assert "(../project/accuracy.md" in (tmp_path / "methods/tau.md").read_text()
    assert "{toctree}" in (tmp_path / "index.md").read_text()


def test_a_link_that_leads_nowhere_ends_the_build(tmp_path):
    from gathering import gather

    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/index.md").write_text("[there](nothing.md)\n")
    with pytest.raises(SystemExit, match=r"docs/index\.md: the link to nothing\.md leads nowhere"):
        gather(tmp_path, tmp_path / "out", {"docs/index.md": "index.md"})


def test_each_verb_and_study_has_a_page_with_all_of_its_flags():
    from command_pages import command_pages

    pages = command_pages()
    for name in [*VERBS, *(f"study {name}" for name in STUDIES)]:
        page = pages[f"reference/commands/{name.replace(' ', '-')}.rst"]
        listed = set(re.findall(r"^\.\. option:: (--[\w-]+)", page, re.MULTILINE))
        # of a setting that is on or off the page has the one that changes something
        plain = {flag.replace("--no-", "--") for flag in flags_of(name)} - {"--config", "--help"}
        assert {flag.replace("--no-", "--") for flag in listed} == plain
    assert all(f"\n{name}\n~" in pages["reference/commands/run.rst"] for name in RECIPES)


def test_the_table_has_each_method_and_what_was_measured_of_it():
    from method_table import measured_on_plankton, method_table

    table = method_table(ROOT)
    assert re.findall(r"^\| \[(\w+)\]", table, re.MULTILINE) == list(METHODS)
    assert measured_on_plankton((ROOT / "benchmarks/accuracy/README.md").read_text())["la"] == (54.8, 40.9)
    assert (
        "| [la](la.md) | the log share of each class taken out of the scores | no | yes | yes | yes | 54.8 | 40.9 |"
        in table
    )


@pytest.mark.parametrize("name", ["docstrings", "external_names", "highlighting"])
def test_examples(name):
    pytest.importorskip("docutils", reason="comes with the extra docs")
    result = doctest.testmod(import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.attempted
    assert not result.failed
