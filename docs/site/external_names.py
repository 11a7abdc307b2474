"""Links to the pages of other libraries, by how their addresses are made: no inventory has to be fetched."""

from typing import Any

from docutils import nodes

from python_pages import documented_names

__all__ = ["address_of", "external_link"]

_NUMPY = "https://numpy.org/doc/stable/reference/"
_TORCH = "https://docs.pytorch.org/docs/stable/"
_SKLEARN = "https://scikit-learn.org/stable/"
_PYTHON = "https://docs.python.org/3/library/"
_TIMM = "https://huggingface.co/docs/timm/reference/models"
# what stands at another place than the rule of its library says
_ODD = {
    "ArrayLike": f"{_NUMPY}typing.html#numpy.typing.ArrayLike",
    "NDArray": f"{_NUMPY}typing.html#numpy.typing.NDArray",
    "numpy.typing.ArrayLike": f"{_NUMPY}typing.html#numpy.typing.ArrayLike",
    "numpy.typing.NDArray": f"{_NUMPY}typing.html#numpy.typing.NDArray",
    "numpy.random.Generator": f"{_NUMPY}random/generator.html#numpy.random.Generator",
    "numpy.random.RandomState": f"{_NUMPY}random/legacy.html#numpy.random.RandomState",
    "torch.Tensor": f"{_TORCH}tensors.html#torch.Tensor",
    "torch.Generator": f"{_TORCH}generated/torch.Generator.html#torch.Generator",
    "torch.device": f"{_TORCH}tensor_attributes.html#torch.device",
    "torch.dtype": f"{_TORCH}tensor_attributes.html#torch.dtype",
    "torch.optim.Optimizer": f"{_TORCH}optim.html#torch.optim.Optimizer",
    "timm.create_model": f"{_TIMM}#timm.create_model",
    "pathlib.Path": f"{_PYTHON}pathlib.html#pathlib.Path",
    **{
        f"collections.abc.{name}": f"{_PYTHON}collections.abc.html#collections.abc.{name}"
        for name in ("Callable", "Iterable", "Iterator", "Mapping", "Sequence")
    },
    **{f"typing.{name}": f"{_PYTHON}typing.html#typing.{name}" for name in ("Any", "Literal", "Self")},
    "Any": f"{_PYTHON}typing.html#typing.Any",
}
_BUILT_IN = {
    **dict.fromkeys(("bool", "int", "float", "complex"), "stdtypes.html"),
    **dict.fromkeys(("str", "tuple", "list", "range", "dict", "set", "frozenset", "bytes"), "stdtypes.html"),
}


def address_of(name: str) -> str | None:
    """Return where another library, or Python, documents a name; None: nobody whom we know.

    Example:
        >>> address_of("torch.nn.Module")
        'https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module'
        >>> address_of("sklearn.base.BaseEstimator")
        'https://scikit-learn.org/stable/modules/generated/sklearn.base.BaseEstimator.html#sklearn.base.BaseEstimator'
        >>> address_of("longtail.heads") is None
        True
    """
    if name in _ODD:
        return _ODD[name]
    if name in _BUILT_IN:
        return f"{_PYTHON}{_BUILT_IN[name]}#{name}"
    last = name.rpartition(".")[2]
    if name.startswith("torch.utils.data."):
        return f"{_TORCH}data.html#{name}"
    if name.startswith(("torch.nn.", "torch.optim.")):
        return f"{_TORCH}generated/{name}.html#{name}"
    if name.startswith("sklearn."):
        return f"{_SKLEARN}modules/generated/{name}.html#{name}"
    if name.startswith("numpy.") and name.count(".") == 1:
        return f"{_NUMPY}generated/{name}.html#{name}"
    if name.endswith(("Error", "Warning")) and "." not in name and last[:1].isupper():
        return f"{_PYTHON}exceptions.html#{name}" if name in dir(__builtins__) else None
    return None


def external_link(app: Any, environment: Any, node: Any, content: Any) -> Any:
    """Resolve a name that no page of ours has: of another library, or one of ours by where it really lies."""
    if node.get("refdomain") != "py":
        return None
    name = node["reftarget"].removeprefix("~")
    if (ours := documented_names().get(name)) is not None:
        domain = environment.get_domain("py")
        kind = node.get("reftype", "obj")
        return domain.resolve_xref(environment, node["refdoc"], app.builder, kind, ours, node, content)
    address = address_of(name)
    return None if address is None else nodes.reference("", "", content, internal=False, refuri=address)
