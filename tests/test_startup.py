"""What a command loads: seconds of imports for a table of a few hundred rows are seconds too many."""

import gc
import json
import subprocess
import sys

import numpy as np
import pytest

from longtail.quick_imports import load_late, quick_imports

CODE = """
import json, sys
from longtail.cli import main
status = main(sys.argv[1:])
print()
print(json.dumps([status, sorted(sys.modules)]))
"""
HEAVY = {
    "lightning",
    "lightning_fabric",
    "timm",
    "torchvision",
    "torch._dynamo",
    "torch._inductor",
    "sympy",
    "matplotlib",
    "zuko",
}
HEAVY |= {"scipy.stats._stats_py", "pandas"}
# the first of these needs the others, and Fabric asks for its version
UNUSED = {"torchmetrics.functional", "transformers", "scipy.signal", "lightning", "pytorch_lightning"}
UNUSED |= {"tensorboard", "mlflow", "wandb"}  # loggers that nobody asked for


def loaded_by(*arguments):
    """The modules that a command has loaded at its end."""
    code = [sys.executable, "-c", CODE, *map(str, arguments)]
    done = subprocess.run(code, capture_output=True, text=True, check=True)
    status, modules = json.loads(done.stdout.splitlines()[-1])
    assert status == 0, done.stderr
    return set(modules)


@pytest.fixture
def small_csv(tmp_path):
    """350 rows of 5 classes, from 200 down to 10."""
    rng = np.random.default_rng(0)
    lines = ["a,b,c,d,label"]
    for name, rows in zip("vwxyz", (200, 80, 40, 20, 10), strict=True):
        centre = rng.normal(size=4)
        lines += [",".join(f"{value:.3f}" for value in rng.normal(centre)) + f",{name}" for _ in range(rows)]
    (tmp_path / "small.csv").write_text("\n".join(lines))
    return tmp_path / "small.csv"


def test_fit_of_a_small_table_loads_nothing_heavy(small_csv, tmp_path):
    modules = loaded_by("fit", small_csv, "--out", tmp_path / "out")
    assert not modules & HEAVY
    assert {"torch", "sklearn"} <= modules  # it did fit, and drew
    assert "<svg" in (tmp_path / "out" / "report.html").read_text()


def test_a_network_is_trained_without_metrics_of_others(tmp_path):
    words = ["--epochs", 1, "--device", "cpu", "--precision", "float32", "--out", tmp_path / "out"]
    modules = loaded_by("train", "digits", *words)
    assert {"lightning_fabric", "torchvision"} <= modules
    assert not modules & (UNUSED | {"scipy.stats._stats_py"})


def test_the_overview_loads_nothing_at_all():
    assert not loaded_by("--help") & (HEAVY | {"torch", "numpy", "sklearn", "matplotlib", "tyro", "h5py"})


def test_the_collector_waits_for_the_imports_and_works_afterwards():
    """In a process of its own, since torch is here already."""
    code = """
import gc
from longtail.quick_imports import quick_imports
try:
    with quick_imports():
        assert not gc.isenabled()
        raise SystemExit
except SystemExit:
    pass
assert gc.isenabled() and gc.get_freeze_count() > 1000
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_in_a_process_with_torch_nothing_changes():
    frozen = gc.get_freeze_count()
    with quick_imports():
        assert gc.isenabled()
    assert gc.get_freeze_count() == frozen


def in_a_process_of_its_own(code):
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_late_module_is_carried_out_when_it_is_used():
    in_a_process_of_its_own("""
import sys
from longtail.quick_imports import load_late
load_late("scipy.stats")
import scipy.stats
import scipy.stats as stats
assert scipy.stats is stats is sys.modules["scipy.stats"]
assert "scipy.stats._stats_py" not in sys.modules
assert stats.norm.ppf(0.5) == 0
assert type(stats) is type(sys) and stats.__path__
from scipy.stats import beta
""")


def test_a_late_module_serves_every_way_of_import():
    in_a_process_of_its_own("""
import os
from longtail.quick_imports import load_late
load_late("scipy.stats")
import sklearn.base
for use in (
    "from scipy.stats import norm",
    "from scipy.stats.distributions import norm",
    "import scipy.stats.mstats",
    "import sklearn.metrics, sklearn.svm, sklearn.neighbors",
):
    process = os.fork()
    if not process:  # each in a process of its own, which has used nothing of it yet
        exec(use)
        import scipy.stats
        assert scipy.stats.norm.ppf(0.5) == 0
        break
    assert os.waitpid(process, 0)[1] == 0, use
""")


def test_threads_see_a_late_module_whole():
    in_a_process_of_its_own("""
from concurrent.futures import ThreadPoolExecutor
from longtail.quick_imports import load_late
load_late("scipy.stats")
import scipy.stats
with ThreadPoolExecutor(8) as pool:
    assert set(pool.map(lambda _: scipy.stats.ttest_1samp.__name__, range(32))) == {"ttest_1samp"}
""")


def test_a_late_package_tells_its_version_and_waits():
    in_a_process_of_its_own("""
import sys
from importlib.metadata import version
from longtail.quick_imports import load_late
load_late("jinja2")
import jinja2
assert jinja2.__version__ == version("jinja2")
assert "jinja2.environment" not in sys.modules
from jinja2.sandbox import SandboxedEnvironment
assert jinja2.Environment in SandboxedEnvironment.__mro__
assert jinja2.__version__ == version("jinja2")
""")


def test_a_late_package_without_a_distribution_waits_too():
    in_a_process_of_its_own("""
import sys
from longtail.quick_imports import load_late
load_late("sqlite3")
import sqlite3
assert "sqlite3.dbapi2" not in sys.modules
assert sqlite3.connect(":memory:").execute("select 1").fetchone() == (1,)
""")


def test_what_is_loaded_or_not_there_does_not_become_late():
    before = sys.modules["json"]
    load_late("json")
    assert sys.modules["json"] is before
    load_late("json.no_such_module")
    assert "json.no_such_module" not in sys.modules
