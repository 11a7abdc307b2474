"""`balance_model`: the same in Python, on a network in memory."""

import numpy as np
import pytest
import torch
from torch import nn

import longtail
from longtail.errors import InputError
from longtail.heads import LogitAdjusted


class Wide(nn.Module):
    """A network that is of no library: two layers, the last of them named fc."""

    def __init__(self, dimension=6, num_classes=3, bias=True):
        super().__init__()
        self.body = nn.Linear(4, dimension)
        self.fc = nn.Linear(dimension, num_classes, bias=bias)

    def forward(self, images):
        return self.fc(torch.relu(self.body(images)))


@pytest.fixture
def trained():
    """A network that is right about its training rows but for the rare class, their features and labels."""
    torch.manual_seed(0)
    model, rng, labels = Wide(), np.random.default_rng(0), np.repeat([0, 1, 2], [80, 20, 6])
    features = (3 * np.eye(3, 6)[labels] + rng.normal(size=(len(labels), 6))).astype(np.float32)
    with torch.no_grad():
        model.fc.weight.copy_(torch.eye(3, 6))
        model.fc.bias.copy_(torch.tensor([2.0, 0.0, -2.0]))
    return model, features, labels


def recalls(model, features, labels):
    found = model.fc(torch.from_numpy(features)).argmax(dim=1).numpy()
    return [float((found[labels == c] == c).mean()) for c in range(3)]


def test_a_single_method_is_put_in_as_it_is_fitted(trained):
    model, features, labels = trained
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    balanced = longtail.balance_model(model, features, labels, methods="la", seed=3)
    head = LogitAdjusted(head=(model.fc.weight.detach().numpy(), model.fc.bias.detach().numpy()), random_state=3)
    head.fit(features, labels)
    torch.testing.assert_close(balanced.fc.bias.detach().numpy(), head.bias_)
    assert balanced.fc is not model.fc
    assert all(torch.equal(tensor, before[key]) for key, tensor in model.state_dict().items())
    assert torch.equal(balanced.body.weight, model.body.weight)


@pytest.mark.parametrize("prior", ["uniform", "train", [0.5, 0.25, 0.25]])
def test_a_prior_goes_into_the_bias(trained, prior):
    model, features, labels = trained
    balanced = longtail.balance_model(model, features, labels, methods="la", seed=3, prior=prior)
    head = LogitAdjusted(head=(model.fc.weight.detach().numpy(), model.fc.bias.detach().numpy()), random_state=3)
    expected = head.fit(features, labels).logits(features, prior=prior)
    torch.testing.assert_close(balanced.fc(torch.from_numpy(features)).detach().numpy(), expected)


def test_a_prior_that_no_bias_can_say_is_refused(trained):
    model, features, labels = trained
    with pytest.raises(InputError, match="class 1 has the share 0"):
        longtail.balance_model(model, features, labels, methods="la", prior=[0.5, 0, 0.5])
    with pytest.raises(InputError, match="no bias, which a prior"):
        longtail.balance_model(Wide(bias=False), features, labels, methods="tau", prior="train")


@pytest.mark.parametrize("with_validation", [True, False])
def test_the_chosen_layer_finds_the_rare_class(trained, with_validation):
    model, features, labels = trained
    rng, new = np.random.default_rng(1), np.repeat([0, 1, 2], 30)
    others = [(3 * np.eye(3, 6)[new] + rng.normal(size=(90, 6))).astype(np.float32) for _ in range(2)]
    validation = (others[0], new) if with_validation else None
    balanced = longtail.balance_model(model, features, labels, validation=validation)
    assert np.mean(recalls(balanced, others[1], new)) > np.mean(recalls(model, others[1], new)) + 0.1


def test_renaming_the_classes_renames_the_outputs(trained):
    model, features, labels = trained
    order = np.array([2, 0, 1])  # output k of the other network is class order[k] of this one
    other = Wide()
    other.load_state_dict(model.state_dict())
    with torch.no_grad():
        other.fc.weight.copy_(model.fc.weight[order])
        other.fc.bias.copy_(model.fc.bias[order])
    fair = longtail.balance_model(model, features, labels, methods="tau")
    renamed = longtail.balance_model(other, features, np.argsort(order)[labels], methods="tau")
    torch.testing.assert_close(renamed.fc.weight, fair.fc.weight[order], rtol=1e-5, atol=1e-6)


def test_a_layer_without_bias_stays_without(trained):
    _, features, labels = trained
    model = Wide(bias=False)
    with torch.no_grad():
        model.fc.weight.copy_(torch.diag(torch.tensor([3.0, 1.0, 0.1])) @ torch.eye(3, 6))
    balanced = longtail.balance_model(model, features, labels, methods="tau")
    assert balanced.fc.bias is None
    before, after = model.fc.weight, balanced.fc.weight
    torch.testing.assert_close(torch.cosine_similarity(before, after), torch.ones(3))
    assert after.norm(dim=1).std() / after.norm(dim=1).mean() < before.norm(dim=1).std() / before.norm(dim=1).mean()
    assert longtail.balance_model(model, features, labels).fc.bias is None


def test_mistakes_are_told(trained):
    model, features, labels = trained
    with pytest.raises(InputError, match="5 features a row, but Wide: fc sees 6"):
        longtail.balance_model(model, features[:, :5], labels)
    with pytest.raises(InputError, match="2 classes, but Wide: fc has 3 outputs"):
        longtail.balance_model(model, features[labels < 2], labels[labels < 2])
    with pytest.raises(InputError, match=r"another order: .*0 \(0\) is its output 1"):
        longtail.balance_model(model, features, np.array([1, 0, 2])[labels])
    with pytest.raises(InputError, match=r"features \(106, 6\) and labels \(105,\)"):
        longtail.balance_model(model, features, labels[1:])
    with pytest.raises(InputError, match="is no linear layer"):
        longtail.balance_model(model, features, labels, methods="ncm")
    with pytest.raises(InputError, match="no linear last layer"):
        longtail.balance_model(nn.Conv2d(3, 3, 3), features, labels)


def test_training_images_may_belong_together():
    """What groups are called is no matter, and there is one for each row."""
    rng = np.random.default_rng(0)
    labels, groups = np.repeat([0, 1, 2], [120, 60, 30]), np.repeat(np.arange(42), 5)
    features = (rng.normal(size=(42, 64))[groups] + 0.01 * rng.normal(size=(210, 64))).astype(np.float32)
    model = longtail.create_backbone("resnet20", num_classes=3)
    fitted = longtail.Joint(random_state=0).fit(features, labels)
    layer = torch.from_numpy(fitted.weight_), torch.from_numpy(fitted.bias_)
    model = longtail.backbones.replace_last_layer(model, *layer)
    named = np.array([f"site {group}" for group in groups])
    first, second = (
        longtail.balance_model(model, features, labels, groups=each, methods="crt,tau") for each in (groups, named)
    )
    assert torch.equal(first.fc.weight, second.fc.weight)
    with pytest.raises(InputError, match="expected one group a row"):
        longtail.balance_model(model, features, labels, groups=groups[:5], methods="crt")
