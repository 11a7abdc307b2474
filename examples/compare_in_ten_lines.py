"""What `longtail fit --methods auto` does, in ten lines of Python: a fair classifier on features that you have.

python examples/compare_in_ten_lines.py        # writes fair/: the report, results.json and the heads
"""

from sklearn.datasets import make_classification

import longtail

features, labels = make_classification(
    3000, n_features=32, n_informative=12, n_classes=5, weights=[0.7, 0.2, 0.06, 0.03, 0.01], random_state=0
)
splits = {"train": slice(0, 3000, 2), "val": slice(1, 3000, 4), "test": slice(3, 3000, 4)}
data = {name: (features[rows], labels[rows]) for name, rows in splits.items()}
comparison = longtail.compare(data, "joint,tau,lda,mlp,auto", settings={"mlp": {"epochs": 20}}, seed=0)
print(comparison)  # the table, and what the test rows show; test labels were sealed until auto was chosen
print(comparison.predict(features[:5]), comparison.heads["auto"])
comparison.report("fair")
