"""Finished runs side by side: which settings differ, what each reaches on the same test rows, which classes changed."""

from longtail.across_runs.comparing import compare_runs
from longtail.across_runs.run_comparison import RunComparison

__all__ = ["RunComparison", "compare_runs"]
