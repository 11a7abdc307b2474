"""The settings of every configuration file that DLSA's authors released."""

from typing import Any

__all__ = ["DLSA_PUBLISHED", "published_settings"]

_EVERYWHERE: dict[str, Any] = {
    "original": True,
    "clusters": 500,
    "center_scale": 0.05,
    "proportion": 0.3,
    "flow_blocks": 2,
    "flow_batch_size": 1024,
    "flow_epochs": 50,
    "flow_learning_rate": 0.2,
    "flow_momentum": 0.0,
    "weight_power": 2.0,
    "likelihood_weight": 2.0,
    "balance_weight": 1.0,
    "separation_weight": 0.02,
    "posterior_momentum": 0.7,
    "clip_norm": None,  # theirs is called before the gradient is there, and does nothing
    "standardize": False,
    "classifier": "balanced-softmax",
    "epochs": 150,
    "batch_size": 128,
    "momentum": 0.0,
    "weight_decay": 0.0,
    "schedule": "constant",
    "eval_every": 5,
}
_IMAGENET_PACO: dict[str, Any] = {"depth": 3, "learning_rate": 1e-4}
_PLACES: dict[str, Any] = {
    "depth": 1,
    "flow_batch_size": 512,
    "flow_epochs": 60,
    "likelihood_weight": 1.0,
    "balance_weight": 2.0,
    "separation_weight": 0.03,
}

# those with "head": None begin with random layers, the others with the layer of PaCo's checkpoint
DLSA_PUBLISHED: dict[str, dict[str, Any]] = {
    "imagenet-ce": {"head": None, "depth": 1, "learning_rate": 1e-2},
    # the file is named after class-balanced sampling and holds the same as the one above
    "imagenet-cbs": {"head": None, "depth": 1, "learning_rate": 1e-2},
    "imagenet-paco": _IMAGENET_PACO,
    "imagenet-paco-cbs": {**_IMAGENET_PACO, "classifier": "class-balanced"},
    "imagenet-paco-cos": {**_IMAGENET_PACO, "depth": 1, "classifier": "cosine"},
    "inat18-paco": {**_IMAGENET_PACO, "flow_epochs": 30, "likelihood_weight": 1.0},
    "places-ce": {**_PLACES, "head": None, "learning_rate": 1e-2},
    "places-ce-cos": {**_PLACES, "head": None, "learning_rate": 1e-2, "classifier": "cosine"},
    "places-paco": {**_PLACES, "learning_rate": 1e-4},
    # these two name methods that the release does not hold: fitting them says so
    "imagenet-paco-m2m": {**_IMAGENET_PACO, "classifier": "m2m"},
    "imagenet-paco-ride": {**_IMAGENET_PACO, "classifier": "ride"},
    "places-ce-ride": {**_PLACES, "head": None, "learning_rate": 1e-2, "classifier": "ride"},
}


def published_settings(name: str) -> dict[str, Any]:
    """Return the parameters of `DLSA` that a released configuration stands for.

    Those named paco begin with the linear layer of PaCo's checkpoint (`head`), the others with random layers. The
    authors chose epochs on the test split; give it as `validation` to do the same.

    Args:
        name: a key of `DLSA_PUBLISHED`.

    Raises:
        InputError: no such configuration.

    Reference:
        Xu, Chen, Li, Lu, "Constructing Balance from Imbalance for Long-tailed Image Recognition", ECCV 2022, arXiv
        2208.02567; the configuration files of its released code.

    Example:
        >>> published_settings("places-paco")["flow_epochs"]
        60
    """
    from longtail.errors import InputError

    if name not in DLSA_PUBLISHED:
        raise InputError(f"no published DLSA settings {name!r}. There are: {', '.join(DLSA_PUBLISHED)}.")
    return {**_EVERYWHERE, **DLSA_PUBLISHED[name]}
