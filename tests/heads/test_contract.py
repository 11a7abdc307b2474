"""What every head must keep, whatever it computes; a new head in `longtail.heads` is tested here without a word."""

import inspect

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

import longtail.heads as heads
from longtail.errors import InputError
from longtail.features import open_feature_file, write_features

KINDS = [kind for name in heads.__all__ if inspect.isclass(kind := getattr(heads, name))]
# of heads that are trained for long, or choose among much, a fit that takes a fifth of the time
QUICK = {
    "CosineClassifier": {"epochs": 10},
    "DLSA": {"flow_epochs": 4, "epochs": 6, "clusters": 10},
    "DisAlign": {"epochs": 3, "grid": (1.0, 1.5)},
    "Distilled": {"penalties": (0.1, 0.01), "teacher": heads.LinearDiscriminant(shrinkage=0.1)},
    "MarginCalibration": {"epochs": 3, "grid": (1.0, 1.5)},
    "MaxNorm": {"epochs": 2},
    "MultilayerPerceptron": {"epochs": 5},
    "RandomFeatureRidge": {"num_features": 256},
}


def checks(kind, marks=(), **parameters):
    for estimator, check in estimator_checks_generator(kind(**parameters)):
        yield pytest.param(
            estimator, check, id=f"{kind.__name__}-{getattr(check, 'func', check).__name__}", marks=marks
        )


CHECKS = [one for kind in KINDS for one in checks(kind, **QUICK.get(kind.__name__, {}))]
THOROUGH = [one for kind in KINDS if kind.__name__ in QUICK for one in checks(kind, pytest.mark.slow)]

# two settings of a head; of one that is not named here its first parameter, as it is, twice
GRIDS = {
    "ClassifierRetraining": {"learning_rate": [0.1, 0.2]},
    "DLSA": {"proportion": [0.2, 0.3]},
    "Joint": {"weight_decay": [1e-4, 1e-3]},
    "LearnableWeightScaling": {"epochs": [3, 5]},
    "LogitAdjusted": {"tau": [0.5, 1.0]},
    "MultilayerPerceptron": {"dropout": [0.3, 0.5]},
    "NearestClassMean": {"transform": ["un", "cl2n"]},
    "TauNormalized": {"tau": [0.5, 1.0]},
    "VectorScaled": {"tau": [0.5, 1.0]},
}

every_head = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


def seeded(kind, **parameters):
    if "random_state" in inspect.signature(kind).parameters:
        parameters.setdefault("random_state", 0)
    return kind(**QUICK.get(kind.__name__, {}) | parameters)


@pytest.mark.parametrize(("estimator", "check"), CHECKS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@pytest.mark.parametrize(("estimator", "check"), THOROUGH)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learn_contract_as_heads_are_by_themselves(estimator, check):
    check(estimator)


@every_head
def test_permuting_classes_permutes_outputs(kind, tailed):
    """A head that is not random gives the same images to the same classes under new numbers."""
    (train, labels), (test, _) = tailed
    if "random_state" in inspect.signature(kind).parameters and kind not in (heads.TauNormalized, heads.LogitAdjusted):
        pytest.skip("its random draws go by class number; the fixed-head methods below are exact")
    renamed = np.array([4, 2, 5, 0, 3, 1])
    parameters = {}
    if kind in (heads.TauNormalized, heads.LogitAdjusted):
        joint = heads.Joint(random_state=0).fit(train, labels)
        parameters = {"tau": 0.5, "head": (joint.weight_, joint.bias_)}
        back = np.argsort(renamed)
        other = {"tau": 0.5, "head": (joint.weight_[back], joint.bias_[back])}
    else:
        other = parameters
    before = kind(**parameters).fit(train, labels).predict(test)
    after = kind(**other).fit(train, renamed[labels]).predict(test)
    np.testing.assert_array_equal(renamed[before], after)


@every_head
def test_memory_mapped_half_precision_equals_memory(kind, tailed, tmp_path):
    (train, labels), (test, _) = tailed
    write_features(tmp_path / "feature_train.h5", train, labels, dtype="float16")
    file = open_feature_file(tmp_path / "feature_train.h5")
    assert isinstance(file.features, np.memmap)
    mapped = seeded(kind).fit(file.features, file.labels)
    memory = seeded(kind).fit(train.astype(np.float16), labels)
    np.testing.assert_array_equal(mapped.predict(test), memory.predict(test))


@every_head
def test_saved_and_loaded_predicts_the_same(kind, tailed, tmp_path):
    (train, labels), (test, _) = tailed
    names = np.array(["ant", "bee", "cat", "dog", "eel", "fox"])
    head = seeded(kind).fit(train, names[labels])
    heads.save_head(head, tmp_path / "head.npz")
    loaded = heads.load_head(tmp_path / "head.npz")
    np.testing.assert_array_equal(loaded.predict(test), head.predict(test))
    np.testing.assert_array_equal(loaded.predict_proba(test), head.predict_proba(test))
    assert loaded.selected_on_ == head.selected_on_


@every_head
def test_pickled_by_joblib_predicts_the_same(kind, tailed, tmp_path):
    (train, labels), (test, _) = tailed
    head = seeded(kind).fit(train, labels)
    joblib.dump(head, tmp_path / "head.joblib")
    np.testing.assert_array_equal(joblib.load(tmp_path / "head.joblib").predict(test), head.predict(test))


@every_head
def test_same_seed_same_result_and_clone_is_unfitted(kind, tailed):
    (train, labels), (test, _) = tailed
    first = seeded(kind).fit(train, labels)
    second = clone(first)
    assert not hasattr(second, "classes_")
    np.testing.assert_array_equal(first.logits(test), second.fit(train, labels).logits(test))


@every_head
def test_in_a_pipeline_and_better_than_chance(kind, tailed):
    (train, labels), (test, truth) = tailed
    pipeline = make_pipeline(StandardScaler(), seeded(kind)).fit(train, labels)
    assert pipeline.score(test, truth) > 0.4


@every_head
def test_in_cross_validation_and_grid_search(kind, tailed):
    """Scikit-learn may set a head's parameters; the best one, refitted, predicts."""
    (train, labels), (test, truth) = tailed
    head = seeded(kind)
    name, value = next(iter(head.get_params(deep=False).items()))
    scores = cross_val_score(head, train, labels, cv=2, scoring="balanced_accuracy")
    assert (scores > 1 / 6).all()
    grid = GRIDS.get(kind.__name__, {name: [value, value]})
    search = GridSearchCV(head, grid, cv=2, scoring="balanced_accuracy").fit(train, labels)
    assert len(search.cv_results_["params"]) == 2
    assert search.best_estimator_.score(test, truth) > 0.4


@every_head
def test_zero_features_give_finite_probabilities(kind, tailed):
    (train, labels), _ = tailed
    train[:20] = 0
    probabilities = seeded(kind).fit(train, labels).predict_proba(np.zeros((3, train.shape[1]), np.float32))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


@every_head
def test_rows_and_columns_may_run_backwards(kind, tailed):
    (train, labels), (test, _) = tailed
    head = seeded(kind).fit(train[::-1, ::-1], labels[::-1])
    np.testing.assert_allclose(head.logits(test[::-1, ::-1]), head.logits(test[::-1, ::-1].copy()), rtol=1e-6)


@every_head
def test_classes_of_a_single_row_can_be_fitted(kind):
    head = seeded(kind).fit(np.eye(4, 5), list("abcd"))
    assert np.isfinite(head.predict_proba(np.eye(4, 5))).all()


@pytest.mark.parametrize(
    "kind",
    [kind for kind in KINDS if "validation" in inspect.signature(kind.fit).parameters],
    ids=lambda kind: kind.__name__,
)
def test_validation_that_does_not_go_with_training_is_told(kind, tailed):
    (train, labels), (test, truth) = tailed
    for features, classes in ((test[:, :3], truth), (test, truth[:9]), (test, truth[:, None])):
        with pytest.raises(InputError, match="as in training"):
            seeded(kind).fit(train, labels, validation=(features, classes))


@pytest.mark.parametrize(
    "kind", [heads.LogitAdjusted, heads.Ensemble, heads.Transformed], ids=lambda kind: kind.__name__
)
def test_a_head_of_a_gpu_predicts_where_there_is_none(kind, tailed, tmp_path, monkeypatch):
    (train, labels), (test, _) = tailed
    head = seeded(kind).fit(train, labels)
    expected = head.predict(test)
    for one in (head, *getattr(head, "heads_", ()), *filter(None, [getattr(head, "head_", None)])):
        if "device" in one.get_params(deep=False):
            one.device = "cuda"
    heads.save_head(head, tmp_path / "head.npz")
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    np.testing.assert_array_equal(heads.load_head(tmp_path / "head.npz").predict(test), expected)


@every_head
def test_nan_is_named_by_row(kind, tailed):
    (train, labels), _ = tailed
    train[17, 3] = np.nan
    with pytest.raises(InputError, match="row 17 holds NaN"):
        seeded(kind).fit(train, labels)


@every_head
def test_one_class_is_refused(kind):
    with pytest.raises(InputError, match="only one class"):
        seeded(kind).fit(np.eye(4), [3, 3, 3, 3])
