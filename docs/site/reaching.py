"""What the theme leaves out for those who read by keyboard or by ear."""

from typing import Any

__all__ = ["make_reachable"]


def make_reachable(app: Any, page: str, template: str, context: dict[str, Any], document: Any) -> None:
    """Let the keyboard scroll blocks of code, and say of which level the captions of the menu are."""
    if "body" in context:
        context["body"] = context["body"].replace("<pre>", '<pre tabindex="0">')
    menu = context.get("furo_navigation_tree", "")
    context["furo_navigation_tree"] = menu.replace('role="heading"', 'role="heading" aria-level="2"')
