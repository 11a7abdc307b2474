"""`auto` where there is little to choose by, or by something else than balanced accuracy."""

import numpy as np
import pytest

from longtail.comparison import Rules, compare

QUICK = {"mlp": {"epochs": 2, "hidden": 8}, "rfr": {"num_features": 64}}


def made_up(counts, seed=0, width=8):
    rng, labels = np.random.default_rng(seed), np.repeat(np.arange(len(counts)), counts)
    return 2 * np.eye(len(counts), width)[labels] + rng.normal(size=(len(labels), width)), labels


def auto(train, rules=None, methods="auto", **others):
    data = {"train": made_up(train), "test": made_up([20] * len(train), 9)}
    data |= {name: made_up(counts, 5) for name, counts in others.items()}
    settings = {name: QUICK[name] for name in QUICK if methods == "auto"}
    return compare(data, methods, rules, settings=settings)


def choice_of(comparison):
    return comparison.results["methods"]["auto"]["choice"]


def test_one_row_a_class_and_no_validation_leaves_the_usual_weights():
    comparison = auto([1] * 6)
    assert choice_of(comparison)["members"] == pytest.approx(
        {"lda": 0.1, "ridge": 0.1, "logistic": 0.25, "rfr": 0.05, "mlp": 0.5}
    )
    assert "there are no rows to choose by" in comparison.results["verdict"]["choice"]


def test_a_fold_without_a_rare_row_is_no_error_where_rare_ones_count():
    comparison = auto([150, 120, 1], Rules(metric="few"), val=[10, 10, 1])
    assert choice_of(comparison)["scores"]["ensemble"] >= 0


def test_all_images_alike_where_a_fold_lacks_a_class():
    assert choice_of(auto([60, 20, 8, 3, 1], Rules(metric="all"), val=[15, 6, 4, 2, 2]))["metric"] == "all"


def test_a_class_that_no_row_shows_is_told_and_changes_no_mean():
    comparison = auto([200, 40, 1])
    choice = choice_of(comparison)
    assert choice["unjudged"] == 1
    assert choice["expected"] is None  # a third of the score would be a guess
    assert "1 class has no row to judge by" in comparison.results["verdict"]["choice"]
    assert comparison.heads["ensemble"].tau_ >= -0.2


@pytest.mark.parametrize("metric", ["balanced", "all"])
def test_what_is_expected_of_one_method_is_its_own_score(metric):
    """Without a choice nothing is owed: `joint` as it decides by itself, and not as its adjusted scores would."""
    comparison = auto([300, 30, 10], Rules(metric=metric, refit=False, together=False), "joint,auto", val=[100] * 3)
    choice = choice_of(comparison)
    assert choice["expected"]["score"] == pytest.approx(choice["scores"]["joint"])
    assert choice["expected"]["optimism"] == pytest.approx(0, abs=1e-9)


def test_with_costs_the_lowest_one_is_taken_and_said():
    rules = Rules(costs=np.array([[0, 1, 1], [1, 0, 1], [9, 9, 0]]))
    choice = choice_of(auto([100, 40, 8], rules, "lda,ridge,auto", val=[20] * 3))
    assert choice["rule"] == "lowest cost"
    assert choice["method"] == max(choice["scores"], key=choice["scores"].get)
