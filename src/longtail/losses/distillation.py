"""What a network has learnt from another, which is held as it is."""

from torch import Tensor
from torch.nn import functional

__all__ = ["distillation"]


def distillation(logits: Tensor, teacher_logits: Tensor, temperature: float = 1.0) -> Tensor:
    """Return how far a network's probabilities are from those of its teacher.

    distillation = T^2 mean_i KL( softmax(t_i / T) || softmax(z_i / T) )

    The factor keeps gradients as large as those of cross-entropy, whatever T is. The teacher counts as given.

    Args:
        logits: z, shape (B, C).
        teacher_logits: t, shape (B, C).
        temperature: T, above 0; the higher, the more the classes count that are not the most probable one.

    Returns:
        At least 0, a scalar.

    Reference:
        Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network", 2015, arXiv 1503.02531, section 2.

    Example:
        >>> import torch
        >>> logits = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
        >>> round(distillation(logits, logits + 5, 1.5).item(), 5), distillation(logits, -logits).item() > 0
        (0.0, True)
    """
    given = functional.log_softmax(teacher_logits.detach() / temperature, dim=1)
    own = functional.log_softmax(logits / temperature, dim=1)
    return temperature**2 * functional.kl_div(own, given, reduction="batchmean", log_target=True)
