"""What came of a rollout's decisions, told once it can no longer change, in an order that does not depend on when one looks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from millrace.decision import Decision
from millrace.loaded import Loaded
from millrace.log.log import Log
from millrace.models.declare import Outcome
from millrace.operate.guard_reading import mean_of, taken_rows
from millrace.training.attribution import join_keys, label
from millrace.types import SECOND, Array, Columns, size, stack, take

_LOOKS = 60
"""In how many parts of an outcome's window decisions are told: each part as of its end, however late it is asked for."""
_SETTLED = 10 * SECOND
"""How long after an instant nothing is on its way into the log any more that is to be known before it, in microseconds."""


class Came:
    """Labels decisions with an outcome, part by part.

    Args:
        loaded: The system.
        log: Its log.
        outcome: What is looked for.
        since: When the rollout began, microseconds.
    """

    def __init__(self, loaded: Loaded, log: Log, outcome: Outcome, since: int) -> None:
        self._log, self._outcome, self._since = log, outcome, since
        self._keys = join_keys(outcome, loaded.system.request, loaded.system.candidate)
        self._fields = [name for name, _ in self._keys if name not in ("id", "candidate")]
        self._part = max(2 * SECOND, outcome.window // _LOOKS)
        self._rows: list[Columns] = []
        self._decided: list[Columns] = []
        self._count = 0
        self._events: list[Columns] = []
        self._read = since

    def made(self, decisions: list[Decision], seen: Columns) -> None:
        """Take note of decisions, in the order in which they were logged."""
        if not decisions:
            return
        rows = taken_rows(decisions, seen, self._fields)
        self._rows.append({**rows, "of": rows["of"] + self._count})
        predicted = [mean_of(one.features.get(self._outcome.column, ())) for one in decisions]
        number = np.arange(self._count, self._count + len(decisions))
        closes = np.maximum(seen["at"] + self._outcome.window, seen["known"])
        more = {"number": number, "predicted": np.array(predicted, dtype=np.float64), "part": (closes - self._since) // self._part}
        self._decided.append({**seen, **more})
        self._count += len(decisions)

    def known(self, now: int) -> Iterator[Columns]:
        """Yield, for each part of time that is over, the decisions whose outcome became certain in it, as `Judge.came` takes them."""
        settled = max(now - _SETTLED, min(now, self._log.last_known + 1))
        if not self._decided or self._since + (int(min(one["part"].min() for one in self._decided)) + 1) * self._part > settled:
            return
        self._read_on(settled)
        decided, rows = stack(self._decided), stack(self._rows)
        for part in np.unique(decided["part"]).tolist():
            horizon = self._since + (part + 1) * self._part
            if horizon > settled:
                break
            yield self._labelled(take(decided, np.flatnonzero(decided["part"] == part)), rows, horizon)
        left = take(decided, np.flatnonzero(self._since + (decided["part"] + 1) * self._part > settled))
        self._decided = [left] if size(left) else []
        self._rows = [take(rows, np.flatnonzero(rows["at"] >= (left["at"].min() if size(left) else now - self._outcome.window)))]

    def _read_on(self, until: int) -> None:
        """Read what has happened since the last time, and let go of what can belong to nothing that is still open."""
        new = self._log.read(self._outcome.stream, known_from=self._read, known_until=until)
        self._read = max(self._read, until)
        oldest = min(int(one["at"].min()) for one in self._decided)
        events = stack([*self._events, new])
        self._events = [take(events, np.flatnonzero(events["at"] >= oldest))]

    def _labelled(self, decided: Columns, rows: Columns, horizon: int) -> Columns:
        """Return decisions with the mean of their rows' labels, as known at an instant; NaN where none can be known."""
        # Whoever was decided before them can own none of their events; whoever was decided after may.
        near = take(rows, np.flatnonzero((rows["at"] >= decided["at"].min()) & (rows["at"] < horizon)))
        labels = label(self._outcome, near, self._events[0], self._keys, horizon) if size(near) else np.zeros(0)
        seen = np.flatnonzero(~np.isnan(labels))
        place = np.searchsorted(decided["number"], near["of"][seen])
        mine = place < len(decided["number"])
        mine[mine] = decided["number"][place[mine]] == near["of"][seen][mine]
        count = np.bincount(place[mine], minlength=size(decided))
        total = np.bincount(place[mine], weights=labels[seen][mine], minlength=size(decided))
        mean = np.divide(total, count, out=np.full(size(decided), np.nan), where=count > 0)
        return _judged({**decided, self._column: mean, "rows": count})

    @property
    def _column(self) -> str:
        return "observed" if self._outcome.take in ("any", "consensus") else "amount"


def _judged(decided: Columns) -> dict[str, Array]:
    return take(decided, np.flatnonzero(decided["is_judged"]))


def outcome_of(guard: Any, primary: Outcome | None) -> Outcome | None:
    """Return the outcome a guardrail reads; None where it names none and nobody has said what is good."""
    of = getattr(guard, "of", None)
    return of if of is not None else primary
