"""Every file that the program reads, damaged some hundred times: the right answer, or one sentence that names it.

`python tests/mutate.py --count 100000` is the long run.
"""

import importlib.util
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
_SPEC = importlib.util.spec_from_file_location("mutate", Path(__file__).with_name("mutate.py"))
mutate = importlib.util.module_from_spec(_SPEC)
sys.modules["mutate"] = mutate
_SPEC.loader.exec_module(mutate)
sys.path.remove(str(Path(__file__).parent))

COUNT = 500


@pytest.mark.parametrize("kind", mutate.KINDS, ids=lambda kind: kind.name)
def test_a_damaged_file_is_read_or_told(kind):
    wrong = []
    accepted = mutate.run_kind(kind, COUNT, 1, lambda kind, number, content, what: wrong.append(what))
    assert not wrong, f"{len(wrong)} of {COUNT}, the first: {wrong[0]}"
    assert 0 < accepted < COUNT  # some damage hurts nobody, and some is told
