"""PaCo: one softmax over the classes and the samples of a batch and a queue."""

import torch
from torch import Tensor

from longtail.errors import InputError

__all__ = ["parametric_contrast"]


def parametric_contrast(
    class_logits: Tensor, samples: Tensor, labels: Tensor, *, temperature: float, sample_weight: float
) -> Tensor:
    """Return the loss of queries that are to be near their class's centre and near other samples of their class.

    l_i = -(log p(y_i) + alpha sum_{j in P_i} log p(j)) / (1 + alpha |P_i|)
    p(c) = exp(s_ic) / Z_i,   p(j) = exp(q_i . f_j / T) / Z_i
    Z_i = sum_c exp(s_ic) + sum_{j != i} exp(q_i . f_j / T)

    q_i = f_i for the first B samples; P_i holds the other samples of query i's class. With alpha = 0 and no sample
    beside a single query this is cross-entropy, with s = z + log prior balanced softmax.

    Args:
        class_logits: s of each query, the log prior added, shape (B, C).
        samples: f, of length 1, the queries first, shape (M, D), M at least B.
        labels: class of each sample, shape (M,); below 0 for one that is of no class and is only kept away from.
        temperature: T, above 0.
        sample_weight: alpha, at least 0; the centre weighs 1.

    Returns:
        The mean over the queries.

    Raises:
        InputError: fewer samples than queries, or another number of labels.

    Reference:
        Cui, Zhong, Liu, Yu, Jia, "Parametric Contrastive Learning", ICCV 2021, arXiv 2107.12028, eq. 6, and its
        released code; with queries of both views: Cui, Zhong, Tian, Liu, Yu, Jia, "Generalized Parametric Contrastive
        Learning", 2022, arXiv 2209.12400.

    Example:
        >>> logits, samples = torch.zeros(1, 2), torch.eye(2)
        >>> loss = parametric_contrast(logits, samples, torch.tensor([0, 0]), temperature=1.0, sample_weight=0.0)
        >>> torch.allclose(loss, torch.tensor(3.0).log())  # two classes, and one other sample
        True
    """
    num_queries = len(class_logits)
    if not num_queries <= len(samples) == len(labels):
        raise InputError(
            f"{num_queries} queries, {len(samples)} samples, {len(labels)} labels; expected the queries among the "
            "samples, first, and a label for each sample."
        )
    similarities = (samples[:num_queries] @ samples.T / temperature).fill_diagonal_(-torch.inf)
    is_positive = (labels[:num_queries, None] == labels).fill_diagonal_(False)
    log_total = torch.cat([class_logits, similarities], dim=1).logsumexp(dim=1)
    own = class_logits.gather(1, labels[:num_queries, None]).squeeze(1)
    near = torch.where(is_positive, similarities, 0.0).sum(dim=1)
    pulls = own + sample_weight * near
    # each of the 1 + |P| targets is divided by the same total
    return (log_total - pulls / (1 + sample_weight * is_positive.sum(dim=1))).mean()
