"""What sources enumerate (the greatest, the newest, those that belong to something), as sorted sets that can be read as of a moment ago.

A sorted set says where everyone stands now. Beside it lies a sorted set of moves: who moved, from which watermark on, and from where. As of
an earlier watermark, those who have moved since stand where they came from, and all others where they stand now.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Protocol

import numpy as np

from millrace.adapters.redis.layout import PAST, Published, id_of, key_text
from millrace.errors import DeclarationError, NotFound
from millrace.features.compute import finished
from millrace.features.declare import Aggregate
from millrace.features.interning import Interner, longer
from millrace.features.online import OnlineView
from millrace.features.operations import OPERATIONS
from millrace.features.plan import Plan, Read
from millrace.schema import Field
from millrace.types import Array

NOWHERE = float("nan")


@dataclass(frozen=True)
class Indices:
    """What is enumerated: only for these are rankings kept.

    Raises:
        DeclarationError: An aggregate changes though nothing happens: the time since the last event, a decayed sum.

    Attributes:
        top: Aggregates of one key, by value.
        newest: Instants of entities.
        having: Attributes of entities, by value.
    """

    top: tuple[Aggregate, ...] = ()
    newest: tuple[Field, ...] = ()
    having: tuple[Field, ...] = ()

    def __post_init__(self) -> None:
        for one in self.top:
            if OPERATIONS[one.op].timed:
                raise DeclarationError(f"{one.column} changes as time passes, so no ranking of it can be kept: rank by a count or a total")

    def check(self, kind: str, column: str) -> None:
        """Refuse to enumerate by what no ranking is kept of.

        Raises:
            NotFound: None is.
        """
        if column not in {one.column for one in getattr(self, kind)}:
            raise NotFound(f"the view in Redis keeps no ranking ({kind}) of {column}: let a source of the system ask for it")

    def rankings(self, plan: Plan) -> list[Ranking]:
        """Return an empty ranking for each."""
        tops = [_Top(plan.reads[one.column]) for one in {one.column: one for one in self.top}.values()]
        fields = [_Newest(one) for one in dict.fromkeys(self.newest)]
        return [*tops, *fields, *(_Having(one) for one in dict.fromkeys(self.having))]


@dataclass(frozen=True)
class Moves:
    """Who moves in a sorted set: from a score to a score; NaN is not being in it. Equal lengths."""

    name: str
    ids: list[str]
    before: list[float]
    after: list[float]


class Ranking(Protocol):
    """What was published of an index, so that moves can say where they come from."""

    def moves(self, view: OnlineView, touched: Mapping[Any, Array]) -> Iterator[Moves]:
        """Yield the moves of those touched since what was published last; repeated until `arrived`."""
        ...

    def arrived(self) -> None:
        """Note that the last moves were published."""
        ...


def ranking_name(kind: str, column: str, value: Any = None) -> str:
    """Return the name of a ranking: `top` or `newest` of a column, or those `having` a value in it."""
    name = kind[0] + blake2b(column.encode(), digest_size=5).hexdigest()
    return name if value is None else f"{name}:{key_text(value)}"


class _Scores:
    """The published scores of one sorted set, by code."""

    def __init__(self) -> None:
        self._scores = np.full(1, NOWHERE)
        self._sent: tuple[Array, Array] | None = None

    def move(self, name: str, codes: Array, after: Array, interner: Interner) -> Moves:
        if len(self._scores) < interner.capacity:
            self._scores = longer(self._scores, interner.capacity, NOWHERE)
        self._sent = (codes, after)
        return Moves(name, [key_text(one) for one in interner.ids[codes].tolist()], self._scores[codes].tolist(), after.tolist())

    def arrived(self) -> None:
        if self._sent is not None:
            codes, after = self._sent
            self._scores[codes] = after


class _Top:
    """Keys by the negative of a positive value: the greatest come first, and ties by id."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._name = ranking_name("top", read.aggregate.column)
        self._scores = _Scores()
        self._keys = self._keys_sent = 1

    def moves(self, view: OnlineView, touched: Mapping[Any, Array]) -> Iterator[Moves]:
        keying = self._read.states[0].keying
        interner = view.directory.interners[keying.domains[0]]
        # Keys of the domain without events have a default, which may be one to rank by.
        codes = np.union1d(touched[keying.column], np.arange(self._keys, len(interner) + 1))
        self._keys_sent = len(interner) + 1
        states = tuple(view.state(state).tally.value[codes] for state in self._read.states)
        values = finished(self._read, states, view.standing.watermark)
        yield self._scores.move(self._name, codes, np.where(values > 0, -values, NOWHERE), interner)

    def arrived(self) -> None:
        self._scores.arrived()
        self._keys = self._keys_sent


class _Newest:
    """Entities by the negative of an instant: the latest come first, and ties by id."""

    def __init__(self, field: Field) -> None:
        self._field = field
        self._name = ranking_name("newest", field.column)
        self._scores = _Scores()

    def moves(self, view: OnlineView, touched: Mapping[Any, Array]) -> Iterator[Moves]:
        codes = touched[self._field.owner]
        table, interner = view.directory.tables[self._field.owner], view.directory.interners[self._field.owner.__name__]
        yield self._scores.move(self._name, codes, -table.column(self._field.name)[codes], interner)

    def arrived(self) -> None:
        self._scores.arrived()


class _Having:
    """For each value of an attribute a sorted set of the entities that have it, all at 0, so by id."""

    def __init__(self, field: Field) -> None:
        self._field = field
        self._values: dict[int, Any] = {}
        self._sent: dict[int, set[Any]] = {}
        self._last: dict[int, Any] = {}

    def moves(self, view: OnlineView, touched: Mapping[Any, Array]) -> Iterator[Moves]:
        codes = touched[self._field.owner].tolist()
        table, interner = view.directory.tables[self._field.owner], view.directory.interners[self._field.owner.__name__]
        found: dict[str, Moves] = {}
        for code, value in zip(codes, table.column(self._field.name)[codes].tolist(), strict=True):
            before = self._values.get(code)
            # A value that was sent and did not arrive for certain may be there: it is left too.
            for one in {before, value, *self._sent.get(code, ())}:
                if one is not None and one == one:
                    name = ranking_name("having", self._field.column, one)
                    moves = found.setdefault(name, Moves(name, [], [], []))
                    moves.ids.append(key_text(interner.ids[code]))
                    moves.before.append(0.0 if one == before else NOWHERE)
                    moves.after.append(0.0 if one == value else NOWHERE)
            self._sent.setdefault(code, set()).add(value)
            self._last[code] = value
        yield from found.values()

    def arrived(self) -> None:
        self._values |= self._last
        self._sent, self._last = {}, {}


@dataclass(frozen=True)
class Span:
    """What is asked of a sorted set: its first `take` (None: all) from a score on."""

    name: str
    take: int | None = None
    least: float = -np.inf


def send_moves(pipe: Any, key: str, moves: Moves, published: Published) -> None:
    """Queue the commands that make moves in the sorted set at `key`, and forget moves that no reader can ask about."""
    came, gone, told = {}, [], {}
    for one, before, after in zip(moves.ids, moves.before, moves.after, strict=True):
        told[f"{published.watermark}:{'' if before != before else repr(before)}:{one}"] = published.watermark
        if after == after:
            came[one] = after
        else:
            gone.append(one)
    if told:
        pipe.zadd(key + PAST, told)
        pipe.zremrangebyscore(key + PAST, "-inf", published.kept)
    if came:
        pipe.zadd(key, came)
    if gone:
        pipe.zrem(key, *gone)


def as_of(span: Span, now: Iterable[tuple[bytes, float]], moves: Iterable[bytes]) -> tuple[list[Any], list[float]]:
    """Return ids and scores of a span before some moves, in order of (score, id).

    Args:
        span: What is asked.
        now: Where those in it stand now: (member, score).
        moves: Later moves in their order; only the first of each one counts.
    """
    before = earliest(moves)
    stood = {member.decode(): score for member, score in now}
    stood = {one: score for one, score in stood.items() if one not in before}
    stood |= {one: score for one, score in before.items() if score >= span.least}
    ordered = sorted((score, one) for one, score in stood.items())[: span.take]
    return [id_of(one) for _, one in ordered], [score for score, _ in ordered]


def earliest(moves: Iterable[bytes]) -> dict[str, float]:
    """Return where each of those that moved stood before its first move; NaN where it stood nowhere."""
    found: dict[str, float] = {}
    for move in moves:
        _, before, one = move.decode().split(":", 2)
        found.setdefault(one, float(before) if before else NOWHERE)
    return found
