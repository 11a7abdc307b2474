#!/usr/bin/env bash
# Where the folder for compiled code cannot be made (TORCHINDUCTOR_CACHE_DIR, else a folder in that for temporary files),
# no optimizer of torch.optim can be built, and lightning_fabric cannot be imported, by programs that compile nothing:
# the compiler makes its folder when it is imported, and both import it. A plain step by the functional forms is taken.
#
# Expected: the folder is made when something is compiled, or the missing cache is done without.
#
# torch 2.14.1, lightning-fabric 2.6.6, numpy 2.4.6, Python 3.11, the folder below a file:
#
#   torch.optim.SGD():        NotADirectoryError
#   functional sgd:           a step
#   import lightning_fabric:  NotADirectoryError
#
# Fails if that changes.
set -euo pipefail
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/venv"
"$here/venv/bin/pip" install --quiet --disable-pip-version-check \
    torch==2.14.1 lightning-fabric==2.6.6 numpy==2.4.6
touch "$here/file"
export TORCHINDUCTOR_CACHE_DIR="$here/file/cache"
cat >"$here/steps.py" <<'P'
import sys

import torch
from torch.optim.sgd import sgd

weight = torch.ones(2)


def built():
    torch.optim.SGD([torch.nn.Parameter(weight)], lr=0.1)


def functional():
    sgd([weight], [torch.ones(2)], [None], weight_decay=0, momentum=0, lr=0.1, dampening=0, nesterov=False, maximize=False)
    assert torch.allclose(weight, torch.full((2,), 0.9))


def imported():
    import lightning_fabric


name, step = {"SGD": ("torch.optim.SGD():", built), "sgd": ("functional sgd:", functional)}.get(
    sys.argv[1], ("import lightning_fabric:", imported)
)
try:
    step()
    result = "a step"
except OSError as error:
    result = type(error).__name__
print(f"{name:<26}{result}")
P
for what in SGD sgd fabric; do
    "$here/venv/bin/python" "$here/steps.py" "$what"
done | tee "$here/seen"
diff "$here/seen" - <<'S'
torch.optim.SGD():        NotADirectoryError
functional sgd:           a step
import lightning_fabric:  NotADirectoryError
S
