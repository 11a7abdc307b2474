"""The sampler: balance, cycles, purity, ranks, positions; against slow definitions and the original's statistics."""

import json
import pickle
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare
from torch.utils.data import DataLoader, DistributedSampler

from longtail.errors import InputError
from longtail.sampling import Sampler, class_probabilities

LABELS = np.random.default_rng(0).permutation(np.repeat([0, 1, 2, 3], [50, 20, 7, 1]))
KINDS = [
    {"strategy": "instance"},
    {"strategy": "instance", "draw": "independent"},
    {"strategy": "class"},
    {"strategy": "class", "run_length": 3},
    {"strategy": "class", "draw": "independent"},
    {"strategy": "square-root"},
    {"strategy": "square-root", "draw": "independent", "num_samples": 31},
    {"strategy": "progressive", "num_epochs": 5},
    {"q": 0.3, "draw": "cycle", "run_length": 2},
    {"strategy": "repeat-factor", "repeat_threshold": 0.4},
]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: "-".join(map(str, kind.values())))
counts_lists = st.lists(st.integers(1, 30), min_size=1, max_size=8)


@every_kind
def test_is_a_pure_function_of_seed_and_epoch(kind):
    first, second = Sampler(LABELS, seed=4, **kind), Sampler(LABELS, seed=4, **kind)
    second.epoch_indices(3)
    list(second)
    np.testing.assert_array_equal(first.epoch_indices(1), second.epoch_indices(1))
    assert not np.array_equal(first.epoch_indices(1), first.epoch_indices(2))
    assert not np.array_equal(first.epoch_indices(1), Sampler(LABELS, seed=5, **kind).epoch_indices(1))


@every_kind
def test_ranks_interleave_to_the_one_stream(kind):
    whole = Sampler(LABELS, seed=1, **kind).epoch_indices(2)
    for num_ranks in (1, 2, 3, 4):
        joined = np.full(len(whole), -1)
        for rank in range(num_ranks):
            part = Sampler(LABELS, seed=1, rank=rank, num_ranks=num_ranks, **kind)
            part.set_epoch(2)
            mine = list(part)
            assert len(part) == len(mine)
            joined[rank::num_ranks] = mine
        np.testing.assert_array_equal(joined, whole)


@every_kind
def test_position_is_saved_and_restored_anywhere(kind):
    sampler = Sampler(LABELS, seed=2, **kind)
    whole = sampler.epoch_indices(1).tolist()
    sampler.set_epoch(1)
    states = [sampler.state_dict()] + [sampler.state_dict() for _ in sampler]
    other = Sampler(LABELS, seed=2, **kind)
    for stop, state in enumerate(states):
        other.load_state_dict(json.loads(json.dumps(state)))
        assert other.state_dict() == state
        assert list(other) == whole[stop:]
    assert list(other) == sampler.epoch_indices(2).tolist()  # restored once; then from the beginning of the next


@pytest.mark.parametrize(("before", "after"), list(product((1, 2, 3, 4), repeat=2)))
def test_a_position_goes_on_with_another_number_of_ranks(before, after):
    def ranks(number):
        return [Sampler(LABELS, strategy="class", seed=3, rank=rank, num_ranks=number) for rank in range(number)]

    def draw(streams, times):
        return [next(stream) for _ in range(times) for stream in streams]

    whole = Sampler(LABELS, strategy="class", seed=3).epoch_indices(0).tolist()
    first, second, last = ranks(before), ranks(after), Sampler(LABELS, strategy="class", seed=3)
    taken = draw([iter(sampler) for sampler in first], 5)
    assert [sampler.state_dict() for sampler in first] == [first[0].state_dict()] * before
    for sampler in second:
        sampler.load_state_dict(first[0].state_dict())
    taken += draw([iter(sampler) for sampler in second], 3)
    assert [sampler.state_dict() for sampler in second] == [second[0].state_dict()] * after
    last.load_state_dict(second[-1].state_dict())
    assert taken + list(last) == whole


def test_a_loop_that_breaks_off_begins_the_next_epoch():
    sampler = Sampler(LABELS, strategy="class", seed=3)
    for _ in zip(range(5), sampler, strict=False):
        pass
    assert list(sampler) == sampler.epoch_indices(1).tolist()


def test_iterations_give_one_epoch_after_the_other_from_the_one_that_was_set():
    sampler = Sampler(LABELS, strategy="class", seed=3)
    assert [list(sampler) for _ in range(2)] == [sampler.epoch_indices(epoch).tolist() for epoch in (0, 1)]
    sampler.set_epoch(7)
    assert [list(sampler) for _ in range(2)] == [sampler.epoch_indices(epoch).tolist() for epoch in (7, 8)]
    again = pickle.loads(pickle.dumps(sampler))
    assert list(again) == sampler.epoch_indices(9).tolist()


def test_a_finished_epoch_s_position_is_the_beginning_of_the_next():
    sampler = Sampler(LABELS, seed=3)
    list(sampler)
    assert sampler.state_dict() == {"epoch": 1, "position": 0, "seed": 3}


@pytest.mark.parametrize("workers", [0, 2])
def test_a_plain_loop_comes_to_see_every_image(workers):
    """As WeightedRandomSampler in its place would: no epoch is like the one before."""
    labels = np.repeat([0, 1], [900, 100])
    loader = DataLoader(np.arange(1000), batch_size=50, sampler=Sampler(labels, strategy="class"), num_workers=workers)
    epochs = [np.concatenate([batch.numpy() for batch in loader]) for _ in range(4)]
    assert len(np.unique(np.concatenate(epochs))) > 900
    assert [np.bincount(labels[epoch]).tolist() for epoch in epochs] == [[500, 500]] * 4


def test_one_that_shares_its_draws_itself_is_a_distributed_sampler_for_others():
    alone, shared = Sampler(LABELS), Sampler(LABELS, rank=1, num_ranks=2)
    assert not isinstance(alone, DistributedSampler)
    assert isinstance(shared, DistributedSampler)
    assert list(pickle.loads(pickle.dumps(shared))) == alone.epoch_indices(0)[1::2].tolist()
    assert (len(shared), shared.num_samples) == (39, 78)


def test_another_seeds_position_is_refused():
    with pytest.raises(InputError, match="Use the saved seed"):
        Sampler(LABELS, seed=1).load_state_dict(Sampler(LABELS, seed=2).state_dict())


@pytest.mark.parametrize(
    "state", [{}, {"epoch": 0, "position": 79, "seed": 0}, {"epoch": -1, "position": 0, "seed": 0}]
)
def test_a_state_that_cannot_be(state):
    with pytest.raises(InputError, match=r"expected epoch|has 78 draws|epoch is -1"):
        Sampler(LABELS).load_state_dict(state)


@pytest.mark.parametrize("workers", [0, 2])
def test_drop_in_for_a_data_loader(workers):
    sampler = Sampler(LABELS, strategy="class", seed=0)
    loader = DataLoader(
        np.arange(len(LABELS)), batch_size=8, sampler=sampler, num_workers=workers, persistent_workers=workers > 0
    )
    for epoch in range(2):
        sampler.set_epoch(epoch)
        assert np.concatenate([batch.numpy() for batch in loader]).tolist() == sampler.epoch_indices(epoch).tolist()


@pytest.mark.filterwarnings("ignore:'set_vital' is deprecated")  # torchdata itself imports all that torch has
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("batch_size", [7, 13])  # 78 images: with a smaller last batch, and without
def test_goes_on_inside_a_stateful_data_loader(workers, batch_size):
    torchdata = pytest.importorskip("torchdata.stateful_dataloader")

    def loader():
        sampler = Sampler(LABELS, strategy="class", seed=0)
        return torchdata.StatefulDataLoader(
            np.arange(len(LABELS)), batch_size=batch_size, sampler=sampler, num_workers=workers
        )

    whole = Sampler(LABELS, strategy="class", seed=0).epoch_indices(0).tolist()
    begun = loader()
    states = [begun.state_dict() for _ in begun]
    for number in (1, 3, len(states) - 1):
        resumed = loader()
        resumed.load_state_dict(states[number - 1])
        rest = np.concatenate([batch.numpy() for batch in resumed]).tolist()
        assert rest == whole[number * batch_size :]
    # of a finished epoch it makes two iterators, and uses the second: an epoch may be left out
    finished = loader()
    finished.load_state_dict(begun.state_dict())
    later = [Sampler(LABELS, strategy="class", seed=0).epoch_indices(epoch).tolist() for epoch in (1, 2)]
    assert np.concatenate([batch.numpy() for batch in finished]).tolist() in later


@settings(max_examples=60, deadline=None)
@given(counts_lists, st.integers(1, 4), st.integers(1, 90), st.integers(0, 3))
def test_balanced_cycle_by_its_definition(counts, run_length, num_samples, epoch):
    """Every class once a round, every image of a class before any repeats: counted slowly, on any counts."""
    labels = np.random.default_rng(1).permutation(np.repeat(np.arange(len(counts)), counts))
    sampler = Sampler(labels, strategy="class", run_length=run_length, num_samples=num_samples, seed=7)
    stream = sampler.epoch_indices(epoch)
    assert len(stream) == num_samples
    per_round = len(counts) * run_length
    for start in range(0, num_samples, per_round):
        visits = labels[stream[start : start + per_round]].reshape(-1)[::run_length].tolist()
        assert len(set(visits)) == len(visits)
        if start + per_round <= num_samples:
            assert sorted(visits) == list(range(len(counts)))
    for c, n in enumerate(counts):
        mine = stream[labels[stream] == c]
        for start in range(0, len(mine), n):
            assert len(set(mine[start : start + n].tolist())) == len(mine[start : start + n])


@settings(max_examples=40, deadline=None)
@given(counts_lists, st.floats(0.05, 0.95), st.integers(1, 3))
def test_general_cycle_takes_every_image_before_any_repeats(counts, q, run_length):
    labels = np.random.default_rng(1).permutation(np.repeat(np.arange(len(counts)), counts))
    stream = Sampler(labels, q=q, draw="cycle", run_length=run_length, num_samples=80).epoch_indices(0)
    for c, n in enumerate(counts):
        mine = stream[labels[stream] == c]
        for start in range(0, len(mine), n):
            assert len(set(mine[start : start + n].tolist())) == len(mine[start : start + n])


def test_shuffle_is_a_permutation():
    assert sorted(Sampler(LABELS).epoch_indices(0).tolist()) == list(range(len(LABELS)))


@pytest.mark.parametrize(("q", "draw"), [*product((0.0, 0.5, 1.0), ("independent", "cycle"))])
def test_class_frequencies_are_the_distribution(q, draw):
    sampler = Sampler(LABELS, q=q, draw=draw, num_samples=40_000)
    found = np.bincount(LABELS[sampler.epoch_indices(0)], minlength=4)
    assert chisquare(found, 40_000 * class_probabilities([50, 20, 7, 1], q)).pvalue > 1e-4


@pytest.mark.parametrize("kind", [{"strategy": "class"}, {"strategy": "class", "draw": "independent"}, {"q": 0.5}])
def test_images_of_a_class_come_equally_often(kind):
    """Over epochs that each take a part of the head class: no image is preferred, and no pair of images."""
    labels = np.repeat([0, 1], [11, 3])
    sampler = Sampler(labels, num_samples=10, **kind)
    taken = np.zeros((3000, 11))
    for epoch in range(3000):
        taken[epoch] = np.bincount(sampler.epoch_indices(epoch), minlength=14)[:11]
    assert chisquare(taken.sum(axis=0)).pvalue > 1e-4
    pairs = (np.minimum(taken, 1).T @ np.minimum(taken, 1))[np.triu_indices(11, 1)]
    assert pairs.std() < 2.5 * np.sqrt(pairs.mean())


def test_order_within_a_class_and_a_round_is_uniform():
    labels = np.repeat(np.arange(5), 6)
    first_image, first_class, follows = np.zeros(6), np.zeros(5), np.zeros((6, 6))
    for epoch in range(4000):
        stream = Sampler(labels, strategy="class", seed=epoch).epoch_indices(0)
        mine = stream[labels[stream] == 2] - 12
        first_image[mine[0]] += 1
        follows[mine[0], mine[1]] += 1
        first_class[labels[stream[5]]] += 1  # of the second round
    assert chisquare(first_image).pvalue > 1e-4
    assert chisquare(first_class).pvalue > 1e-4
    assert chisquare(follows[~np.eye(6, dtype=bool)]).pvalue > 1e-4


def test_a_very_large_class_comes_in_no_order():
    labels = np.repeat([0, 1], [300_000, 500])
    stream = Sampler(labels, strategy="class", num_samples=40_000).epoch_indices(0)
    common = stream[labels[stream] == 0]
    assert (np.diff(common) > 0).mean() == pytest.approx(0.5, abs=0.02)
    assert chisquare(np.bincount(common[:500] * 10 // 300_000, minlength=10)).pvalue > 1e-4


def test_the_cut_last_round_prefers_no_class():
    labels = np.repeat(np.arange(10), 10)
    last = np.zeros(10)
    for seed in range(2000):
        last[labels[Sampler(labels, strategy="class", seed=seed, num_samples=13).epoch_indices(0)[10:]]] += 1
    assert chisquare(last).pvalue > 1e-4


def test_statistics_of_the_original(shared):
    """Distance to theory, and shares of the largest and smallest class, over ten epochs of the synthetic labels."""
    official = json.loads((shared / "reference/synthetic_official.json").read_text())["samplers"]
    labels = np.load(shared / "reference/synthetic.npz")["train_y"]
    counts = np.bincount(labels)

    num_samples = 10 * len(labels)  # its noise figures are those of so many draws

    def shares(epoch=0, **kind):
        stream = Sampler(labels, num_samples=num_samples, seed=1, **kind).epoch_indices(epoch)
        return np.bincount(labels[stream], minlength=60) / num_samples

    def distance(found, q):
        return np.abs(found - class_probabilities(counts, q)).sum() / 2

    balanced = shares(strategy="class", run_length=4)
    assert distance(balanced, 0.0) <= 1.2 * official["ClassAware(4)"]["tv_to_theory"]
    root = official["Mixed sqrt(nroot=2)"]
    found = shares(strategy="square-root", draw="independent")
    assert distance(found, 0.5) < 1.5 * root["tv_multinomial_noise"]
    assert found[0] == pytest.approx(root["head"], rel=0.05)
    for epoch in (1, 46, 90):  # the original counts from 1
        told = official[f"ClassPriority shift t={epoch}"]
        found = shares(epoch=epoch - 1, strategy="progressive", num_epochs=90)
        assert found[0] == pytest.approx(told["head"], rel=0.05)
        assert found[-1] == pytest.approx(told["tail"], abs=0.0015)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"strategy": "clas"}, "Did you mean class"),
        ({"draw": "cycel"}, "Did you mean cycle"),
        ({"q": 2.0}, "expected 0"),
        ({"strategy": "progressive"}, "needs num_epochs"),
        ({"strategy": "class", "draw": "shuffle"}, "instance-balanced"),
        ({"run_length": 0}, "run_length is 0"),
        ({"num_samples": 0}, "num_samples is 0"),
        ({"rank": 2, "num_ranks": 2}, "rank is 2; expected a whole number from 0 to below 2"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 0.5}, "seed is 0.5"),
        ({"run_length": float("nan")}, "run_length is nan"),
        ({"strategy": "progressive", "num_epochs": 0}, "num_epochs is 0"),
        ({"strategy": "effective-number", "beta": float("nan")}, "beta is nan"),
        ({"strategy": "repeat-factor", "repeat_threshold": float("nan")}, "threshold is nan"),
    ],
)
def test_arguments_that_make_no_sense(arguments, message):
    with pytest.raises(InputError, match=message):
        Sampler(LABELS, **arguments)


@pytest.mark.parametrize("labels", [[], [0.5, 1.5], [[0, 1]], [-1, 0]])
def test_labels_that_are_no_class_numbers(labels):
    with pytest.raises(InputError, match="label"):
        Sampler(labels)
