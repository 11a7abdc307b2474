"""Nonsense in a parameter, whichever head and parameter it is: one sentence that names it, or a head that is fitted."""

import inspect
import math

import numpy as np
import pytest

import longtail.heads as heads
from longtail.errors import InputError

KINDS = [kind for name in heads.__all__ if inspect.isclass(kind := getattr(heads, name))]
NONSENSE = [
    *(math.nan, math.inf, -math.inf, -1, -0.5, 0, 10**14, 2**70, 10**400, 1e300, True),
    *("nonsense", "", "\ud800", b"x", None, [], {}, [math.nan], [[1.0], 2], ("nonsense",), [1.0] * 3, object()),
    *(np.nan, np.float64(-1.0), np.array([1.0, np.inf]), np.array("x"), 1 + 1j, (None, None)),
]
# what makes a fit quick
SMALL = {
    "DLSA": {"clusters": 2, "flow_blocks": 1, "flow_epochs": 1, "flow_batch_size": 16},
    "MultilayerPerceptron": {"hidden": 4},
    "NearestNeighbours": {"neighbours": 2, "temperature": 0.1},
    "DisAlign": {"rho": 1.0},
    "MarginCalibration": {"rho": 1.0},
    "MaxNorm": {"radius": 1.0},
}
LABELS = np.repeat([0, 1, 2], [8, 4, 3])
ROWS = (np.random.default_rng(0).normal(size=(15, 3)) + 2 * np.eye(3)[LABELS]).astype(np.float32)

each_parameter = pytest.mark.parametrize(
    ("kind", "name"),
    [
        pytest.param(kind, name, id=f"{kind.__name__}-{name}")
        for kind in KINDS
        for name in kind().get_params(deep=False)
    ],
)


def small(kind, **settings):
    usual = {"random_state": 0, "epochs": 1, **SMALL.get(kind.__name__, {})}
    return kind(**{name: value for name, value in usual.items() if name in kind().get_params()} | settings)


def refusal(head):
    """Return what is told, or nothing where it is fitted."""
    try:
        head.fit(ROWS, LABELS)
    except InputError as error:
        return str(error)
    assert np.isin(head.predict(ROWS), [0, 1, 2]).all()
    return ""


@each_parameter
def test_nonsense_is_refused_by_name_or_fits(kind, name):
    refused = 0
    for value in NONSENSE:
        told = refusal(small(kind, **{name: value}))
        if told:
            refused += 1
            assert name in told or (name == "heads" and "member" in told), (value, told)
            assert "\n" not in told
            assert len(told) < 600
    assert refused > len(NONSENSE) / 2


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_parameter_has_a_constraint(kind):
    given = {"head", "heads"}  # which are checked against the data
    assert kind().get_params(deep=False).keys() - given <= kind._parameter_constraints.keys()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("epochs", 0, "a whole number of at least 1"),
        ("epochs", -3, "a whole number of at least 1"),
        ("batch_size", 0, "a whole number of at least 1"),
        ("batch_size", 2.5, "a whole number of at least 1"),
        ("learning_rate", 0, "a number above 0"),
        ("learning_rate", math.nan, "a number above 0"),
        ("learning_rate", math.inf, "a number above 0 and finite"),
        ("momentum", 1.5, "a number of at least 0 and below 1"),
        ("weight_decay", -1, "a number of at least 0"),
        ("random_state", 2**32, "a whole number from 0 to 4294967295"),
        ("precision", "float8", "one of float32, bfloat16"),
        ("device", "x", "a device that is here: cpu"),
        ("standardise", "maybe", "True or False, or 'auto'"),
    ],
)
@pytest.mark.parametrize("kind", [heads.Joint, heads.ClassifierRetraining, heads.CosineClassifier])
def test_messages_say_what_is_allowed(kind, name, value, expected):
    told = refusal(small(kind, **{name: value}))
    assert f"{name} is {value!r}; expected" in told
    assert expected in told
