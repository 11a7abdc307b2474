"""What computes features of images: the network, compiled where so many come that it pays."""

import logging
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from longtail.errors import InputError
from longtail.jobs.precision import TOLERANCE, made_up_images, settle_precision
from longtail.waiting import told_if_slow

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from torch import Tensor

    from longtail.jobs.stage_one.trained_model import TrainedModel

__all__ = [
    "Compile",
    "SettledFeatures",
    "compiling_pays",
    "is_compiled",
    "settle_features",
    "settle_program",
    "will_compile",
]

Compile = Literal["auto", "always", "never"]
Features = Callable[["Tensor"], "Tensor"]

_COMPILERS = {"darwin": "clang++", "win32": "cl"}
_ENOUGH_PIXELS = 2**28  # 5,350 images of 224 pixels; benchmarks/speed/passes.py has both sides


def compiling_pays(images: int, size: int) -> bool:
    """Return whether so many images come that compiling a network takes less than it saves.

    It hangs on nothing that is measured, so that equal calls give equal features.

    Args:
        images: that are computed.
        size: of an image, in pixels.

    Example:
        >>> compiling_pays(1_000, 224), compiling_pays(50_000, 224), compiling_pays(50_000, 32)
        (False, True, False)
    """
    return images * size**2 >= _ENOUGH_PIXELS


def is_compiled(device: str, compile: Compile, images: int, size: int) -> bool:
    """Return whether a network is compiled for so many images of a size in pixels, if that is possible.

    Example:
        >>> is_compiled("cpu", "auto", 50_000, 224), is_compiled("cuda", "auto", 50_000, 224)
        (True, False)
    """
    return device == "cpu" and (compile == "always" or (compile == "auto" and compiling_pays(images, size)))


def will_compile(fabric: "Fabric", model: "TrainedModel", images: int, compile: Compile = "auto") -> bool:
    """Return whether a network is compiled for so many images, each in its test views, if that is possible."""
    wanted = is_compiled(fabric.device.type, compile, images * model.test_views, model.preprocessing.size)
    return wanted and not model.is_routed


@dataclass(frozen=True)
class SettledFeatures:
    """What computes the features of a network: maps images (B, channels, H, W) to features (B, D).

    Attributes:
        features_of: does it.
        precision: of the arithmetic: "float32", "bfloat16" or "float16".
        is_compiled: whether the network is.
    """

    features_of: Features
    precision: str
    is_compiled: bool

    def __call__(self, images: "Tensor") -> "Tensor":
        return self.features_of(images)

    @property
    def how(self) -> str:
        """How they are computed, as a feature file says it."""
        return f"{self.precision}, compiled" if self.is_compiled else self.precision


def settle_features(
    fabric: "Fabric", model: "TrainedModel", images: int, *, compile: Compile = "auto", quiet: bool = False
) -> SettledFeatures:
    """Return what computes the features of a network: see `settle_precision` and `settle_program`.

    Args:
        fabric: launched.
        model: in evaluation mode.
        images: that come, each of which may be seen in several views.
        compile: whether the network is.
        quiet: say nothing.

    Raises:
        InputError: as `settle_program`.
    """
    rounded, precision = settle_precision(fabric, model, quiet=quiet)
    program = settle_program(fabric, model, rounded, images * model.test_views, compile=compile, quiet=quiet)
    return SettledFeatures(program, precision, program is not rounded)


def settle_program(
    fabric: "Fabric",
    model: "TrainedModel",
    features_of: Features,
    images: int,
    *,
    compile: Compile = "auto",
    quiet: bool = False,
) -> Features:
    """Return what computes features: a compiled network on a processor where that pays, else what was given.

    Weights become constants of the program, batch norms part of the convolutions before them. It is tried on made-up
    images first; where it cannot be compiled, or gives others than the network, the network stays as it is.

    Args:
        fabric: launched.
        model: in evaluation mode.
        features_of: maps images (B, channels, H, W) to features (B, D), in the precision that was settled.
        images: that are computed, in all.
        compile: "auto": where it pays; "always" also for few.
        quiet: say nothing.

    Returns:
        A function for batches of any size; it computes `images_a_pass` images at a time.

    Raises:
        InputError: "always", but not on a processor, or it cannot be compiled.
    """
    from longtail.training.passes import images_a_pass, padded_to

    size = model.preprocessing.size
    device = fabric.device.type
    if compile == "always" and device != "cpu":
        raise InputError(f"--compile always: on {device} the network computes as it is. Leave it out.")
    if compile == "always" and model.is_routed:
        raise InputError("--compile always: a network that asks some of its experts computes as it is. Leave it out.")
    if model.is_routed or not is_compiled(device, compile, images, size):
        return features_of
    speaks = fabric.is_global_zero and not quiet
    with told_if_slow("compiling the network: half a minute, and each image takes less", quiet=not speaks):
        program, reason = _program(fabric, model, features_of, images_a_pass(size, size))
    # no two processes may disagree
    reasons = (
        [reason] if fabric.world_size == 1 else [fabric.broadcast(reason, src) for src in range(fabric.world_size)]
    )
    reason = next((one for one in reasons if one), "")
    if not reason:
        return padded_to(images_a_pass(size, size), program)
    if compile == "always":
        raise InputError(f"--compile always: {reason}. Leave it out, and the network computes as it is.")
    if speaks:
        print(f"the network computes as it is: {reason}.", file=sys.stderr, flush=True)
    return features_of


def _program(fabric: "Fabric", model: "TrainedModel", features_of: Features, number: int) -> tuple[Features, str]:
    """Return the program for so many images, and why it is of no use: "" where it is."""
    import torch
    from torch._dynamo import config

    if config.disable:  # torch.compile would hand back what it is given
        return features_of, "TORCHDYNAMO_DISABLE turns compiling off"
    compiler = os.environ.get("CXX", _COMPILERS.get(sys.platform, "g++"))
    if shutil.which(compiler) is None:  # found out by the compiler itself after half a minute
        return features_of, f"there is no C++ compiler {compiler}, which CXX names"
    with torch.inference_mode(), fabric.autocast(), _quiet_compiler():
        # as `padded_to` hands images over: of another layout, or from outside inference mode, it is compiled again
        images = made_up_images(model, number).clone(memory_format=torch.channels_last)
        expected = features_of(images).double()
        if not expected.isfinite().all():
            return features_of, "its features of made-up images are no finite numbers"
        try:
            program = _frozen(features_of)
            result = program(images).double()
        # compilers fail in every way there is
        except Exception as error:
            return features_of, f"it cannot be compiled ({_first_line(error)})"
    lengths = expected.norm(dim=1).clamp(min=1e-30)
    moved = float(((result - expected).norm(dim=1) / lengths).mean())
    return program, "" if moved <= TOLERANCE else f"compiled, its features move by {100 * moved:.0f} % of their length"


@contextmanager
def _quiet_compiler() -> Iterator[None]:
    """Keep back what the compiler logs of its own accord, of CUDA on a machine without one, say; TORCH_LOGS asks."""
    before = logging.root.manager.disable
    if "TORCH_LOGS" not in os.environ:
        logging.disable(max(before, logging.WARNING))
    try:
        yield
    finally:
        logging.disable(before)


def _frozen(features_of: Features) -> Features:
    """Return the program, which is compiled when it is called first."""
    import torch
    from torch._inductor import config

    torch.compiler.reset()  # of the same code, eight networks are compiled and the ninth, without a word, is not
    compiled = torch.compile(features_of, dynamic=False)

    def program(images: "Tensor") -> "Tensor":
        # given to torch.compile as an option it does nothing (torch 2.14): findings/frozen_by_option.sh
        with config.patch(freezing=True):
            return compiled(images)

    return program


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:200]
