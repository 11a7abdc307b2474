"""The words that stand under settings, as `--help` prints them."""

import ast
import dataclasses
import inspect
import textwrap
from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Any, get_type_hints

__all__ = ["join_help_lines", "with_config_flag"]

_CONFIG_HELP = (
    "Settings from the config.json of a run, or from TOML of the same shape; what is typed wins over the file."
)


def join_help_lines(kind: type) -> None:
    """Make one paragraph of the words under each setting of a dataclass and of the groups in it.

    tyro reads them too, but keeps each line break that is followed by an indent, as those in a class body all are. It
    takes the metadata of a field before that.

    Args:
        kind: a dataclass; the metadata of its fields are changed.

    Example:
        >>> from longtail.jobs.report import ReportConfig
        >>> join_help_lines(ReportConfig)
        >>> [field.metadata["help"] for field in dataclasses.fields(ReportConfig)]
        ['Folder of the run, or its results.json.', 'Do not print where the page is.']
    """
    words = dict(_attribute_docs(kind))
    hints = get_type_hints(kind)
    for field in dataclasses.fields(kind):
        if field.name in words:
            field.metadata = {**field.metadata, "help": words[field.name]}  # type: ignore[assignment]
        if dataclasses.is_dataclass(group := hints[field.name]):
            join_help_lines(group)  # type: ignore[arg-type]


def with_config_flag(kind: type) -> Any:
    """Return the same settings with a further one, `config`, for the parser of the command line alone.

    Args:
        kind: a dataclass; the one that is returned inherits from it.

    Example:
        >>> from longtail.jobs.report import ReportConfig
        >>> [field.name for field in dataclasses.fields(with_config_flag(ReportConfig))]
        ['run', 'quiet', 'config']
    """
    import tyro

    flag = dataclasses.field(default=None, metadata={"help": _CONFIG_HELP})
    hint = Annotated[str | None, tyro.conf.arg(metavar="FILE", help_behavior_hint="")]
    is_frozen = kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
    return dataclasses.make_dataclass(kind.__name__, [("config", hint, flag)], bases=(kind,), frozen=is_frozen)


def _attribute_docs(kind: type) -> Iterator[tuple[str, str]]:
    try:
        source = inspect.getsource(kind)
    except OSError:  # installed without its source
        return
    definition: Any = ast.parse(textwrap.dedent(source)).body[0]
    for setting, words in pairwise(definition.body):
        match setting, words:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, " ".join(text.split())
