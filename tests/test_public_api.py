"""The names of `longtail`: the same for Python and for a type checker, and none imported before its use."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import longtail
from longtail import _HOME, _ROOMS

ROOT = Path(longtail.__file__).parent
# rooms that are no part of the API: the command line and what it does, and what the other rooms stand on
INNER = {
    "arguments",
    "class_names",
    "cli",
    "command_errors",
    "command_help",
    "demo",
    "version_report",
    "files",
    "grouping",
    "holdout",
    "row_weights",
}
INNER |= {"identity", "jobs", "command_recipe", "config_file", "environment", "method_flags", "setting_kinds"}
INNER |= {"published", "typed_command", "verbs", "whole_groups"}
INNER |= {"loggers"}
INNER |= {"global_draws", "old_flags", "processor", "quick_imports", "ranges", "signals", "threads", "waiting"}
INNER |= {"__init__", "__main__", "__pycache__"}


def imports_for_type_checkers():
    """The names that the block `if TYPE_CHECKING:` imports, each with its module."""
    body = ast.parse((ROOT / "__init__.py").read_text()).body
    block = next(node for node in body if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING")
    return {alias.name: node.module for node in block.body for alias in node.names}


def test_names_of_the_table_of_all_and_of_type_checkers_are_the_same():
    assert imports_for_type_checkers() == _HOME | dict.fromkeys(_ROOMS, "longtail")
    assert set(longtail.__all__) == {"__version__", *_HOME}
    assert len(longtail.__all__) == len(_HOME) + 1
    assert set(dir(longtail)) == {*longtail.__all__, *_ROOMS}


@pytest.mark.parametrize("name", sorted(_HOME))
def test_every_name_is_public_where_it_lives(name):
    home = importlib.import_module(_HOME[name])
    assert getattr(longtail, name) is getattr(home, name)
    assert name in home.__all__


def test_every_room_is_public_or_meant_not_to_be():
    rooms = {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert rooms - INNER == set(_ROOMS)


def test_every_head_is_at_the_top():
    from longtail import heads

    assert {name for name in heads.__all__ if name[0].isupper()} | {"load_head", "save_head"} <= set(longtail.__all__)


@pytest.mark.parametrize("room", _ROOMS)
def test_a_room_is_the_module_of_that_name(room):
    assert longtail.__getattr__(room) is importlib.import_module(f"longtail.{room}")


def test_rooms_work_at_once():
    code = "import longtail; longtail.heads.Joint, longtail.losses.LDAM, longtail.compare"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_no_other_name_is_there():
    with pytest.raises(AttributeError, match="no attribute 'Jiont'"):
        longtail.Jiont  # noqa: B018


SNIPPET = """
import longtail
from longtail import Joint, load_head

reveal_type(longtail.Joint)
reveal_type(longtail.heads.Joint().fit)
reveal_type(load_head)
reveal_type(longtail.losses.LogitAdjusted)
reveal_type(longtail.LogitAdjusted)
longtail.Jiont
longtail.heads.Jiont
longtail.haeds
from longtail import Jiont
"""


@pytest.fixture(scope="module")
def messages(tmp_path_factory):
    """What mypy says of each line of the snippet, with what it keeps of `make lint`."""
    mypy = pytest.importorskip("mypy.api")
    snippet = tmp_path_factory.mktemp("types") / "snippet.py"
    snippet.write_text(SNIPPET)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT.parents[1])
        patch.setenv("MYPYPATH", "src")
        output, problem, _ = mypy.run([str(snippet)])
    assert not problem
    lines = [line.split(":", 2) for line in output.splitlines() if "snippet.py:" in line]
    return {int(number): text for _, number, text in lines}


def test_a_type_checker_knows_the_names_and_refuses_others(messages):
    assert "-> longtail.heads.joint.Joint" in messages[5]
    assert "-> longtail.heads.joint.Joint" in messages[6]
    assert "-> longtail.heads.base.Head" in messages[7]
    assert "-> longtail.losses.logit_adjustment.LogitAdjusted" in messages[8]
    assert "-> longtail.heads.logit_adjusted.LogitAdjusted" in messages[9]
    assert all("note: Revealed type" in messages[number] for number in range(5, 10))
    for number, wrong in ((10, "Jiont"), (11, "Jiont"), (12, "haeds"), (13, "Jiont")):
        assert "error" in messages[number]
        assert f'has no attribute "{wrong}"' in messages[number]
    assert set(messages) == set(range(5, 14))  # and nothing else
