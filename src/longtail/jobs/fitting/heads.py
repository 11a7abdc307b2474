"""Fit the head of each method as the options ask."""

from typing import Any

from longtail.errors import InputError
from longtail.heads import (
    DLSA,
    ClassifierRetraining,
    CosineClassifier,
    DisAlign,
    Ensemble,
    Joint,
    LearnableWeightScaling,
    LinearDiscriminant,
    LogitAdjusted,
    MarginCalibration,
    MaxNorm,
    MultilayerPerceptron,
    NearestClassMean,
    NearestNeighbours,
    TauNormalized,
    WeightedRidge,
)
from longtail.heads.base import Head
from longtail.heads.dlsa import published_settings
from longtail.jobs.fitting.head_options import DLSAOptions, HeadOptions
from longtail.jobs.fitting.problem import FeatureProblem

__all__ = ["dlsa_settings", "fit_head", "parameters_of"]


def fit_head(
    name: str,
    problem: FeatureProblem,
    options: HeadOptions,
    joint: Joint,
    select_on: str,
    seed: int,
    device: str,
) -> Head:
    """Fit a method's head on train.

    Args:
        name: of the method.
        problem: checked features.
        options: settings of the methods.
        joint: fitted on train: what the methods start from that start from a trained head.
        select_on: "val", "train" or "test".
        seed: of initialisation and sampling.
        device: where to compute.
    """
    own, training = options.own, options.training
    train = problem.splits["train"]
    linear = (joint.weight_, joint.bias_)
    # without validation data a choice is honest only for a head that has not seen the held-out rows: one that is
    # fitted anew; the network's own head has seen all of train
    start = linear if problem.head is not None or select_on != "train" else None
    chosen_on = problem.splits.get(select_on) if select_on != "train" else None
    validation = None if chosen_on is None else (chosen_on.features, chosen_on.labels)
    shared: dict[str, Any] = {
        "batch_size": training.head_batch_size,
        "learning_rate": training.head_learning_rate,
        "weight_decay": training.head_weight_decay,
        "schedule": training.head_schedule,
        "sampling": training.head_sampling,
        "repeat_threshold": training.head_repeat_threshold,
        "precision": training.head_precision,
        "random_state": seed,
        "device": device,
    }
    # losses that know the counts see every image alike; the sampler would make up for the counts once more
    by_loss: dict[str, Any] = {**shared, "sampling": "instance"}
    rebalanced: dict[str, Any] = {
        **by_loss,
        "epochs": training.crt_epochs,
        "weight_decay": training.rebalanced_weight_decay,
    }
    match name:
        case "joint":
            return joint
        case "ncm":
            ncm = NearestClassMean(transform=own.ncm_transform, metric=own.ncm_metric, device=device)
            return ncm.fit(train.features, train.labels)
        case "crt":
            return ClassifierRetraining(epochs=training.crt_epochs, loss=training.head_loss, **shared).fit(
                train.features, train.labels
            )
        case "lws":
            lws = LearnableWeightScaling(linear, epochs=training.lws_epochs, **shared)
            return lws.fit(train.features, train.labels)
        case "la":
            la = LogitAdjusted("auto" if own.la_tau is None else own.la_tau, start, random_state=seed, device=device)
            return la.fit(train.features, train.labels, validation=validation)
        case "bsm":
            bsm = ClassifierRetraining(loss="balanced-softmax", **rebalanced)
            return bsm.fit(train.features, train.labels)
        case "cb":
            return ClassifierRetraining(reweight=True, **rebalanced).fit(train.features, train.labels)
        case "ldam":
            ldam = ClassifierRetraining(
                loss="ldam", reweight=True, rebalance_from=0.8, epochs=training.ldam_epochs, **by_loss
            )
            return ldam.fit(train.features, train.labels)
        case "cosine":
            cosine = CosineClassifier(own.cosine_scale, epochs=training.crt_epochs, **by_loss)
            return cosine.fit(train.features, train.labels)
        case "maxnorm":
            max_norm = MaxNorm(
                "auto" if own.max_norm is None else own.max_norm,
                head=start,
                precision=training.head_precision,
                random_state=seed,
                device=device,
            )
            return max_norm.fit(train.features, train.labels, validation=validation)
        case "marc" | "disalign":
            kind = MarginCalibration if name == "marc" else DisAlign
            corrected = kind(
                start,
                rho="auto" if own.rho is None else own.rho,
                precision=training.head_precision,
                random_state=seed,
                device=device,
            )
            return corrected.fit(train.features, train.labels, validation=validation)
        case "ridge":
            ridge = WeightedRidge(
                "auto" if own.ridge_penalty is None else own.ridge_penalty,
                "auto" if own.ridge_gamma is None else own.ridge_gamma,
                device=device,
            )
            return ridge.fit(train.features, train.labels, validation=validation)
        case "lda":
            lda = LinearDiscriminant(
                "auto" if own.lda_shrinkage is None else own.lda_shrinkage,
                weighting=own.lda_weighting,
                prior=own.lda_prior,
                device=device,
            )
            return lda.fit(train.features, train.labels, validation=validation)
        case "knn":
            knn = NearestNeighbours(
                "auto" if own.knn_neighbours is None else own.knn_neighbours,
                gamma="auto" if own.knn_gamma is None else own.knn_gamma,
                metric=own.knn_metric,
                device=device,
            )
            return knn.fit(train.features, train.labels, validation=validation)
        case "mlp":
            mlp = MultilayerPerceptron(
                members=training.mlp_members,
                precision=training.head_precision,
                random_state=seed,
                device=device,
            )
            return mlp.fit(train.features, train.labels)
        case "dlsa":
            settings = dlsa_settings(options.dlsa)
            # the authors' configurations begin with random layers, but for those that take PaCo's
            is_random = "paco" not in (options.dlsa.dlsa_published or "paco")
            dlsa = DLSA(None if is_random else start, **settings, random_state=seed, device=device)
            return dlsa.fit(train.features, train.labels, validation=validation)
        case "tau":
            tau = TauNormalized(
                "auto" if own.tau is None else own.tau,
                start,
                keep_bias=own.keep_bias,
                # the bias that is left out is that of centred features; a network's own layer is taken as it is
                standardise=problem.head is None,
                random_state=seed,
                device=device,
            )
            return tau.fit(train.features, train.labels, validation=validation)
        case _:
            raise InputError(f"{name} is not fitted to features: it is made of other methods.")


def dlsa_settings(options: DLSAOptions) -> dict[str, Any]:
    """Turn options into the parameters of `DLSA`.

    Raises:
        InputError: no such published settings.
    """
    if options.dlsa_published is not None:
        return {**published_settings(options.dlsa_published), "precision": options.dlsa_precision}
    return {
        "depth": options.dlsa_depth,
        "choose_depth": not options.dlsa_always,
        "clusters": options.dlsa_clusters,
        "proportion": options.dlsa_proportion,
        "flow_epochs": options.dlsa_flow_epochs,
        "flow_batch_size": options.dlsa_flow_batch_size,
        "flow_learning_rate": options.dlsa_flow_learning_rate,
        "flow_momentum": options.dlsa_flow_momentum,
        "epochs": options.dlsa_epochs,
        "learning_rate": "auto" if options.dlsa_learning_rate is None else options.dlsa_learning_rate,
        "classifier": options.dlsa_classifier,
        "precision": options.dlsa_precision,
    }


def parameters_of(head: Head) -> dict[str, Any]:
    """Give the settings that had a part in this head."""
    if isinstance(head, Joint) and head.selected_on_ == "given":
        return {}
    if isinstance(head, Ensemble):
        return {"members": head.members_, "average": head.average}
    unused = {"head", "device", "grid", "penalties", "gammas", "shares", "weight_decays"}
    if isinstance(head, LearnableWeightScaling) and head.initial == "ones":
        unused |= {"tau"}
    given = {name: value for name, value in head.get_params().items() if name not in unused}
    if isinstance(head, TauNormalized | LogitAdjusted):
        return {**given, "tau": head.tau_}
    if isinstance(head, MarginCalibration | DisAlign):
        return {**given, "rho": head.rho_}
    if isinstance(head, MaxNorm):
        return {**given, "radius": head.radius_, "weight_decay": head.weight_decay_}
    if isinstance(head, CosineClassifier):
        return {**given, "scale": head.scale_}
    if isinstance(head, DLSA):
        return {**given, "depth": head.depth_, "learning_rate": head.learning_rate_}
    chosen = {
        name: getattr(head, f"{name}_")
        for name, value in given.items()
        if isinstance(value, str) and value == "auto" and hasattr(head, f"{name}_")
    }
    return given | chosen
