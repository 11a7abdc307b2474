"""Others' checkpoints: the originals' nets give the same logits, and what cannot be read is refused in a sentence."""

import itertools

import pytest
import torch
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from longtail.backbones import create_backbone, features_of
from longtail.backbones.architecture import recognise
from longtail.backbones.foreign import read_foreign
from longtail.backbones.layouts import LAYOUTS, to_layout
from longtail.cli import main
from longtail.jobs.stage_one.trained_model import open_model

# the nets of the decoupling paper's code, built with torchvision's class
NETS = {
    "resnet10": (BasicBlock, [1, 1, 1, 1], 1, 64),
    "resnet50": (Bottleneck, [3, 4, 6, 3], 1, 64),
    "resnet101": (Bottleneck, [3, 4, 23, 3], 1, 64),
    "resnet152": (Bottleneck, [3, 8, 36, 3], 1, 64),
    "resnext50_32x4d": (Bottleneck, [3, 4, 6, 3], 32, 4),
    "resnext101_32x4d": (Bottleneck, [3, 4, 23, 3], 32, 4),
    "resnext152_32x4d": (Bottleneck, [3, 8, 36, 3], 32, 4),
}
C = 11


def original(name):
    """A net with random weights, affine parameters and statistics."""
    torch.manual_seed(1)
    block, layers, groups, width = NETS[name]
    net = ResNet(block, layers, num_classes=C, groups=groups, width_per_group=width)
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.0)
            torch.nn.init.uniform_(module.bias, -0.1, 0.1)
            torch.nn.init.uniform_(module.running_mean, -0.1, 0.1)
            torch.nn.init.uniform_(module.running_var, 0.5, 2.0)
    return net.eval()


def parts(net):
    state = net.state_dict()
    return {k: v for k, v in state.items() if not k.startswith("fc.")}, state["fc.weight"], state["fc.bias"]


def balancing(net, *, key="state_dict_best", scales=None):
    backbone, weight, bias = parts(net)
    classifier = {"module.fc.weight": weight, "module.fc.bias": bias}
    if scales is not None:
        classifier["module.scales"] = scales
    model = {f"module.{k}": v for k, v in backbone.items()}
    return {"epoch": 90, "best_acc": 0.4, key: {"feat_model": model, "classifier": classifier}, "centroids": None}


def imported(content, tmp_path, *options):
    torch.save(content, tmp_path / "theirs.pth")
    out = tmp_path / "ours.pt"
    assert main(["import", str(tmp_path / "theirs.pth"), "--out", str(out), *options]) == 0
    return open_model(out)


def refused(path, capsys, *options):
    assert main(["import", str(path), "--out", str(path.with_suffix(".out")), *options]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert not path.with_suffix(".out").exists()
    return told


@pytest.mark.parametrize("name", NETS)
@torch.inference_mode()
def test_the_originals_nets_give_the_same_features_and_logits(name, tmp_path):
    net = original(name)
    ours = imported(balancing(net), tmp_path)
    assert ours.about["backbone"] == name
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    features = torch.nn.Sequential(*list(net.children())[:-1])(images).flatten(1)
    for mine, theirs in ((ours.features(images), features), (ours.model(images), net(images))):
        assert (mine - theirs).abs().max() <= 1e-5 * theirs.abs().max()


@torch.inference_mode()
def test_scales_of_lws_are_folded(tmp_path, capsys):
    net, scales = original("resnet10"), torch.linspace(0.5, 2.0, C)
    ours = imported(balancing(net, key="state_dict", scales=scales), tmp_path)
    images = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(ours.model(images), scales * net(images), rtol=1e-5, atol=1e-5)
    assert "LWS" in capsys.readouterr().out


@pytest.mark.parametrize("layout", LAYOUTS)
def test_old_files_lack_a_counter(layout, tmp_path, capsys):
    backbone, weight, bias = parts(original("resnet10"))
    uncounted = {name: tensor for name, tensor in backbone.items() if not name.endswith("num_batches_tracked")}
    ours = imported(to_layout(uncounted, weight, bias, layout), tmp_path)
    assert "num_batches_tracked of 12 batch norms" in capsys.readouterr().out
    assert ours.model.state_dict()["bn1.num_batches_tracked"] == 0


@pytest.mark.parametrize("prefix", ["", "module.", "backbone.", "model.", "_orig_mod."])
@pytest.mark.parametrize("container", [None, "state_dict", "model"])
@torch.inference_mode()
def test_plain_state_dicts(prefix, container, tmp_path):
    net = original("resnet10")
    state = {prefix + name: tensor for name, tensor in net.state_dict().items()}
    ours = imported({container: state, "epoch": 3} if container else state, tmp_path)
    images = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(ours.model(images), net(images), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("classifier", ["linear", "fc", "classifier"])
@torch.inference_mode()
def test_cifar_resnets_in_their_namings(classifier, tmp_path):
    net = create_backbone("resnet20", num_classes=C).eval()
    state = {f"module.{name.replace('fc.', f'{classifier}.')}": tensor for name, tensor in net.state_dict().items()}
    ours = imported({"state_dict": state, "arch": "resnet20"}, tmp_path)
    assert (ours.about["backbone"], ours.preprocessing.size, ours.preprocessing.resident) == ("resnet20", 32, True)
    images = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(ours.model(images), net(images))


def test_moco_without_its_momentum_encoder(tmp_path, capsys):
    net = original("resnet10")
    backbone, _, _ = parts(net)
    state = {f"module.encoder_q.{k}": v for k, v in backbone.items()}
    state |= {f"module.encoder_k.{k}": torch.zeros_like(v) for k, v in backbone.items()}
    state |= {"module.encoder_q.fc.0.weight": torch.zeros(8, 512), "module.queue": torch.zeros(8, 16)}
    torch.save({"state_dict": state}, tmp_path / "moco.pth")
    assert "--num-classes" in refused(tmp_path / "moco.pth", capsys)
    ours = imported({"state_dict": state}, tmp_path, "--num-classes", "5")
    told = capsys.readouterr().out
    assert "beside MoCo's encoder_q" in told
    assert "not a linear classifier" in told
    assert "train it before it is used" in told
    torch.testing.assert_close(ours.model.state_dict()["conv1.weight"], backbone["conv1.weight"])


@torch.inference_mode()
def test_classifiers_beside_a_momentum_encoder(tmp_path, capsys):
    """PaCo's classifier is taken, and neither its momentum copy nor a projection, be it of one layer."""
    net = original("resnet10")
    backbone, weight, bias = parts(net)
    state = {f"module.encoder_q.{k}": v for k, v in backbone.items()}
    state |= {f"module.encoder_k.{k}": torch.zeros_like(v) for k, v in backbone.items()}
    state |= {"module.encoder_q.fc.weight": torch.zeros(128, 512), "module.encoder_q.fc.bias": torch.zeros(128)}
    state |= {"module.linear.weight": weight, "module.linear.bias": bias, "module.queue_l": torch.zeros(8)}
    state |= {"module.linear_k.weight": torch.zeros_like(weight), "module.linear_k.bias": torch.zeros_like(bias)}
    ours = imported({"state_dict": state}, tmp_path)
    images = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(ours.model(images), net(images), rtol=1e-5, atol=1e-5)
    told = capsys.readouterr().out
    assert "fc.weight, fc.bias: of a projection" in told
    assert "normalize=True" in told


def projection(*widths, name, batch_norm):
    """What a Sequential of linear layers, batch norm and ReLU leaves in a state dict."""
    state, place = {}, 0
    for number, (inputs, outputs) in enumerate(itertools.pairwise(widths)):
        state |= {f"{name}.{place}.weight": torch.ones(outputs, inputs), f"{name}.{place}.bias": torch.ones(outputs)}
        place += 1
        if number < len(widths) - 2:
            if batch_norm:
                norm = torch.nn.BatchNorm1d(outputs).state_dict()
                state |= {f"{name}.{place}.{key}": tensor for key, tensor in norm.items()}
            place += 1 + batch_norm
    return state


@pytest.mark.parametrize("method", ["paco", "gpaco"])
@torch.inference_mode()
def test_all_that_paco_and_gpaco_release(method, tmp_path, capsys):
    """PaCo's projection has batch norm and a momentum copy, GPaCo's has three layers and neither."""
    net = original("resnet10")
    backbone, weight, bias = parts(net)
    encoder = backbone | (
        projection(512, 512, 128, name="fc", batch_norm=True)
        if method == "paco"
        else projection(512, 512, 512, 128, name="fc", batch_norm=False)
    )
    state = {f"module.encoder_q.{k}": v for k, v in encoder.items()}
    state |= {"module.linear.weight": weight, "module.linear.bias": bias}
    if method == "paco":
        state |= {f"module.encoder_k.{k}": torch.zeros_like(v) for k, v in encoder.items()}
        state |= {"module.linear_k.weight": torch.zeros_like(weight), "module.linear_k.bias": torch.zeros_like(bias)}
    state |= {"module.queue": torch.zeros(64, 128), "module.queue_l": torch.zeros(64, dtype=torch.int64)}
    state |= {"module.queue_ptr": torch.zeros(1, dtype=torch.int64)}
    ours = imported({"epoch": 400, "arch": "resnet10", "acc": 57.0, "state_dict": state, "optimizer": {}}, tmp_path)
    images = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(ours.model(images), net(images), rtol=1e-5, atol=1e-5)
    assert "of a projection" in capsys.readouterr().out


def test_bcl_and_proco_without_their_projections_and_cosines(tmp_path, capsys):
    net = original("resnet10")
    backbone, _, _ = parts(net)
    state = {f"module.encoder.{k}": v for k, v in backbone.items()}
    for name in ("head", "head_fc"):
        state |= projection(512, 512, 1024, name=f"module.{name}", batch_norm=True)
    state |= {"module.fc.weight": torch.ones(512, C)}
    torch.save({"state_dict": state}, tmp_path / "bcl.pth")
    assert "--num-classes" in refused(tmp_path / "bcl.pth", capsys)
    ours = imported({"state_dict": state}, tmp_path, "--num-classes", "5")
    assert "of a projection" in capsys.readouterr().out
    torch.testing.assert_close(ours.model.state_dict()["conv1.weight"], backbone["conv1.weight"])


def test_a_cosine_classifier_is_none_of_ours(tmp_path, capsys):
    state = {k: v for k, v in create_backbone("resnet32", num_classes=C).state_dict().items() if "fc." not in k}
    torch.save({"state_dict": state | {"linear.weight": torch.ones(64, C)}}, tmp_path / "ldam.pth")
    assert "linear.weight is a cosine classifier" in refused(tmp_path / "ldam.pth", capsys)
    # as many classes as dimensions, or with a bias: linear
    found = imported(state | {"linear.weight": torch.ones(64, 64)}, tmp_path)
    assert len(found.about["class_names"]) == 64


@pytest.mark.parametrize("prefix", ["", "module."])
@torch.inference_mode()
def test_mmpretrain(prefix, tmp_path, capsys):
    net, scales = original("resnet10"), torch.linspace(0.5, 2.0, C)
    backbone, weight, bias = parts(net)
    state = {f"backbone.{name}": tensor for name, tensor in backbone.items()}
    state |= {"head.fc.weight": weight, "head.fc.bias": bias, "data_preprocessor.mean": torch.zeros(3, 1, 1)}
    images = torch.randn(1, 3, 64, 64)

    def logits(change):
        content = {prefix + name: tensor for name, tensor in (state | change).items() if tensor is not None}
        return imported({"state_dict": content, "meta": {}}, tmp_path).model(images)

    torch.testing.assert_close(logits({}), net(images), rtol=1e-5, atol=1e-5)
    assert "data_preprocessor.mean: no part of backbone" in capsys.readouterr().out
    torch.testing.assert_close(logits({"head.scales": scales}), scales * net(images), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(logits({"head.fc.bias": None}), net(images) - bias, rtol=1e-5, atol=1e-5)
    assert "no bias: zeros" in capsys.readouterr().out


def test_parts_of_classifier_balancing_that_do_not_fit(tmp_path, capsys):
    content, path = balancing(original("resnet10")), tmp_path / "theirs.pth"
    model, head = (content["state_dict_best"][part] for part in ("feat_model", "classifier"))
    model["module.fc_add.weight"] = torch.zeros(2, 2)
    imported(content, tmp_path)
    assert "fc_add.weight: of OLTR" in capsys.readouterr().out
    cases = [
        (balancing(original("resnet10"), scales=torch.ones(3)), "scales of (3,)"),
        ({"state_dict": {"feat_model": [1], "classifier": head}}, "feat_model is a list"),
        ({"state_dict": {"feat_model": model, "classifier": None}}, "holds no linear classifier"),
        ({"state_dict": {"feat_model": model, "classifier": head | {"module.fc.bias": torch.ones(C) / 0}}}, "infinity"),
    ]
    for broken, reason in cases:
        torch.save(broken, path)
        assert reason in refused(path, capsys)


def test_the_best_epoch_goes_before_the_last(tmp_path, capsys):
    best, last = balancing(original("resnet10")), balancing(original("resnet10"), key="state_dict")
    last["state_dict"]["classifier"]["module.fc.bias"] = torch.ones(C)
    ours = imported(last | best, tmp_path)
    assert torch.equal(ours.model.fc.bias, best["state_dict_best"]["classifier"]["module.fc.bias"])
    told = capsys.readouterr().out
    assert "the epoch best on validation" in told
    assert "state_dict: another set of weights" in told


@pytest.mark.parametrize("broken", [{}, {"conv1.weight": torch.tensor(1.0)}, {"layer1.0.conv2.weight": torch.ones(2)}])
def test_odd_names_are_no_resnet(broken):
    sound = {"conv1.weight": torch.zeros(64, 3, 7, 7), "layer1.weight": torch.zeros(2), "layer4.0.x": torch.zeros(1)}
    assert recognise(sound | broken) == (None, "no ResNet by its names (conv1, layer1, ...)")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_there_and_back(layout, tmp_path):
    backbone, weight, bias = parts(original("resnet10"))
    torch.save(to_layout(backbone, weight, bias, layout), tmp_path / "file.pth")
    found = read_foreign(tmp_path / "file.pth")
    assert found.backbone.keys() == backbone.keys()
    assert all(torch.equal(found.backbone[name], tensor) for name, tensor in backbone.items())
    assert torch.equal(found.classifier[0], weight)
    assert torch.equal(found.classifier[1], bias)


def test_what_cannot_be_read(tmp_path, capsys):
    net = create_backbone("resnet20", num_classes=C)
    good = tmp_path / "good.pth"
    torch.save(net.state_dict(), good)
    (tmp_path / "short.pth").write_bytes(good.read_bytes()[:-2000])
    (tmp_path / "text.pth").write_text("no checkpoint")
    torch.save({"state_dict": {}}, tmp_path / "empty.pth")
    torch.save({"run": exec}, tmp_path / "code.pth")
    wide = net.state_dict() | {"conv1.weight": torch.zeros(64, 3, 3, 3)}
    torch.save(wide, tmp_path / "wide.pth")
    projected = net.state_dict() | {"layer2.0.shortcut.0.weight": torch.zeros(32, 16, 1, 1)}
    torch.save(projected, tmp_path / "projected.pth")
    assert "no such checkpoint" in refused(tmp_path / "absent.pth", capsys)
    assert "truncated" in refused(tmp_path / "short.pth", capsys)
    assert "Expected a checkpoint of classifier-balancing" in refused(tmp_path / "text.pth", capsys)
    assert "holds no weights" in refused(tmp_path / "empty.pth", capsys)
    assert "could run code" in refused(tmp_path / "code.pth", capsys)
    assert "first width 64" in refused(tmp_path / "wide.pth", capsys)
    assert "shortcuts with weights" in refused(tmp_path / "projected.pth", capsys)
    assert "another architecture" in refused(good, capsys, "--backbone", "resnet32")
    assert main(["import", str(good), "--out", str(tmp_path / "ours.pt")]) == 0
    assert capsys.readouterr().err.endswith(f"longtail extract {tmp_path / 'ours.pt'} DATA\n")
    assert "longtail already" in refused(tmp_path / "ours.pt", capsys)


def test_from_import_to_heads_and_back(tmp_path, capsys):
    """A foreign CIFAR ResNet scores a folder of images; its tau-normalised head goes back in the same layout."""
    from longtail.data.decode import write_png
    from longtail.heads import load_head

    generator = torch.Generator().manual_seed(0)
    for split in ("train", "val", "test"):
        for c in range(3):
            (tmp_path / "images" / split / f"{c}").mkdir(parents=True)
            for k in range(6 - c):
                image = torch.randint(0, 256, (3, 32, 32), dtype=torch.uint8, generator=generator)
                write_png(image, tmp_path / "images" / split / f"{c}" / f"{k}.png")
    net = create_backbone("resnet20", num_classes=3).eval()
    imported(net.state_dict(), tmp_path)
    ours, features = str(tmp_path / "ours.pt"), str(tmp_path / "features")
    assert main(["extract", ours, "--out", features, "--quiet"]) == 2
    assert "was imported" in capsys.readouterr().err
    assert main(["extract", ours, str(tmp_path / "images"), "--out", features, "--quiet"]) == 0
    assert main(["fit", features, "--methods", "joint,tau", "--out", str(tmp_path / "fit"), "--quiet"]) == 0
    head = tmp_path / "fit" / "heads" / "tau.npz"
    assert main(["export", ours, "--head", str(head), "--out", str(tmp_path / "back.pth")]) == 0
    found = read_foreign(tmp_path / "back.pth")
    torch.testing.assert_close(found.classifier[0].numpy(), load_head(head).weight_)
    model = create_backbone("resnet20", num_classes=3).eval()
    model.load_state_dict(torch.load(tmp_path / "back.pth", weights_only=True))
    images = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(features_of(model, images), features_of(net, images))
