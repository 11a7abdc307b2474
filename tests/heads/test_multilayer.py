"""The small network: what it can that a plane cannot, and that prediction is what was trained."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from longtail.errors import InputError
from longtail.heads import Joint, MultilayerPerceptron, precision
from longtail.heads.hidden_network import HiddenNetwork, _Dropout, _Linear, scaling_of


@pytest.fixture(scope="module")
def ring():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(600, 6)).astype(np.float32)
    labels = (np.linalg.norm(features[:, :2], axis=1) > 2).astype(int)  # 14 % lie outside
    return features[:400], labels[:400], features[400:], labels[400:]


def balanced(predicted, labels):
    return np.mean([(predicted[labels == c] == c).mean() for c in np.unique(labels)])


def test_it_tells_a_ring_from_its_inside(ring):
    train, labels, test, truth = ring
    given = {"unit_length": False, "input_dropout": 0, "mixup": 0, "learning_rate": 0.01, "epochs": 60}
    head = MultilayerPerceptron(**given, random_state=0).fit(train, labels)
    linear = Joint(random_state=0, loss="balanced-softmax").fit(train, labels)
    assert balanced(head.predict(test), truth) > 0.8
    assert balanced(linear.predict(test), truth) < 0.7


@pytest.mark.parametrize("unit_length", [True, False])
def test_folded_layers_are_the_trained_network(unit_length):
    """Batch norm and the scaling of the inputs, folded into the first layer, change no logit."""
    rng = np.random.default_rng(1)
    features = rng.gamma(2, size=(50, 7))
    scaling = scaling_of(features, unit_length)
    torch.manual_seed(0)
    network = HiddenNetwork(7, 16, 3, 0.5, 0.2).double()
    rows = torch.from_numpy(features)
    for _ in range(20):
        network(scaling.apply(rows))  # moves the running statistics away from 0 and 1
    torch.nn.init.normal_(network.norm.weight)
    torch.nn.init.normal_(network.norm.bias)
    network.eval()
    expected = torch.log_softmax(network(scaling.apply(rows)), dim=1).detach().numpy()
    head = MultilayerPerceptron(unit_length=unit_length)
    head.mean_, head.deviation_ = np.zeros(7), np.ones(7)
    parts = [part[None].numpy() for part in network.folded(scaling)]
    head.hidden_weight_, head.hidden_bias_, head.output_weight_, head.output_bias_ = parts
    np.testing.assert_allclose(head._chunk_logits(rows).numpy(), expected, rtol=1e-9, atol=1e-9)


def test_scaling_gives_mean_zero_and_typical_deviation_one():
    features = np.random.default_rng(2).gamma(2, size=(5000, 4)) + 10
    scaled = scaling_of(features, False).apply(torch.from_numpy(features))
    np.testing.assert_allclose(scaled.mean(dim=0), 0, atol=1e-9)
    assert scaled.std(dim=0).mean() == pytest.approx(1, rel=1e-3)


def test_tau_one_finds_more_of_the_rare_class(ring):
    train, labels, test, _ = ring
    shares = []
    for tau in (0.0, 1.0, 2.0):
        head = MultilayerPerceptron(tau=tau, unit_length=False, epochs=20, random_state=0).fit(train, labels)
        shares.append((head.predict(test) == 1).mean())
    assert shares[0] < shares[1] < shares[2]


def test_members_vote_by_their_mean_log_probability(ring):
    train, labels, test, _ = ring
    both = MultilayerPerceptron(members=2, epochs=3, random_state=0).fit(train, labels)
    assert both.hidden_weight_.shape == (2, 512, 6)
    alone = []
    for member in range(2):
        one = MultilayerPerceptron(epochs=1, random_state=0).fit(train, labels)
        for name in ("hidden_weight_", "hidden_bias_", "output_weight_", "output_bias_"):
            setattr(one, name, getattr(both, name)[member : member + 1])
        alone.append(one.logits(test))
    assert not np.allclose(alone[0], alone[1])
    np.testing.assert_allclose(both.logits(test), np.mean(alone, axis=0), rtol=1e-5, atol=1e-6)


def test_the_seed_decides_and_the_global_generator_does_not(ring):
    train, labels, test, _ = ring
    torch.manual_seed(1)
    first = MultilayerPerceptron(epochs=2, random_state=3).fit(train, labels).logits(test)
    state = torch.get_rng_state()
    torch.manual_seed(2)
    again = MultilayerPerceptron(epochs=2, random_state=3).fit(train, labels).logits(test)
    np.testing.assert_array_equal(first, again)
    torch.manual_seed(1)
    assert torch.equal(torch.get_rng_state(), state)
    other = MultilayerPerceptron(epochs=2, random_state=4).fit(train, labels).logits(test)
    assert not np.array_equal(first, other)


def test_threads_do_not_draw_from_each_other(ring):
    train, labels, test, _ = ring

    def logits(_):
        return MultilayerPerceptron(epochs=10, random_state=3).fit(train, labels).logits(test)

    alone, state = logits(0), torch.get_rng_state()
    with ThreadPoolExecutor(4) as pool:
        for together in pool.map(logits, range(4)):
            np.testing.assert_array_equal(together, alone)
    assert torch.equal(torch.get_rng_state(), state)


def test_weights_of_its_own_generator_are_those_of_torch():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        expected = torch.nn.Linear(7, 9)
    layer = _Linear(7, 9, torch.Generator().manual_seed(5))
    assert torch.equal(layer.weight, expected.weight)
    assert torch.equal(layer.bias, expected.bias)


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5])
def test_dropout_leaves_a_share_out_and_keeps_the_mean(share):
    rows = torch.ones(400, 500)
    dropped = _Dropout(share, np.random.default_rng(0))(rows)
    assert float((dropped == 0).float().mean()) == pytest.approx(share, abs=0.005)
    assert float(dropped.mean()) == pytest.approx(1, abs=0.01)
    assert dropped.unique().tolist() == pytest.approx([0.0, 1 / (1 - share)] if share else [1.0])
    again = _Dropout(share, np.random.default_rng(0))(rows)
    assert torch.equal(dropped, again)
    assert torch.equal(_Dropout(share, np.random.default_rng(0)).eval()(rows), rows)


@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.bfloat16])
def test_dropout_gives_the_type_that_it_gets(kind):
    rows = torch.full((50, 40), 3.0, dtype=kind)
    dropped = _Dropout(0.2, np.random.default_rng(0))(rows)
    assert dropped.dtype == kind
    # no other numbers than these, and none of another sign
    assert dropped.unique().tolist() == [0.0, float(rows[0, 0] * torch.tensor(1.25, dtype=kind))]
    assert not torch.signbit(dropped).any()


def logits_at(precision, ring, dtype=np.float32):
    train, labels, test, _ = ring
    head = MultilayerPerceptron(epochs=20, random_state=0, unit_length=False, precision=precision)
    return head.fit(train.astype(dtype), labels).logits(test.astype(dtype))


def test_products_are_rounded_where_there_are_many(ring, monkeypatch):
    few = logits_at("auto", ring)
    np.testing.assert_array_equal(few, logits_at("float32", ring))
    monkeypatch.setattr(precision, "WORTH_IT", 0)
    monkeypatch.setattr(precision, "cpu_has_bfloat16", lambda: True)
    many = logits_at("auto", ring)
    np.testing.assert_array_equal(many, logits_at("bfloat16", ring))
    assert 0 < np.abs(many - few).max() < 0.3 * np.abs(few).max()
    assert (many.argmax(axis=1) == few.argmax(axis=1)).mean() > 0.95
    monkeypatch.setattr(precision, "cpu_has_bfloat16", lambda: False)
    np.testing.assert_array_equal(logits_at("auto", ring), few)


def test_double_precision_stays_what_it_is(ring):
    rounded, exact = (logits_at(kind, ring, np.float64) for kind in ("bfloat16", "float32"))
    np.testing.assert_array_equal(rounded, exact)


@pytest.mark.parametrize(("width", "rate"), [(768, 1e-3), (192, 2e-3), (2, 1e-2)])
def test_the_learning_rate_follows_the_width(width, rate):
    assert MultilayerPerceptron()._highest_rate(width) == pytest.approx(rate)
    assert MultilayerPerceptron(learning_rate=0.5)._highest_rate(width) == 0.5


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"hidden": 0}, "hidden is 0"),
        ({"epochs": "many"}, "epochs is 'many'"),
        ({"members": 0}, "members is 0"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"mixup": -1}, "mixup is -1"),
        ({"precision": "half"}, "half"),
    ],
)
def test_mistakes_are_told(ring, parameters, told):
    with pytest.raises(InputError, match=told):
        MultilayerPerceptron(**parameters).fit(ring[0], ring[1])
