"""Compare methods on one problem: fit, choose without a look at test, fit again, measure, and say how sure that is."""

from longtail.comparison.comparing import compare, compare_under
from longtail.comparison.comparison import Comparison
from longtail.comparison.method_names import wanted_methods
from longtail.comparison.method_settings import MethodSettings, read_settings
from longtail.comparison.methods import METHODS, Method, Part
from longtail.comparison.opened_problem import open_problem
from longtail.comparison.problem import FeatureProblem, check_problem
from longtail.comparison.protocol import Protocol, Rules

__all__ = [
    "METHODS",
    "Comparison",
    "FeatureProblem",
    "Method",
    "MethodSettings",
    "Part",
    "Protocol",
    "Rules",
    "check_problem",
    "compare",
    "compare_under",
    "open_problem",
    "read_settings",
    "wanted_methods",
]
