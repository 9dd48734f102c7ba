"""A published view as of one instant: asked in one message to Redis per step from key to key, and the first also says as of when."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from millrace.adapters.redis.layout import PAST, Published
from millrace.adapters.redis.ranking import Span, as_of, earliest, ranking_name
from millrace.adapters.redis.rows import StoredRows
from millrace.adapters.redis.wants import Want
from millrace.decision import Decisions
from millrace.errors import Conflict, Late
from millrace.features.tiles import NEVER
from millrace.serve.facts import ONLINE_VIEW
from millrace.types import EVER, Array, objects

_MARGIN = 64


class Cut:
    """The view as of one instant, however long it takes to ask and whatever is published meanwhile.

    Which instant, its first answer decides: where the view stands comes with what was asked, in the same message. Threads may share it.

    Args:
        view: The `RedisView` it is a cut of, which makes it.
    """

    def __init__(self, view: Any) -> None:
        self.view = view
        self._published: Published | None = None
        self._is_blind = False
        self._blind_at = EVER
        self._missed: list[str] = []
        self._lock = threading.Lock()

    @property
    def generation(self) -> str | None:
        """Which publication it reads; None when there was none to read."""
        published = self._settled()
        return published.generation if published is not None else None

    @property
    def watermark(self) -> int:
        """The instant: exactly what was known before it is seen. Microseconds."""
        published = self._settled()
        return published.watermark if published is not None else self._blind_at

    @property
    def missed(self) -> list[str]:
        """`ONLINE_VIEW`, once Redis could not answer as of it."""
        self._settled()
        return self._missed

    def close(self) -> None:
        """Do nothing: a cut holds up nobody."""

    def advance(self, watermark: int | None) -> None:
        """Do nothing: a cut stands where it stands; None is there.

        Raises:
            Conflict: The instant is another one.
        """
        if watermark is not None and watermark != self.watermark:
            raise Conflict(f"this is the view as of {self.watermark}, not as of {watermark}: take another cut")

    def lookup(self, features: Sequence[Any], d: Decisions, watermark: int | None = None) -> dict[str, Array]:
        """See `OnlineView.lookup`."""
        self.advance(watermark)
        layout, needs = self.view.layout, self.view.needs(features)
        rows = StoredRows(needs, d)
        try:
            for wanted in needs.rounds:
                self._take(rows, wanted)
        except Late:
            self._miss()
            return layout.empty.lookup(features, d, NEVER - 1)
        rows.watermark = np.full(rows.requests, self.watermark)
        return layout.compute(features, rows, self.view.defaults_used)

    def top(self, aggregate: Any, take: int, watermark: int | None = None) -> tuple[Array, Array]:
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

    def newest(self, field: Any, take: int, watermark: int | None = None) -> Array:
        """See `OnlineView.newest`."""
        self.advance(watermark)
        nobody = self.view.layout.empty.newest(field, take, NEVER - 1)
        self.view.indices.check("newest", field.column)
        try:
            ((ids, _),) = self._ranked([Span(ranking_name("newest", field.column), take, -float(self.watermark))])
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
        if ONLINE_VIEW not in self._missed:
            self._missed.append(ONLINE_VIEW)

    def _settled(self) -> Published | None:
        """Return the standing that this is a cut at, asking for it if nothing was asked yet; None when there is none to read."""
        if self._published is None and not self._is_blind:
            try:
                self._settle(self.view.standing())
            except Late:
                self._settle(None)
        return self._published

    def _settle(self, published: Published | None) -> None:
        """Stand at a standing unless this stands somewhere already; None is seeing nothing."""
        with self._lock:
            if self._published is None and not self._is_blind:
                if published is None:
                    self._blind_at = self.view.latest
                    self._missed.append(ONLINE_VIEW)
                    self._is_blind = True
                self._published = published

    def _asked(self, ask: Callable[[Any, str], Sequence[Any]]) -> Sequence[Any]:
        """Return an answer that holds as of this cut, which stands where the answer does if it stood nowhere yet.

        Args:
            ask: Asks for the standing and for other things of a generation, all at one moment.

        Raises:
            Late: Redis does not answer, or no longer as of this cut.
        """
        while not self._is_blind:
            stood = self._published
            generation = stood.generation if stood is not None else self.view.generation
            try:
                standing, *answer = self.view.asked(lambda client, generation=generation: ask(client, generation))
                now = self.view.understood(standing)
            except Late:
                self._settle(None)
                raise
            self._settle(now)
            mine = self._published
            if mine is not None and now.generation == mine.generation and now.kept <= mine.watermark <= now.watermark:
                if generation == mine.generation:
                    return answer
            elif stood is not None:
                self.view.trouble = "Redis no longer holds what was known as of a decision"
                raise Late(self.view.trouble)
        raise Late(self.view.trouble)

    def _take(self, rows: StoredRows, wanted: Sequence[Want]) -> None:
        """Let rows take in what they want as it was as of the watermark."""
        texts = [rows.keys(want) for want in wanted]
        layout = self.view.layout

        def names(generation: str) -> list[str]:
            bases = [layout.base(generation, want.row.name) for want in wanted]
            return [base + text for base, some in zip(bases, texts, strict=True) for text in some]

        found = list(self._asked(lambda client, generation: client.mget([layout.standing, *names(generation)])))
        there = [place for place, row in enumerate(found) if row is not None]
        since = np.frombuffer(b"".join([found[place][:8] for place in there]), dtype="<i8")
        later = [there[i] for i in np.flatnonzero(since > self.watermark).tolist()]
        for place, row in zip(later, self._earlier(later, names, found), strict=True):
            found[place] = row
        start = 0
        for want, some in zip(wanted, texts, strict=True):
            rows.take(want, found[start : start + len(some)])
            start += len(some)

    def _earlier(self, later: Sequence[int], names: Callable[[str], list[str]], rows: Sequence[bytes]) -> list[bytes | None]:
        """Return what held as of the watermark at the places where something else holds now; None for nothing."""
        if not later:
            return []

        def ask(client: Any, generation: str) -> list[Any]:
            keys = names(generation)
            with client.pipeline(transaction=True) as pipe:
                pipe.get(self.view.layout.standing)
                for place in later:
                    pipe.lrange(keys[place] + PAST, 0, -1)
                return pipe.execute()

        return [self._held([*past, rows[place]]) for place, past in zip(later, self._asked(ask), strict=True)]

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
        since, margin = self.watermark, _MARGIN  # which moves to ask for: a cut that stands nowhere yet asks for that alone
        while True:
            answers = self._asked(lambda client, generation, most=margin: self._ask_spans(client, generation, spans, since, most))
            moves, now = answers[::2], answers[1::2]
            most = max((len(earliest(one)) for one in moves), default=0)
            if most <= margin:
                return [as_of(span, there, moved) for span, there, moved in zip(spans, now, moves, strict=True)]
            margin = 2 * most  # as many may have come before those that are asked for

    def _ask_spans(self, client: Any, generation: str, spans: Sequence[Span], since: int, margin: int) -> list[Any]:
        with client.pipeline(transaction=True) as pipe:
            pipe.get(self.view.layout.standing)
            for span in spans:
                name = self.view.layout.base(generation, span.name)[:-1]
                pipe.zrangebyscore(name + PAST, f"({since}", "+inf")
                number = None if span.take is None else span.take + margin
                pipe.zrangebyscore(name, span.least, "+inf", start=None if number is None else 0, num=number, withscores=True)
            return pipe.execute()
