"""The command `longtail`: a verb, its settings, the job."""

import io
import os
import shutil
import sys
from contextlib import AbstractContextManager, redirect_stderr
from importlib import import_module
from pathlib import Path
from shlex import join, quote
from typing import TYPE_CHECKING, Any

from longtail.command_errors import flag_names, named_as_flags, sentence_for, usage_sentence
from longtail.command_recipe import chosen_recipe
from longtail.errors import InputError, did_you_mean
from longtail.quick_imports import quick_imports
from longtail.signals import stop_behind, stop_signals
from longtail.typed_command import command_of
from longtail.waiting import told_if_slow

if TYPE_CHECKING:
    from longtail.config_file import ConfigFile

__all__ = ["main"]

# verb: (module of the job, its config class, one line of help)
VERBS = {
    "demo": ("longtail.demo", "DemoConfig", "a minute with handwritten digits: each step explained and run"),
    "run": ("longtail.jobs.run", "RunConfig", "the whole path: a recipe, from images to the report"),
    "describe": (
        "longtail.jobs.describe",
        "DescribeConfig",
        "counts, imbalance, groups: know your tail first",
    ),
    "inspect": (
        "longtail.jobs.inspect_labels",
        "InspectConfig",
        "labels worth a look: near-duplicates, likely mistakes",
    ),
    "pack": ("longtail.jobs.pack", "PackConfig", "one image pack out of a folder or list of images"),
    "convert": ("longtail.jobs.convert", "ConvertConfig", "a table of images, or a pack, out of any data that is read"),
    "pretrain": ("longtail.jobs.pretrain", "PretrainConfig", "stage 1 without labels: rotation, MoCo v2, SimSiam"),
    "train": ("longtail.jobs.train", "TrainConfig", "stage 1: learn a representation"),
    "route": ("longtail.jobs.route", "RouteConfig", "a network of experts that asks of each image as many as it needs"),
    "import": ("longtail.jobs.import_checkpoint", "ImportConfig", "others' checkpoints in"),
    "export": ("longtail.jobs.export", "ExportConfig", "a network, with any linear head, in others' layouts, ONNX too"),
    "publish": (
        "longtail.jobs.publish",
        "PublishConfig",
        "a run as a model repository: a folder, or on the Hugging Face hub",
    ),
    "balance": ("longtail.jobs.balance", "BalanceConfig", "a model in, the same model with a fair last layer out"),
    "extract": ("longtail.jobs.extract", "ExtractConfig", "images to feature files"),
    "merge": ("longtail.jobs.merge", "MergeConfig", "features of many shards into feature files"),
    "fit": ("longtail.jobs.fit", "FitConfig", "stage 2: heads on feature files, compared"),
    "evaluate": (
        "longtail.jobs.evaluate",
        "EvaluateConfig",
        "a fitted head, or a prediction file, on a split",
    ),
    "predict": (
        "longtail.jobs.predict",
        "PredictConfig",
        "classes and probabilities of new images or features",
    ),
    "calibrate": (
        "longtail.jobs.calibrate",
        "CalibrateConfig",
        "probabilities that hold, sets of candidates, a reject option",
    ),
    "methods": (
        "longtail.jobs.list_methods",
        "MethodsConfig",
        "the methods that are compared, and what can be set of each",
    ),
    "compare": ("longtail.jobs.compare", "CompareConfig", "finished runs side by side, on the same test rows"),
    "report": ("longtail.jobs.report", "ReportConfig", "the page again from results.json"),
}


def main(arguments: list[str] | None = None) -> int:
    """Carry out one command.

    Args:
        arguments: what was typed behind `longtail`; default: of this process.

    Returns:
        0; 2 for what the user can mend, told in one sentence; 70 for a fault of ours; 130 after Ctrl-C, 143 after
        SIGTERM.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    os.environ["MPLBACKEND"] = "agg"  # figures are drawn into files, whatever is set for windows
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # a lost connection is told by us, without a stack
    _make_speakable()
    command = _Command()
    try:
        with command_of(arguments, _started()), stop_signals():
            status = _dispatch(arguments, command)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt as stop:
        return _stopped(stop)
    except BrokenPipeError:
        # the reader of our output, `head` for example, has what it wanted
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if (behind := stop_behind(error)) is not None:
            return _stopped(behind)
        sentence, status = sentence_for(error)
        _tell(named_as_flags(sentence, command.settings))
        return status


def _stopped(stop: KeyboardInterrupt) -> int:
    _tell(
        "stopped. What was written is whole; `run` or `extract` with the same words, `pretrain --resume` or "
        "`train --resume`, goes on from there."
    )
    return getattr(stop, "status", 130)


class _Command:
    """What is known of the command that was typed: the names of its settings, and the file that gives some."""

    settings: frozenset[str] = frozenset()
    file: "ConfigFile | None" = None


def _dispatch(arguments: list[str], command: _Command) -> int:
    if "" in arguments:
        before = arguments[arguments.index("") - 1] if arguments[0] else "longtail"
        raise InputError(f"the word behind {before} is empty. Expected a value there.")
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_overview())
        return 0
    if arguments[0] == "--version":
        from longtail import __version__

        if arguments[1:] in (["--verbose"], ["-v"]):
            from longtail.version_report import version_report

            print(version_report())
            return 0
        if arguments[1:]:
            raise InputError(f"--version takes --verbose alone, not {arguments[1]}.")
        print(f"longtail {__version__}")
        return 0
    verb, rest = arguments[0], arguments[1:]
    if verb == "study":
        return _study(rest, command)
    if verb not in VERBS:
        verbs = (*VERBS, "study")
        raise InputError(f"no verb {verb!r}.{did_you_mean(verb, verbs)} Verbs: {', '.join(verbs)}.")
    from longtail.jobs.launch import together

    module_name, class_name, summary = VERBS[verb]
    rest = _without_file(rest, verb, command)
    loading = _loading(rest)
    if verb == "describe" and rest[:1] == ["--data"] and len(rest) > 1:
        rest = rest[1:]  # as `run folder` takes it
    if verb == "report" and len(folders := [word for word in rest if not word.startswith("-")]) > 1:
        raise InputError(f"report makes the page of one run. Several, side by side: longtail compare {join(folders)}")
    if verb == "run":
        with loading, quick_imports():
            recipe, rest, default = chosen_recipe(rest, "longtail run", command.file)
            module = import_module(module_name)
        from longtail.recipes import RECIPES

        about = RECIPES[recipe].__doc__ or summary
        config = _parse(module.RunConfig, f"longtail run {recipe}", rest, command, about, default)
    else:
        with loading, quick_imports():
            module = import_module(module_name)
        config = _parse(getattr(module, class_name), f"longtail {verb}", rest, command, summary)
    with together():
        module.run(config)
    return 0


def _study(arguments: list[str], command: _Command) -> int:
    from longtail.jobs.launch import together
    from longtail.studies import STUDIES

    if not arguments or arguments[0] in ("-h", "--help"):
        lines = [f"  {name:<18}{summary}" for name, (_, _, _, summary) in STUDIES.items()]
        print("usage: longtail study NAME ...\n\nstudies:\n" + "\n".join(lines))
        print("\n`longtail study NAME --help` lists what a study takes.")
        return 0
    name, rest = arguments[0], arguments[1:]
    if name not in STUDIES:
        perhaps = did_you_mean(name.replace("_", "-"), STUDIES)
        raise InputError(f"no study {name!r}.{perhaps} Studies: {', '.join(STUDIES)}.")
    module_name, class_name, takes_recipe, summary = STUDIES[name]
    rest = _without_file(rest, f"study {name}", command)
    with _loading(rest), quick_imports():
        module = import_module(module_name)
    kind, program, default = getattr(module, class_name), f"longtail study {name}", None
    if takes_recipe:
        recipe, rest, settings = chosen_recipe(rest, program, command.file)
        program, default = f"{program} {recipe}", kind(run=settings)
    options = _parse(kind, program, rest, command, kind.__doc__ or summary, default)
    with together():
        if takes_recipe and options.run.dry_run:
            import_module("longtail.jobs.run").run(options.run)
            print("  note      that is one run; the study does it for each of its variants and seeds")
        else:
            module.run(options)
    return 0


def _loading(arguments: list[str]) -> AbstractContextManager[None]:
    return told_if_slow("loading what is needed, PyTorch for example", quiet="--quiet" in arguments)


def _without_file(arguments: list[str], verb: str, command: _Command) -> list[str]:
    """Read the file of settings that --config names, and return the other arguments."""
    if not any(word.partition("=")[0] == "--config" for word in arguments):
        return arguments
    from longtail.config_file import taken_from

    command.file, rest = taken_from(arguments)
    if command.file is not None:
        from longtail.studies import STUDIES

        command.file.check_verb(verb, [*VERBS, *(f"study {name}" for name in STUDIES)])
    return rest


def _parse(
    kind: Any, program: str, arguments: list[str], command: _Command, description: str, default: Any = None
) -> Any:
    import tyro

    from longtail.command_help import help_text, join_help_lines, with_config_flag
    from longtail.method_flags import (
        gathered_settings,
        refuse_idle_flags,
        refuse_method_flags,
        refuse_old_flags,
        refuse_run_flags,
    )
    from longtail.ranges import check_ranges

    join_help_lines(kind)
    command.settings = flag_names(kind)
    # nested groups of settings are for the code; a person types --epochs, not --stage.epochs
    # that what it says of a setting stands in a comment, tyro would look up in the sources anew each time
    conf = tyro.conf
    markers: tuple[Any, ...] = (conf.OmitArgPrefixes, conf.HelptextFromCommentsOff, conf.FlagCreatePairsOff)
    if command.file is not None:
        from longtail.config_file import with_settings

        default = with_settings(kind, default, command.file.settings(kind), tyro.MISSING)
        markers = markers[:2]  # what the file switches on, or off, can be typed to be the contrary
    if "-h" in arguments or "--help" in arguments:
        width = max(min(shutil.get_terminal_size().columns, 120), 60)
        print(help_text(kind, program, description, default, width=width))
        raise SystemExit(0)
    if "set" in command.settings:
        refuse_old_flags(arguments)
        refuse_run_flags(arguments, command.settings)
        usual = () if default is None else getattr(default, "run", default).heads.set
        arguments = gathered_settings(arguments, usual)
    if "backbone_set" in command.settings:
        expected = "NAME=VALUE behind it, such as depth_multiplier=0.75"
        arguments = gathered_settings(arguments, flag="--backbone-set", expected=expected)
    shown = with_config_flag(kind)
    extra = {} if default is None else {"default": shown(**vars(default))}
    stderr = io.StringIO()
    try:
        with redirect_stderr(stderr):
            parsed = tyro.cli(
                shown,
                prog=program,
                args=arguments,
                description=description,
                config=markers,
                add_help=False,
                **extra,
            )
    except SystemExit:
        if "set" in command.settings:
            refuse_method_flags(arguments, command.settings)
        refuse_idle_flags(arguments, command.settings, program)
        raise InputError(usage_sentence(stderr.getvalue(), program)) from None
    options = kind(**{name: value for name, value in vars(parsed).items() if name != "config"})
    check_ranges(options)
    return options


def _overview() -> str:
    lines = [f"  {verb:<10}{summary}" for verb, (_, _, summary) in VERBS.items()]
    lines.append(f"  {'study':<10}the papers' analyses, on any data")
    return (
        "usage: longtail VERB [OPTIONS]\n\n"
        "Make image classifiers recognise rare classes.\n\n"
        "verbs:\n" + "\n".join(lines) + "\n\n"
        "`longtail demo` shows all of it in a minute, offline. `longtail VERB --help` lists a verb's settings."
    )


def _started() -> str:
    """Return what was typed to start this process where `longtail` alone would start none, or another."""
    started = Path(sys.argv[0])
    if started.stem == "__main__":
        return f"{quote(sys.orig_argv[0])} -m longtail"
    here = shutil.which("longtail")
    same = here is not None and Path(here).resolve() == started.resolve()
    return "longtail" if same or started.stem != "longtail" else quote(sys.argv[0])


def _tell(sentence: str) -> None:
    if sys.stderr is not None:
        print(f"longtail: {sentence}", file=sys.stderr)


def _make_speakable() -> None:
    """Let a terminal or file of another encoding, or none at all, stop no work that is done already."""
    if sys.stdout is None:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  for as long as the process lives
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    sys.exit(main())
