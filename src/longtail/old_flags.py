"""The flags that earlier versions had: of single methods, each with the setting that it is now, and of computing."""

__all__ = ["OF_COMPUTING", "OLD_FLAGS"]

_TRAINED = "crt,lws,bsm,cb,ldam,cosine"
# flag of version 0.1: what is typed now; one that took no value says it here
OLD_FLAGS = {
    "--tau": "tau.tau",
    "--keep-bias": "tau.keep_bias=true",
    "--la-tau": "la.tau",
    "--ncm-transform": "ncm.transform",
    "--ncm-metric": "ncm.metric",
    "--knn-neighbours": "knn.neighbours",
    "--knn-gamma": "knn.gamma",
    "--knn-metric": "knn.metric",
    "--ridge-penalty": "ridge.penalty",
    "--ridge-gamma": "ridge.gamma",
    "--lda-shrinkage": "lda.shrinkage",
    "--lda-weighting": "lda.weighting",
    "--lda-prior": "lda.prior",
    "--cosine-scale": "cosine.scale",
    "--max-norm": "maxnorm.radius",
    "--rho": "marc,disalign.rho",
    "--crt-epochs": "crt,bsm,cb,cosine.epochs",
    "--lws-epochs": "lws.epochs",
    "--ldam-epochs": "ldam.epochs",
    "--head-learning-rate": f"{_TRAINED}.learning_rate",
    "--head-schedule": f"{_TRAINED}.schedule",
    "--head-batch-size": f"{_TRAINED}.batch_size",
    "--head-precision": "*.precision",
    "--head-weight-decay": "crt,lws,ldam,cosine.weight_decay",
    "--head-sampling": "crt,lws.sampling",
    "--head-repeat-threshold": "crt,lws.repeat_threshold",
    "--head-loss": "crt.loss",
    "--rebalanced-weight-decay": "bsm,cb.weight_decay",
    "--mlp-members": "mlp.members",
    "--dlsa-published": "dlsa.published",
    "--dlsa-depth": "dlsa.depth",
    "--dlsa-clusters": "dlsa.clusters",
    "--dlsa-proportion": "dlsa.proportion",
    "--dlsa-flow-epochs": "dlsa.flow_epochs",
    "--dlsa-flow-batch-size": "dlsa.flow_batch_size",
    "--dlsa-flow-learning-rate": "dlsa.flow_learning_rate",
    "--dlsa-flow-momentum": "dlsa.flow_momentum",
    "--dlsa-epochs": "dlsa.epochs",
    "--dlsa-learning-rate": "dlsa.learning_rate",
    "--dlsa-classifier": "dlsa.classifier",
    "--dlsa-precision": "dlsa.precision",
    "--dlsa-always": "dlsa.choose_depth=false",
}

# what verbs had that compute no network, without an effect
OF_COMPUTING = ("device", "devices", "threads", "timeout", "precision")
