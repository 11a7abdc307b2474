#!/usr/bin/env bash
# tyro.cli(SomeDataclass) --help: where the words of ALL options begin depends on the mean length of the flags. With two
# more options of long flags the words of every other option move below their flags, a line more for each: the help of
# a command of a hundred options grows or shrinks by dozens of lines for an option that nobody touched.
#
# Expected: the column is fixed, or that of the longest flag.
#
# tyro 1.0.17, Python 3.11, COLUMNS=80; where the words of --seed begin:
#
#   with three options:                  beside the flag
#   with two more, of longer flags:      on a line of their own
#
# Fails if that changes.
set -euo pipefail
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/venv"
"$here/venv/bin/pip" install --quiet --disable-pip-version-check tyro==1.0.17
COLUMNS=80 "$here/venv/bin/python" - <<'P' | tee "$here/seen"
import contextlib
import io
from dataclasses import dataclass
from typing import Annotated

import tyro


def words(text):
    return tyro.conf.arg(help=text)


@dataclass
class Few:
    seed: Annotated[int, words("words of the seed")] = 0
    train_part_of_network: Annotated[str, words("words of the part")] = "all"
    learning_rate_of_backbone: Annotated[float, words("words of the rate")] = 0.1


@dataclass
class More(Few):
    weight_decay_of_the_whole_backbone: Annotated[float, words("words of the decay")] = 0.1
    label_smoothing_of_the_classifier: Annotated[float, words("words of the smoothing")] = 0.1


def place(kind):
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):
        tyro.cli(kind, args=["--help"])
    line = next(line for line in text.getvalue().splitlines() if "words of the seed" in line)
    return "beside the flag" if "--seed" in line else "on a line of their own"


for what, kind in (("with three options:", Few), ("with two more, of longer flags:", More)):
    print(f"{what:<36} {place(kind)}")
P
diff "$here/seen" - <<'EXPECTED'
with three options:                  beside the flag
with two more, of longer flags:      on a line of their own
EXPECTED
