"""No page, help text or message names a verb, a flag, a word, a method, a recipe or a Python name that is not there."""

import ast
import re
from importlib import import_module, util

import pytest

import longtail
from longtail.cli import VERBS
from longtail.comparison.methods import METHODS
from longtail.old_flags import OLD_FLAGS
from longtail.recipes import RECIPES
from longtail.studies import STUDIES
from pages.settings import all_flags, flags_of, unknown_methods, unknown_setting
from pages.written import DOCS, FLAG, PAGES, ROOT, code_spans, commands_in, commands_of, name_of

# flags of other programs that stand in prose of ours
FOREIGN = {
    "--nproc-per-node",  # torchrun
    "--ntasks-per-node",  # SLURM
    "--shm-size",  # Docker
    "--sort",  # tar
}
SOURCES = [path for path in sorted((ROOT / "src/longtail").rglob("*.py")) if path.name != "old_flags.py"]
PLACEHOLDER = re.compile(r"\.+|[A-Z][A-Z_]*|<.*>")


def faults_of(command):
    """What is wrong with the words behind `longtail`, in sentences."""
    if not command or PLACEHOLDER.fullmatch(command[0]) or command[0].startswith("--v"):
        return
    verb, rest = command[0], command[1:]
    if verb == "study" and rest and not PLACEHOLDER.fullmatch(rest[0]):
        verb, rest = f"study {rest[0]}", rest[1:]
    if verb not in VERBS and verb.removeprefix("study ") not in STUDIES:
        if verb != "study":
            yield f"there is no verb {verb}"
        return
    recipe = rest[0] if verb == "run" and rest and not rest[0].startswith("-") else "..."
    if recipe not in RECIPES and not PLACEHOLDER.fullmatch(recipe):
        yield f"there is no recipe {recipe}"
    flags = flags_of(verb)
    for place, word in enumerate(rest):
        flag, equals, value = word.partition("=")
        if not flag.startswith("--"):
            continue
        if flag not in flags:
            yield f"longtail {verb} has no {flag}"
            continue
        after = [value] if equals else rest[place + 1 :]
        yield from faults_of_values(flag, flags[flag], after)


def faults_of_values(flag, choices, after):
    value = after[0] if after else ""
    if choices and value and not PLACEHOLDER.fullmatch(value) and value not in choices:
        yield f"{flag} does not take {value!r}"
    if flag == "--methods":
        yield from (f"there is no method {word}" for word in unknown_methods(value))
    if flag == "--set":
        settings = after[: next((place for place, word in enumerate(after) if word.startswith("--")), len(after))]
        yield from (f"{word} cannot be set" for word in filter(unknown_setting, settings))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_of_a_page(page):
    wrong = [f"longtail {' '.join(command)}: {fault}" for command in commands_of(page) for fault in faults_of(command)]
    assert not wrong


@pytest.mark.parametrize("page", [page for page in PAGES if "benchmarks" not in name_of(page)], ids=name_of)
def test_flags_in_the_prose_of_a_page(page):
    spans = code_spans(page)
    if page.name == "coming-from.md":  # the first column is of other programs
        rows = [line.split("|")[2:] for line in page.read_text().splitlines() if line.startswith("|")]
        spans = re.findall(r"`([^`]+)`", " ".join(" ".join(cells) for cells in rows))
    named = {flag for span in spans for flag in FLAG.findall(span)}
    assert named - all_flags() - FOREIGN == set()


def words_of(path):
    """All strings in a file of Python, without the examples of docstrings, which show mistakes too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield re.sub(r"^ *>>> (?:.*\n)*?(?= *$)", "", node.value, flags=re.MULTILINE)


def test_messages_help_and_docstrings():
    wrong = []
    for path in (path for path in SOURCES if re.search("--|`longtail", path.read_text())):
        text = "\n".join(words_of(path))
        commands = [one for span in re.findall(r"`(longtail [^`]+)`", text) for one in commands_in(span)]
        faults = [fault for command in commands for fault in faults_of(command)]
        wrong += [(path.name, fault) for fault in (*set(FLAG.findall(text)) - all_flags() - FOREIGN, *faults)]
    assert not wrong


def test_old_flags_are_none_of_today():
    assert set(OLD_FLAGS) & all_flags() == set()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_python_names_of_a_page(page):
    names = set(re.findall(r"\blongtail((?:\.[A-Za-z_]\w*)+)", page.read_text()))
    assert [name for name in sorted(names) if not is_there(name[1:].split("."))] == []


def is_there(names):
    thing = longtail
    for place, name in enumerate(names):
        if hasattr(thing, name):
            thing = getattr(thing, name)
        elif util.find_spec(f"longtail.{'.'.join(names[: place + 1])}"):
            thing = import_module(f"longtail.{'.'.join(names[: place + 1])}")
        else:
            return names[0] in ("json",)  # of a file
    return True


def test_every_method_has_a_card_and_a_row():
    """`mla` is on the card of `vs`, `auto` on that of the ensemble."""
    cards = {page.stem for page in DOCS if page.parent.name == "methods"}
    assert set(METHODS) - cards == {"mla"}
    choosing = (ROOT / "docs/methods/choosing.md").read_text()
    rows = re.findall(r"^\| \[(\w+)\]\(\w+\.md\) \|", choosing, re.MULTILINE)
    assert sorted(rows) == sorted(METHODS)


def test_faults_are_seen():
    words = "run digits --epoch 3 --loss focus --methods tau,best --set tau.rho=1 crt.epochs=3"
    assert list(faults_of(words.split())) == [
        "longtail run has no --epoch",
        "--loss does not take 'focus'",
        "there is no method best",
        "tau.rho=1 cannot be set",
    ]
    assert list(faults_of(["walk"])) == ["there is no verb walk"]
    assert list(faults_of(["run", "digit"])) == ["there is no recipe digit"]
    assert list(faults_of(["study", "names"])) == ["there is no verb study names"]
    assert not is_there(["heads", "Nothing"])
