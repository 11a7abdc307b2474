"""Nothing that is read can run code: no call of a library may load any, by default or because somebody says yes."""

import ast
import io
import json
import sys
import types
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import longtail
from longtail.cli import main

ROOT = Path(longtail.__file__).parent
# what may load code: the words that make it safe
NEEDED = {
    "from_pretrained": {"trust_remote_code": False, "local_files_only": True},
    "from_config": {"trust_remote_code": False},
    "torch.load": {"weights_only": True},
    "np.load": {"allow_pickle": False},
    "get_model": {"weights": None},
}
# a name of the hub is fetched because a person typed it behind --backbone hf:, and of a folder nothing is
FETCHES_WHAT_IS_NAMED = {"backbones/hugging_face_network.py": ["folder.is_dir()", "Path(place).is_dir()"]}
# what is never called, but in the one place that says why it is safe there
NEVER = {
    "torch.export.load": {"deploy/program_file.py"},
    "pickle.load": set(),
    "pickle.loads": {"training/loading.py"},  # of what the line itself has pickled
    "joblib.load": set(),
    "torch.jit.load": set(),
    "torch.hub.load": set(),
    "torch.hub.load_state_dict_from_url": set(),
    "hf_hub_download": set(),
    "snapshot_download": {"files/hub.py"},  # of the repository that a person names, settings and safetensors alone
    "yaml.load": set(),
    "eval": set(),
    "exec": set(),
    "compile": set(),
    "__import__": set(),
    "input": set(),
    "breakpoint": set(),
    "os.system": set(),
}


def calls(path):
    """Yield dotted name and keywords of each call in a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), {word.arg: word.value for word in node.keywords}, node.lineno


def faults(path, place):
    for name, words, line in calls(path):
        last = name.rpartition(".")[2]
        for key in (name, last):
            for word, value in NEEDED.get(key, {}).items():
                given = words.get(word)
                if given is None and key == "np.load":  # which loads no pickle by default
                    continue
                is_named = given is not None and ast.unparse(given) in FETCHES_WHAT_IS_NAMED.get(place, [])
                if word == "local_files_only" and is_named:
                    continue
                if not (isinstance(given, ast.Constant) and given.value is value):
                    yield f"{place}:{line}: {name} without {word}={value}"
            is_meant = key == name or key not in ("load", "loads", "compile", "eval", "exec", "input")
            if key in NEVER and is_meant and place not in NEVER[key]:
                yield f"{place}:{line}: {name}"


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_call_may_load_code(path):
    place = path.relative_to(ROOT).as_posix()
    assert not list(faults(path, place))
    assert "stdin" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "line",
    [
        "AutoModel.from_pretrained(folder)",
        "AutoModel.from_pretrained(folder, trust_remote_code=True, local_files_only=True)",
        "AutoModel.from_pretrained(folder, trust_remote_code=answer, local_files_only=True)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path, allow_pickle=True)",
        "torch.export.load(path)",
        "pickle.load(file)",
        "models.get_model(name)",
        "eval(text)",
        "input('run the code? ')",
    ],
)
def test_the_guard_sees_each_of_them(line, tmp_path):
    (tmp_path / "new.py").write_text(f"x = {line}\n")
    assert list(faults(tmp_path / "new.py", "new.py"))


@pytest.fixture
def folder_with_code(tmp_path):
    """A model's folder of Hugging Face that names a Python file beside it; it would only leave a mark."""
    folder = tmp_path / "model"
    folder.mkdir()
    save_file({"classifier.weight": torch.zeros(3, 4), "classifier.bias": torch.zeros(3)}, folder / "model.safetensors")
    names = {"AutoConfig": "own.OwnConfig", "AutoModelForImageClassification": "own.OwnModel"}
    config = {"model_type": "own", "architectures": ["OwnModel"], "auto_map": names}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "preprocessor_config.json").write_text("{}")
    mark = tmp_path / "it-ran"
    (folder / "own.py").write_text(f"open({str(mark)!r}, 'w').close()\n")
    return folder, mark


def balance(folder, photos, out):
    return main(["balance", str(folder), "--data", str(photos), "--out", str(out), "--device", "cpu"])


def test_transformers_is_told_to_run_nothing(folder_with_code, tmp_path, monkeypatch, capsys):
    """Also where it is not installed: what it is called with."""
    folder, _ = folder_with_code
    asked = {}

    class AutoModelForImageClassification:
        @staticmethod
        def from_pretrained(path, **words):
            asked.update(words)
            raise ValueError("requires you to execute the configuration file")

    silent = types.SimpleNamespace(
        get_verbosity=lambda: 30,
        set_verbosity=lambda level: None,
        set_verbosity_error=lambda: None,
        disable_progress_bar=lambda: None,
        enable_progress_bar=lambda: None,
    )
    fake = types.ModuleType("transformers")
    fake.AutoModelForImageClassification = AutoModelForImageClassification
    fake.utils = types.ModuleType("transformers.utils")
    fake.utils.logging = silent
    monkeypatch.setitem(sys.modules, "transformers", fake)
    monkeypatch.setitem(sys.modules, "transformers.utils", fake.utils)
    monkeypatch.setitem(sys.modules, "transformers.utils.logging", silent)
    assert balance(folder, tmp_path, tmp_path / "fair") == 2
    assert asked["trust_remote_code"] is False
    assert asked["local_files_only"] is True
    # a folder may name a kernel of a hub there
    assert asked["attn_implementation"] == "eager"
    assert "names Python code of its own, which is never run" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore")  # of a library that need not be here
def test_an_answer_that_waits_on_standard_input_is_not_read(folder_with_code, tmp_path, monkeypatch, capsys):
    pytest.importorskip("transformers")
    folder, mark = folder_with_code
    answer = io.StringIO("y\n" * 10)
    monkeypatch.setattr(sys, "stdin", answer)
    assert balance(folder, tmp_path, tmp_path / "fair") == 2
    assert "never run" in capsys.readouterr().err
    assert not mark.exists()
    assert answer.tell() == 0


@pytest.mark.parametrize(
    "words", [{"checkpoint_path": "x.pth"}, {"pretrained": True}, {"pretrained_cfg": {"file": "x"}}]
)
@pytest.mark.parametrize(
    "kind", [{"architecture": "resnet18"}, {"architectures": ["TimmWrapperForImageClassification"]}]
)
def test_a_folder_that_would_load_something_else(kind, words, tmp_path, capsys):
    """timm's arguments of a network can name another file of weights."""
    folder = tmp_path / "model"
    folder.mkdir()
    save_file({"fc.weight": torch.zeros(3, 4), "fc.bias": torch.zeros(3)}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({**kind, "model_args": words}))
    if "architectures" in kind:
        pytest.importorskip("transformers")
    assert balance(folder, tmp_path, tmp_path / "fair") == 2
    assert "would load something else" in capsys.readouterr().err
