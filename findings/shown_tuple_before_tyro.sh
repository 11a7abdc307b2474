#!/usr/bin/env bash
# After the prompt of Python, or a doctest, has shown a tuple that holds a list, tyro can not be imported there. Both
# keep the value that was shown last in `builtins._`; tyro, when it is imported, gathers into a set what of `builtins`
# `isinstance(x, Hashable)` calls hashable, and a tuple is called so whatever it holds. A program that imports its
# command line late, to start quickly, meets this in its own examples.
#
# Expected: `import tyro` works whatever was shown before.
#
# tyro 1.0.17, Python 3.11:
#
#   after [1, 2]: 0 of 2 examples failed
#   after (1, [2]): 1 of 2 examples failed
#   TypeError: unhashable type: 'list'
#
# Fails if that changes.
set -euo pipefail
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/venv"
"$here/venv/bin/pip" install --quiet --disable-pip-version-check tyro==1.0.17
cd "$here"
cat > examples.py <<'P'
import doctest
import sys

shown, said = sys.argv[1], []
test = doctest.DocTestParser().get_doctest(f">>> {shown}\n{shown}\n>>> import tyro\n", {}, "shown", None, 0)
result = doctest.DocTestRunner().run(test, out=said.append)
print(f"after {shown}: {result.failed} of {result.attempted} examples failed")
for line in "".join(said).splitlines():
    if "TypeError" in line:
        print(line.strip())
P
for shown in "[1, 2]" "(1, [2])"; do venv/bin/python examples.py "$shown"; done | tee seen
diff seen - <<'EXPECTED'
after [1, 2]: 0 of 2 examples failed
after (1, [2]): 1 of 2 examples failed
TypeError: unhashable type: 'list'
EXPECTED
