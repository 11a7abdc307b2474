"""The page a person reads: figures and tables, made from results.json alone."""

from longtail.report.page import render_report, write_report
from longtail.report.results import read_results

__all__ = ["read_results", "render_report", "write_report"]
