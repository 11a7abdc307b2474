"""What stands in the pages: their blocks of code, the commands in them, and the flags that they name."""

import ast
import re
import shlex
import textwrap
from pathlib import Path

import longtail

ROOT = Path(__file__).parents[2]
DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [
    *DOCS,
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "benchmarks").glob("*/README.md")),
    *sorted((ROOT / "examples").glob("*/README.md")),
]
_BLOCK = re.compile(r"(?:^ {4}.*\n(?:\n(?= {4}))?)+", re.MULTILINE)
_SPAN = re.compile(r"`([^`]+)`")
_END = re.compile(r"^(\||\|\||&&|;|>|2>)$")
FLAG = re.compile(r"(?<![\w(-])--[a-z][a-z0-9]*+(?:-[a-z0-9]+)*+(?![\w-])")  # not one of CSS: var(--few)


def name_of(page):
    return page.relative_to(ROOT).as_posix()


def code_blocks(page):
    """The indented blocks of a page."""
    return [textwrap.dedent(block).strip("\n") for block in _BLOCK.findall(page.read_text() + "\n")]


def code_spans(page):
    """What stands between backquotes in the prose of a page, but commands of scripts, which have flags of their own."""
    text = _BLOCK.sub("", page.read_text() + "\n")
    return [" ".join(span.split()) for span in _SPAN.findall(text) if ".py " not in span]


def commands_in(text):
    """The words behind `longtail` in each line that calls it; a line that ends in a backslash goes on."""
    for line in text.replace("\\\n", " ").splitlines():
        try:
            words = shlex.split(line.removeprefix("$ "), comments=True)
        except ValueError:  # an apostrophe of prose
            continue
        starts = [place for place, word in enumerate(words) if re.fullmatch(r"(\S+[/\\])?longtail", word)]
        if starts and not words[0].endswith(":") and words[0] not in ("from", "import", "pip"):
            rest = words[starts[-1] + 1 :]
            end = next((place for place, word in enumerate(rest) if _END.match(word)), len(rest))
            yield rest[:end]


def commands_of(page):
    """All commands of a page, of its blocks and of its prose."""
    blocks = [command for block in code_blocks(page) for command in commands_in(block)]
    return blocks + [command for span in code_spans(page) for command in commands_in(span) if command]


def python_of(page, known):
    """The pieces of Python in the blocks of a page: whole blocks, or single lines beside commands and formulas."""
    for block in code_blocks(page):
        if ">>> " in block:
            yield "\n".join(line[4:] for line in block.splitlines() if line.startswith((">>> ", "... ")))
        elif _calls(block) & known or "import longtail" in block:
            yield block
        else:
            yield from (line for line in block.splitlines() if _calls(line) & known)


def _calls(code):
    """The names that Python code begins its calls with; none where it is no Python, or a formula with a gap."""
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return set()
    result = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            function = node.func
            while isinstance(function, ast.Attribute):
                function = function.value
            if isinstance(function, ast.Name):
                result.add(function.id)
    return result


PUBLIC = {"longtail", *dir(longtail)}
