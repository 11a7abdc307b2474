"""What the softmax of a head's scores is worth as probabilities."""

from longtail.comparison.sealed import SealedFeatures
from longtail.evaluation.calibration import ImageScores, image_scores
from longtail.evaluation.probability_report import probability_summary
from longtail.features import FeatureFile
from longtail.heads.base import Head

__all__ = ["calibration_of"]

BLOCK = 2**21  # probabilities that are held at once


def calibration_of(head: Head, file: FeatureFile | SealedFeatures) -> dict[str, float]:
    """Measure the probabilities of a head as they are, in bounded memory.

    Args:
        head: fitted.
        file: features with labels.

    Returns:
        `ece` and `adaptive_ece` in percentage points, `brier` (0 to 2), `log_loss` in nats.
    """
    rows = max(BLOCK // len(head.classes_), 256)
    parts = [
        image_scores(head.predict_proba(file.features[start : start + rows]), file.labels[start : start + rows])
        for start in range(0, len(file.labels), rows)
    ]
    return probability_summary(ImageScores.join(parts))
