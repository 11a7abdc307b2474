"""What a person may hand in by mistake ends in a sentence, whichever function it is handed to."""

import numpy as np
import pytest

from longtail import counts, evaluation, priors
from longtail.errors import InputError
from longtail.evaluation import calibration, conformal, copies, coverage, label_shift, scaling, selection, selective
from longtail.evaluation.learning_curve import fit_learning_curves, rotated_subsamples
from longtail.evaluation.scaling_choice import choose_calibrator

LABELS = np.array([0, 0, 0, 1, 1, 2] * 8)
OTHER = np.roll(LABELS, 1)
PROBABILITIES = np.full((48, 3), 0.2) + 0.4 * np.eye(3)[LABELS]
GROUPS = np.array(["many", "medium", "few"])
SHARES = np.array([0.5, 0.3, 0.2])
JUNK = [None, "x", ["a", "b", "c"], np.nan, [np.nan] * 48, [[1, 2], [3]], [], -1, 10**30, np.full((48, 3), -1.0)]

CALLS = {
    "accuracy_report": (
        evaluation.accuracy_report,
        {"labels": LABELS, "predictions": OTHER, "train_counts": [9, 5, 1]},
    ),
    "tally": (
        evaluation.tally,
        {"labels": LABELS, "predictions": OTHER, "num_classes": 3, "sample_groups": LABELS},
    ),
    "paired_differences": (
        evaluation.paired_differences,
        {"labels": LABELS, "predictions": OTHER, "baseline": LABELS, "groups": GROUPS, "sample_groups": LABELS},
    ),
    "image_scores": (calibration.image_scores, {"probabilities": PROBABILITIES, "labels": LABELS}),
    "classwise": (calibration.classwise_calibration_error, {"probabilities": PROBABILITIES, "labels": LABELS}),
    "reliability": (
        calibration.reliability_curve,
        {"confidence": np.full(48, 0.6), "right": np.ones(48), "weights": np.ones(48)},
    ),
    "fit_sets": (
        conformal.fit_sets,
        {"probabilities": PROBABILITIES, "labels": LABELS, "alpha": 0.1, "sample_groups": LABELS},
    ),
    "pooled": (evaluation.pooled_by_event, {"probabilities": PROBABILITIES, "events": LABELS}),
    "grouped_share": (
        evaluation.grouped_binomial_interval,
        {"hits": LABELS == OTHER, "sample_groups": LABELS, "level": 0.95},
    ),
    "binomial": (coverage.binomial_interval, {"hits": 3, "total": 5, "level": 0.95}),
    "fit_calibrator": (scaling.fit_calibrator, {"logits": np.log(PROBABILITIES), "labels": LABELS, "prior": SHARES}),
    "choose_calibrator": (choose_calibrator, {"logits": np.log(PROBABILITIES), "labels": LABELS, "groups": GROUPS}),
    "choose": (selection.choose, {"predictions": {"a": OTHER}, "labels": LABELS, "num_classes": 3}),
    "image_values": (
        selection.image_values,
        {"labels": LABELS, "predictions": OTHER, "costs": 1.0 - np.eye(3)},
    ),
    "risk_coverage": (selective.risk_coverage, {"confidence": np.full(48, 0.6), "right": np.ones(48)}),
    "threshold": (
        selective.threshold_for_accuracy,
        {"confidence": np.full(48, 0.6), "right": np.ones(48), "accuracy": 0.9, "sample_groups": LABELS},
    ),
    "near_copies": (copies.near_copies, {"features": PROBABILITIES, "labels": LABELS, "false_share": 0.01}),
    "shifted_priors": (label_shift.shifted_priors, {"train_counts": [9, 5, 1]}),
    "smallest": (evaluation.smallest_differences, {"totals": [9, 5, 1], "discordance": 0.3, "groups": GROUPS}),
    "discordance": (
        evaluation.group_discordance,
        {"labels": LABELS, "predictions": OTHER, "baseline": LABELS, "groups": GROUPS},
    ),
    "corrected": (evaluation.corrected, {"p_values": [0.1, 0.2]}),
    "learning_curves": (
        fit_learning_curves,
        {
            "hits": np.ones((2, 48, 3)),
            "fractions": np.tile([0.25, 0.5, 1.0], (48, 1)),
            "labels": LABELS,
            "groups": GROUPS,
        },
    ),
    "subsamples": (rotated_subsamples, {"labels": LABELS, "fractions": (0.5, 1.0), "seed": 0}),
    "gini": (counts.gini, {"counts": [9, 5, 1]}),
    "exponential": (counts.exponential_counts, {"num_classes": 3, "largest": 9, "ratio": 3}),
    "check_prior": (priors.check_prior, {"prior": SHARES, "num_classes": 3}),
    "prior_of_counts": (priors.prior_of_counts, {"counts": [9, 5, 1]}),
    "shift_logits": (priors.shift_logits, {"logits": np.log(PROBABILITIES), "source": SHARES, "target": SHARES}),
    "shift_probabilities": (
        priors.shift_probabilities,
        {"probabilities": PROBABILITIES, "source": SHARES, "target": SHARES},
    ),
    "em": (priors.estimate_prior_em, {"probabilities": PROBABILITIES, "source": SHARES, "weights": np.ones(48)}),
    "bbse": (
        priors.estimate_prior_bbse,
        {"validation_predictions": OTHER, "validation_labels": LABELS, "target_predictions": OTHER, "num_classes": 3},
    ),
    "bias_correction": (
        priors.fit_bias_correction,
        {"logits": np.log(PROBABILITIES), "labels": LABELS, "source": SHARES},
    ),
}
CASES = [(name, argument) for name, (_, arguments) in CALLS.items() for argument in arguments]


@pytest.mark.parametrize("name", CALLS)
def test_the_call_itself_works(name):
    function, arguments = CALLS[name]
    function(**arguments)


@pytest.mark.parametrize(("name", "argument"), CASES)
@pytest.mark.filterwarnings("ignore")
def test_junk_is_told_in_a_sentence(name, argument):
    function, arguments = CALLS[name]
    for junk in JUNK:
        try:
            function(**{**arguments, argument: junk})
        except InputError as error:
            told = str(error)
        else:
            continue  # some of it is what another argument may be
        assert "\n" not in told
