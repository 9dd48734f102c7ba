"""The log as training and monitors read it, parsed once: what was decided is kept in memory as columns.

Features are computed in memory while what they read is small, and on disk, part by part, once it is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from millrace.decision import FORGOTTEN, Decision
from millrace.errors import NotFound
from millrace.features.declare import Aggregate
from millrace.features.learned import Learned, completed, plain
from millrace.features.offline import backfill
from millrace.features.plan import Plan
from millrace.features.plan import plan as plan_for
from millrace.features.streamed import Chunk, needed
from millrace.features.values import dtype_of
from millrace.loaded import Loaded
from millrace.log.decisions import DECISION
from millrace.log.log import Log
from millrace.operate.backfilling import on_disk, parts_for
from millrace.operate.decided_rows import made_rows, taken_rows
from millrace.operate.published import Published
from millrace.operate.retention import whole_from
from millrace.schema import Field, field_names, shows
from millrace.types import EVER, Array, Columns, size, stack, take

AT_ONCE = 4_000_000
"""In memory a record takes about 300 bytes with its ids, and as many again while features are computed."""

_CHUNK = 1_000_000


class LogHistory:
    """Reads one system's history; asks the log only for what is new since the last time.

    Args:
        log: The log.
        loaded: The system.
        at_once: How many records features may read for them to be computed in memory.
        published: Which versions served when; needed by features that a version says.

    `forgotten` is how often somebody had been forgotten when what it holds was read.
    """

    def __init__(self, log: Log, loaded: Loaded, at_once: int = AT_ONCE, published: Published | None = None) -> None:
        self._log = log
        self._at_once = at_once
        self._published = published
        self._loaded = loaded
        self._streams: dict[str, _Kept] = {}
        self._decided = _Kept()
        self._made: _Kept | None = None
        self._texts = {column for column, one in loaded.plan.features.items() if _is_text(one)}
        self._first: int | None = None
        self.forgotten = log.forgotten

    def _let_go(self) -> None:
        """Read all anew once somebody was forgotten: what was read before still holds the person."""
        if (forgotten := self._log.forgotten) != self.forgotten:
            self._streams, self._decided, self._made, self._first, self.forgotten = {}, _Kept(), None, None, forgotten

    def events(self, stream: type, until: int) -> Columns:
        """Return a stream's records known before an instant, by (known, position)."""
        self._let_go()
        kept = self._streams.setdefault(stream.__name__, _Kept())
        rows = kept.grown(
            self._safe(until), lambda since, end: self._log.read(stream, known_from=since, known_until=end), _one_after_another
        )
        return take(rows, slice(0, int(np.searchsorted(rows["known"], until))))

    def features(self, plan: Plan, features: Iterable[Any], rows: Columns) -> dict[str, Array]:
        """Return features by column, a value per row, each as of the row's watermark: in memory or on disk, the same numbers.

        Args:
            plan: What was planned; it must hold the features.
            features: Those wanted.
            rows: As for `features.offline.backfill`; with `release` where they were decided.

        Raises:
            Unavailable: The disk beside the log is full or fails.
        """
        wanted = list(features)
        return self.completed(wanted, self._computed(plan, plain(wanted), rows), rows)

    def completed(self, features: Iterable[Any], known: Columns, rows: Columns) -> dict[str, Array]:
        """Return features by column, with those that a version says: of each row the one that served it.

        Args:
            features: Those wanted.
            known: By column, those of `features.learned.plain` on the rows.
            rows: As for `features`.
        """
        return completed(features, known, lambda one, inputs: self._said(one, inputs, rows))

    def _said(self, one: Learned, inputs: Columns, rows: Columns) -> Array:
        if self._published is None:
            raise NotFound(f"{one.column} is said by versions, and this history was not told which served when: give it `published`")
        return self._published.says(one, rows, inputs)

    def _computed(self, plan: Plan, wanted: list[Any], rows: Columns) -> dict[str, Array]:
        records = self.records(plan_for(plan.request, plan.candidate, wanted))
        if records <= self._at_once:
            return backfill(plan, wanted, rows, self.events)
        with TemporaryDirectory(prefix="backfill-", dir=self._log.store.folder.parent) as folder:
            return on_disk(Path(folder), plan, wanted, rows, self.chunks(plan, rows), parts_for(records, size(rows)))

    def records(self, plan: Plan) -> int:
        """Return how many records of the log a plan reads."""
        counts = self._log.counts()
        return sum(counts.get(DECISION if shows(stream) else stream.__name__, 0) for stream in plan.streams)

    def chunks(self, plan: Plan, rows: Columns) -> Callable[[], Iterator[Chunk]]:
        """Return what reads all that a plan needs for some rows, chunk by chunk in the order of the log."""
        until = int(rows["watermark"].max()) if size(rows) else EVER
        return lambda: self._log.replay(known_until=until, chunk=_CHUNK, streams=plan.streams, fields=needed(plan), coding=True)

    def decided(self, since: int, until: int) -> Columns:
        """Return a row per candidate taken in decisions asked in [since, until), with the request's fields, by (at, id, rank).

        Decisions whose features or outcomes reach into what the log no longer keeps are left out, and those that repeat another one.
        """
        since = max(since, whole_from(self._loaded, self._log.retained()))
        self._let_go()
        rows = self._decided.grown(self._safe(until), self._newly_decided, _in_order)
        rows = take(rows, slice(*np.searchsorted(rows["at"], [since, until]).tolist()))
        known = rows["known"] < until
        return rows if known.all() else take(rows, known)

    def made(self, since: int, until: int) -> Columns:
        """Return a row per decision that became known in [since, until), in that order, whatever it took or repeats.

        Columns: `id`, `at`, `known`, `watermark`, `policy`, `arm`, `arm_share`, `action`, `release` and `interleaved`. What became known
        before is not read, until it is asked for.
        """
        self._let_go()
        if self._made is None or since < self._made.begins:
            self._made = _Kept(since)
        rows = self._made.grown(self._safe(until), self._newly_made, _one_after_another)
        return take(rows, slice(*np.searchsorted(rows["known"], [since, until]).tolist()))

    def first_decided(self, until: int) -> int | None:
        """Return when the first decision before an instant was asked, microseconds; None when there is none."""
        if self._first is None:  # once there is one it stays the first: an operator that waits asks at every step
            rows = self.decided(EVER, until)
            self._first = int(rows["at"][0]) if size(rows) else None
        return self._first if self._first is not None and self._first < until else None

    def _safe(self, until: int) -> int:
        """Return the instant up to which nothing can be added any more: what is being written now has a later one."""
        return min(until, self._log.last_known + 1)

    def _newly_decided(self, since: int, end: int) -> Columns:
        made = (pair for pair in self._decisions(since, end) if not pair[1].repeats)  # the same again: it is learned from, and proven, once
        rows = taken_rows(made, self._texts)
        rows = take(rows, rows["candidate"] != FORGOTTEN)
        return {**rows, **self._asked(rows["id"], end)}

    def _newly_made(self, since: int, end: int) -> Columns:
        return made_rows(list(self._decisions(since, end)))

    def _decisions(self, since: int, end: int) -> Iterator[tuple[int, Decision]]:
        return self._log.decisions(system=self._loaded.name, known_from=since, known_until=end)

    def _asked(self, ids: Array, until: int) -> dict[str, Array]:
        """Return the requests' own fields, a row per id."""
        request = self._loaded.system.request
        asked = self.events(request, until)
        at = dict(zip(asked["id"].tolist(), range(size(asked)), strict=True))
        index = np.array([at[one] for one in ids.tolist()], dtype=np.int64)
        return {name: asked[name][index] for name in field_names(request) if name in asked and name not in ("id", "at")}


class _Kept:
    """Rows read so far, of what became known from one instant on, up to another.

    Args:
        begins: The instant.
    """

    def __init__(self, begins: int = EVER) -> None:
        self.begins = self._until = begins
        self._rows: Columns | None = None

    def grown(self, until: int, read: Callable[[int, int], Columns], joined: Callable[[Columns, Columns], Columns]) -> Columns:
        """Return all rows up to an instant, reading those that are new and joining them to the others."""
        if self._rows is None or until > self._until:
            new = read(self._until, until)
            if self._rows is None or not size(self._rows):
                self._rows = new
            elif size(new):
                self._rows = joined(self._rows, new)
            self._until = max(until, self._until)
        return self._rows


def _one_after_another(kept: Columns, new: Columns) -> Columns:
    return stack([kept, new])


def _in_order(kept: Columns, new: Columns) -> Columns:
    """Return the rows of both by (at, id, rank), given each in that order."""
    rows = stack([kept, new])
    if kept["at"][-1] < new["at"][0]:  # as it mostly is: decisions are logged in the order in which they were asked
        return rows
    return take(rows, np.lexsort((rows["rank"], rows["id"].astype(str), rows["at"])))


def _is_text(feature: Any) -> bool:
    """Whether a feature's values are text; of a function only its values tell."""
    if isinstance(feature, Field):
        return feature.dtype is object
    return isinstance(feature, Aggregate) and feature.is_value and dtype_of(feature.value).kind == "O"
