"""A recipe made of another one."""

from dataclasses import replace
from typing import Any

from longtail.jobs.run import RunConfig

__all__ = ["changed"]


def changed(config: RunConfig, **stage: Any) -> RunConfig:
    """Return a recipe with other settings of stage 1.

    Args:
        config: the recipe.
        stage: settings by name.
    """
    return replace(config, stage=replace(config.stage, **stage))
