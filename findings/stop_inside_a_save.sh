#!/usr/bin/env bash
# Ctrl-C, or a handler of SIGTERM that raises, in the midst of torch.save does not come out of it as what was raised:
# leaving the save, torch closes the archive, finds it shorter than it counted, and raises a RuntimeError in its place;
# the interrupt is only the error's context. A program that tells a stop from a fault by `except KeyboardInterrupt`
# reports a fault of its own, and one that catches Exception and tries again does not stop at all. NumPy's savez, broken
# off in the same way, lets the interrupt through.
#
# Expected: the KeyboardInterrupt.
#
# torch 2.14.1, numpy 2.4.6, Python 3.11:
#
#   torch.save: RuntimeError behind KeyboardInterrupt
#   numpy.savez: KeyboardInterrupt
#
# Fails if that changes.
set -euo pipefail
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/venv"
"$here/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.14.1 numpy==2.4.6
cd "$here"
venv/bin/python - <<'P' | tee seen
import io

import numpy as np
import torch


class Stopped(io.BytesIO):
    """A file that is being written when somebody presses Ctrl-C."""

    is_stopped = False

    def write(self, block):
        if self.tell() > 500 and not self.is_stopped:
            self.is_stopped = True
            raise KeyboardInterrupt
        return super().write(block)


def told(save):
    try:
        save(Stopped())
    except BaseException as error:
        behind = "" if error.__context__ is None else f" behind {type(error.__context__).__name__}"
        return type(error).__name__ + behind
    return "nothing"


weights = {str(number): torch.ones(1000) for number in range(9)}
print("torch.save:", told(lambda file: torch.save(weights, file)))
print("numpy.savez:", told(lambda file: np.savez(file, **{name: each.numpy() for name, each in weights.items()})))
P
diff seen - <<'EXPECTED'
torch.save: RuntimeError behind KeyboardInterrupt
numpy.savez: KeyboardInterrupt
EXPECTED
