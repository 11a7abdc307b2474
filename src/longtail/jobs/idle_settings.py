"""What was typed behind `--set` and does nothing, noted beside the data and told."""

import sys
from collections.abc import Collection

from longtail.comparison import FeatureProblem, read_settings, wanted_methods
from longtail.comparison.idle_settings import idle_parts, idle_words
from longtail.jobs.head_options import HeadOptions, protocol_of

__all__ = ["with_idle_settings"]


def with_idle_settings(
    problem: FeatureProblem,
    options: HeadOptions,
    *,
    quiet: bool,
    unasked: Collection[str] = (),
    from_images: bool = False,
) -> FeatureProblem:
    """Note which settings of methods do nothing for a problem, and tell it.

    Args:
        problem: checked features.
        options: methods and their settings.
        quiet: note it without telling it.
        unasked: words of the settings that a recipe brought along: nobody is told of them.
        from_images: crt is trained again from the images, which takes some of its settings.
    """
    parts = idle_parts(protocol_of(options, problem, seed=0, device="cpu"), wanted_methods(options.methods))
    if from_images:
        from longtail.jobs.stage_one.retrain import OF_RETRAINING

        parts = {part: reason for part, reason in parts.items() if part[0] != "crt"}
        others = [one for one in read_settings(options.set).get("crt", {}) if one not in OF_RETRAINING]
        parts |= {("crt", one): "crt is trained from the images" for one in others}
    notes = idle_words([word for word in options.set if word not in unasked], parts)
    if not quiet:
        print(*(f"  note      {note}\n" for note in notes), sep="", end="", file=sys.stderr, flush=True)
    return problem.with_notes(notes)
