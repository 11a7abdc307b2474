"""What a practitioner with scikit-learn would try beside `longtail.compare`: the peers of `auto.py`.

A family is a function (train, seed) -> candidates; each is fitted to train and measured on validation, and the best of
each peer is fitted again on both. `tuning.py` has the rules, which are the same for all.
"""

from peers.kernels import nystroem_ridge, support_vectors
from peers.linear import linear_discriminant, logistic, logistic_balanced, ridge
from peers.others import boosted_trees, nearest_neighbours, neural_network
from peers.tuning import Family

__all__ = ["FAMILIES"]

# by the peers that each makes
FAMILIES: dict[tuple[str, ...], Family] = {
    ("ridge",): ridge,
    ("lda",): linear_discriminant,
    ("knn",): nearest_neighbours,
    ("nystroem",): nystroem_ridge,
    ("logreg", "logreg-adjusted"): logistic,
    ("logreg-balanced",): logistic_balanced,
    ("mlp",): neural_network,
    ("svc",): support_vectors,
    ("lightgbm",): boosted_trees,
}
