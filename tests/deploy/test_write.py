"""Programs of networks: what fails is told in a sentence, and leaves nothing; what is written says how to feed it."""

import json
from dataclasses import replace

import onnx
import pytest
import torch
from timm.layers.config import set_fused_attn, use_fused_attn
from torch import nn
from torch.nn import functional

from longtail.data.transforms import Preprocessing
from longtail.deploy import Deployed, traceable, write_deployed
from longtail.errors import LongtailError

KEPT = Preprocessing(8, 9, 3, (0.5,) * 3, (0.25,) * 3, "none", True)
NAMES = ["a", "b"]


class Network(nn.Module):
    def __init__(self, end):
        super().__init__()
        self.fc, self.end = nn.Linear(3, 2), end

    def forward(self, images):
        return self.end(self.fc(images.mean(dim=(2, 3))))


class RelativePositions(nn.Module):
    """As BEiT and Swin: fused attention with a mask that is made of a weight."""

    def __init__(self):
        super().__init__()
        self.bias, self.fc = nn.Parameter(torch.randn(4, 4)), nn.Linear(48, 2)

    def forward(self, images):
        x = images.flatten(1).unflatten(1, (1, 4, 48))
        mask = self.bias.sigmoid()[None, None]
        return self.fc(functional.scaled_dot_product_attention(x, x, x, attn_mask=mask).mean(dim=(1, 2)))


def eigenvalues(logits):
    """Something that ONNX has no word for."""
    return logits + torch.linalg.eigvals(logits[:, :, None] * logits[:, None]).real


def branches(logits):
    """Something that cannot be traced: what is computed depends on the numbers."""
    return logits if logits.sum() > 0 else -logits


def test_a_mask_made_of_weights(tmp_path):
    model = Deployed(RelativePositions(), KEPT).eval()
    assert write_deployed(model, tmp_path / "net.onnx", "onnx", class_names=NAMES) < 1e-5
    assert all(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize("output", ["logits", 1])
def test_logits_among_other_things(output, tmp_path):
    ends = {"logits": lambda z: {"loss": None, "logits": z}, 1: lambda z: (z.softmax(dim=1), z)}
    model = Deployed(Network(ends[output]), KEPT, output).eval()
    images = torch.rand(2, 3, 8, 8)
    torch.testing.assert_close(model(images)[0], model.network.fc((images * 4 - 2).mean(dim=(2, 3))))
    assert write_deployed(model, tmp_path / "net.pt2", "torch-export", class_names=NAMES) < 1e-5


@pytest.mark.parametrize(
    ("end", "kind", "told"),
    [
        (branches, "onnx", "cannot be exported for batches of any size"),
        (branches, "torch-export", "cannot be exported for batches of any size"),
        pytest.param(eigenvalues, "onnx", "Network cannot be written as ONNX", marks=pytest.mark.slow),
    ],
)
def test_what_cannot_be_written_is_told_and_leaves_nothing(end, kind, told, tmp_path):
    path = tmp_path / f"net{'.onnx' if kind == 'onnx' else '.pt2'}"
    path.write_text("of an earlier call")
    with pytest.raises(LongtailError, match=told) as error:
        write_deployed(Deployed(Network(end), KEPT).eval(), path, kind, class_names=NAMES)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    assert path.read_text() == "of an earlier call"


def test_an_error_of_the_writer_is_told_by_its_root(tmp_path, monkeypatch):
    """torch wraps what went wrong in a report of several screens."""

    def export(*arguments, **settings):
        try:
            raise ValueError("only 4D query, key, and value are supported\nand a stack of lines")
        except ValueError as error:
            raise RuntimeError("Failed to convert\n" * 100) from error

    monkeypatch.setattr("torch.onnx.export", export)
    with pytest.raises(
        LongtailError, match=r"Network cannot be written as ONNX \(only 4D query, key, and value are sup"
    ):
        write_deployed(Deployed(Network(lambda z: z), KEPT).eval(), tmp_path / "net.onnx", "onnx", class_names=NAMES)
    assert not list(tmp_path.iterdir())


def test_it_says_how_to_feed_it(tmp_path):
    write_deployed(Deployed(Network(lambda z: z), KEPT).eval(), tmp_path / "net.onnx", "onnx", class_names=NAMES)
    about = {entry.key: entry.value for entry in onnx.load(tmp_path / "net.onnx").metadata_props}
    told = json.loads(about["preprocessing"])
    assert (told["size"], told["resize"], told["mean"], told["std"]) == (8, 9, [0.5] * 3, [0.25] * 3)
    assert (told["interpolation"], told["antialias"]) == ("bilinear", True)
    assert "v2.Resize(resize, antialias=True)" in told["outside"]
    assert told["decode"] == "whole"
    assert "1/8" not in told["outside"]
    assert json.loads(about["class_names"]) == NAMES


def test_it_says_that_features_were_of_jpegs_decoded_smaller(tmp_path):
    deployed = Deployed(Network(lambda z: z), replace(KEPT, decode="scaled")).eval()
    write_deployed(deployed, tmp_path / "net.onnx", "onnx", class_names=NAMES)
    about = {entry.key: entry.value for entry in onnx.load(tmp_path / "net.onnx").metadata_props}
    told = json.loads(about["preprocessing"])
    assert told["decode"] == "scaled"
    assert "decoded at 1/2, 1/4 or 1/8" in told["outside"]


def test_attention_in_plain_steps_only_meanwhile():
    before = use_fused_attn()
    with traceable("onnx"):
        assert not use_fused_attn()
    assert use_fused_attn() == before
    with pytest.raises(KeyError), traceable("onnx"):
        raise KeyError
    assert use_fused_attn() == before
    with traceable("torch-export"):
        assert use_fused_attn() == before
    set_fused_attn(False)
    try:
        with traceable("onnx"):
            pass
        assert not use_fused_attn()
    finally:
        set_fused_attn(before)
