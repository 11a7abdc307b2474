#!/usr/bin/env bash
# The same class folders are numbered in two ways by the two libraries whose models people exchange: torchvision's
# ImageFolder sorts their names as text, timm's reader (that of its train.py) sorts them as a person would, digits as
# numbers and capitals beside small letters. A model that was trained with one and is fed by the other names the wrong
# classes, and no size or shape tells.
#
# Expected: one order, or class names that travel with the weights.
#
# timm 1.0.31, torchvision 0.29.1, torch 2.14.1, Python 3.11. Folders x1, x2, x10, Zebra, ant:
#
#   torchvision: Zebra ant x1 x10 x2
#   timm:        ant x1 x2 x10 Zebra
#
# Fails if that changes.
set -euo pipefail
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/venv"
"$here/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.14.1 torchvision==0.29.1 timm==1.0.31
cd "$here"
venv/bin/python - <<'P' | tee seen
import os

from PIL import Image
from timm.data.readers import create_reader
from torchvision.datasets import ImageFolder

for name in ("x1", "x2", "x10", "Zebra", "ant"):
    os.makedirs(f"photos/{name}")
    Image.new("RGB", (8, 8)).save(f"photos/{name}/0.png")
print("torchvision:", *ImageFolder("photos").classes)
numbered = create_reader("", root="photos").class_to_idx
print("timm:       ", *sorted(numbered, key=numbered.get))
P
diff seen - <<'EXPECTED'
torchvision: Zebra ant x1 x10 x2
timm:        ant x1 x2 x10 Zebra
EXPECTED
