"""Every kind of file that the program reads, and ways to damage it."""

from damaged.features import FEATURES
from damaged.images import IMAGES
from damaged.models import MODELS
from damaged.runs import RUNS
from damaged.shards import SHARDS
from damaged.tables import TABLES

__all__ = ["KINDS"]

KINDS = [*FEATURES, *TABLES, *RUNS, *IMAGES, *SHARDS, *MODELS]
