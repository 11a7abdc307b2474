"""Features may be larger than the memory: a fit of a linear head goes through them in blocks."""

import os
import subprocess
import sys

import pytest

ROWS, WIDTH = 200_000, 256
SCRIPT = f"""
import resource, sys
import numpy as np
from longtail.heads import (
    ClassifierRetraining, Distilled, Joint, LinearDiscriminant, Logistic, NearestClassMean, RandomFeatureRidge,
    WeightedRidge
)

heads = {{
    "joint": Joint(),
    "sgd": Joint(solver="sgd", epochs=1, random_state=0),
    "bsm": ClassifierRetraining(loss="balanced-softmax", sampling="instance", random_state=0),
    "lda": LinearDiscriminant(0.1),
    "distilled": Distilled(LinearDiscriminant(0.1), penalties=(1.0, 0.1), random_state=0),
    "logistic": Logistic(penalties=(1.0, 0.1), random_state=0),
    "ridge": WeightedRidge(gamma=0.5, penalty=0.1),
    "rfr": RandomFeatureRidge(0.1, 0.5, 1.0, num_features=256, random_state=0),
    "ncm": NearestClassMean(),
}}
rng = np.random.default_rng(0)
labels = rng.choice(5, {ROWS}, p=[0.6, 0.2, 0.1, 0.06, 0.04])
features = rng.standard_normal(({ROWS}, {WIDTH}), dtype=np.float32)
features[:, 0] += labels
heads[sys.argv[1]].fit(features[:2000], labels[:2000])  # what libraries take once
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
heads[sys.argv[1]].fit(features, labels).predict(features)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.slow
@pytest.mark.parametrize("head", ["joint", "sgd", "bsm", "lda", "distilled", "logistic", "ridge", "rfr", "ncm"])
def test_a_fit_makes_no_second_copy_of_the_features(head):
    # blocks go back to the system when they are freed: what is left counts, and not how the heap is cut up
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": str(2**20)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, head], capture_output=True, text=True, check=True, env=environment
    )
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(done.stdout) * unit < 0.5 * ROWS * WIDTH * 4
