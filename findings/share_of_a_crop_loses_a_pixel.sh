#!/usr/bin/env bash
# timm writes how an image is prepared as the size of the crop and its share of the resized image, crop_pct, and
# resizes to floor(size / crop_pct). A share that was computed as size / resize does not always come back: where the
# division ends just below the whole number, images are resized to a pixel less than the model was trained with. The
# config of such a model on the hub is wrong by that pixel although every digit of the share is written.
#
# Expected: the share size / resize resizes to `resize`. (The next smaller double does.)
#
# timm 1.0.31, torchvision 0.29.1, torch 2.14.1, Python 3.11. Crops of 96 pixels, and of 192 resized to 193 to 384:
#
#   96/117 resizes to 117
#   96/118 resizes to 117
#   of 192 sizes, 11 come back a pixel smaller
#
# Fails if that changes.
set -euo pipefail
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/venv"
"$here/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.14.1 torchvision==0.29.1 timm==1.0.31
cd "$here"
venv/bin/python - <<'P' | tee seen
from timm.data import create_transform


def resized(crop, size):
    return create_transform(crop, crop_pct=crop / size).transforms[0].size


for size in (117, 118):
    print(f"96/{size} resizes to {resized(96, size)}")
smaller = sum(resized(192, size) == size - 1 for size in range(193, 385))
print(f"of 192 sizes, {smaller} come back a pixel smaller")
P
diff seen - <<'EXPECTED'
96/117 resizes to 117
96/118 resizes to 117
of 192 sizes, 11 come back a pixel smaller
EXPECTED
