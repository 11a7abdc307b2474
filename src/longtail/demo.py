"""`longtail demo`: the whole path on handwritten digits, each command shown and explained before it runs."""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from longtail.errors import InputError
from longtail.typed_command import program

__all__ = ["STEPS", "DemoConfig", "run"]

# what is typed behind `longtail`, {out} being the folder of the demo, and what it does and why
STEPS: tuple[tuple[str, str], ...] = (
    (
        "describe digits",
        "Know your tail first. Scikit-learn's handwritten digits are cut so that the commonest has about sixty times "
        "as many images as the rarest; test stays balanced. A class with two images: what could be learnt of it?",
    ),
    (
        "run digits --methods usual --out {out}",
        "Learn the features plainly, from all images alike; then fit several classifiers to the same features: joint "
        "counts images alike, as everybody trains, the others give rare classes their due. What is chosen is chosen on "
        "val, never on test. Look at the column few: those are the rare classes.",
    ),
    (
        "calibrate {out}",
        "A score is no probability yet. On images that the classifier was not fitted to it is seen how sure it may be; "
        "and sets of candidates that hold the true class as often as they promise.",
    ),
    (
        "predict {out} {out}/features/feature_test.h5 --out {out}/predictions.csv",
        "Use it: classes and probabilities of new images (here of features that are there already) in a table.",
    ),
)


@dataclass(frozen=True)
class DemoConfig:
    """Show the whole path on handwritten digits, offline, in a minute: each command is explained and run."""

    out: Path = Path("runs/demo")
    """Folder for what is written."""


def run(config: DemoConfig) -> None:
    """Run each step as if it were typed.

    Raises:
        InputError: a step failed; it has said why.
    """
    from longtail.cli import main

    for number, (words, why) in enumerate(STEPS, start=1):
        typed = words_of(words, config.out)
        _say(number, typed, why)
        status = main(typed)
        if status:
            raise InputError(f"step {number} of the demo stopped (status {status}), for the reason above.")
    start, out = program(), shlex.quote(str(config.out))
    print(
        f"\nThat was all of it. The page {out}/report.html shows what was gained, and what it cost.\n"
        f"Your images:    {start} run folder --data FOLDER --frozen --pretrained --backbone resnet50 --methods auto\n"
        f"Your features:  {start} fit FILE --methods auto\n"
        f"Your model:     {start} balance MODEL --data FOLDER"
    )


def words_of(words: str, out: Path) -> list[str]:
    """Return the words of a step as a shell would hand them over.

    Example:
        >>> words_of("calibrate {out}", Path("my runs"))
        ['calibrate', 'my runs']
    """
    return [word.format(out=out) for word in words.split()]


def _say(number: int, typed: Sequence[str], why: str) -> None:
    import textwrap

    print(f"\n{number}/{len(STEPS)}  " + textwrap.fill(why, 100, subsequent_indent="     "))
    print(f"     $ longtail {shlex.join(typed)}\n", flush=True)
    sys.stderr.flush()
