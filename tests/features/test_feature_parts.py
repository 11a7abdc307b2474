"""A feature file knows which of its columns are of which layer."""

import numpy as np
import pytest

from longtail.errors import InputError
from longtail.features import open_feature_file, write_features
from longtail.features.feature_parts import FeaturePart, written_parts

FEATURES, LABELS = np.arange(12, dtype=np.float32).reshape(2, 6), np.array([0, 1])


def written(tmp_path, **attributes):
    write_features(tmp_path / "feature_train.h5", FEATURES, LABELS, attributes=attributes)
    return open_feature_file(tmp_path / "feature_train.h5")


def test_parts_come_back(tmp_path):
    file = written(tmp_path, parts=written_parts([("layer3.0:mean", 4), ("last", 2)]))
    assert file.parts == (FeaturePart("layer3.0:mean", 0, 4), FeaturePart("last", 4, 6))
    assert np.array_equal(file.part("last"), FEATURES[:, 4:])
    assert file.take(np.array([1])).parts == file.parts
    with pytest.raises(InputError, match=r"has no part 'layer4'. It has layer3.0:mean, last"):
        file.part("layer4")


def test_a_file_of_one_layer_has_none(tmp_path):
    file = written(tmp_path)
    assert file.parts == ()
    with pytest.raises(InputError, match="none: it is of one layer"):
        file.part("last")


@pytest.mark.parametrize(
    ("parts", "told"), [("[]", "0 columns together"), ('[["a", 5]]', "5 columns together"), ('{"a": 1}', "parts")]
)
def test_other_widths_are_refused(tmp_path, parts, told):
    with pytest.raises(InputError, match=told):
        _ = written(tmp_path, parts=parts).parts
