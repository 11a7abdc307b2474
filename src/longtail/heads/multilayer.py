"""A small network on top of the features, trained by balanced softmax."""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state
from torch import Tensor
from torch.nn import functional

from longtail.errors import InputError
from longtail.global_draws import drawn_by
from longtail.heads.base import Head, ImpliedPrior
from longtail.heads.convergence import learned_nothing
from longtail.heads.feature_transform import unit_length
from longtail.heads.hidden_network import HiddenNetwork, scaling_of
from longtail.heads.learned_state import LOSSES, Array, Learned
from longtail.heads.optimizers import AdamW
from longtail.heads.parameters import AUTO, DEVICE, RANDOM_STATE, Constraints, real, whole, words
from longtail.heads.precision import AutoPrecision, Precision, computing_in, settled_precision
from longtail.heads.rows import TransformedRows, row_reader
from longtail.heads.standardisation import AutoOrNot, Standardisation
from longtail.losses.balanced_softmax import log_counts
from longtail.schedules import one_cycle
from longtail.threads import threads_for

__all__ = ["MultilayerPerceptron"]

FEWEST_EPOCHS, FEWEST_STEPS = 10, 150
FEWEST_HIDDEN, MOST_HIDDEN = 512, 1024
USUAL_WIDTH, USUAL_RATE, HIGHEST_RATE = 768, 1e-3, 1e-2
LARGEST_INPUT_DROPOUT, ENOUGH_FEATURES = 0.2, 256


class MultilayerPerceptron(Head):
    """A network with one hidden layer on the features, trained by balanced softmax with dropout.

    h = dropout(gelu(BN(W_1 u + b_1))),  u = dropout((t(x) / ||t(x)|| - m) / s)
    logits = log softmax(W_2 h + b_2);  loss: cross-entropy of W_2 h + b_2 + tau log n

    t(x) = x, or x standardised; m is the mean of t(x) / ||t(x)|| over the training rows, s its typical deviation, n the
    class counts. Adding log n in the loss alone makes the logits those of a world in which every class is as common.
    Several networks that differ in their seeds vote by the mean of their log-probabilities.

    Where classes are not divided by planes, as with features of a network that was trained for something else, it is
    better than any linear head. It cannot be folded into a network's last layer.

    Args:
        hidden: units of the hidden layer; "auto": four times D, at least 512 and at most 1024.
        epochs: passes over the data; "auto": 10, or as many as give 150 steps.
        members: networks that vote, at least 1.
        tau: how much of the log class counts the loss adds; 1 is balanced softmax, 0 plain cross-entropy.
        dropout: share of hidden units left out, 0 to below 1.
        input_dropout: share of features left out, 0 to below 1; "auto": 0.2, and less below 256 features, 0.2 D / 256.
        mixup: alpha of the Beta(alpha, alpha) from which the share of the first of two mixed rows is drawn; 0 for none.
        batch_size: rows a step; smaller where an epoch would have fewer than 8 steps.
        learning_rate: the highest of a one-cycle schedule, of AdamW; "auto": 0.001 sqrt(768 / D), at most 0.01.
        weight_decay: of AdamW, at least 0.
        unit_length: divide each row by its length first.
        standardise: before that, subtract the mean of the class means and divide by the deviation, feature by feature;
            "auto" does where the deviation of some feature is more than 10 times the median one, or the mean more than
            10 times as long, squared, as rows typically are around it.
        random_state: seed of initialisation, order, dropout and mixing.
        device: where to compute, such as "cpu" or "cuda".
        precision: of the matrix products of training, "float32" or "bfloat16"; "auto": bfloat16 where a pass over all
            rows takes more than 2^30 multiplications and the device has units for it.

    Attributes:
        mean_: what t subtracts, shape (D,); 0 where it leaves features as they are.
        deviation_: what t divides by, shape (D,); 1 there.
        hidden_weight_: W_1 with batch norm, m and s folded in, shape (members, H, D).
        hidden_bias_: shape (members, H).
        output_weight_: W_2, shape (members, C, H).
        output_bias_: shape (members, C).
        classes_: labels in the order of the logits, shape (C,).
        losses_: mean loss of each epoch of the last member.
        selected_on_: "not selected".

    Raises:
        InputError: unusable features, labels or parameters.

    Reference:
        Ren, Yu, Sheng, Ma, Zhao, Yi, Li, "Balanced Meta-Softmax for Long-Tailed Visual Recognition", NeurIPS 2020,
        arXiv 2007.10740, equation 3 (loss); Zhang, Cisse, Dauphin, Lopez-Paz, "mixup: Beyond Empirical Risk
        Minimization", ICLR 2018, arXiv 1710.09412. The combination is ours.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> features = rng.normal(size=(300, 2))
        >>> labels = (np.hypot(*features.T) > 1.5).astype(int)  # a ring around a disc: no line divides them
        >>> head = MultilayerPerceptron(random_state=0, unit_length=False, input_dropout=0, learning_rate=0.01, mixup=0)
        >>> head.fit(features, labels).score(features, labels) > 0.8
        True
    """

    _parameter_constraints: ClassVar[Constraints] = {
        "hidden": [whole(most=2**16), AUTO],
        "epochs": [whole(), AUTO],
        "members": [whole()],
        "tau": [real(0, 100)],
        "dropout": [real(0, below=1)],
        "input_dropout": [real(0, below=1), AUTO],
        "mixup": [real(0)],
        "batch_size": [whole()],
        "learning_rate": [real(above=0), AUTO],
        "weight_decay": [real(0)],
        "unit_length": ["boolean"],
        "standardise": ["boolean", AUTO],
        "random_state": [RANDOM_STATE],
        "device": [DEVICE],
        "precision": [words(AutoPrecision)],
    }

    _learned: ClassVar[Learned] = {
        **Head._learned,
        "losses_": LOSSES,
        "mean_": Array(("D",), before=0.0),
        "deviation_": Array(("D",), above=0, before=1.0),
        "hidden_weight_": Array(("M", "H", "D")),
        "hidden_bias_": Array(("M", "H")),
        "output_weight_": Array(("M", "C", "H")),
        "output_bias_": Array(("M", "C")),
    }
    _predicts_by: ClassVar[tuple[str, ...]] = ("unit_length",)

    def __init__(
        self,
        *,
        hidden: int | Literal["auto"] = "auto",
        epochs: int | Literal["auto"] = "auto",
        members: int = 1,
        tau: float = 1.0,
        dropout: float = 0.5,
        input_dropout: float | Literal["auto"] = "auto",
        mixup: float = 0.0,
        batch_size: int = 256,
        learning_rate: float | Literal["auto"] = "auto",
        weight_decay: float = 1e-2,
        unit_length: bool = True,
        standardise: AutoOrNot = "auto",
        random_state: int | np.random.RandomState | None = None,
        device: str = "cpu",
        precision: AutoPrecision = "auto",
    ) -> None:
        self.hidden = hidden
        self.epochs = epochs
        self.members = members
        self.tau = tau
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.mixup = mixup
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.unit_length = unit_length
        self.standardise = standardise
        self.random_state = random_state
        self.device = device
        self.precision = precision

    @property
    def implied_prior(self) -> ImpliedPrior:
        """Return the world where softmax(logits) is a probability: by how much of the counts the loss adds."""
        return "uniform" if self.tau > 0.5 else "train"

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learn from features X (N, D) and labels y (N,)."""
        array, codes, dtype = self._begin(X, y)
        counts = torch.from_numpy(np.bincount(codes)).to(dtype)
        width = array.shape[1]
        hidden = min(max(4 * width, FEWEST_HIDDEN), MOST_HIDDEN) if self.hidden == "auto" else int(self.hidden)
        usual_dropout = LARGEST_INPUT_DROPOUT * min(1, width / ENOUGH_FEATURES)
        input_dropout = usual_dropout if self.input_dropout == "auto" else float(self.input_dropout)
        outer = Standardisation.for_angles(array, codes, wanted=self.standardise, device=self.device)
        self.mean_, self.deviation_ = outer.mean.numpy(), outer.deviation.numpy()
        inputs = outer.rows(array)
        scaling = scaling_of(inputs, self.unit_length)
        seeds = check_random_state(self.random_state).randint(2**31 - 1, size=self.members)
        precision = settled_precision(self.precision, len(codes) * hidden * (width + len(counts)), self.device)
        read = row_reader(
            TransformedRows(inputs, scaling.apply),
            len(codes),
            readings=self.members * self._num_epochs(len(codes)),
            dtype=torch.bfloat16 if precision == "bfloat16" and dtype == torch.float32 else None,
            device=self.device,
        )
        self.losses_: list[float] = []
        folded = []
        for seed in seeds:
            network = HiddenNetwork(width, hidden, len(counts), self.dropout, input_dropout, int(seed))
            network = network.to(self.device, dtype)
            with _drawing(int(seed), self.device):
                weights = sum(parameter.numel() for parameter in network.parameters())
                with threads_for(self._batch_size(len(codes)) * weights):
                    shift = self.tau * log_counts(counts)
                    self.losses_ = self._train(network, read, codes, shift, int(seed), precision)
            folded.append(network.folded(scaling))
        arrays = [torch.stack(parts).cpu().numpy() for parts in zip(*folded, strict=True)]
        self.hidden_weight_, self.hidden_bias_, self.output_weight_, self.output_bias_ = arrays
        self.selected_on_ = "not selected"
        note = learned_nothing(self.losses_[-1], counts.double() / counts.sum())
        self.notes_ = () if note is None else (note,)
        return self

    def _batch_size(self, num_rows: int) -> int:
        # batch norm needs two rows
        return max(min(self.batch_size, num_rows // 8), min(2, num_rows))

    def _num_steps(self, num_rows: int) -> int:
        return max(num_rows // self._batch_size(num_rows), 1)

    def _num_epochs(self, num_rows: int) -> int:
        if self.epochs == "auto":
            return max(FEWEST_EPOCHS, math.ceil(FEWEST_STEPS / self._num_steps(num_rows)))
        return int(self.epochs)

    def _highest_rate(self, width: int) -> float:
        if self.learning_rate == "auto":
            return min(USUAL_RATE * math.sqrt(USUAL_WIDTH / width), HIGHEST_RATE)
        return float(self.learning_rate)

    def _train(
        self,
        network: HiddenNetwork,
        read: Callable[[NDArray[np.int64]], Tensor],
        codes: NDArray[np.int64],
        shift: Tensor,
        seed: int,
        precision: Precision,
    ) -> list[float]:
        rng = np.random.default_rng(seed)
        targets, shift = torch.from_numpy(codes).to(self.device), shift.to(self.device)
        batch_size = self._batch_size(len(codes))
        steps, epochs = self._num_steps(len(codes)), self._num_epochs(len(codes))
        optimizer = AdamW(network.parameters(), weight_decay=self.weight_decay)
        total_steps = epochs * steps + 1
        highest = self._highest_rate(network.hidden.in_features)
        rise = max(0.1, 2 / total_steps)  # with fewer than two steps there is no rise
        losses = []
        for epoch in range(epochs):
            order, total = rng.permutation(len(codes)), torch.zeros((), device=self.device)
            for step in range(steps):
                rows = order[step * batch_size : (step + 1) * batch_size]
                inputs = read(rows)
                labels = targets[torch.from_numpy(rows).to(self.device)]
                share = float(rng.beta(self.mixup, self.mixup)) if self.mixup > 0 else 1.0
                partner = torch.from_numpy(rng.permutation(len(rows))).to(self.device)
                with computing_in(precision, self.device):
                    logits = network(share * inputs + (1 - share) * inputs[partner] if share < 1 else inputs)
                logits = logits.to(shift.dtype) + shift
                loss = share * functional.cross_entropy(logits, labels)
                if share < 1:
                    loss = loss + (1 - share) * functional.cross_entropy(logits, labels[partner])
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                rate, beta1 = one_cycle(epoch * steps + step, total_steps, highest, rise)
                optimizer.step(rate, beta1=beta1)
                total += loss.detach()
            losses.append(float(total) / steps)
            if not math.isfinite(losses[-1]):
                raise InputError(
                    f"the loss became {losses[-1]} in epoch {epoch + 1} of training a head, with learning_rate "
                    f"{highest:g} and weight_decay {self.weight_decay:g}. Lower them."
                )
        return losses

    def _chunk_logits(self, features: Tensor) -> Tensor:
        outer = Standardisation(torch.from_numpy(self.mean_), torch.from_numpy(self.deviation_))
        rows = unit_length(outer.apply(features)) if self.unit_length else outer.apply(features)
        total: Any = 0
        for member in range(len(self.hidden_weight_)):
            arrays = (self.hidden_weight_, self.hidden_bias_, self.output_weight_, self.output_bias_)
            w1, b1, w2, b2 = (torch.from_numpy(array[member]).to(rows) for array in arrays)
            hidden = functional.gelu(torch.addmm(b1, rows, w1.T))
            total = total + torch.log_softmax(torch.addmm(b2, hidden, w2.T), dim=1)
        return total / len(self.hidden_weight_)  # type: ignore[no-any-return]


def _drawing(seed: int, device: str) -> AbstractContextManager[None]:
    """Let dropout on a GPU, whose kernel takes no generator of one's own, draw by a seed."""
    return nullcontext() if torch.device(device).type == "cpu" else drawn_by(seed, device)
