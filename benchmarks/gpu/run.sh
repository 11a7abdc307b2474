#!/usr/bin/env bash
# What a GPU makes of longtail, in 8 minutes: one table on the screen, the same as one JSON file. Needs nothing from outside but the packages of
# '.[test]'; real images where $LONGTAIL_SHARED has them.
#
#     benchmarks/gpu/run.sh                                   # the whole thing
#     benchmarks/gpu/run.sh --device cpu --tiny               # does it still run? (a minute, no numbers that mean anything)
#     benchmarks/gpu/run.sh --out results.json --minutes 4 --stages networks,heads
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
python="${PYTHON:-$here/../../.venv/bin/python}"
[ -x "$python" ] || python=python3
exec "$python" "$here/all_stages.py" "$@"
