"""Run a system in a simulated world: nothing but requests, decisions and events pass between them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from millrace.decision import Decision
from millrace.log.streams import codec_of
from millrace.operate.loop import Operator
from millrace.serve.engine import Engine
from millrace.types import MINUTE, Array, Columns, objects, size, take


class World(Protocol):
    """What a simulation needs of a world."""

    start: int

    def happenings(self, since: int, until: int) -> dict[str, Columns]:
        """Return what becomes known in [since, until), by stream name."""
        ...

    def requests(self, since: int, until: int) -> Columns:
        """Return what is asked in [since, until)."""
        ...

    def react(self, decided: Columns) -> None:
        """Let the world react to rows taken."""
        ...


class SimulatedTime:
    """A clock that stands until it is moved. Call it for the present, in microseconds."""

    def __init__(self, start: int) -> None:
        self.now = start

    def __call__(self) -> int:
        """Return the present."""
        return self.now


@dataclass(frozen=True)
class Slice:
    """One step of a simulation, as it is reported.

    Attributes:
        since: The instant it began at, microseconds.
        until: The instant it ended at.
        rows: The rows taken in it, as the world was told.
        requests: What was asked.
        done: What the operator did.
    """

    since: int
    until: int
    rows: Columns
    requests: Columns
    done: list[str]


def simulate(
    engine: Engine,
    operator: Operator | None,
    world: World,
    time: SimulatedTime,
    until: int,
    *,
    slice_length: int = 30 * MINUTE,
    asked: Callable[[Columns], None] = lambda _requests: None,
    decided: Callable[[Columns, Columns], None] = lambda _requests, _rows: None,
    seen: Callable[[Slice], None] = lambda _: None,
) -> None:
    """Run a system in a world until an instant. It can be stopped and called again: it goes on from the clock's present.

    Each slice of time is decided as one batch at its end, then the world reacts, then what became known is logged, then the operator
    acts. Within a slice no request sees what another led to.

    Args:
        engine: The system; its clock must be `time`.
        operator: Who operates it; None leaves it alone.
        world: The world.
        time: The clock both share.
        until: When to stop, microseconds.
        slice_length: How finely time is cut, microseconds.
        asked: Told of the requests of every slice before they are decided.
        decided: Told of the requests of every slice and the rows taken, before the world reacts to them.
        seen: Told of every slice when it is over.
    """
    while time.now < until:
        since, end = time.now, min(time.now + slice_length, until)
        time.now = end
        requests = world.requests(since, end)
        rows: Columns = {}
        if size(requests):
            asked(requests)
            rows = _decide(engine, requests)
            decided(requests, rows)
            world.react(rows)
        told = _records(engine, world.happenings(since, end))
        if told:
            engine.ingest(told)
        seen(Slice(since, end, rows, requests, operator.step(end) if operator is not None else []))


def _decide(engine: Engine, asked: Columns) -> Columns:
    decisions = engine.decide(codec_of(engine.loaded.system.request).restore(asked))
    return taken_rows(decisions, asked)


def taken_rows(decisions: list[Decision], asked: Columns) -> dict[str, Array]:
    """Return the rows taken in decisions, with the fields of their requests: what a world is told. `asked` is in the same order."""
    counts = np.array([decision.taken for decision in decisions], dtype=np.int64)
    index = np.repeat(np.arange(len(decisions)), counts)
    rows = take({name: column for name, column in asked.items() if name != "id"}, index)
    rows["request"] = asked["id"][index]
    rows["candidate"] = objects(name for decision in decisions for name in decision.candidate[: decision.taken])
    rows["rank"] = np.concatenate([np.arange(n) for n in counts]) if len(counts) else np.zeros(0, dtype=np.int64)
    for name in ("action", "arm", "policy"):
        rows[name] = objects(getattr(decision, name) for decision in decisions)[index]
    return rows


def _records(engine: Engine, told: dict[str, Columns]) -> list[Any]:
    """Return a world's happenings as records, in the order they became known."""
    items: list[tuple[int, int, Any]] = []
    for name, columns in told.items():
        stream = engine.loaded.streams.get(name)
        if stream is not None:
            known = columns["known"].tolist()
            items += [
                (at, len(items) + position, one)
                for position, (at, one) in enumerate(zip(known, codec_of(stream).restore(columns), strict=True))
            ]
    return [one for _, _, one in sorted(items, key=lambda item: item[:2])]
