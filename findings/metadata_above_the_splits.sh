#!/usr/bin/env bash
# Hugging Face's `datasets` reads a table beside images (metadata.csv with file_name and label) as their labels. Where the
# images are divided into train/ and test/, the same table one folder up is passed over without a word, and there is a
# column `label` all the same: a gap for each image of train, and 0 for each of test, whatever the table says. With a
# table in each of the two folders the labels are right.
#
# Expected: the table read, as the paths in it are right, or a warning that one lies there and is not read.
#
# datasets 5.2.0, Pillow 12.0.0, Python 3.11:
#
#   above, train: labels None None
#   above, test: labels 0
#   inside, train: labels owl fox
#   inside, test: labels owl
#
# Fails if that changes.
set -euo pipefail
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/venv"
"$here/venv/bin/pip" install --quiet --disable-pip-version-check datasets==5.2.0 pillow==12.0.0
cd "$here"
export HF_HOME="$here/cache" HF_DATASETS_OFFLINE=1 HF_HUB_OFFLINE=1
venv/bin/python - <<'P' 2>/dev/null | tee seen
from pathlib import Path

from datasets import load_dataset
from PIL import Image

IMAGES = {"train/0.png": "owl", "train/1.png": "fox", "test/2.png": "owl"}
for where in ("above", "inside"):
    for number, name in enumerate(IMAGES):
        path = Path(where, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (number, 0, 0)).save(path)
Path("above/metadata.csv").write_text("file_name,label\n" + "".join(f"{name},{label}\n" for name, label in IMAGES.items()))
for split in ("train", "test"):
    rows = "".join(f"{Path(name).name},{label}\n" for name, label in IMAGES.items() if name.startswith(split))
    Path(f"inside/{split}/metadata.csv").write_text("file_name,label\n" + rows)
for where in ("above", "inside"):
    for split, rows in load_dataset("imagefolder", data_dir=where).items():
        print(f"{where}, {split}: labels", *rows["label"])
P
diff seen - <<'EXPECTED'
above, train: labels None None
above, test: labels 0
inside, train: labels owl fox
inside, test: labels owl
EXPECTED
