"""Which pages the site has, and in what order they stand at its side."""

__all__ = ["ELSEWHERE", "SECTIONS"]

# what does not lie in docs/: its place in the repository, and that on the site
ELSEWHERE = {
    "CHANGELOG.md": "project/changelog.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "benchmarks/accuracy/README.md": "project/accuracy.md",
    "benchmarks/speed/README.md": "project/speed.md",
    "examples/notebooks/README.md": "examples/notebooks.md",
    "examples/serve/README.md": "examples/serve.md",
}
# heading: pages, without ending; a test holds that each page of docs/ stands in one of them
SECTIONS = {
    "Begin": ["installing", "which-command", "concepts", "glossary", "faq", "coming-from"],
    "How to": [
        "how-to/your-images",
        "how-to/your-data",
        "how-to/your-features",
        "how-to/your-model",
        "how-to/from-python",
        "examples/notebooks",
        "how-to/your-loop",
        "how-to/report",
        "how-to/compare-runs",
        "how-to/before-you-pay",
        "how-to/loggers",
        "how-to/probabilities",
        "how-to/share-and-serve",
        "examples/serve",
        "priors",
        "how-to/many-gpus",
        "how-to/cifar",
        "how-to/published-data",
        "how-to/their-checkpoints",
    ],
    "Methods": ["methods/table", "methods/choosing"],
    "Look up": ["reference/commands/index", "reference/python/index", "files", "results", "growth"],
    "The project": [
        "project/accuracy",
        "project/speed",
        "number-and-likeness",
        "deviations",
        "project/contributing",
        "project/changelog",
    ],
}
