"""DLSA as an estimator: build, choose how many blocks help, predict block by block."""

from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import torch
from msgspec import Meta
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from longtail.features import check_finite
from longtail.heads.base import FEATURES, Head
from longtail.heads.dlsa.block_classifier import ClassifierKind, Validation
from longtail.heads.dlsa.block_model import BlockModel, arrays_of, check_flow_states, check_sizes
from longtail.heads.dlsa.blocks import Built
from longtail.heads.dlsa.construction import build
from longtail.heads.dlsa.depth_choice import choice_of
from longtail.heads.dlsa.dlsa_parameters import CONSTRAINTS, build_plan_of
from longtail.heads.joint import linear_or_joint
from longtail.heads.learned_state import NOT_NEGATIVE, WHOLE, Array, ArrayDict, Learned, Plain
from longtail.heads.linear import LinearParameters
from longtail.heads.parameters import Constraints
from longtail.heads.precision import AutoPrecision
from longtail.heads.rows import Features, SomeRows, chunks
from longtail.heads.standardisation import Standardisation
from longtail.holdout import stratified_holdout
from longtail.schedules import ScheduleKind

__all__ = ["DLSA"]


class DLSA(Head):
    """Dynamic label space adjustment: flow filters take the rows they know well, each block has its own classifier.

    block 1:  p_1(x) >= a_1  ->  x W_1^T + b_1 + s_1(x) P_1^T;   the others go to block 2;   what none takes: x W^T + b

    p_t is the density of a normalizing flow onto a mixture of Gaussians, trained so that rare classes are likely,
    classes lie in different clusters and all clusters are used; a_t is set so that the block takes a share of its
    training rows; s_t(x) are the class shares of the cluster that x falls in. The classifiers are linear, trained with
    balanced softmax.

    On `validation`, or a stratified fifth of the training rows where none is given, the epochs of flows and classifiers
    are chosen, and how many blocks are used at all. Zero blocks are the plain balanced-softmax classifier. Blocks must
    beat it by more than 1.96 standard errors of the difference, else it is what predicts. Choices that were made on a
    held-out fifth are then repeated on all rows.

    Args:
        head: weight (C, D) and bias (C,) of a trained linear head to begin with; None fits a `Joint` first.
        depth: blocks at most.
        choose_depth: False uses all blocks whether they help or not.
        clusters: K of each flow's mixture.
        center_scale: standard deviation of the cluster centres; None sets 3.2 / sqrt(2 D).
        proportion: share of its training rows that a block takes, above 0 and below 1.
        threshold: log-likelihood from which on blocks take rows, instead of the proportion.
        prior_smoothing: rows with the training set's class shares that are added to each cluster.
        flow_blocks: autoregressive layers of a flow.
        flow_epochs: of as many pairs as the block has rows.
        flow_batch_size: pairs a step.
        flow_learning_rate: constant.
        flow_momentum: 0 to below 1.
        weight_power: q; the likelihood of a class weighs (n_max / n_c)^q.
        likelihood_weight: of the weighted likelihood in the loss.
        balance_weight: of the cluster balance.
        separation_weight: of the cluster separation (the purity loss).
        posterior_momentum: of the cluster balance's moving average, 0 to below 1.
        clip_norm: longest gradient of a flow; None does not clip.
        standardize: give each feature mean 0 and variance 1 before a flow and, unless it is "cosine", a classifier.
        classifier: "balanced-softmax", "class-balanced" (sampling, cross-entropy) or "cosine".
        epochs: of each classifier.
        batch_size: rows a step.
        learning_rate: of the classifiers, at the start; "auto" takes 0.1 or 0.01, whichever makes the better plain
            classifier on validation.
        momentum: 0 to below 1.
        weight_decay: at least 0.
        schedule: of the classifiers' learning rate.
        eval_every: epochs between two measurements on validation.
        original: do as the released code does: random second layers, cluster shares that contain the row itself, class
            counts of all training rows in the last classifier, flow epochs chosen by pure clusters in training,
            accuracy over images as criterion, no plain classifier and no choice of depth. Without `validation` it keeps
            the last epochs.
        random_state: seed of everything random.
        device: where to compute, such as "cpu" or "cuda".
        precision: of matrix products in training, "float32" or "bfloat16"; "auto" takes bfloat16 for flows of 256
            features and more where the device has units for it, but not with `original`. What a fitted flow says is
            computed in float32.

    Attributes:
        depth_: blocks in use; 0 is the plain classifier.
        helps_: whether blocks are used because they were better on validation.
        which_block_: the block that takes each training row, shape (N,); `depth_` for rows that none takes.
        blocks_: of each block that was built, in use or not: rows, threshold, epochs, cluster sizes and purities.
        learning_rate_: of the classifiers.
        choice_: what validation said: {"accuracy" with 0, 1, ... blocks in percent, "gain", "standard_error"}, or None.
        thresholds_: a_t of the blocks in use, shape (T,).
        cluster_priors_: class shares of the clusters, shape (T, K, C).
        weights_: W_t, then the W of the rest, shape (T + 1, C, D).
        biases_: shape (T + 1, C).
        prior_weights_: P_t, shape (T, C, C).
        flow_states_: parameters and statistics of the flows.
        classes_: labels in the order of the logits, shape (C,).
        selected_on_: "val", "train-cv" (held out of training) or "not selected".

    Raises:
        InputError: unusable features, labels, head or parameters, or a loss of a flow or classifier that is not finite.

    Reference:
        Xu, Chen, Li, Lu, "Constructing Balance from Imbalance for Long-tailed Image Recognition", ECCV 2022, arXiv
        2208.02567.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> labels = np.repeat([0, 1, 2], [90, 30, 10])
        >>> features = rng.normal(size=(130, 4)) + 3 * np.eye(4)[labels]
        >>> head = DLSA(clusters=3, flow_epochs=5, epochs=5, random_state=0).fit(features, labels)
        >>> head.score(features, labels) > 0.9, head.selected_on_
        (True, 'train-cv')
    """

    _parameter_constraints: ClassVar[Constraints] = CONSTRAINTS

    _learned: ClassVar[Learned] = {
        **Head._learned,
        "depth_": Plain(Annotated[int, Meta(ge=0)]),
        "helps_": Plain(bool),
        "choice_": Plain(dict[str, Any] | None),
        "blocks_": Plain(list[dict[str, Any]]),
        "which_block_": Array(("N",), WHOLE, least=0),
        "learning_rate_": NOT_NEGATIVE,
        "thresholds_": Array(("T",)),
        "cluster_priors_": Array(("T", "K", "C"), least=0),
        "weights_": Array(("T+1", "C", "D")),
        "biases_": Array(("T+1", "C")),
        "prior_weights_": Array(("T", "C", "C")),
        "flow_states_": ArrayDict(),
    }
    _predicts_by: ClassVar[tuple[str, ...]] = ("clusters", "flow_blocks", "classifier")

    depth_: int

    def __init__(
        self,
        head: LinearParameters | None = None,
        *,
        depth: int = 1,
        choose_depth: bool = True,
        clusters: int = 100,
        center_scale: float | None = None,
        proportion: float = 0.3,
        threshold: float | None = None,
        prior_smoothing: float = 1.0,
        flow_blocks: int = 2,
        flow_epochs: int = 20,
        flow_batch_size: int = 256,
        flow_learning_rate: float = 0.2,
        flow_momentum: float = 0.9,
        weight_power: float = 2.0,
        likelihood_weight: float = 2.0,
        balance_weight: float = 1.0,
        separation_weight: float = 0.02,
        posterior_momentum: float = 0.7,
        clip_norm: float | None = 1.0,
        standardize: bool = True,
        classifier: ClassifierKind = "balanced-softmax",
        epochs: int = 30,
        batch_size: int = 128,
        learning_rate: float | Literal["auto"] = "auto",
        momentum: float = 0.9,
        weight_decay: float = 5e-4,
        schedule: ScheduleKind = "cosine",
        eval_every: int = 5,
        original: bool = False,
        random_state: int | np.random.RandomState | None = None,
        device: str = "cpu",
        precision: AutoPrecision = "auto",
    ) -> None:
        self.head = head
        self.depth = depth
        self.choose_depth = choose_depth
        self.clusters = clusters
        self.center_scale = center_scale
        self.proportion = proportion
        self.threshold = threshold
        self.prior_smoothing = prior_smoothing
        self.flow_blocks = flow_blocks
        self.flow_epochs = flow_epochs
        self.flow_batch_size = flow_batch_size
        self.flow_learning_rate = flow_learning_rate
        self.flow_momentum = flow_momentum
        self.weight_power = weight_power
        self.likelihood_weight = likelihood_weight
        self.balance_weight = balance_weight
        self.separation_weight = separation_weight
        self.posterior_momentum = posterior_momentum
        self.clip_norm = clip_norm
        self.standardize = standardize
        self.classifier = classifier
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.eval_every = eval_every
        self.original = original
        self.random_state = random_state
        self.device = device
        self.precision = precision

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        validation: tuple[ArrayLike, ArrayLike] | None = None,
    ) -> Self:
        """Build the blocks and choose how many of them to use.

        Args:
            X: features of the training images, shape (N, D).
            y: labels, shape (N,).
            validation: features and labels on which everything is chosen.
        """
        array, codes, dtype = self._begin(X, y)
        seed = int(check_random_state(self.random_state).randint(2**30))
        plan = build_plan_of(self)
        shared: dict[str, Any] = {"seed": seed, "dtype": dtype, "device": self.device}
        num_classes = len(self.classes_)
        self.selected_on_ = "not selected"
        judged = self._judged(validation)
        if judged is not None:
            features, truth = judged
            if (features.dtype == np.float64) != (dtype == torch.float64):  # numbers that go with those of training
                features = features.astype(np.float64 if dtype == torch.float64 else np.float32)
            seen = Validation.of(features, truth, classes_alike=not self.original)
            scaling, start = self._start(array, codes, seed)
            built = build(array, scaling, codes, num_classes, plan, start=start, validation=seen, **shared)
            self.selected_on_ = "val"
            self._choose_depth(built)
            return self._take(built, scaling)
        rest, held_out = stratified_holdout(codes, 0.2, seed)
        if self.original or not len(held_out) or len(np.unique(codes[rest])) < 2:
            scaling, start = self._start(array, codes, seed)
            built = build(array, scaling, codes, num_classes, plan, start=start, validation=None, **shared)
            self._choose_depth(built)
            return self._take(built, scaling)
        seen = Validation.of(SomeRows(array, held_out), codes[held_out], classes_alike=not self.original)
        some = SomeRows(array, rest)
        scaling, start = self._start(some, codes[rest], seed)
        tried = build(some, scaling, codes[rest], num_classes, plan, start=start, validation=seen, **shared)
        self._choose_depth(tried)
        self.selected_on_ = "train-cv"
        scaling, start = self._start(array, codes, seed)
        shared |= {"start": start, "validation": None, "again": tried.choices}
        built = build(array, scaling, codes, num_classes, replace(plan, depth=self.depth_), **shared)
        self.depth_ = min(self.depth_, len(built.blocks))
        self._take(built, scaling)
        self.blocks_ = [block.facts for block in (built if self.depth_ else tried).blocks]
        return self

    def parameters_in_use(self) -> dict[str, Any]:
        """Return the parameters that had a part, with the number of blocks in use."""
        return super().parameters_in_use() | {"depth": self.depth_, "learning_rate": self.learning_rate_}

    def chosen_parameters(self) -> dict[str, Any]:
        """Return the number of blocks in use, and the learning rate where it was chosen."""
        chosen = {"learning_rate": self.learning_rate_} if self.learning_rate == "auto" else {}
        return {"depth": self.depth_, **chosen}

    def which_block(self, X: ArrayLike) -> NDArray[np.int64]:
        """Return which block takes each row of features (N, D), shape (N,); `depth_` for rows that none takes."""
        array = self._check(X)
        result = [self._blocks_in(rows.dtype).route(rows)[0].cpu() for _, rows in chunks(array, self._device)]
        return torch.cat(result).numpy()

    def log_likelihood(self, X: ArrayLike) -> NDArray[Any]:
        """Return log p_t(x) of features (N, D) under the flow of each block in use, shape (T, N)."""
        array = self._check(X)
        result = [self._blocks_in(rows.dtype).log_likelihood(rows).cpu() for _, rows in chunks(array, self._device)]
        return torch.cat(result, dim=1).numpy()

    def _check(self, X: ArrayLike) -> NDArray[Any]:
        check_is_fitted(self)
        array: NDArray[Any] = validate_data(self, X, reset=False, **FEATURES)
        check_finite(array)
        return array

    def _start(
        self, features: Features, codes: NDArray[np.int64], seed: int
    ) -> tuple[Standardisation, tuple[Tensor, Tensor] | None]:
        """Return how features are standardised for classifiers, and the one on them that all begin with; None draws it.

        It is the given one, or a `Joint` of these rows.
        """
        wanted = self.standardize and self.classifier != "cosine"
        scaling = Standardisation.of(features, wanted=wanted, device=self.device)
        if self.head is None and self.original:
            return scaling, None
        start = linear_or_joint(self.head, features, codes, random_state=seed, device=self.device)
        self.notes_ = start.notes
        return scaling, scaling.unfolded(*start.tensors(features, self.device))

    def _choose_depth(self, built: Built) -> None:
        """Use the number of blocks that is best on validation, or none where that may be chance."""
        choice = None if self.original or not built.hits else choice_of(built.hits)
        self.choice_ = None if choice is None else choice.facts
        self.helps_ = choice is not None and choice.is_clear
        everything = self.original or not self.choose_depth
        self.depth_ = len(built.blocks) if everything else choice.best if choice is not None and self.helps_ else 0

    def _take(self, built: Built, scaling: Standardisation) -> Self:
        """Keep what prediction needs, as arrays, for features as they are."""
        used = built.blocks[: self.depth_]
        rest = used[-1].rest if used else built.plain
        assert rest is not None, "building ends with a classifier for what is left"
        classifiers = [one.folded(scaling) for one in (*(block.classifier for block in used), rest)]
        for name, value in arrays_of(used, classifiers, self.clusters).items():
            setattr(self, f"{name}_", value)
        self.learning_rate_ = built.choices.learning_rate
        self.blocks_ = [block.facts for block in built.blocks]
        self.which_block_ = np.minimum(built.block_of_row, self.depth_)
        self._models: dict[torch.dtype, BlockModel] = {}
        return self

    def _blocks_in(self, dtype: torch.dtype) -> BlockModel:
        """Put the modules together from the learned arrays, once for a type of numbers."""
        if "_models" not in vars(self):  # read from a file
            self._models = {}
        if dtype not in self._models:
            names = ("thresholds", "cluster_priors", "weights", "biases", "prior_weights", "flow_states")
            arrays = {name: getattr(self, f"{name}_") for name in names}
            shape = {"clusters": self.clusters, "flow_blocks": self.flow_blocks}
            is_cosine = self.classifier == "cosine"
            self._models[dtype] = BlockModel.from_arrays(
                arrays, **shape, cosine=is_cosine, dtype=dtype, device=self.device
            )
        return self._models[dtype]

    def _check_learned(self, sizes: dict[str, int]) -> None:
        super()._check_learned(sizes)
        build_plan_of(self)  # it knows the classifiers
        check_sizes(sizes, self.depth_, self.clusters)
        shape = {"number": sizes["T"], "dimension": sizes["D"], "clusters": self.clusters}
        check_flow_states(self.flow_states_, **shape, flow_blocks=self.flow_blocks)

    def _chunk_logits(self, features: Tensor) -> Tensor:
        return self._blocks_in(features.dtype).logits(features)
