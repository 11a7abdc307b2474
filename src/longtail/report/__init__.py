"""The page a person reads: figures and tables, made from results.json alone."""

from longtail.report.calibration_section import read_calibrations
from longtail.report.page import render_report, write_report
from longtail.report.results import read_results
from longtail.report.run_comparison_page import render_run_comparison
from longtail.report.study_page import read_study, render_study, write_study_page

__all__ = [
    "read_calibrations",
    "read_results",
    "read_study",
    "render_report",
    "render_run_comparison",
    "render_study",
    "write_report",
    "write_study_page",
]
