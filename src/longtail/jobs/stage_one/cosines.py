"""Which trainings learn a classifier that compares directions."""

from longtail.jobs.options import StageOneOptions

__all__ = ["cosine_scale"]

SCALE = 30.0  # of BCL and ProCo; that of LDAM is in its loss


def cosine_scale(stage: StageOneOptions) -> float | None:
    """Return the scale of a training's cosine classifier; None where its classifier is linear.

    Example:
        >>> cosine_scale(StageOneOptions(contrast="bcl")), cosine_scale(StageOneOptions(loss="ldam"))
        (30.0, 1.0)
        >>> cosine_scale(StageOneOptions(classifier="cosine")), cosine_scale(StageOneOptions())
        (25.0, None)
    """
    if stage.classifier != "linear":
        return stage.classifier_scale
    if stage.contrast in ("bcl", "proco") and stage.contrast_classifier != "linear":
        return SCALE
    return 1.0 if stage.loss == "ldam" else None
