"""Build DLSA block by block: a flow, the likely rows, a classifier for them; the other rows go on."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from longtail.flows import MixtureFlow
from longtail.heads.dlsa.block_classifier import (
    BlockClassifier,
    BlockInputs,
    Validation,
    fit_classifier,
)
from longtail.heads.dlsa.blocks import Block, BuildPlan, Built, Choices, Rows
from longtail.heads.dlsa.clusters import class_shares, clusters_of, likelihood_histogram
from longtail.heads.dlsa.epoch_curve import EpochCurve, halves
from longtail.heads.dlsa.flow_filter import assign, fit_flow, new_flow
from longtail.heads.precision import computing_in
from longtail.heads.rows import Features, SomeRows
from longtail.heads.standardisation import Standardisation

__all__ = ["build"]

FLOW_EVAL_EVERY = 5
ROUNDING = 1e-5  # of log-likelihoods


@dataclass(frozen=True)
class _Site:
    """What every step of building looks at."""

    features: Features
    scaling: Standardisation
    codes: Rows
    num_classes: int
    plan: BuildPlan
    validation: Validation | None
    again: Choices | None
    dtype: torch.dtype
    device: str

    def fit_classifier(
        self,
        rows: Rows,
        seen: Rows,
        start: tuple[Tensor, Tensor] | None,
        epochs: int | None,
        seed: int,
        *,
        prior_rows: Rows | None = None,
        clusters: "_Clustering | None" = None,
    ) -> tuple[BlockClassifier, int, EpochCurve]:
        """Train a classifier on some rows, with an eye on some rows of validation."""
        leave_one_out = None if clusters is None or self.plan.original else (clusters.totals, self.codes)
        validation = None
        if self.validation is not None:
            of_validation = () if clusters is None else (clusters.priors, clusters.of_validation)
            inputs = BlockInputs(self.scaling.rows(self.validation.features), seen, *of_validation)
            validation = (inputs, self.validation)
        of_train = () if clusters is None else (clusters.priors, clusters.of_train, leave_one_out)
        counted = self.codes[rows if prior_rows is None else prior_rows]
        return fit_classifier(
            BlockInputs(self.scaling.rows(self.features), rows, *of_train),
            self.codes[rows],
            start,
            self.plan.classifier,
            prior_counts=np.bincount(counted, minlength=self.num_classes),
            validation=validation,
            epochs=epochs,
            seed=seed,
            dtype=self.dtype,
            device=self.device,
        )

    def fit_flow(self, rows: Rows, seen: Rows, number: int, seed: int) -> tuple[MixtureFlow, int, list[float]]:
        """Train a block's flow, and keep the epoch whose clusters tell most about the classes."""
        plan = self.plan.flow if self.again is None else replace(self.plan.flow, epochs=self.again.flows[number])
        flow = new_flow(self.features, rows, plan, seed, self.device)
        best: dict[str, Any] = {"score": -np.inf, "epoch": plan.epochs, "state": None}

        def measure(epoch: int) -> None:
            if self.plan.original:
                score = self._pure_clusters(flow, rows)
            elif self.validation is not None and (epoch % FLOW_EVAL_EVERY == 0 or epoch == plan.epochs):
                score = self._information(flow, seen)
            else:
                return
            if score > best["score"]:
                state = {name: value.detach().clone() for name, value in flow.state_dict().items()}
                best.update(score=score, epoch=epoch, state=state)

        losses = fit_flow(
            flow, self.features, rows, self.codes, plan, seed=seed, device=self.device, after_epoch=measure
        )
        if best["state"] is not None:
            flow.load_state_dict(best["state"])
        return flow.eval(), best["epoch"], losses

    def _pure_clusters(self, flow: MixtureFlow, rows: Rows) -> float:
        """The released code's criterion: clusters of one class in training, unless one cluster swallows everything."""
        _, clusters = assign(flow, SomeRows(self.features, rows), self.device)
        counted = clusters_of(clusters, self.codes[rows], self.plan.flow.clusters, self.num_classes)
        return float(counted.count_pure()) if counted.sizes.max() < 5000 else -np.inf

    def _information(self, flow: MixtureFlow, seen: Rows) -> float:
        """Mean log-share that the clusters give to the true classes of validation rows, classes alike."""
        if self.validation is None or not len(seen):
            return 0.0
        with computing_in(self.plan.flow.precision, self.device):  # as it is trained: only epochs are chosen by this
            _, clusters = assign(flow, self.features, self.device)
            _, result = assign(flow, SomeRows(self.validation.features, seen), self.device)
        counted = clusters_of(clusters, self.codes, self.plan.flow.clusters, self.num_classes)
        shares, _ = class_shares(counted, max(self.plan.prior_smoothing, 1.0))
        log_shares = np.log(shares[result, self.validation.codes[seen]].clip(1e-12))
        return float((self.validation.weights[seen] * log_shares).sum())


@dataclass(frozen=True)
class _Clustering:
    """A block's clusters: class shares (K, C), the rows they are shares of (K,), and the cluster of every row."""

    priors: NDArray[np.float32]
    totals: NDArray[np.float64]
    of_train: Rows
    of_validation: Rows | None


def build(
    features: Features,
    scaling: Standardisation,
    codes: Rows,
    num_classes: int,
    plan: BuildPlan,
    *,
    start: tuple[Tensor, Tensor] | None,
    validation: Validation | None,
    again: Choices | None = None,
    seed: int,
    dtype: torch.dtype,
    device: str,
) -> Built:
    """Build DLSA on training rows.

    Args:
        features: shape (N, D), memory-mapped or not.
        scaling: how features are standardised for the classifiers; flows do it themselves, block by block.
        codes: class indices, shape (N,).
        num_classes: C.
        plan: how.
        start: weight (C, D) and bias (C,) on standardised features that the classifiers begin with; None draws them.
        validation: where epochs are chosen; None takes the last, or those of `again`.
        again: what an earlier call chose.
        seed: of everything random.
        dtype: to compute in.
        device: where.
    """
    site = _Site(features, scaling, codes, num_classes, plan, validation, again, dtype, device)
    rows, seen = np.arange(len(codes)), np.arange(0 if validation is None else len(validation.codes))
    half = None if validation is None else halves(validation.codes)
    built = Built(None, [], np.full(len(codes), -1), Choices(), [])
    taken_hits: Any = 0.0  # of the blocks so far
    built.choices.learning_rate = plan.classifier.sgd.learning_rate
    if not plan.original:
        site, built.plain, built.choices.plain, curve = _fit_plain(site, rows, seen, start, seed)
        built.choices.learning_rate = site.plan.classifier.sgd.learning_rate
        start = (built.plain.weight, built.plain.bias)
        if half is not None:
            built.hits.append(curve.cross_fitted(half))
    for number in range(plan.depth):
        # a flow learns from pairs of classes: what is left of one class needs no further filter
        if len(np.unique(codes[rows])) < 2:
            break
        block, inside, seen_inside, curves = _next_block(site, rows, seen, start, number, seed, built.choices)
        built.blocks.append(block)
        built.block_of_row[inside] = number
        rows, seen = np.setdiff1d(rows, inside), np.setdiff1d(seen, seen_inside)
        if half is not None:
            taken_hits = taken_hits + curves[0].cross_fitted(half)
            if block.rest is not None:
                built.hits.append(taken_hits + curves[1].cross_fitted(half))
    built.block_of_row[rows] = len(built.blocks)
    return built


def _fit_plain(
    site: _Site, rows: Rows, seen: Rows, start: tuple[Tensor, Tensor] | None, seed: int
) -> tuple[_Site, BlockClassifier, int, EpochCurve]:
    """Train the plain classifier, at the learning rate best on validation; give it with the site set to that rate."""
    rates = site.plan.learning_rates or (site.plan.classifier.sgd.learning_rate,)
    if site.again is not None:
        rates = (site.again.learning_rate,)
    elif site.validation is None:
        rates = rates[:1]
    best: tuple[float, _Site, BlockClassifier, int, EpochCurve] | None = None
    for rate in rates:
        classifier_plan = replace(site.plan.classifier, sgd=replace(site.plan.classifier.sgd, learning_rate=rate))
        tried = replace(site, plan=replace(site.plan, classifier=classifier_plan))
        fitted = tried.fit_classifier(rows, seen, start, None if site.again is None else site.again.plain, seed)
        score = max((float(hits.sum()) for hits in fitted[2].hits), default=0.0)
        if best is None or score > best[0]:
            best = (score, tried, *fitted)
    assert best is not None, "there is at least one rate"
    return best[1:]


def _next_block(
    site: _Site,
    rows: Rows,
    seen: Rows,
    start: tuple[Tensor, Tensor] | None,
    number: int,
    seed: int,
    choices: Choices,
) -> tuple[Block, Rows, Rows, list[EpochCurve]]:
    """Build a block on the rows that reach it; give it, the training and validation rows it takes, and its curves."""
    plan, again = site.plan, site.again
    seed = seed + 1000 * (number + 1)
    flow, flow_epoch, losses = site.fit_flow(rows, seen, number, seed)
    likelihood, of_train = assign(flow, site.features, site.device)
    threshold = plan.threshold
    if threshold is None:
        ordered = np.sort(likelihood[rows])
        first = min(int(len(rows) * (1 - plan.proportion)), len(rows) - 1)
        # a row on the edge itself would be taken or not by the rounding of the batch that it comes in: halfway to the
        # row that just stays out, or, in the original's way, as far below the edge as rounding goes
        threshold = float(ordered[first])
        if first:
            halfway = float(ordered[first - 1 : first + 1].mean())
            threshold = max(halfway, threshold - ROUNDING * (1 + abs(threshold))) if plan.original else halfway
    likelihood_of_rows = likelihood[rows]
    is_taken = likelihood_of_rows >= threshold
    inside, outside = rows[is_taken], rows[~is_taken]
    seen_inside = seen_outside = seen
    of_validation = None
    if site.validation is not None:
        likelihood, of_validation = assign(flow, site.validation.features, site.device)
        is_taken = likelihood[seen] >= threshold
        seen_inside, seen_outside = seen[is_taken], seen[~is_taken]
    counted = clusters_of(of_train, site.codes, plan.flow.clusters, site.num_classes)
    clusters = _Clustering(*class_shares(counted, plan.prior_smoothing), of_train, of_validation)
    classifier, epoch, curve = site.fit_classifier(
        inside, seen_inside, start, None if again is None else again.classifiers[number], seed + 1, clusters=clusters
    )
    rest, rest_epoch, of_rest = None, 0, EpochCurve()
    # the released code has one classifier for what is left at the very end, and it counts the classes of all rows
    if not plan.original or number == plan.depth - 1 or len(np.unique(site.codes[outside])) < 2:
        rest, rest_epoch, of_rest = site.fit_classifier(
            outside,
            seen_outside,
            start,
            None if again is None else again.rests[number],
            seed + 2,
            prior_rows=np.arange(len(site.codes)) if plan.original else None,
        )
    choices.flows.append(flow_epoch)
    choices.classifiers.append(epoch)
    choices.rests.append(rest_epoch)
    facts = {
        "rows": len(inside),
        "threshold": threshold,
        "flow_epoch": flow_epoch,
        "flow_losses": losses,
        "classifier_epoch": epoch,
        "rest_epoch": rest_epoch,
        "pure_clusters": counted.count_pure(),
        "cluster_sizes": counted.sizes.tolist(),
        "cluster_purity": [round(float(value), 4) for value in counted.purity],
        "taken_by_class": np.bincount(site.codes[inside], minlength=site.num_classes).tolist(),
        "likelihood": likelihood_histogram(likelihood_of_rows, site.codes[rows], site.num_classes),
    }
    block = Block(flow, threshold, clusters.priors, classifier, rest, facts)
    return block, inside, seen_inside, [curve, of_rest]
