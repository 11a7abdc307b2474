"""The distilled layer is one more that `balance` chooses from, where the model's layer has a place for it."""

import json

import numpy as np
import pytest
import torch
from torch import nn

import longtail
from longtail.cli import main
from longtail.comparison.linear_methods import linear_methods
from longtail.errors import InputError
from longtail.features import write_features
from longtail.heads import Distilled, NearestClassMean, load_head

RULE = np.array([[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 1.0], [-1.0, -1.0, 0.5, 0.5]], dtype=np.float32)
BIAS = np.array([1.0, 0.0, -1.0], dtype=np.float32)  # some classes are rarer


class Told(NearestClassMean):
    """A teacher that knows the rule which the labels are drawn by."""

    def _chunk_logits(self, features):
        return 3 * (features @ torch.from_numpy(RULE).to(features).T + torch.from_numpy(BIAS).to(features))


def drawn(num_rows, seed):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(num_rows, 4)).astype(np.float32)
    return features, (features @ RULE.T + BIAS + rng.gumbel(size=(num_rows, 3))).argmax(axis=1)


@pytest.fixture
def parts(monkeypatch):
    """Few training rows with labels that are often wrong, and a teacher that is right."""
    monkeypatch.setattr("longtail.heads.distilled.MultilayerPerceptron", lambda **settings: Told())
    return {"train": drawn(40, 0), "val": drawn(1500, 1), "test": drawn(1500, 2)}


@pytest.fixture
def model():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 3))
    with torch.no_grad():
        network[1].weight.copy_(torch.from_numpy(RULE) * torch.tensor([1.0, 1.0, 0.1, 0.1]))
        network[1].bias.copy_(torch.tensor([2.0, 0.0, -2.0]))
    return network


def test_it_stands_where_auto_alone_or_all_are_asked_for_and_the_layer_has_a_bias():
    assert linear_methods("auto", {}, has_bias=True)[-1] == "distilled"
    assert "distilled" not in linear_methods("auto", {}, has_bias=False)
    assert linear_methods("lws,auto", {}, has_bias=True) == ("lws",)
    with pytest.raises(InputError, match="`methods` distilled: needs a bias"):
        linear_methods("distilled", {}, has_bias=False)


def test_a_network_gets_it_where_it_is_better(parts, model):
    fair = longtail.balance_model(model, *parts["train"], validation=parts["val"], methods="logistic,distilled")
    (train, labels), (val, truth) = parts["train"], parts["val"]
    first = Distilled(random_state=0).fit(train, labels, validation=(val, truth))
    again = Distilled(penalty=first.penalty_, scale=first.scale_, random_state=0)
    again.fit(np.concatenate([train, val]), np.concatenate([labels, truth]))
    np.testing.assert_allclose(fair[1].weight.detach().numpy(), again.weight_, rtol=1e-3, atol=1e-4)


def test_the_command_names_it(parts, model, tmp_path, capsys):
    for split, (features, labels) in parts.items():
        write_features(tmp_path / "embeddings" / f"feature_{split}.h5", features, labels)
    torch.save({"fc.weight": model[1].weight.detach(), "fc.bias": model[1].bias.detach()}, tmp_path / "net.pth")
    words = ["balance", str(tmp_path / "net.pth"), "--features", str(tmp_path / "embeddings"), "--device", "cpu"]
    words += ["--out", str(tmp_path / "fair"), "--methods", "logistic,distilled"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "auto is distilled, chosen on val" in said
    assert "fc is now distilled's" in said
    auto = json.loads((tmp_path / "fair" / "results.json").read_text())["methods"]["auto"]
    assert (auto["choice"]["method"], auto["choice"]["rule"]) == ("distilled", "highest score")
    assert set(auto["choice"]["scores"]) == {"joint", "logistic", "distilled"}
    head = load_head(tmp_path / "fair" / "heads" / "auto.npz")
    assert isinstance(head, Distilled)
    written = torch.load(tmp_path / "fair" / "net.pth", weights_only=True)
    np.testing.assert_array_equal(written["fc.weight"].numpy(), head.weight_)
