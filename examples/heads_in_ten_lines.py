"""Everything that `longtail fit` does, in ten lines of Python: rebalance a classifier on features that you have.

python examples/heads_in_ten_lines.py
"""

import numpy as np
from sklearn.datasets import make_classification

from longtail import Joint, TauNormalized, accuracy_report

features, labels = make_classification(
    3000, n_features=32, n_informative=12, n_classes=5, weights=[0.7, 0.2, 0.06, 0.03, 0.01], random_state=0
)
train, test = np.arange(3000) % 2 == 0, np.arange(3000) % 2 == 1
counts = np.bincount(labels[train])
joint = Joint(random_state=0).fit(features[train], labels[train])
tau = TauNormalized(random_state=0).fit(features[train], labels[train])  # tau chosen on a held-out part of train
for name, head in (("joint", joint), (f"tau = {tau.tau_}", tau)):
    report = accuracy_report(labels[test], head.predict(features[test]), counts)
    print(f"{name:<10} all {report['all']:.1f}   balanced {report['balanced']:.1f}   few {report['few']:.1f}")
