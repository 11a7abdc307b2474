"""How many experts are asked: against loops over images, and what a threshold is chosen by."""

import numpy as np
import pytest
import torch

from longtail.errors import InputError
from longtail.heads.routing import RoutingPoint, chosen_point, experts_asked, help_wanted, right_after, routing_curve

RNG = np.random.default_rng(0)
LABELS = RNG.integers(5, size=200)
LOGITS = torch.from_numpy(RNG.standard_normal((200, 4, 5)) + 1.5 * np.eye(5)[LABELS][:, None] * RNG.random((200, 4, 1)))
SCORES = RNG.standard_normal((200, 3))
RIGHT = right_after(LOGITS, torch.from_numpy(LABELS))


def test_right_after_is_the_argmax_of_running_means():
    for row in range(200):
        for number in range(4):
            mean = LOGITS[row, : number + 1].mean(dim=0)
            assert RIGHT[row, number] == (mean.argmax() == LABELS[row])


def test_help_is_wanted_where_more_experts_mend_what_these_have_wrong():
    wanted = help_wanted(RIGHT)
    assert wanted.shape == (200, 3)
    assert 0 < wanted.float().mean() < 1
    for row in range(200):
        for number in range(3):
            assert wanted[row, number] == (not RIGHT[row, number] and any(RIGHT[row, number + 1 :].tolist()))


def test_the_next_expert_is_asked_where_all_scores_so_far_are_above():
    for row, asked in enumerate(experts_asked(SCORES, 0.3)):
        expected = 1
        while expected < 4 and SCORES[row, expected - 1] > 0.3:
            expected += 1
        assert asked == expected


def test_a_curve_is_what_asking_image_by_image_gives():
    point = routing_curve(SCORES, RIGHT, LABELS, [0.3])[0]
    asked = experts_asked(SCORES, 0.3)
    hits = RIGHT.numpy()[np.arange(200), asked - 1]
    assert point.asked == pytest.approx(asked.mean())
    assert point.balanced == pytest.approx(100 * np.mean([hits[c == LABELS].mean() for c in range(5)]))


def test_a_curve_goes_from_all_experts_to_the_first():
    curve = routing_curve(SCORES, RIGHT, LABELS)
    asked = [point.asked for point in curve]
    assert asked[0] == 4
    assert asked[-1] == 1
    assert asked == sorted(asked, reverse=True)
    assert len(curve) <= 257


def test_a_class_without_images_counts_nowhere():
    with_gap = np.where(LABELS == 2, 9, LABELS)
    same = routing_curve(SCORES, RIGHT, with_gap, [0.0])[0]
    assert same.balanced == pytest.approx(routing_curve(SCORES, RIGHT, LABELS, [0.0])[0].balanced)


def test_the_fewest_experts_within_the_loss_are_chosen_and_the_better_of_two():
    curve = [RoutingPoint(-1.0, 3.0, 60.0), RoutingPoint(0.0, 2.0, 59.6), RoutingPoint(1.0, 2.0, 59.8)]
    curve.append(RoutingPoint(2.0, 1.0, 50.0))
    assert chosen_point(curve, 0.0).asked == 3
    assert chosen_point(curve, 0.5).threshold == 1.0
    assert chosen_point(curve, 20.0).asked == 1


def test_no_threshold_above_the_highest_is_taken_and_all_are_asked_where_none_is_enough():
    curve = [RoutingPoint(-1.0, 3.0, 60.0), RoutingPoint(0.0, 2.0, 59.6), RoutingPoint(1.0, 1.0, 61.0)]
    assert chosen_point(curve, 0.5).asked == 1
    assert chosen_point(curve, 0.5, highest=0.0).asked == 2
    assert chosen_point(curve, 0.1, highest=0.0).asked == 3
    assert chosen_point(curve, 0.1, highest=-5.0).asked == 3


def test_fewer_experts_may_be_better():
    curve = [RoutingPoint(-1.0, 3.0, 60.0), RoutingPoint(0.0, 1.0, 62.0)]
    assert chosen_point(curve, 0.0).asked == 1


@pytest.mark.parametrize(
    ("scores", "labels", "reason"),
    [(SCORES[:, :2], LABELS, "(200, 2)"), (SCORES[:9], LABELS, "(9, 3)"), (SCORES, LABELS[:5], "(5,)")],
)
def test_shapes_that_do_not_fit_are_named(scores, labels, reason):
    with pytest.raises(InputError) as refused:
        routing_curve(scores, RIGHT, labels)
    assert reason in str(refused.value)


def test_no_images_are_refused():
    with pytest.raises(InputError, match="N above 0"):
        routing_curve(SCORES[:0], RIGHT[:0], LABELS[:0])


def test_a_loss_below_nothing_is_refused():
    with pytest.raises(InputError, match="most_loss"):
        chosen_point([RoutingPoint(0.0, 1.0, 50.0)], -1.0)
