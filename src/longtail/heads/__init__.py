"""Stage 2: classifiers on fixed features, one method a file, as scikit-learn estimators."""

from longtail.heads.agreement import agreement_weights
from longtail.heads.classifier_retraining import ClassifierRetraining
from longtail.heads.cosine_classifier import CosineClassifier
from longtail.heads.disalign import DisAlign
from longtail.heads.distilled import Distilled
from longtail.heads.dlsa import DLSA
from longtail.heads.ensemble import Ensemble
from longtail.heads.joint import Joint
from longtail.heads.learnable_weight_scaling import LearnableWeightScaling
from longtail.heads.linear_discriminant import LinearDiscriminant
from longtail.heads.logistic import Logistic
from longtail.heads.logit_adjusted import LogitAdjusted
from longtail.heads.margin_calibration import MarginCalibration
from longtail.heads.max_norm import MaxNorm
from longtail.heads.mislas import MiSLAS
from longtail.heads.multilayer import MultilayerPerceptron
from longtail.heads.nearest_class_mean import NearestClassMean
from longtail.heads.nearest_neighbours import NearestNeighbours
from longtail.heads.random_feature_ridge import RandomFeatureRidge
from longtail.heads.storage import load_head, save_head
from longtail.heads.tau_normalized import TauNormalized
from longtail.heads.transformed import Transformed, folded
from longtail.heads.vector_scaled import VectorScaled
from longtail.heads.weighted_ridge import WeightedRidge

__all__ = [
    "DLSA",
    "ClassifierRetraining",
    "CosineClassifier",
    "DisAlign",
    "Distilled",
    "Ensemble",
    "Joint",
    "LearnableWeightScaling",
    "LinearDiscriminant",
    "Logistic",
    "LogitAdjusted",
    "MarginCalibration",
    "MaxNorm",
    "MiSLAS",
    "MultilayerPerceptron",
    "NearestClassMean",
    "NearestNeighbours",
    "RandomFeatureRidge",
    "TauNormalized",
    "Transformed",
    "VectorScaled",
    "WeightedRidge",
    "agreement_weights",
    "folded",
    "load_head",
    "save_head",
]
