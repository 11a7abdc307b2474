"""Few parameters on a network that stays as it is."""

from longtail.backbones.adapters.adapted import (
    ADAPTERS,
    Adapter,
    add_adapters,
    has_adapters,
    hold_all_but_adapters,
    lift_width,
    merge_adapters,
)

__all__ = [
    "ADAPTERS",
    "Adapter",
    "add_adapters",
    "has_adapters",
    "hold_all_but_adapters",
    "lift_width",
    "merge_adapters",
]
