"""Names of what comes of a comparison in a folder, all of which a later one replaces."""

__all__ = ["EXPORTED_MODELS", "MADE_OF", "RESULT_FILES"]

RESULT_FILES = (
    *("heads", "predictions", "calibration", "examples"),
    *("config.json", "results.json", "report.html", "rows.npz", "evaluation.json"),
)
MADE_OF = ".made_of"  # absolute path of what a folder's results were made of
EXPORTED_MODELS = ("model.onnx", "model.pt2", "model.pth")
