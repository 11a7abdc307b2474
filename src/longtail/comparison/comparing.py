"""Compare methods on one problem under one protocol."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from longtail.comparison.comparison import Comparison
from longtail.comparison.fit_methods import OnFitted, Ready, fit_methods
from longtail.comparison.idle_settings import idle_settings
from longtail.comparison.measured_results import results_of
from longtail.comparison.method_names import methods_text, wanted_methods
from longtail.comparison.method_settings import MethodSettings, check_settings
from longtail.comparison.opened_problem import Splits, label_values, problem_of
from longtail.comparison.problem import FeatureProblem
from longtail.comparison.protocol import Protocol, Rules
from longtail.features import FeatureSplits

__all__ = ["compare", "compare_under"]


def compare(
    data: FeatureProblem | FeatureSplits | Path | str | Splits,
    methods: str | Sequence[str] = "auto",
    rules: Rules | None = None,
    *,
    settings: MethodSettings | None = None,
    seed: int = 0,
    device: str = "cpu",
) -> Comparison:
    """Fit methods to features, choose among them without a look at test, and measure them on val and test.

    Args:
        data: a checked problem (`open_problem`); a folder or file of features; what `open_features` or `extract`
            returns; or arrays, {"train": (features (N, D), labels (N,)), "val": ..., "test": ...}, of which train is
            needed; labels are numbers or names.
        methods: some of `longtail.METHODS`, as a list or with commas between; "usual", "all", or "auto": several that
            decide together, or one that is better, fitted again on train and val.
        rules: how is chosen and measured; default: balanced accuracy, on val where there is one, else in
            cross-validation of train.
        settings: parameters of methods, {"tau": {"tau": 0.7}, "crt": {"epochs": 30}}.
        seed: of initialisation, sampling and folds.
        device: where heads compute, such as "cpu" or "cuda"; "auto": a GPU where there is one.

    Returns:
        The heads, what they predict, and what was measured.

    Raises:
        InputError: unusable features or labels, an unknown method or setting, or a choice that cannot be made.

    Source:
        Kang, Xie, Rohrbach, Yan, Gordo, Feng, Kalantidis, "Decoupling Representation and Classifier for Long-Tailed
        Recognition", ICLR 2020, arXiv 1910.09217, section 4: representation and classifier are learnt apart.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> def made_up(*counts):
        ...     labels = np.repeat(["ant", "bee", "cow"], counts)
        ...     codes = np.unique(labels, return_inverse=True)[1]
        ...     return 2 * np.eye(3, 4)[codes] + rng.normal(size=(len(labels), 4)), labels
        >>> comparison = compare({"train": made_up(80, 30, 10), "test": made_up(20, 20, 20)}, "joint,tau,auto")
        >>> comparison.best, list(comparison.heads)
        ('auto', ['joint', 'tau', 'auto'])
        >>> comparison.predict(2 * np.eye(3, 4)).tolist()
        ['ant', 'bee', 'cow']
    """
    names = methods_text(methods)
    check_settings(settings or {})
    wanted = wanted_methods(names)
    problem = data.sealed() if isinstance(data, FeatureProblem) else problem_of(data)
    protocol = Protocol(problem, rules or Rules(), settings or {}, seed, device)
    noted = problem.with_notes(idle_settings(protocol, wanted))
    comparison = compare_under(replace(protocol, problem=noted), names)
    return replace(comparison, classes=label_values(data, problem))


def compare_under(
    protocol: Protocol, methods: str, *, ready: Ready | None = None, on_fitted: OnFitted | None = None
) -> Comparison:
    """Fit each wanted method on train, choose on the selection split, measure on val and test.

    Args:
        protocol: the problem, and how methods are fitted to it, chosen and measured.
        methods: such as "tau,lws", "usual", "all" or "auto".
        ready: heads that were trained elsewhere (cRT from images) with their predictions on val and test, taken instead
            of fitting.
        on_fitted: is told the name of each method that is done, and its seconds.

    Raises:
        InputError: an unknown method, or settings that cannot be.
    """
    if protocol.select_on == "test":
        protocol.problem.unseal_test()  # by an explicit word; every table says it
    fitted = fit_methods(protocol, methods, ready=ready, on_fitted=on_fitted)
    protocol.problem.unseal_test()
    if fitted.left_out:
        note = _without(fitted.left_out, float(protocol.rules.budget or 0))
        protocol = replace(protocol, problem=protocol.problem.with_notes([note]))
    return Comparison(protocol, fitted.heads, fitted.predictions, results_of(protocol, fitted))


def _without(left_out: Mapping[str, float | None], budget: float) -> str:
    """Say which methods there was no time for."""
    named = ", ".join(f"{name} (about {seconds:.0f} s)" if seconds else name for name, seconds in left_out.items())
    return f"`budget` of {budget:g} s: left out: {named}."
