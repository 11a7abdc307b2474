"""Features and logits that other programs wrote: NumPy, HDF5, CSV and Parquet files."""

from longtail.embeddings.columns import ColumnChoice
from longtail.embeddings.csv_table import is_number
from longtail.embeddings.known_rows import Changed
from longtail.embeddings.logits import are_probabilities, log_probabilities
from longtail.embeddings.rows import Table
from longtail.embeddings.splits import Embeddings, Reading, open_embeddings, read_tables
from longtail.embeddings.table import SUFFIXES, FeatureBlock, feature_blocks, read_table

__all__ = [
    "SUFFIXES",
    "Changed",
    "ColumnChoice",
    "Embeddings",
    "FeatureBlock",
    "Reading",
    "Table",
    "are_probabilities",
    "feature_blocks",
    "is_number",
    "log_probabilities",
    "open_embeddings",
    "read_table",
    "read_tables",
]
