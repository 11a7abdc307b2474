"""Damage every file that the program reads, many times over: what comes of it is the right answer or one sentence.

    python tests/mutate.py --count 100000            # all kinds, about an hour
    python tests/mutate.py --kinds e.csv,e.npz --count 500

For each kind a sound file is made once, damaged in its structure or its bytes, and read as the program reads it.
Counted are errors that are none of ours, warnings of libraries and what they print, files that are left behind, more
than 2 GiB of memory, and calls of more than 20 seconds. tests/test_mutations.py does the same some hundred times.
"""

import argparse
import collections
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

from damaged import KINDS
from longtail.errors import LongtailError

SECONDS = 20
BYTES = 2**31


class Outcome(BaseException):
    """Something that must never come of a damaged file; no reader may catch it."""


def run_kind(kind, count, seed, report):
    """Damage and read one kind of file `count` times; call `report` with each outcome that must not be.

    Returns how many were read all the same, and the longest call in seconds.
    """
    import numpy as np

    rng, accepted, longest = np.random.default_rng(seed), 0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / (kind.file or kind.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        kind.make(path)
        sound, before = path.read_bytes(), _inside(folder)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            kind.use(path)  # the sound one is read
        for number in range(count):
            content = kind.damage(sound, rng)
            path.write_bytes(content)
            started = time.perf_counter()
            with _Printed() as printed:
                outcome = _outcome(kind, path)
            longest = max(longest, time.perf_counter() - started)
            accepted += outcome is None
            if outcome:
                report(kind, number, content, outcome)
            if printed.text and not kind.prints:
                report(kind, number, content, f"printed: {printed.text[:120]!r}")
            left = _inside(folder) - before
            if left:
                report(kind, number, content, f"left behind: {sorted(other.name for other in left)}")
                for other in left:
                    other.unlink(missing_ok=True)
    return accepted, longest


def _inside(folder):
    return {path for path in Path(folder).rglob("*") if path.is_file()}


def _outcome(kind, path):
    """Return None where the file is read, "" where one sentence says why not, else in words what must not be."""
    try:
        with warnings.catch_warnings(), _Limited():
            warnings.simplefilter("error")
            kind.use(path)
    except LongtailError as error:
        return f"not one sentence: {error!r}" if "\n" in str(error) or not str(error) else ""
    except (Exception, Outcome) as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}: {str(error)[:120]}"
    return None


class _Printed:
    """What is printed meanwhile, by C too: a library that complains of a file on its own says it to nobody."""

    def __enter__(self):
        sys.stdout.flush()
        sys.stderr.flush()
        self._file, self._kept = tempfile.TemporaryFile(), (os.dup(1), os.dup(2))
        for end in (1, 2):
            os.dup2(self._file.fileno(), end)
        return self

    def __exit__(self, *_):
        sys.stdout.flush()
        sys.stderr.flush()
        for end, kept in zip((1, 2), self._kept, strict=True):
            os.dup2(kept, end)
            os.close(kept)
        with self._file:
            self._file.seek(0)
            self.text = self._file.read(1000).decode("utf-8", "replace")


class _Limited:
    """Stop a call that takes too long or too much memory."""

    def __enter__(self):
        signal.signal(signal.SIGALRM, self._late)
        signal.alarm(SECONDS)
        self._before = resource.getrlimit(resource.RLIMIT_AS)
        pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc/self/statm").exists() else None
        if pages is not None:
            resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + BYTES, self._before[1]))

    def __exit__(self, *_):
        signal.alarm(0)
        resource.setrlimit(resource.RLIMIT_AS, self._before)

    @staticmethod
    def _late(*_):
        raise Outcome(f"took more than {SECONDS} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=2000, help="damaged files in all, fewer of kinds that are slow")
    parser.add_argument("--kinds", default="", help="names of kinds with commas between; default: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for the files that must be looked at")
    arguments = parser.parse_args()
    kinds = [kind for kind in KINDS if not arguments.kinds or kind.name in arguments.kinds.split(",")]
    found, total = collections.Counter(), 0

    def report(kind, number, content, what):
        found[f"{kind.name}: {what}"] += 1
        if arguments.keep and found[f"{kind.name}: {what}"] == 1:
            arguments.keep.mkdir(parents=True, exist_ok=True)
            (arguments.keep / f"{number}-{Path(kind.file or kind.name).name}").write_bytes(content)

    each = arguments.count / sum(1 / kind.cost for kind in kinds)
    for kind in kinds:
        started, number = time.perf_counter(), max(round(each / kind.cost), 1)
        accepted, longest = run_kind(kind, number, arguments.seed, report)
        total += number
        seconds = time.perf_counter() - started
        counts = f"{number:>8,} damaged  {accepted:>8,} still read"
        print(f"{kind.name:<32}{counts}  {seconds:7.1f} s, at most {longest:.1f} s each", flush=True)
    for what, number in found.most_common():
        print(f"{number:>6} x {what}")
    print(f"{sum(found.values()):,} of {total:,} ended otherwise than they must")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
