#!/usr/bin/env bash
# torch.compile(model, options={"freezing": True}) compiles without freezing, and says nothing, though freezing is among
# the names that torch._inductor.list_options() gives. The same switch set by torch._inductor.config.patch() around the
# first call is obeyed: weights are then constants of the program, on a processor packed once and with batch norms
# folded in. Who gives the option measures a program without it, and takes that for all there is to gain.
#
# Expected: the same program both ways, with the images as its one input.
#
# torch 2.14.1, Python 3.11, a convolution, batch norm and ReLU on a processor in inference mode:
#
#   as an option: 7 inputs
#   by config.patch: 1 inputs
#
# Fails if that changes.
set -euo pipefail
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/venv"
"$here/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.14.1 numpy==2.4.6
cd "$here"
TORCHINDUCTOR_CACHE_DIR="$here/cache" venv/bin/python - <<'P' | tee seen
import torch
from torch import nn
from torch._inductor import config, list_options
from torch._inductor.utils import run_and_get_code

torch.manual_seed(0)
images = torch.rand(2, 3, 16, 16)


def network():
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU()).eval()


def told(way, compiled):
    torch.compiler.reset()
    with torch.inference_mode():
        _, codes = run_and_get_code(compiled, images)
    call = codes[0].split("def call(")[1]
    inputs = call.split(" = args")[0].count("_1")
    print(f"{way}: {inputs} inputs")


assert "freezing" in list_options()
told("as an option", torch.compile(network(), options={"freezing": True}))
with config.patch(freezing=True):
    told("by config.patch", torch.compile(network()))
P
diff seen - <<'X'
as an option: 7 inputs
by config.patch: 1 inputs
X
