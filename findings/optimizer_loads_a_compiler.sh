#!/usr/bin/env bash
# torch.optim.SGD(parameters, lr), and every other optimizer of torch.optim, loads the compiler torch._dynamo when it is
# built, in programs that never compile anything: hundreds of modules, and on small work most of the time of a call. The
# functional forms (torch.optim.sgd.sgd) take the same step to the bit, and load none of them.
#
# Expected: an optimizer of plain tensors loads what it needs for its step; the compiler comes with torch.compile.
#
# torch 2.14.1, numpy 2.4.6, Python 3.11:
#
#   import torch:        torch._dynamo not loaded
#   functional sgd:      torch._dynamo not loaded
#   torch.optim.SGD():   torch._dynamo loaded, more than 100 modules
#   the same step:       yes
#
# Fails if that changes.
set -euo pipefail
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/venv"
"$here/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.14.1 numpy==2.4.6
"$here/venv/bin/python" - <<'P' | tee "$here/seen"
import sys

import torch
from torch.optim.sgd import sgd


def told(what, before):
    loaded = "loaded" if "torch._dynamo" in sys.modules else "not loaded"
    number = len(set(sys.modules) - before)
    print(f"{what:<20} torch._dynamo {loaded}{', more than 100 modules' if number > 100 else ''}")


told("import torch:", set(sys.modules))
before = set(sys.modules)
torch.manual_seed(0)
start, gradient = torch.randn(5), torch.randn(5)
words = {"momentum": 0.9, "lr": 0.1, "weight_decay": 1e-4}
first = start.clone()
settings = {"dampening": 0.0, "nesterov": False, "maximize": False}
sgd([first], [gradient.clone()], [None], foreach=False, **words, **settings)
told("functional sgd:", before)
second = start.clone().requires_grad_()
optimizer = torch.optim.SGD([second], **words)
told("torch.optim.SGD():", before)
second.grad = gradient.clone()
optimizer.step()
print(f"{'the same step:':<20} {'yes' if torch.equal(first, second.detach()) else 'no'}")
P
diff "$here/seen" - <<'EXPECTED'
import torch:        torch._dynamo not loaded
functional sgd:      torch._dynamo not loaded
torch.optim.SGD():   torch._dynamo loaded, more than 100 modules
the same step:       yes
EXPECTED
