"""Supervised contrast: tasks that learn a backbone with labels from several views of each image."""

from longtail.contrast.bcl import BCL
from longtail.contrast.class_directions import ClassDirections
from longtail.contrast.gpaco import GPaCo
from longtail.contrast.labelled_queue import LabelledQueue
from longtail.contrast.paco import PaCo
from longtail.contrast.proco import ProCo

__all__ = ["BCL", "ClassDirections", "GPaCo", "LabelledQueue", "PaCo", "ProCo"]
