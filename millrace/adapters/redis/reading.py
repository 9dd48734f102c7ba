"""The online view as other processes read it: as of an instant, in one message to Redis per step from key to key, without any state."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from millrace.adapters.redis.connection import failures
from millrace.adapters.redis.layout import PAST, Layout, Published
from millrace.adapters.redis.ranking import Indices, Span, as_of, earliest, ranking_name
from millrace.adapters.redis.rows import Found, StoredRows
from millrace.adapters.redis.wants import Want, wants
from millrace.decision import Decisions
from millrace.errors import Conflict, Late
from millrace.features.compute import compute
from millrace.features.defaults import DefaultsUsed
from millrace.features.tiles import NEVER
from millrace.serve.facts import ONLINE_VIEW
from millrace.types import EVER, Array, objects

_AVOIDED_S = 0.5
"""For how long Redis is not asked again after it did not answer, in seconds."""
_MARGIN = 64


class RedisView:
    """A system's online view, published in Redis by another process.

    Any number of threads may read it. Reads that Redis does not answer, or no longer can as of their instant, are answered as a view that
    has seen nothing would: they are counted, and the cut that made them says so.

    Args:
        client: The connection; see `connect`.
        layout: Where things lie.
        indices: What the publisher keeps rankings of.

    Attributes:
        missed: How many reads were answered so.
        trouble: Why the last one was; "" when all is well.
        defaults_used: See `OnlineView.defaults_used`.
    """

    def __init__(self, client: Any, layout: Layout, indices: Indices) -> None:
        self.client = client
        self.layout = layout
        self.indices = indices
        self.missed = 0
        self.trouble = ""
        self.defaults_used = DefaultsUsed()
        self._wanted: dict[tuple[str, ...], list[list[Want]]] = {}
        self._avoided_until = 0.0
        self._last = EVER

    def close(self) -> None:
        """Let go of the connections."""
        self.client.close()

    def cut(self) -> Cut:
        """Return the view as of the latest instant that it can be read as of."""
        try:
            published = self.standing()
        except Late:
            return Cut(self, None, self._last, [ONLINE_VIEW])
        self._last = max(self._last, published.watermark)
        return Cut(self, published.generation, published.watermark)

    def standing(self) -> Published:
        """Return where what Redis holds stands.

        Raises:
            Late: Redis does not answer, or holds nothing of this system's features.
        """
        return self.understood(self.asked(lambda client: client.get(self.layout.standing)))

    def understood(self, standing: bytes | None) -> Published:
        """Return a standing as it was written.

        Raises:
            Late: There is none.
        """
        if standing is None:
            self.trouble = "nobody publishes there what this system's features need"
            raise Late(self.trouble)
        self.trouble = ""
        return msgspec.msgpack.decode(standing, type=Published)

    def asked(self, ask: Any) -> Any:
        """Return what Redis answers.

        Raises:
            Late: It does not, or did not a moment ago.
        """
        if time.monotonic() < self._avoided_until:
            raise Late(self.trouble)
        try:
            return ask(self.client)
        except failures() as error:
            self._avoided_until = time.monotonic() + _AVOIDED_S
            self.trouble = f"Redis does not answer ({type(error).__name__})"
            raise Late(self.trouble) from error

    def wanted(self, features: Sequence[Any]) -> list[list[Want]]:
        """Return what features need, round by round: worked out once."""
        columns = tuple(one.column for one in features)
        found = self._wanted.get(columns)
        if found is None:
            found = self._wanted[columns] = wants(self.layout.plan, features)
        return found


@dataclass(frozen=True)
class Cut:
    """The view as of one instant, however long it takes to ask and whatever is published meanwhile.

    Attributes:
        view: What it is a cut of.
        generation: Which publication it reads; None when there was none to read.
        watermark: The instant: exactly what was known before it is seen. Microseconds.
        missed: `ONLINE_VIEW`, once Redis could not answer as of it.
    """

    view: RedisView
    generation: str | None
    watermark: int
    missed: list[str] = field(default_factory=list)

    def advance(self, watermark: int) -> None:
        """Do nothing: a cut stands where it stands.

        Raises:
            Conflict: The instant is another one.
        """
        if watermark != self.watermark:
            raise Conflict(f"this is the view as of {self.watermark}, not as of {watermark}: take another cut")

    def lookup(self, features: Sequence[Any], d: Decisions, watermark: int) -> dict[str, Array]:
        """See `OnlineView.lookup`."""
        self.advance(watermark)
        layout = self.view.layout
        rounds = self.view.wanted(features)
        try:
            rows = StoredRows(layout, d, watermark)
            for wanted in rounds:
                keys = rows.keys(wanted)
                rows.take(self._found(keys))
            return compute(layout.plan, features, rows, self.view.defaults_used)
        except Late:
            self._miss()
            return layout.empty.lookup(features, d, NEVER - 1)

    def top(self, aggregate: Any, take: int, watermark: int) -> tuple[Array, Array]:
        """See `OnlineView.top`."""
        self.advance(watermark)
        nobody, nothing = self.view.layout.empty.top(aggregate, take, NEVER - 1)  # refuses what cannot be asked
        self.view.indices.check("top", aggregate.column)
        try:
            ((ids, scores),) = self._ranked([Span(ranking_name("top", aggregate.column), take)])
        except Late:
            self._miss()
            return nobody, nothing
        return objects(ids), -np.array(scores, dtype=np.float64).astype(nothing.dtype)

    def newest(self, field: Any, take: int, watermark: int) -> Array:
        """See `OnlineView.newest`."""
        self.advance(watermark)
        nobody = self.view.layout.empty.newest(field, take, NEVER - 1)
        self.view.indices.check("newest", field.column)
        try:
            ((ids, _),) = self._ranked([Span(ranking_name("newest", field.column), take, -float(watermark))])
        except Late:
            self._miss()
            return nobody
        return objects(ids)

    def having(self, field: Any, values: Array) -> tuple[Array, Array]:
        """See `OnlineView.having`."""
        nobody = self.view.layout.empty.having(field, values)
        self.view.indices.check("having", field.column)
        asked = [(place, value) for place, value in enumerate(values.tolist()) if value is not None and value == value]
        try:
            found = self._ranked([Span(ranking_name("having", field.column, value)) for _, value in asked])
        except Late:
            self._miss()
            return nobody
        pairs = [(place, one) for (place, _), (ids, _) in zip(asked, found, strict=True) for one in ids]
        return np.array([place for place, _ in pairs], dtype=np.int64), objects(one for _, one in pairs)

    def _miss(self) -> None:
        self.view.missed += 1
        if ONLINE_VIEW not in self.missed:
            self.missed.append(ONLINE_VIEW)

    def _base(self, name: str) -> str:
        if self.generation is None:
            raise Late(self.view.trouble)
        return self.view.layout.base(self.generation, name)

    def _check(self, standing: bytes | None) -> None:
        """Refuse answers that may not be as of this instant."""
        now = self.view.understood(standing)
        if now.generation != self.generation or now.kept > self.watermark:
            self.view.trouble = "Redis no longer holds what was known as of a decision"
            raise Late(self.view.trouble)

    def _found(self, keys: Mapping[Want, tuple[str, list[str]]]) -> dict[Want, Found]:
        """Return the rows at keys that held as of the watermark: for each want where in its keys they are, and the rows."""
        names = [base + text for name, texts in keys.values() for base in [self._base(name)] for text in texts]
        standing, *rows = self.view.asked(lambda client: client.mget([self.view.layout.standing, *names]))
        self._check(standing)
        there = [place for place, row in enumerate(rows) if row is not None]
        since = np.frombuffer(b"".join([rows[place][:8] for place in there]), dtype="<i8")
        later = [there[i] for i in np.flatnonzero(since > self.watermark).tolist()]
        if later:
            for place, row in zip(later, self._earlier([names[place] for place in later], [rows[place] for place in later]), strict=True):
                rows[place] = row
        found: dict[Want, Found] = {}
        start = 0
        for want, (_, texts) in keys.items():
            mine = rows[start : start + len(texts)]
            start += len(texts)
            places = [place for place, row in enumerate(mine) if row is not None]
            found[want] = Found(places, [mine[place] for place in places])
        return found

    def _earlier(self, names: list[str], rows: list[bytes]) -> list[bytes | None]:
        """Return what held as of the watermark at keys where something else holds now; None for nothing."""

        def ask(client: Any) -> list[Any]:
            with client.pipeline(transaction=True) as pipe:
                pipe.get(self.view.layout.standing)
                for name in names:
                    pipe.lrange(name + PAST, 0, -1)
                return pipe.execute()

        standing, *pasts = self.view.asked(ask)
        self._check(standing)
        return [self._held([*past, row]) for past, row in zip(pasts, rows, strict=True)]

    def _held(self, chain: Sequence[bytes]) -> bytes | None:
        """Return the last row of a chain that held by the watermark."""
        for row in reversed(chain):
            if int.from_bytes(row[:8], "little", signed=True) <= self.watermark:
                return row
        if chain[0][-1]:
            self.view.trouble = "Redis no longer holds what was known as of a decision"
            raise Late(self.view.trouble)
        return None

    def _ranked(self, spans: Sequence[Span]) -> list[tuple[list[Any], list[float]]]:
        """Return ids and scores of spans of sorted sets as of the watermark."""
        names = [self._base(span.name)[:-1] for span in spans]
        margin = _MARGIN
        while True:
            standing, *answers = self.view.asked(lambda client, margin=margin: self._ask_spans(client, spans, names, margin))
            self._check(standing)
            moves, now = answers[::2], answers[1::2]
            most = max((len(earliest(one)) for one in moves), default=0)
            if most <= margin:
                return [as_of(span, there, moved) for span, there, moved in zip(spans, now, moves, strict=True)]
            margin = 2 * most  # as many may have come before those that are asked for

    def _ask_spans(self, client: Any, spans: Sequence[Span], names: Sequence[str], margin: int) -> list[Any]:
        with client.pipeline(transaction=True) as pipe:
            pipe.get(self.view.layout.standing)
            for span, name in zip(spans, names, strict=True):
                pipe.zrangebyscore(name + PAST, f"({self.watermark}", "+inf")
                number = None if span.take is None else span.take + margin
                pipe.zrangebyscore(name, span.least, "+inf", start=None if number is None else 0, num=number, withscores=True)
            return pipe.execute()
