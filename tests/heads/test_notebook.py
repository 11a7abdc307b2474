"""What a head shows of itself in a notebook."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import sklearn

from longtail import heads
from longtail.heads.notebook import head_table


def cells(head):
    """The table as a notebook gets it, by the names of its rows."""
    table = ElementTree.fromstring(head._repr_html_().replace("<br>", "\n"))
    return {row[0].text: row[1].text for row in table.iter("tr")} | {"title": table.find("caption/b").text}


@pytest.fixture
def three(tailed):
    (features, labels), _ = tailed
    return features, labels


def test_settings_classes_features_choice_and_notes_are_there(tailed):
    (features, labels), validation = tailed
    head = heads.TauNormalized(random_state=3).fit(features, labels, validation=validation)
    head.notes_ = ("first note", "second note")
    shown = cells(head)
    assert shown["title"] == "TauNormalized"
    assert shown["settings"] == "random_state = 3"
    assert shown["classes"].startswith(f"6: 0 ({np.bincount(labels)[0]} rows), ")
    assert shown["features"] == "8"
    assert shown["chosen"] == f"tau = {head.tau_:g} on the validation rows"
    assert shown["notes"] == "first note\nsecond note"


def test_nothing_chosen_and_nothing_set_is_not_told_as_chosen(three):
    shown = cells(heads.NearestClassMean().fit(*three))
    assert shown["settings"] == "all as by default"
    assert "chosen" not in shown
    assert "notes" not in shown


def test_names_are_escaped_and_long_lists_cut():
    features, labels = np.eye(12), np.arange(12)
    head = heads.NearestClassMean(metric="cosine").fit(features, labels)
    head.class_names_ = np.array(["<script>alert(1)</script>", *"bcdefghijkl"])
    head.feature_names_ = np.array(["a & b", *"bcdefghijkl"])
    head.notes_ = ("<b>bold</b>",)
    html = head._repr_html_()
    assert "<script>" not in html
    assert "<b>bold" not in html
    shown = cells(head)
    assert shown["classes"].startswith("12: <script>alert(1)</script> (1 row), b (1 row)")
    assert shown["classes"].endswith("… (4 more)")
    assert shown["features"].startswith("12: a & b, b")
    assert shown["settings"] == "metric = 'cosine'"


def test_arrays_and_heads_among_the_settings_are_named_by_what_they_are(three):
    joint = heads.Joint().fit(*three)
    given = heads.TauNormalized(tau=0.5, head=(joint.weight_, joint.bias_)).fit(*three)
    assert cells(given)["settings"] == "tau = 0.5, head = (ndarray (6, 8), ndarray (6,))"
    inside = heads.Transformed(heads.LogitAdjusted(tau=1.0), "centre").fit(*three)
    assert cells(inside)["settings"] == "head = LogitAdjusted, feature_transform = 'centre'"
    assert cells(inside)["head"] == "LogitAdjusted"


@pytest.mark.parametrize("name", [name for name in heads.__all__ if name[0].isupper()])
def test_every_head_shows_itself_before_and_after_fitting(name, three):
    quick = {"MultilayerPerceptron": {"epochs": 1}, "DLSA": {"epochs": 1}, "ClassifierRetraining": {"epochs": 1}}
    kind = getattr(heads, name)
    head = kind([heads.NearestClassMean()]) if name == "Ensemble" else kind(**quick.get(name, {}))
    assert name in head._repr_html_()
    assert "<table><caption" not in head._repr_html_()  # the diagram of scikit-learn
    head.fit(*three)
    assert cells(head)["title"] == name
    bundle = head._repr_mimebundle_()
    assert bundle == {"text/plain": repr(head), "text/html": head_table(head)}


def test_a_person_who_wants_text_gets_text(three):
    head = heads.NearestClassMean().fit(*three)
    with sklearn.config_context(display="text"):
        assert head._repr_mimebundle_() == {"text/plain": repr(head)}
        assert not hasattr(head, "_repr_html_")
