#!/usr/bin/env bash
# `from lightning_fabric import Fabric`, the loop alone without Trainer and without any metric: where torchmetrics is
# installed beside it, it is loaded whole, and torchvision's models with it, because lightning_fabric asks for its
# version through lightning_utilities' compare_version, which imports a package to read its `__version__`. A package
# that is installed for something else so makes each start of a program that trains slower.
#
# Expected: the version is read from the metadata of the installation, and nothing is loaded.
#
# lightning-fabric 2.6.6, lightning-utilities 0.15.3, torchmetrics 1.9.0, torch 2.14.1, torchvision 0.29.1, Python 3.11;
# which of them are loaded after that one line:
#
#   torchmetrics not installed: torchvision no, torchmetrics.functional no
#   torchmetrics installed:     torchvision yes, torchmetrics.functional yes
#
# Fails if that changes.
set -euo pipefail
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/venv"
"$here/venv/bin/pip" install --quiet --disable-pip-version-check lightning-fabric==2.6.6 lightning-utilities==0.15.3 \
    torch==2.14.1 torchvision==0.29.1

loaded() {
    "$here/venv/bin/python" -W ignore - <<'P'
import sys

from lightning_fabric import Fabric  # noqa: F401

words = {True: "yes", False: "no"}
print(", ".join(f"{name} {words[name in sys.modules]}" for name in ("torchvision", "torchmetrics.functional")))
P
}

{
    echo "torchmetrics not installed: $(loaded)"
    "$here/venv/bin/pip" install --quiet --disable-pip-version-check torchmetrics==1.9.0
    echo "torchmetrics installed:     $(loaded)"
} | tee "$here/seen"
diff "$here/seen" - <<'E'
torchmetrics not installed: torchvision no, torchmetrics.functional no
torchmetrics installed:     torchvision yes, torchmetrics.functional yes
E
