"""Compare methods on one problem: fit, choose without a look at test, fit again, measure, and say how sure that is."""

from longtail.comparison.compare import compare, compare_under
from longtail.comparison.comparison import Comparison
from longtail.comparison.method_settings import MethodSettings, read_settings
from longtail.comparison.methods import METHODS, Method
from longtail.comparison.problem import FeatureProblem, check_problem
from longtail.comparison.problem_of import open_problem
from longtail.comparison.protocol import Protocol, Rules
from longtail.comparison.wanted_methods import wanted_methods

__all__ = [
    "METHODS",
    "Comparison",
    "FeatureProblem",
    "Method",
    "MethodSettings",
    "Protocol",
    "Rules",
    "check_problem",
    "compare",
    "compare_under",
    "open_problem",
    "read_settings",
    "wanted_methods",
]
