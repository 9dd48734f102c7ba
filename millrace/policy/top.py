"""The chooser of systems that rank: the best few under constraints, with a stated share of exploration and exact propensities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from millrace.decision import NOT_TAKEN, Decisions, Facts
from millrace.errors import DeclarationError, brief
from millrace.schema import Field
from millrace.types import Array, Columns, size


@dataclass(frozen=True, eq=False)
class AtMost:
    """At most `n` rows of a request may share a value of `per`: `AtMost(2, per=Video.creator)`."""

    n: int
    per: Any

    def __post_init__(self) -> None:
        if not isinstance(self.n, int) or self.n < 1:
            raise DeclarationError(f"AtMost({self.n!r}, ...): at least 1 must be allowed")
        if not isinstance(self.per, Field):
            raise DeclarationError(f"AtMost(per={brief(self.per)}): not a field; name an attribute of the candidate, such as Video.creator")


@dataclass(frozen=True, eq=False, init=False)
class Top:
    """Takes the best `n` rows by score under the constraints.

    With probability `explore` the last place goes to a row drawn uniformly among all that the constraints still allow there. A row's
    propensity is its chance of being taken at all: 1 for the places above, exact for the last. Equal scores keep the order in which
    the sources proposed.

    Args:
        n: How many, or the request's integer field that says so; a request that says less than 1 is refused where it is asked.
        constraints: `AtMost(...)`.
        explore: In [0, 1].
    """

    n: Any
    constraints: tuple[AtMost, ...]
    explore: float
    draws = True

    def __init__(self, n: Any, *constraints: AtMost, explore: float = 0.0) -> None:
        if not (isinstance(n, Field) and n.kind == "integer") and not (isinstance(n, int) and n >= 1):
            raise DeclarationError(f"Top({brief(n)}): take at least 1, or name an integer field of the request")
        if not 0 <= explore <= 1:
            raise DeclarationError(f"Top(explore={explore!r}): a probability lies between 0 and 1")
        for one in constraints:
            if not isinstance(one, AtMost):
                raise DeclarationError(f"Top(..., {brief(one)}): not a constraint; write AtMost(2, per=Video.creator)")
        object.__setattr__(self, "n", n)
        object.__setattr__(self, "constraints", constraints)
        object.__setattr__(self, "explore", float(explore))

    def features(self) -> tuple[Any, ...]:
        """Return the attributes its constraints read."""
        return tuple(one.per for one in self.constraints)

    def apply(self, d: Decisions, facts: Facts) -> Decisions:
        """Set `rank` and `propensity` of every row."""
        n = size(d.rows)
        score = d.rows["score"] if "score" in d.rows else np.zeros(n)
        groups = self._groups(d, facts)
        limited = [(one.n, groups[one.per.column].tolist()) for one in self.constraints]
        draw = facts.chance(facts.name(self), d.requests["id"])
        rank, propensity = np.full(n, NOT_TAKEN), np.zeros(n)
        starts = d.starts
        for position in range(size(d.requests)):
            first, end = int(starts[position]), int(starts[position + 1])
            if end == first:
                continue
            order = first + np.argsort(-score[first:end], kind="stable")
            places = int(d.requests[self.n.name][position]) if isinstance(self.n, Field) else self.n
            taken, rest = _fill(order, places - 1, limited)
            propensity[taken] = 1.0
            if len(rest) and places > 0:
                propensity[rest] = self.explore / len(rest)
                propensity[rest[0]] += 1 - self.explore
                taken.append(int(rest[_pick(draw[position], self.explore, len(rest))]))
            rank[taken] = np.arange(len(taken))
        return d.with_rows(score=score, rank=rank, propensity=propensity)

    def _groups(self, d: Decisions, facts: Facts) -> Columns:
        """Return what the constraints group by: what a model before this has read travels with the rows, the rest is looked up."""
        missing = [one for one in self.features() if one.column not in d.rows]
        return {**d.rows, **facts.lookup(missing, d)} if missing else d.rows


def _fill(order: Array, places: int, limited: list[tuple[int, list[Any]]]) -> tuple[list[int], Array]:
    """Return the rows that take the first places, best first, and those that may still take one more, best first."""
    if not limited:
        places = max(places, 0)
        return order[:places].tolist(), order[places:]
    counts: list[dict[Any, int]] = [{} for _ in limited]
    full: list[set[Any]] = [set() for _ in limited]
    taken: list[int] = []
    at = 0
    skipped: list[int] = []
    rows = order.tolist()
    columns = [values for _, values in limited]
    while at < len(rows) and len(taken) < places:
        row = rows[at]
        at += 1
        for values, closed in zip(columns, full, strict=True):
            if values[row] in closed:
                skipped.append(row)
                break
        else:
            taken.append(row)
            for (most, values), seen, closed in zip(limited, counts, full, strict=True):
                seen[values[row]] = seen.get(values[row], 0) + 1
                if seen[values[row]] >= most:
                    closed.add(values[row])
    rest = skipped + rows[at:]
    for values, closed in zip(columns, full, strict=True):
        if closed:
            rest = [row for row in rest if values[row] not in closed]
    return taken, np.array(rest, dtype=np.int64)


def _pick(draw: float, explore: float, n: int) -> int:
    """Return which of the `n` remaining rows takes the last place: the best unless the draw falls in the explored share."""
    return 0 if draw >= explore else min(int(draw / explore * n), n - 1)
