"""Search for a way to keep one promise more: a class in a part, beside all that are kept."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from longtail.whole_groups.assignment import Assignment

__all__ = ["Search"]

IntArray = NDArray[np.int64]

# attempts for one promise, and for all of them together before each has few: what is undecided then is said to be so
_ATTEMPTS, _ALL_ATTEMPTS, _FEW_ATTEMPTS = 2_000, 10_000, 20


@dataclass
class _Decision:
    """A promise to keep next, and the groups that could: the best one last."""

    part: int
    mark: int
    options: list[int]
    tried: int | None = None


@dataclass
class Search:
    """Search for moves that keep one promise more and break none, by trying and taking back.

    Any assignment that keeps all promises has, for each one that is open, a group of that class in that part. So to try
    all of those groups, and to go on from each with what is open then, misses no assignment.

    Args:
        assignment: changed in place, to one that keeps the promises in its `least`.
        attempts: groups that are tried in all; few for each promise after that.
    """

    assignment: Assignment
    attempts: int = _ALL_ATTEMPTS
    open: set[tuple[int, int]] = field(default_factory=set, init=False)
    # each group that was moved, its part before, and the parts that were open to it
    trail: list[tuple[int, int, NDArray[np.bool_]]] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        shape = (self.assignment.counts.num_groups, self.assignment.present.shape[1])
        self.allowed = np.ones(shape, dtype=bool)

    def keep(self, label: int, part: int) -> Literal["kept", "impossible", "not found"]:
        """Add a promise and keep it with all others, or leave everything as it was."""
        self.assignment.least[label, part] = 1
        if self.assignment.present[label, part]:
            return "kept"
        self.open = {(label, part)}
        result = self._run()
        if result != "kept":
            self.assignment.least[label, part] = 0
        return result

    def force(self, group: int, part: int) -> bool:
        """Put a group into a part and mend what that breaks; leave everything as it was where that fails."""
        classes = self.assignment.counts.classes_of(group)
        if (self.assignment.present[classes, part] >= self.assignment.most[classes, part]).any():
            return bool(part == self.assignment.part_of[group])
        self._put(group, part)
        return self._run() == "kept"

    def _run(self) -> Literal["kept", "impossible", "not found"]:
        """Keep what is open; take everything back where that fails."""
        result = self._keep_open()
        if result != "kept":
            self._take_back(0)
        for group, _, _ in self.trail:
            self.allowed[group] = True
        self.open, self.trail = set(), []
        return result

    def _keep_open(self) -> Literal["kept", "impossible", "not found"]:
        decisions: list[_Decision] = []
        left = max(min(_ATTEMPTS, self.attempts), _FEW_ATTEMPTS)
        while self.open:
            label, part = min(self.open, key=lambda promise: (len(self._open_groups(*promise)), promise))
            decisions.append(_Decision(part, len(self.trail), self._options(label, part)))
            while decisions and not self._try_next(decisions[-1]):
                decisions.pop()
            if not decisions:
                return "impossible"
            left, self.attempts = left - 1, self.attempts - 1
            if left < 0:
                return "not found"
        return "kept"

    def _try_next(self, decision: _Decision) -> bool:
        """Put the next group into the part of the decision; False where all were tried."""
        self._take_back(decision.mark)
        if decision.tried is not None:  # it does not go there, whatever the others do
            group = decision.tried
            self.trail.append((group, int(self.assignment.part_of[group]), self.allowed[group].copy()))
            self.allowed[group, decision.part] = False
            decision.mark = len(self.trail)
        if not decision.options:
            return False
        decision.tried = decision.options.pop()
        self._put(decision.tried, decision.part)
        return True

    def _put(self, group: int, part: int) -> None:
        """Put a group into a part, where it stays until that is taken back."""
        self.trail.append((group, int(self.assignment.part_of[group]), self.allowed[group].copy()))
        self.allowed[group] = False
        self.allowed[group, part] = True
        self._move(group, part)

    def _take_back(self, mark: int) -> None:
        while len(self.trail) > mark:
            group, part, allowed = self.trail.pop()
            self.allowed[group] = allowed
            if self.assignment.part_of[group] != part:
                self._move(group, part)

    def _move(self, group: int, part: int) -> None:
        assignment, classes = self.assignment, self.assignment.counts.classes_of(group)
        before = int(assignment.part_of[group])
        assignment.move(group, part)
        is_broken = assignment.present[classes, before] < assignment.least[classes, before]
        self.open |= {(label, before) for label in classes[is_broken].tolist()}
        if self.open:
            self.open -= {(label, part) for label in classes.tolist()}

    def _open_groups(self, label: int, part: int) -> IntArray:
        groups = self.assignment.counts.groups_with(label)
        allowed: IntArray = groups[self.allowed[groups, part]]
        return allowed

    def _options(self, label: int, part: int) -> list[int]:
        """Return the groups that could keep a promise: those that break the fewest others, then the best ones last."""
        assignment, groups = self.assignment, self._open_groups(label, part)
        if not len(groups):
            return []
        _, firsts, is_broken = assignment.needed(groups)
        broken = np.add.reduceat(is_broken.astype(np.int64), firsts)
        added = assignment.changes(groups, only_allowed=False)[:, part].round(12)
        options: list[int] = groups[np.lexsort((added, broken))][::-1].tolist()
        return options
