"""Where images and labels come from, long-tailed subsets, splits, and transforms."""

from longtail.data.open import DATA_NAMES, open_data
from longtail.data.source import DataSplits, ImageSource, Subset
from longtail.data.unlabelled import open_unlabelled

__all__ = ["DATA_NAMES", "DataSplits", "ImageSource", "Subset", "open_data", "open_unlabelled"]
