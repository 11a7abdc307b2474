#!/usr/bin/env bash
# Classifiers of scikit-learn warn that labels may be those of a regression where more than half of the rows have a class
# of their own, also where the labels are words, which no regression could take. One image a class, as in few-shot data,
# is such a set; with warnings as errors nothing can be fitted to it.
#
# Expected: words are classes, however many; the question is asked of numbers alone.
#
# scikit-learn 1.9.1, numpy 2.4.6, Python 3.11; 30 rows, each of a class of its own; then 16 classes and 15 classes:
#
#   words, a class a row:        warns
#   numbers, a class a row:      warns
#   words, 16 classes, 30 rows:  warns
#   words, 15 classes, 30 rows:  silent
#   only 10 rows, 10 words:      silent
#
# Fails if that changes.
set -euo pipefail
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/venv"
"$here/venv/bin/pip" install --quiet --disable-pip-version-check scikit-learn==1.9.1 numpy==2.4.6
"$here/venv/bin/python" - <<'P' | tee "$here/seen"
import warnings

import numpy as np
from sklearn.neighbors import KNeighborsClassifier


def fitted(what, labels):
    features = np.random.default_rng(0).normal(size=(len(labels), 4))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        KNeighborsClassifier(1).fit(features, labels)
    about = any("could represent a regression problem" in str(one.message) for one in caught)
    print(f"{what:<28} {'warns' if about else 'silent'}")


words = np.array([f"species {number}" for number in range(30)])
fitted("words, a class a row:", words)
fitted("numbers, a class a row:", np.arange(30))
fitted("words, 16 classes, 30 rows:", np.concatenate([words[:16], words[:14]]))
fitted("words, 15 classes, 30 rows:", np.concatenate([words[:15], words[:15]]))
fitted("only 10 rows, 10 words:", words[:10])
P
diff "$here/seen" - <<'EXPECTED'
words, a class a row:        warns
numbers, a class a row:      warns
words, 16 classes, 30 rows:  warns
words, 15 classes, 30 rows:  silent
only 10 rows, 10 words:      silent
EXPECTED
