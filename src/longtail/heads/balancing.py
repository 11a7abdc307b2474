"""What makes up for the class counts while a head is trained: once is right, twice overshoots."""

from longtail.errors import InputError
from longtail.losses import LossName, prior_of_loss
from longtail.sampling import Strategy

__all__ = ["check_balanced_once"]


def check_balanced_once(loss: LossName, sampling: Strategy, *, reweight: bool, balance_twice: bool) -> None:
    """Refuse to make up for the class counts twice, unless that is wanted.

    Class-balanced samples, class weights and losses that know the counts each do it in full; two of them together make
    common classes as hard to find as rare ones were before. Margins (ldam) are none of them: they go with weights.

    Args:
        loss: by name.
        sampling: of the training rows.
        reweight: whether classes are weighed in the loss.
        balance_twice: allow it.

    Raises:
        InputError: naming both, and what to change.

    Example:
        >>> check_balanced_once("balanced-softmax", "instance", reweight=False, balance_twice=False)
        >>> check_balanced_once("balanced-softmax", "class", reweight=False, balance_twice=False)
        Traceback (most recent call last):
        ...
        longtail.errors.InputError: loss='balanced-softmax' and sampling='class' each make up for the class counts...
    """
    ways = {
        f"loss={loss!r}": prior_of_loss(loss, "train") == "uniform",
        f"sampling={sampling!r}": sampling != "instance",
        "reweight=True": reweight,
    }
    used = [way for way, is_used in ways.items() if is_used]
    if len(used) > 1 and not balance_twice:
        instead = {"loss": "loss='cross-entropy'", "sampling": "sampling='instance'", "reweight": "reweight=False"}
        choices = " or ".join(instead[way.partition("=")[0]] for way in used)
        raise InputError(
            f"{' and '.join(used)} each make up for the class counts: together they overshoot, and common classes are "
            f"missed as rare ones were before. Take {choices}, or allow it with balance_twice=True."
        )
