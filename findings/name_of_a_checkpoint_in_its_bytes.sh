#!/usr/bin/env bash
# torch.save(state, "a.pt") and torch.save(state, "b.pt") write files that differ, and so have different checksums: the
# archive's folder is named after the file. Written to an open file it is always "archive". Whoever writes to a
# temporary name first, so that a killed process leaves nothing half-written, has that name in every checkpoint, and
# two equal trainings have unequal files.
#
# Expected: what is written depends on what is saved.
#
# torch 2.14.1, numpy 2.4.6, Python 3.11. The first entry of each archive:
#
#   a.pt: a/data.pkl
#   b.pt: b/data.pkl
#   open file: archive/data.pkl
#   same bytes: a.pt and b.pt False, two open files True
#
# Fails if that changes.
set -euo pipefail
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/venv"
"$here/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.14.1 numpy==2.4.6
cd "$here"
venv/bin/python - <<'P' | tee seen
import zipfile
from pathlib import Path

import torch

state = {"weight": torch.arange(6.0).view(2, 3)}
for name in ("a.pt", "b.pt"):
    torch.save(state, name)
for name in ("c.pt", "d.pt"):
    with open(name, "wb") as file:
        torch.save(state, file)
for name, told in (("a.pt", "a.pt"), ("b.pt", "b.pt"), ("c.pt", "open file")):
    print(f"{told}: {zipfile.ZipFile(name).namelist()[0]}")
same = [Path(one).read_bytes() == Path(two).read_bytes() for one, two in (("a.pt", "b.pt"), ("c.pt", "d.pt"))]
print(f"same bytes: a.pt and b.pt {same[0]}, two open files {same[1]}")
P
diff seen - <<'EXPECTED'
a.pt: a/data.pkl
b.pt: b/data.pkl
open file: archive/data.pkl
same bytes: a.pt and b.pt False, two open files True
EXPECTED
