"""Every file that the program reads, damaged some hundred times: the right answer, or one sentence that names it.

`python tests/mutate.py --count 100000` is the long run.
"""

import pytest

from damaged import KINDS
from mutate import run_kind

COUNT = 200


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_damaged_file_is_read_or_told(kind):
    wrong, count = [], max(COUNT // kind.cost, 3)
    run_kind(kind, count, 1, lambda kind, number, content, what: wrong.append(what))
    assert not wrong, f"{len(wrong)} of {count}, the first: {wrong[0]}"
