"""Features and logits: files of our own and of other programs, from CSV to Zarr, opened alike."""

from longtail.features.columns import ColumnChoice
from longtail.features.csv_table import is_number
from longtail.features.feature_file import (
    SPLITS,
    FeatureFile,
    check_finite,
    open_feature_file,
    open_feature_folder,
)
from longtail.features.feature_table import Table
from longtail.features.feature_writing import FeatureRows, create_feature_file, write_features
from longtail.features.known_rows import Changed
from longtail.features.logits import are_probabilities, log_probabilities
from longtail.features.split_tables import read_tables
from longtail.features.splits import FeatureSplits, Reading, open_features, splits_of_arrays
from longtail.features.table import SUFFIXES, FeatureBlock, feature_blocks, read_table, row_groups

__all__ = [
    "SPLITS",
    "SUFFIXES",
    "Changed",
    "ColumnChoice",
    "FeatureBlock",
    "FeatureFile",
    "FeatureRows",
    "FeatureSplits",
    "Reading",
    "Table",
    "are_probabilities",
    "check_finite",
    "create_feature_file",
    "feature_blocks",
    "is_number",
    "log_probabilities",
    "open_feature_file",
    "open_feature_folder",
    "open_features",
    "read_table",
    "read_tables",
    "row_groups",
    "splits_of_arrays",
    "write_features",
]
