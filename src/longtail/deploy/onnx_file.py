"""A network as ONNX (.onnx)."""

import warnings
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

from longtail.deploy.program_file import captured
from longtail.deploy.self_contained import Deployed
from longtail.errors import InputError, LongtailError, errors_behind

__all__ = ["require_onnx", "run_onnx", "save_onnx"]


def save_onnx(model: Deployed, example: Tensor, stream: IO[bytes], about: dict[str, str]) -> None:
    """Write an .onnx file: input `images`, outputs `logits` and `probabilities`; `about` as metadata_props.

    Raises:
        InputError: onnx, onnxscript or onnxruntime is not installed.
        LongtailError: the network cannot be traced, ONNX cannot express it, or it has more than 2 GB.
    """
    require_onnx()
    program = captured(model, example)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            written: Any = torch.onnx.export(
                program, dynamo=True, input_names=["images"], output_names=["logits", "probabilities"], verbose=False
            )
        # the axis has the name of a symbol of torch's, s77; a person should read what it is
        for value in (*written.model.graph.inputs, *written.model.graph.outputs):
            value.shape[0] = "batch"
        written.model.metadata_props.update(about)
        content = written.model_proto.SerializeToString()
    # what ONNX cannot express, or protobuf not hold (2 GB), ends in errors of every kind
    except Exception as error:
        raise LongtailError(
            f"{type(model.network).__name__} cannot be written as ONNX ({_reason(error)}). torch-export may take it."
        ) from error
    stream.write(content)


def run_onnx(path: Path, images: Tensor) -> tuple[Tensor, Tensor]:
    """Run an .onnx file in onnxruntime, on the CPU; return logits and probabilities, each (B, C).

    Raises:
        InputError: onnx, onnxscript or onnxruntime is not installed.
        LongtailError: onnxruntime does not take it.
    """
    require_onnx()
    import onnxruntime  # type: ignore[import-untyped, import-not-found, unused-ignore]

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
        logits, probabilities = session.run(["logits", "probabilities"], {"images": images.numpy()})
    except Exception as error:
        raise LongtailError(f"onnxruntime does not run what was written ({_reason(error)}).") from error
    return torch.from_numpy(logits), torch.from_numpy(probabilities)


def _reason(error: Exception) -> str:
    """Return what went wrong at the root: torch wraps it in its own report of several screens."""
    root = errors_behind(error)[-1]
    return (str(root).strip().split("\n")[0] or type(root).__name__)[:160]


def require_onnx() -> None:
    """Make sure that ONNX can be written and run.

    Raises:
        InputError: onnx, onnxscript or onnxruntime is not installed.
    """
    from importlib.util import find_spec

    absent = [name for name in ("onnx", "onnxscript", "onnxruntime") if find_spec(name) is None]
    if absent:
        raise InputError(f"ONNX needs {' and '.join(absent)}. Install it: pip install longtail[onnx].")
