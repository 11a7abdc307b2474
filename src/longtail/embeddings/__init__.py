"""Features and logits that other programs wrote: NumPy, HDF5, CSV and Parquet files."""

from longtail.embeddings.splits import Embeddings, are_probabilities, open_embeddings
from longtail.embeddings.table import SUFFIXES, Table, read_table, read_unlabelled

__all__ = ["SUFFIXES", "Embeddings", "Table", "are_probabilities", "open_embeddings", "read_table", "read_unlabelled"]
