"""What language an indented block of a page is in, which Markdown cannot say."""

import ast
import re
from typing import Any

from docutils import nodes

__all__ = ["language_of", "name_languages"]

_COMMAND = re.compile(
    r"^(\$ )?(\.venv/bin/|\.\\?\.venv\\Scripts\\)?(longtail|make|pip|python3?|torchrun|srun|docker|git|for|cd) ?", re.M
)


def language_of(text: str) -> str:
    """Return the name of a lexer of Pygments.

    Example:
        >>> language_of("longtail fit embeddings/ --methods auto")
        'shell'
        >>> language_of("import longtail"), language_of(">>> 1 + 1")
        ('python', 'pycon')
        >>> language_of("logits_c = (w_c / ||w_c||^tau) . x")
        'text'
    """
    first = text.lstrip().splitlines()[0] if text.strip() else ""
    if first.startswith(">>>"):
        return "pycon"
    if first.startswith("$ "):
        return "console"
    if _COMMAND.match(first):
        return "shell"
    if first.startswith(("{", "[")):
        return "text"
    try:
        ast.parse(text)
    except SyntaxError:
        return "text"
    return "python" if re.search(r"\(|^import |^from ", text, re.M) and not re.search(r"\bsum\b|\|\|", text) else "text"


def name_languages(app: Any, document: Any) -> None:
    """Give each block that says nothing of its language the one that it is in."""
    for block in document.findall(nodes.literal_block):
        if block.get("language", "default") in ("default", "none", "text"):
            block["language"] = language_of(block.astext())
            block["force"] = True
