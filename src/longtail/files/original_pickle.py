"""The pickles in which the decoupling paper's released code keeps features, read without running what they name."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.files.pickled_arrays import NamesCodeError, load_arrays

__all__ = ["read_original_pickle"]


def read_original_pickle(path: Path | str) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64]]:
    """Read a `{train,val,test}feat_all.pkl` of the decoupling paper's released code.

    The reader admits dicts and numpy arrays and nothing else: no other code that a file names is ever run.

    Args:
        path: pickle of {"feats": N x D, "labels": N, "idxs": N}.

    Returns:
        Features (N, D), labels (N,) and indices (N,).

    Raises:
        InputError: no such file, truncated, other content, or a pickle that names code.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file. Expected a trainfeat_all.pkl, valfeat_all.pkl or testfeat_all.pkl.")
    try:
        with path.open("rb") as file:
            content = load_arrays(file)
    except NamesCodeError as error:
        raise InputError(
            f"{path}: the pickle names {error}, which could run code when it is read; it was not read. "
            "Expected a dict of numpy arrays `feats`, `labels`, `idxs`."
        ) from error
    # in a damaged file the reader stumbles in every way there is, over sizes beyond all memory too
    except Exception as error:
        reason = str(error).split("\n")[0].rstrip(", ")
        raise InputError(f"{path}: truncated, or not a pickle ({reason}).") from error
    expected = ("feats", "labels", "idxs")
    if not isinstance(content, dict) or any(not isinstance(content.get(name), np.ndarray) for name in expected):
        raise InputError(f"{path}: expected a dict of the numpy arrays `feats`, `labels`, `idxs`.")
    features, labels, indices = (content[name] for name in expected)
    if features.ndim != 2 or features.dtype.kind != "f" or labels.shape != features.shape[:1]:
        raise InputError(
            f"{path}: `feats` of shape {features.shape} and `labels` of shape {labels.shape}; expected N x D and N."
        )
    return features, labels.astype(np.int64), indices.astype(np.int64)
