"""What is installed: a wheel with everything that is read at run time, whose command works outside of the checkout."""

import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import longtail
from longtail.cli import main
from longtail.demo import STEPS
from lowest_versions import lowest_versions

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The wheel and the sdist."""
    pytest.importorskip("hatchling", reason="the wheel is built by hatchling, of the extra test")
    out = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(out)], cwd=ROOT, check=True, capture_output=True
    )
    return next(out.glob("*.whl")), next(out.glob("*.tar.gz"))


def test_wheel_and_sdist_hold_every_file_of_the_package(built):
    wheel, sdist = built
    source = ROOT / "src"
    files = {
        path.relative_to(source).as_posix()
        for path in (source / "longtail").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        about = archive.read(next(name for name in names if name.endswith("METADATA"))).decode()
    assert {name for name in names if name.startswith("longtail/")} == files
    assert "longtail/py.typed" in names
    assert f"Version: {longtail.__version__}" in about
    with tarfile.open(sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"src/{name}" for name in files} | {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"} <= inside
    assert not {name for name in inside if name.startswith((".venv", "runs", ".git/"))}


@pytest.mark.slow
def test_the_installed_command_shows_everything_outside_of_the_checkout(built, tmp_path):
    """Dependencies are those of this environment; the package is the wheel's alone."""
    place = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    site = place / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(site)]
    subprocess.run([*install, str(built[0])], check=True, capture_output=True)
    beside = site.parent / "beside"
    beside.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if "longtail" not in entry.name.lower() and entry.suffix != ".pth":
            (beside / entry.name).symlink_to(entry)
    (site / "beside.pth").write_text(str(beside))
    call = [str(place / "bin" / "python"), "-P", "-m", "longtail"]
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def python(*words):
        words = [call[0], *words]
        return subprocess.run(words, cwd=tmp_path, env=plain, capture_output=True, text=True, check=True).stdout

    def typed(*words):
        return python(*call[1:], *words)

    where = python("-P", "-c", "import longtail; print(longtail.__file__)")
    assert where.startswith(str(site))
    assert f"longtail      {longtail.__version__}" in typed("--version", "--verbose")
    shown = typed("demo")
    assert [f"{number}/{len(STEPS)}" in shown for number in range(1, len(STEPS) + 1)] == [True] * len(STEPS)
    assert (tmp_path / "runs" / "demo" / "report.html").is_file()
    assert len((tmp_path / "runs" / "demo" / "predictions.csv").read_text().splitlines()) == 401


def test_the_version_is_said_once(capsys):
    assert PROJECT["version"] == longtail.__version__
    assert f"version: {longtail.__version__}" in (ROOT / "CITATION.cff").read_text()
    assert re.search(rf"^## {re.escape(longtail.__version__)}\b", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"longtail {longtail.__version__}\n"


def test_files_for_github_and_for_citing_are_yaml():
    yaml = pytest.importorskip("yaml", reason="timm brings PyYAML with it")
    files = [*(ROOT / ".github").rglob("*.yml"), ROOT / "CITATION.cff"]
    assert len(files) >= 5
    for path in files:
        assert isinstance(yaml.safe_load(path.read_text()), dict), path


def test_a_report_of_a_fault_names_what_it_needs(capsys):
    assert main(["--version", "--verbose"]) == 0
    told = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines())
    assert {"longtail", "python", "platform", "cpu", "torch", "timm", "numpy", "optuna"} <= set(told)
    assert main(["--version", "--loud"]) == 2
    assert "--version takes --verbose alone, not --loud" in capsys.readouterr().err


def test_every_dependency_names_its_lowest_version():
    needed = [*PROJECT["dependencies"], *(one for extra in PROJECT["optional-dependencies"].values() for one in extra)]
    named = {one.split(">=")[0].split("[")[0] for one in needed} - {"longtail"}
    assert {line.split("==")[0] for line in lowest_versions((ROOT / "pyproject.toml").read_text())} == named


def test_the_demo_types_commands_that_exist(monkeypatch, tmp_path, capsys):
    from longtail import cli, demo

    typed = []
    monkeypatch.setattr(cli, "main", lambda words: typed.append(words) or 0)
    demo.run(demo.DemoConfig(out=tmp_path / "my runs"))
    assert [words[0] for words in typed] == ["describe", "run", "calibrate", "predict"]
    assert all(words[0] in cli.VERBS for words in typed)
    assert f"$ longtail calibrate '{tmp_path}/my runs'" in capsys.readouterr().out
    monkeypatch.setattr(cli, "main", lambda words: 2)
    with pytest.raises(longtail.InputError, match="step 1 of the demo stopped"):
        demo.run(demo.DemoConfig(out=tmp_path))
