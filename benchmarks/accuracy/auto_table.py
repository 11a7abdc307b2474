"""The Markdown tables of `auto.py`: a row a set, and what they come to."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from auto_results import Place, places
from peers import FAMILIES

__all__ = ["table"]

PEERS = [name for names in FAMILIES for name in names]
NEAR = 0.5


@dataclass(frozen=True)
class _SetRow:
    """What was measured on one set: a value a seed."""

    name: str
    peers: list[dict[str, Any]]
    autos: list[dict[str, Any]]  # of the seeds that auto was measured with

    def of_peer(self, peer: str, measure: str = "balanced") -> list[float]:
        """Return a peer's values over seeds; none where it was left out."""
        rows = [facts["peers"].get(peer, {}) for facts in self.peers]
        return [row[measure] for row in rows if row.get(measure) is not None]

    @property
    def best_peer(self) -> str:
        """The peer that is best on test: the hardest comparison, which nobody could have made beforehand."""
        return max((peer for peer in PEERS if self.of_peer(peer)), key=lambda peer: _mean(self.of_peer(peer)))

    @property
    def auto(self) -> list[float]:
        """Balanced accuracy of auto over seeds; an error counts as 0."""
        return [found.get("balanced", 0.0) for found in self.autos]

    @property
    def gap(self) -> float:
        """Auto minus the best peer."""
        return _mean(self.auto) - _mean(self.of_peer(self.best_peer))

    @property
    def regrets(self) -> list[float]:
        """By seed, the best single method of longtail on test minus auto."""
        return [max(one["methods"].values()) - one["balanced"] for one in self.autos if "methods" in one]


def table(results: Path, label: str | None) -> str:
    """Write the tables.

    Args:
        results: folder of all results.
        label: of auto's column; None: the latest of each set and seed.
    """
    rows = _rows(results, label)
    if not rows:
        return "Nothing measured yet."
    return "\n".join([*_sizes(rows), "", *_accuracies(rows), "", *_rare(rows), "", *_summary(rows)])


def _rows(results: Path, label: str | None) -> list[_SetRow]:
    found: dict[str, list[Place]] = {}
    for place in places(results):
        found.setdefault(place.peers()["set"], []).append(place)
    rows = []
    for name, own in found.items():
        autos = [(place, place.auto(label or place.latest_label() or "")) for place in own]
        # seeds that both sides have: the sets of different seeds are different
        both = [(place.peers(), auto) for place, auto in autos if auto] or [(place.peers(), {}) for place in own]
        rows.append(_SetRow(name, [peers for peers, _ in both], [auto for _, auto in both if auto]))
    return sorted((row for row in rows if any(row.of_peer(peer) for peer in PEERS)), key=_size)


def _size(row: _SetRow) -> int:
    facts = row.peers[0]
    return int(facts["rows"]["train"] * facts["features"] * facts["classes"])


def _sizes(rows: list[_SetRow]) -> list[str]:
    lines = _heading(
        "set", "train", "val", "test", "classes", "features", "rows a class", "seeds", "auto, s", "peers, s"
    )
    for row in rows:
        facts = row.peers[0]
        seconds = [sum(one.get("seconds", 0) for one in peers["peers"].values()) for peers in row.peers]
        of_auto = [one["seconds"] for one in row.autos if "seconds" in one]
        sizes = [f"{facts['rows'].get(split, 0):,}" for split in ("train", "val", "test")]
        counts = f"{facts['largest']:,} to {facts['smallest']:,}"
        cells = [row.name, *sizes, facts["classes"], facts["features"], counts, len(row.peers)]
        lines.append(_line(*cells, f"{_mean(of_auto):.0f}" if of_auto else "-", f"{_mean(seconds):.0f}"))
    return lines


def _accuracies(rows: list[_SetRow]) -> list[str]:
    """Balanced accuracy; the best peer is bold."""
    names = ["set", "auto", "chose", *PEERS, "mean of three", "auto - best peer", "regret"]
    lines = _heading(*names)
    for row in rows:
        cells = [_cell(row.of_peer(peer), bold=peer == row.best_peer) for peer in PEERS]
        three = [facts["mean_of_three"]["balanced"] for facts in row.peers if facts.get("mean_of_three")]
        chosen = [_chosen(found) for found in row.autos]
        ends = [f"{row.gap:+.1f}" if row.autos else "-", f"{_mean(row.regrets):+.1f}" if row.regrets else "-"]
        lines.append(_line(row.name, _cell(row.auto), ", ".join(dict.fromkeys(chosen)), *cells, _cell(three), *ends))
    reasons = {
        f"{row.name}: {peer} left out: {facts['peers'][peer]['left_out']}"
        for row in rows
        for facts in row.peers
        for peer in PEERS
        if "left_out" in facts["peers"].get(peer, {})
    }
    return [*lines, *(f"- {reason}" for reason in sorted(reasons))]


def _rare(rows: list[_SetRow]) -> list[str]:
    """Mean recall of the classes with fewer than 20 training rows, where there are any."""
    lines = _heading("rare classes", "auto", *PEERS, "mean of three")
    for row in rows:
        if not row.of_peer(row.best_peer, "rare"):
            continue
        auto = [found["rare"] for found in row.autos if found.get("rare") is not None]
        three = [facts["mean_of_three"]["rare"] for facts in row.peers if facts.get("mean_of_three")]
        lines.append(_line(row.name, _cell(auto), *(_cell(row.of_peer(peer, "rare")) for peer in PEERS), _cell(three)))
    return lines


def _summary(rows: list[_SetRow]) -> list[str]:
    rows = [row for row in rows if row.autos]
    if not rows:
        return ["auto is not measured yet."]
    gaps = {row.name: row.gap for row in rows}
    worst = min(gaps, key=lambda name: gaps[name])
    everywhere = [peer for peer in PEERS if all(row.of_peer(peer) for row in rows)]
    lines = [
        f"- auto is best of all on {sum(gap >= 0 for gap in gaps.values())} of {len(rows)} sets, and best or within "
        f"{NEAR} points of the best peer on {sum(gap >= -NEAR for gap in gaps.values())}",
        f"- worst loss to the best peer: {gaps[worst]:+.1f} ({worst}, {_row_of(rows, worst).best_peer})",
        f"- mean over sets of auto minus the best peer of each set: {_mean(gaps.values()):+.2f}",
    ]
    if everywhere:
        means = {peer: _mean(_mean(row.of_peer(peer)) for row in rows) for peer in everywhere}
        single = max(means, key=lambda peer: means[peer])
        behind = [_mean(row.auto) - _mean(row.of_peer(single)) for row in rows]
        lines.append(f"- mean over sets of auto minus the best single peer ({single}): {_mean(behind):+.2f}")
    three = {
        row.name: _mean(row.auto) - _mean(facts["mean_of_three"]["balanced"] for facts in row.peers)
        for row in rows
        if all(facts.get("mean_of_three") for facts in row.peers)
    }
    if three:
        least = min(three, key=lambda name: three[name])
        lines.append(
            f"- auto minus the mean of three: mean {_mean(three.values()):+.2f}, worst {three[least]:+.1f} ({least})"
        )
    regrets = {row.name: _mean(row.regrets) for row in rows if row.regrets}
    if regrets:
        most = max(regrets, key=lambda name: regrets[name])
        lines.append(f"- regret: mean {_mean(regrets.values()):.2f}, largest {regrets[most]:.1f} ({most})")
    errors = [f"- {row.name}: auto failed: {one['error']}" for row in rows for one in row.autos if "error" in one]
    return lines + errors


def _row_of(rows: list[_SetRow], name: str) -> _SetRow:
    return next(row for row in rows if row.name == name)


def _chosen(found: dict[str, Any]) -> str:
    if "error" in found:
        return "failed"
    return str(found["method"]) + (f" ({' + '.join(found['members'])})" if found.get("members") else "")


def _cell(values: list[float], *, bold: bool = False) -> str:
    if not values:
        return "-"
    text = f"{np.mean(values):.1f}" + (f" ± {np.std(values, ddof=1):.1f}" if len(values) > 1 else "")
    return f"**{text}**" if bold else text


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def _heading(*names: str) -> list[str]:
    return [_line(*names), "|" + "---|" * len(names)]


def _line(*cells: Any) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"
