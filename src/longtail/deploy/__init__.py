"""A network as a file that needs none of this package: preprocessing, classes and probabilities inside."""

from longtail.deploy.self_contained import Deployed
from longtail.deploy.write import KINDS, write_deployed

__all__ = ["KINDS", "Deployed", "write_deployed"]
