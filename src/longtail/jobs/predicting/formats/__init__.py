"""Predictions in the formats of other programs, and in ours. The one table of this room."""

from longtail.jobs.predicting.formats.about import About, OutputFormat
from longtail.jobs.predicting.formats.camtrap_dp import write_camtrap_dp
from longtail.jobs.predicting.formats.coco import write_coco
from longtail.jobs.predicting.formats.ecotaxa import write_ecotaxa
from longtail.jobs.predicting.formats.manifest import write_manifest
from longtail.jobs.predicting.formats.megadetector import write_megadetector
from longtail.jobs.predicting.formats.wildlife_insights import write_wildlife_insights

__all__ = ["OUTPUT_FORMATS", "About", "OutputFormat"]

OUTPUT_FORMATS: dict[str, OutputFormat] = {
    "manifest": OutputFormat(
        "a table of images, as longtail reads it",
        "predictions.csv",
        (".csv",),
        write_manifest,
        source="docs/how-to/your-data.md",
    ),
    "camtrap-dp": OutputFormat(
        "Camtrap DP 1.0",
        "predictions-camtrap-dp",
        ("", ".csv"),
        write_camtrap_dp,
        source="https://camtrap-dp.tdwg.org",
        knows_events=True,
    ),
    "ecotaxa": OutputFormat(
        "a table that EcoTaxa imports",
        "ecotaxa_predictions.tsv",
        (".tsv", ".txt"),
        write_ecotaxa,
        source="https://github.com/ecotaxa/ecotaxa_back",
    ),
    "megadetector": OutputFormat(
        "results of MegaDetector 1.6",
        "predictions.json",
        (".json",),
        write_megadetector,
        source="https://lila.science/megadetector-output-format",
    ),
    "coco": OutputFormat(
        "COCO",
        "predictions.coco.json",
        (".json",),
        write_coco,
        source="https://cocodataset.org/#format-results",
    ),
    "wildlife-insights": OutputFormat(
        "a table of images of Wildlife Insights",
        "images_predictions.csv",
        (".csv",),
        write_wildlife_insights,
        source="https://www.wildlifeinsights.org",
    ),
}
