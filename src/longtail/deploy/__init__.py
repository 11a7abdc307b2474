"""A network as a file that needs none of this package: preprocessing, classes and probabilities inside."""

from longtail.deploy.onnx_file import require_onnx
from longtail.deploy.self_contained import Deployed
from longtail.deploy.tracing import traceable
from longtail.deploy.write import KINDS, write_deployed

__all__ = ["KINDS", "Deployed", "require_onnx", "traceable", "write_deployed"]
