"""Self-supervised tasks: what a backbone learns from images without labels."""

from longtail.pretraining.knn import knn_accuracy, knn_predictions
from longtail.pretraining.moco import MoCo
from longtail.pretraining.rotation import RotationPrediction, rotate
from longtail.pretraining.simsiam import SimSiam

__all__ = ["MoCo", "RotationPrediction", "SimSiam", "knn_accuracy", "knn_predictions", "rotate"]
