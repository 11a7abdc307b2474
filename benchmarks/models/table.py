"""How do the image classifiers of timm, torchvision and transformers end, and can their last layer be replaced?

A small member of each family is built with random weights (none of them zero) and looked at in four ways:

- what enters its last layer, as measured by running it;
- in memory: the cut network gives the network's logits, and the network with another last layer what that layer says
  of what entered; all its other weights stay the same bits;
- from a file (.safetensors in a folder of its library, or with --arch): written with another last layer, loaded by its
  library, strictly, it gives what that layer says;
- as ONNX: onnxruntime gives the logits that it gives, in batches of 1 and of 3.

A cell is `ok`, or the sentence that a person reads.

    python benchmarks/models/table.py [--library timm|torchvision|transformers] [--only NAME] [--quick]

transformers is no dependency of longtail: `pip install transformers`. `--quick` leaves ONNX out. All of it takes about
an hour on two cores, and 4 GB of memory.
"""

import argparse
import copy
import json
import tempfile
import warnings
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch
from members import LIBRARIES, Member, members_of
from safetensors.torch import save_file
from torch import Tensor, nn

from longtail.backbones import LastLayer, SplitNetwork, measure_last_layer, replace_last_layer
from longtail.backbones.model_file import open_model_file
from longtail.backbones.outputs import select
from longtail.data.transforms import Preprocessing
from longtail.deploy import Deployed, traceable, write_deployed
from longtail.errors import LongtailError
from longtail.jobs.balancing.built_architecture import architecture_of
from longtail.jobs.balancing.network import build_network, with_measured_layer

TOLERANCE = 1e-4  # of logits, as a share of the largest


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", choices=LIBRARIES, action="append")
    parser.add_argument("--only", help="members whose name contains this")
    parser.add_argument("--quick", action="store_true", help="without ONNX")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    for library in arguments.library or LIBRARIES:
        print(f"\n{library} {_version(library)}, torch {torch.__version__}\n")
        print(
            "| family | member | ends in | what enters | in memory | from a file | ONNX "
            "|\n|---|---|---|---|---|---|---|"
        )
        for member in members_of(library):
            if arguments.only is None or arguments.only in member.name:
                cells = row(member, library, with_onnx=not arguments.quick)
                print(f"| {' | '.join((member.family, member.name, *cells))} |", flush=True)


def row(member: Member, library: str, *, with_onnx: bool) -> tuple[str, ...]:
    """Return the cells of one member."""
    images = torch.randn(3, 3, member.size, member.size, generator=torch.Generator().manual_seed(0))
    try:
        network = drawn(member)
        last = measure_last_layer(network, images)
    except LongtailError as error:
        return told(error), *("-",) * 4
    except Exception as error:  # a member that this version of its library does not have or cannot build
        return f"not built: {type(error).__name__}: {str(error).splitlines()[0][:80]}", *("-",) * 4
    widths = {term.start: term.weight.shape[1] for term in last.terms}
    gains = "" if len(last.terms) == 1 else f" x {', '.join(f'{term.gain:.3g}' for term in last.terms)}"
    ways: list[Callable[[], None]] = [
        lambda: in_memory(network, last, images),
        lambda: from_a_file(member, library, network, images),
    ]
    if with_onnx:
        ways.append(lambda: as_onnx(member, last, images))
    cells = [outcome(way) for way in ways]
    return f"{last.name}{gains}", ", ".join(map(str, widths.values())), *cells, *("-",) * (3 - len(ways))


def drawn(member: Member) -> nn.Module:
    """Build a member with random weights, none of them zero, and batch norms that have seen something."""
    torch.manual_seed(0)
    network = member.build().eval()
    for parameter in network.parameters():
        if parameter.ndim and not parameter.any():
            nn.init.normal_(parameter, std=0.02)
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is not None:
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.7, 1.3)
    return network


def in_memory(network: nn.Module, last: LastLayer, images: Tensor) -> None:
    """Cut the network, and put another layer in.

    Raises:
        AssertionError: logits or other weights differ.
    """
    split = SplitNetwork(network, images=images).eval()
    weight, bias = another(last)
    changed = replace_last_layer(network, weight, bias, images=images)
    with torch.inference_mode():
        features = split.forward_features(images)
        agree(split(images), select(network(images), last.output))
        agree(select(changed(images), last.output), features @ weight.T + (0 if bias is None else bias))
    keys = {key for term in last.terms for key in term.stored}
    before, after = network.state_dict(), changed.state_dict()
    assert {key for key in before if not torch.equal(before[key], after[key])} <= keys, "other weights changed"


def from_a_file(member: Member, library: str, network: nn.Module, images: Tensor) -> None:
    """Write the network as its library does, write it again with another layer, and let its library load that."""
    with tempfile.TemporaryDirectory() as temporary:
        path = stored(member, library, network, Path(temporary) / "model")
        file = open_model_file(path)
        built = build_network(file, architecture_of(file, f"{library}:{member.name}" if path.is_file() else None))
        kept = Preprocessing(member.size, member.size, 3, (0.5,) * 3, (0.5,) * 3, "none", False)
        file = with_measured_layer(file, built, kept)
        split = SplitNetwork(built.model, images=images).eval()
        weight, bias = another(file.layer)
        zeros = torch.zeros(len(weight))
        written = file.write(Path(temporary) / "fair", weight.numpy(), (zeros if bias is None else bias).numpy())
        again = loaded(network, written)
        with torch.inference_mode():
            wanted = split.forward_features(images) @ weight.T + (0 if bias is None else bias)
            agree(select(again(images), file.layer.output), wanted)


def as_onnx(member: Member, last: LastLayer, images: Tensor) -> None:
    """Write the network as ONNX and run it."""
    with traceable("onnx"):
        network = drawn(member)
    kept = Preprocessing(member.size, member.size, 3, (0.5,) * 3, (0.5,) * 3, "none", False)
    with tempfile.TemporaryDirectory() as temporary:
        model = Deployed(network, kept, last.output).eval()
        write_deployed(
            model, Path(temporary) / "net.onnx", "onnx", class_names=[str(c) for c in range(len(last.weight))]
        )


def stored(member: Member, library: str, network: nn.Module, folder: Path) -> Path:
    """Write a network as its library does: a folder of timm or transformers, a file of torchvision."""
    folder.mkdir()
    if library == "transformers":
        network.save_pretrained(folder)
        return folder
    state = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    if library == "torchvision":
        save_file(state, folder / "net.safetensors")
        return folder / "net.safetensors"
    save_file(state, folder / "model.safetensors")
    config = {"architecture": member.name, "model_args": member.arguments, "num_classes": 10}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def loaded(network: nn.Module, written: Path) -> nn.Module:
    """Let the library load what was written."""
    if hasattr(network, "save_pretrained"):
        return type(network).from_pretrained(written, local_files_only=True, trust_remote_code=False).eval()
    from safetensors.torch import load_file

    again = copy.deepcopy(network)
    state = load_file(written / "model.safetensors" if written.is_dir() else written)
    metadata = network.state_dict()._metadata
    state = type(network.state_dict())(state)
    state._metadata = metadata
    again.load_state_dict(state, strict=True)
    return again.eval()


def another(last: LastLayer) -> tuple[Tensor, Tensor | None]:
    """Draw another layer of the same shape."""
    generator = torch.Generator().manual_seed(1)
    weight = torch.randn(last.weight.shape, generator=generator) / last.weight.shape[1] ** 0.5
    return weight, None if last.bias is None else torch.randn(last.bias.shape, generator=generator)


def agree(ours: Tensor, theirs: Tensor) -> None:
    """Make sure that logits are the same.

    Raises:
        AssertionError: says how far they are off.
    """
    off = float((ours - theirs).abs().max() / theirs.abs().max().clamp(min=1e-12))
    assert off <= TOLERANCE, f"wrong by {off:.1e} of the largest"


def outcome(way: Callable[[], None]) -> str:
    """Return `ok`, or what went wrong."""
    try:
        way()
    except LongtailError as error:
        return told(error)
    except AssertionError as error:
        return f"**{error}**"
    except Exception as error:
        return f"**{type(error).__name__}: {str(error).splitlines()[0][:100]}**"
    return "ok"


def told(error: LongtailError) -> str:
    """Return the sentence without the path of a temporary file."""
    return "refused: " + str(error).replace("|", "/").split("/model: ")[-1][:160]


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        raise SystemExit(f"{library} is not installed: pip install {library}") from None


if __name__ == "__main__":
    main()
