"""The papers' analyses, each on any data: they compose jobs and write a table, a figure and a page."""

__all__ = ["STUDIES"]

# name: (module, its config class, whether a recipe's name follows, one line of help)
STUDIES = {
    "representations": (
        "longtail.studies.representations",
        "RepresentationsConfig",
        True,
        "which sampling learns the best representation, under each classifier",
    ),
    "retrained-parts": (
        "longtail.studies.retrained_parts",
        "RetrainedPartsConfig",
        True,
        "is it enough to train the classifier again, or should the backbone follow?",
    ),
    "rebalancing": (
        "longtail.studies.rebalancing",
        "RebalancingConfig",
        True,
        "which losses, weights and samplers of stage 1 help, under each classifier",
    ),
    "semi-supervised": (
        "longtail.studies.semi_supervised",
        "SemiSupervisedConfig",
        True,
        "do unlabelled images help, and does it matter how long-tailed they are?",
    ),
    "architectures": (
        "longtail.studies.architectures",
        "ArchitecturesConfig",
        True,
        "does a deeper network miss the tail less?",
    ),
    "toy-example": (
        "longtail.studies.toy_example",
        "ToyExampleConfig",
        False,
        "is a class missed because it has few images? Head or tail grows, the other stays",
    ),
    "similar-samples": (
        "longtail.studies.similar_samples",
        "SimilarSamplesConfig",
        False,
        "is it missed because others look like it? Head images are mixed with tail images",
    ),
    "two-gaussians": (
        "longtail.studies.two_gaussians",
        "TwoGaussiansConfig",
        False,
        "the smallest model of that: how far similar samples move a boundary",
    ),
    "similarity": (
        "longtail.studies.similarity",
        "SimilarityConfig",
        False,
        "how much of each class's errors goes with its number, how much with its likeness",
    ),
    "shift": (
        "longtail.studies.shift",
        "ShiftConfig",
        False,
        "what if the test set is long-tailed otherwise: does knowing, or estimating, the prior help?",
    ),
    "leakage": (
        "longtail.studies.leakage",
        "LeakageConfig",
        False,
        "how much of the accuracy is leakage: random splits beside whole groups",
    ),
    "weight-norms": (
        "longtail.studies.weight_norms",
        "WeightNormsConfig",
        False,
        "how the lengths of the classifiers' weights follow the class counts",
    ),
}
