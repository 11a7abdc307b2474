"""What several heads say together."""

import numpy as np

from longtail.heads import Ensemble, LinearDiscriminant, NearestClassMean


def test_tau_takes_the_log_class_counts_out():
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(60, 4)), np.repeat([0, 1, 2], [40, 15, 5])
    members = {"ncm": NearestClassMean().fit(features, labels), "lda": LinearDiscriminant(0.5).fit(features, labels)}
    plain, moved = (Ensemble.of(members, tau=tau) for tau in (0.0, 0.7))
    expected = plain.logits(features) - 0.7 * np.log([40, 15, 5])
    np.testing.assert_allclose(moved.logits(features), expected, atol=1e-5)
    assert moved.parameters_in_use()["tau"] == 0.7
    assert "tau" not in plain.parameters_in_use()
