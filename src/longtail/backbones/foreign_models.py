"""Model files of other systems: known by what they begin with, and refused with the way that leads here."""

import zipfile
from pathlib import Path

from longtail.errors import InputError
from longtail.files.text import printable

__all__ = ["DISTRIBUTED", "refuse_other_format"]

_SAVE = 'torch.save(model.state_dict(), "weights.pth")'
_AS_FEATURES = "extract the features that its last layer sees and give them with --features, and that layer as .npz"
_KERAS = (
    "is a file of Keras. Save kernel.T and bias of its last Dense layer as `weight` and `bias` in an .npz, and give "
    "the features that this layer sees with --features"
)
DISTRIBUTED = (
    "a distributed checkpoint (DCP, FSDP). Join its folder into one file first: from "
    'torch.distributed.checkpoint.format_utils import dcp_to_torch_save; dcp_to_torch_save(FOLDER, "weights.pth")'
)
_BEGINNINGS = {
    b"\x89HDF\r\n\x1a\n": _KERAS,
    b"\x93NUMPY": "is a single array of NumPy. Save the layer with np.savez(file, weight=..., bias=...)",
    b"GGUF": f"holds weights of llama.cpp. {_AS_FEATURES[0].upper()}{_AS_FEATURES[1:]}",
}
# a member of the archive: what it is then
_MEMBERS = {
    "constants.pkl": f"is a program of TorchScript. Load it with torch.jit.load and save its weights: {_SAVE}",
    "model.weights.h5": _KERAS,
    "models/model.json": "is a program that torch.export.save wrote. Let its name end in .pt2",
}


def refuse_other_format(path: Path, *, expected: str) -> None:
    """Refuse a file of another system than torch.

    Args:
        path: of a file that exists.
        expected: what it should have been, for messages.

    Raises:
        InputError: says what it is, and how its weights come here.
    """
    what = _what(path)
    if what is not None:
        raise InputError(f"{printable(path)}: {what}. Expected {expected}.")


def _what(path: Path) -> str | None:
    if path.suffix == ".distcp":
        return f"is a part of {DISTRIBUTED}"
    if path.suffix == ".onnx":
        return f"ONNX is a program for running, not for loading. Give the weights it was made from, or {_AS_FEATURES}"
    with path.open("rb") as file:
        beginning = file.read(8)
    for magic, what in _BEGINNINGS.items():
        if beginning.startswith(magic):
            return what
    if beginning.startswith(b"PK"):
        try:
            with zipfile.ZipFile(path) as archive:
                members = archive.namelist()
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
            return None
        return next((what for end, what in _MEMBERS.items() if any(_is(name, end) for name in members)), None)
    return None


def _is(member: str, end: str) -> bool:
    return member == end or member.endswith(f"/{end}")
