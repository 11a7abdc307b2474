"""The last layer by names alone: found where they tell it, and told where they do not."""

import re

import pytest
import torch

from longtail.backbones import find_last_layer
from longtail.errors import InputError

C = 5


def weights(*layers, **shapes):
    """Make a state dict of layers: a name (C x 4), or a name and its shape."""
    state = {"stem.weight": torch.zeros(4, 3, 3, 3), "stem.bias": torch.zeros(4)}
    for layer in layers:
        name, shape = layer if isinstance(layer, tuple) else (layer, (C, 4))
        state |= {f"{name}.weight": torch.zeros(shape), f"{name}.bias": torch.zeros(shape[0])}
    return state


POSSIBLE = ["out", "output", "logits", "fc2", "linear2", "cls_head", "classification_head", "dense", "last_layer"]
POSSIBLE += ["prediction", "score", "final_layer", "perceiver.decoder.decoder.final_layer", "classifier.linear"]


@pytest.mark.parametrize("name", [*POSSIBLE, "something", "deep.in.it"])
@pytest.mark.parametrize("prefix", ["", "module.", "model."])
def test_the_only_linear_layer_has_any_name(name, prefix):
    assert find_last_layer(weights(f"{prefix}{name}")).name == f"{prefix}{name}"
    many = {f"{prefix}{key}": tensor for key, tensor in weights(("mlp.up", (8, 4)), ("mlp.down", (4, 8)), name).items()}
    if name in POSSIBLE:
        assert find_last_layer(many).name == f"{prefix}{name}"
    else:
        with pytest.raises(InputError, match=f"no linear last layer.*{name}"):
            find_last_layer(many)


@pytest.mark.parametrize(
    ("layers", "told"),
    [
        ([("fc", (4, 9)), ("out", (C, 4))], "fc, out"),
        ([("head", (4, 9)), ("logits", (C, 4))], "head, logits"),
        (["fc", "head"], "fc, head"),
        ([("dense", (4, 9)), ("out", (C, 4))], "dense, out"),
        ([("fc1", (4, 9)), ("fc2", (C, 8))], "fc1, fc2"),
    ],
)
def test_names_that_do_not_tell_are_all_told(layers, told):
    with pytest.raises(InputError, match=rf"several layers could be the last \({re.escape(told)}\).*--layer.*--arch"):
        find_last_layer(weights(*layers))


def test_two_networks_in_one_file_are_both_named():
    with pytest.raises(InputError, match=r"student.fc \(5, 4\), teacher.fc \(5, 4\); name one"):
        find_last_layer(weights("student.fc", "teacher.fc"))
    assert find_last_layer(weights("student.fc", "teacher.fc"), "student.fc").name == "student.fc"


def test_a_row_of_layers_that_fit_each_other_ends_in_its_last():
    assert find_last_layer(weights(("fc1", (8, 9)), ("fc2", (4, 8)), ("fc3", (C, 4)))).name == "fc3"
    assert find_last_layer(weights(("fc10", (C, 4)), ("fc9", (4, 8)))).name == "fc10"


def test_a_sequential_ends_in_its_last_layer():
    fastai = weights(("0.4.fc", (8, 4)), ("1.2", (4,)), ("1.4", (4, 8)), ("1.6", (4,)), ("1.8", (C, 4)))
    del fastai["stem.weight"], fastai["stem.bias"]
    assert find_last_layer(fastai).name == "1.8"
    assert find_last_layer({"0.weight": torch.zeros(4, 9), "2.weight": torch.zeros(C, 4)}).name == "2"
    # a norm behind it, which would scale its scores
    with pytest.raises(InputError, match="no linear last layer"):
        find_last_layer({**fastai, "1.9.weight": torch.zeros(C)})


def test_heads_side_by_side_are_no_sequential():
    with pytest.raises(InputError, match=r"the scores of two heads \(head.0, head.1\) are added.*--arch timm:NAME"):
        find_last_layer(weights(("head.0", (C, 8)), ("head.1", (C, 4))))
    with pytest.raises(InputError, match=r"the scores of 4 heads \(heads.0, heads.1, heads.2, heads.3\)"):
        find_last_layer(weights(*[(f"heads.{k}", (C, 4)) for k in range(4)]))
    for second in ("head_dist", "dist_head", "aux_head"):
        with pytest.raises(InputError, match="the scores of two heads"):
            find_last_layer(weights("head", second))
    with pytest.raises(InputError, match="the scores of two heads"):
        find_last_layer(weights("cls_classifier", "distillation_classifier"))
    with pytest.raises(InputError, match="the scores of two heads"):
        find_last_layer(weights("classifier.linear", "classifier_distill.linear"))


def test_convolutions_of_pooled_features():
    for name in ("fc", "classifier", "head.fc"):
        assert find_last_layer(weights((name, (C, 4, 1, 1)))).weight.shape == (C, 4)
    # SqueezeNet pools behind it, and has a ReLU there
    with pytest.raises(InputError, match=r"no linear last layer.*classifier.1 \(5, 4, 1, 1\)"):
        find_last_layer(weights(("classifier.1", (C, 4, 1, 1))))


def test_adapters_are_to_be_merged():
    lora = weights("fc.base_layer", ("fc.lora_A.default", (2, 4)), ("fc.lora_B.default", (C, 2)))
    for name in ("fc.base_layer", "fc.lora_B.default"):
        with pytest.raises(InputError, match=r"LoRA.*Merge it first"):
            find_last_layer(lora, name)
    with pytest.raises(InputError, match=r"LoRA.*Merge it first"):
        find_last_layer(weights("fc", ("fc.lora_A.default", (2, 4)), ("fc.lora_B.default", (C, 2))))
    # an adapter of another layer is in the features
    assert find_last_layer(weights("fc", ("q.lora_A.default", (2, 4)), ("q.base_layer", (4, 4)))).name == "fc"
    # found without a name too, in what peft wraps
    with pytest.raises(InputError, match=r"LoRA.*Merge it first"):
        find_last_layer({f"base_model.model.{name}": tensor for name, tensor in lora.items()})
    saved = weights("base_model.model.fc.modules_to_save.default", "base_model.model.fc.original_module")
    for layer in (None, "base_model.model.fc.modules_to_save.default"):
        assert find_last_layer(saved, layer).name == "base_model.model.fc.modules_to_save.default"


@pytest.mark.parametrize(
    "names",
    [
        ("fc.weight_g", "fc.weight_v"),
        ("fc.parametrizations.weight.original0", "fc.parametrizations.weight.original1"),
        ("fc.weight_orig", "fc.weight_u"),
    ],
)
def test_weights_that_a_norm_makes(names):
    state = weights() | {name: torch.zeros(C, 4) for name in names}
    with pytest.raises(InputError, match=r"normalised weights.*remove_parametrizations"):
        find_last_layer(state)


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
def test_types_that_cannot_be_replaced():
    for name in ("fc._packed_params.dtype", "fc.zero_point"):
        with pytest.raises(InputError, match=f"{name} is quantised. Give the model that it was made from"):
            find_last_layer({**weights(), name: torch.zeros(1)})
    quantised = torch.quantize_per_tensor(torch.zeros(C, 4), 0.1, 0, torch.qint8)
    for tensor, told in (
        (quantised, "is of torch.qint8"),
        (torch.zeros(C, 4, dtype=torch.int8), "is of torch.int8.*was quantised"),
        (torch.zeros(C, 4, dtype=torch.complex64), "is of torch.complex64"),
        (torch.zeros(C, 4, device="meta"), "has no content"),
        (torch.zeros(C, 4).to_sparse(), "is stored as torch.sparse_coo"),
        (torch.full((C, 4), float("inf")), "holds NaN or infinity"),
        (torch.full((C, 4), float("nan")).to(torch.float8_e5m2), "holds NaN or infinity"),
    ):
        with pytest.raises(InputError, match=rf"fc.weight {told}"):
            find_last_layer({"fc.weight": tensor})
    assert find_last_layer({"fc.weight": torch.zeros(C, 4, dtype=torch.float8_e4m3fn)}).weight.shape == (C, 4)


def test_one_output_is_no_classifier_of_classes():
    with pytest.raises(InputError, match=r"fc has a single output.*sigmoid.*Expected at least two outputs"):
        find_last_layer(weights(("fc", (1, 4))))
