"""The log: what happened, what was asked and what was decided, appended and never edited."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from millrace.decision import Decision
from millrace.errors import BadInput, MillraceError
from millrace.log import inbox, reading
from millrace.log.appending import Receipt, commit
from millrace.log.bulk import Loaded, load
from millrace.log.compaction import Compacted, compact
from millrace.log.decisions import DECISION
from millrace.log.forget import FORGOTTEN_COUNT
from millrace.log.given import whole_rows
from millrace.log.keys import Keyring
from millrace.log.order import Span
from millrace.log.replay import replay
from millrace.log.retention import retain
from millrace.log.shown import read_shown
from millrace.log.store import Store
from millrace.log.streams import Streams
from millrace.log.submission import prepare
from millrace.schema import shows
from millrace.types import Array, Columns

T = TypeVar("T")


class Log:
    """A folder of records, each with a position, the instant it became `known`, a stream, an id, the instant `at` and its fields.

    One process writes, any number read. Records are in a total order, (known, position); an acknowledged record is on disk; the same id
    twice counts once. Columns read from it always have `id`, `at`, `known` and `position` beside the fields.

    >>> import tempfile
    >>> from datetime import UTC, datetime
    >>> from millrace.schema import Event
    >>> from millrace.types import instant
    >>> class Tick(Event):
    ...     price: float
    >>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    >>> with tempfile.TemporaryDirectory() as folder, Log.open(folder, [Tick]) as log:
    ...     receipt = log.append([Tick(at=noon, id="a", price=2.5)], known=instant(noon))
    ...     log.read(Tick)["price"]
    array([2.5])
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    @classmethod
    def open(cls, folder: str | Path, streams: Iterable[type], read_only: bool = False) -> Log:
        """Open the log in a folder, to write to it (made when there is none) or only to read it while another process may write.

        Args:
            folder: Where it lies.
            streams: The Event, Request and Entity classes it holds; records of other classes are kept and not shown. Decisions and
                `Shown[...]` need not be named.
            read_only: Whether to leave writing to another process.

        Raises:
            Conflict: Another process is writing to it, or a class has changed in a way that its records cannot follow.
            DeclarationError: Two classes share a name, or a field has a name that every record uses.
            NotFound: There is none to read.
            MillraceError: It is damaged; the message names the file.
        """
        return cls(Store(Path(folder), Streams(streams, Keyring(Path(folder))), read_only))

    def append(self, items: Sequence[Any], known: int, at: Sequence[int | None] | None = None) -> Receipt:
        """Append events, requests, entities and decisions, all in one commit, on disk when this returns.

        An id that is in the log already with equal content is acknowledged again and not stored again. If anything is wrong with one item,
        nothing is written, and the error lists the offenders.

        Args:
            items: What to append, in order. An event with an empty id gets a fresh one.
            known: Now, in microseconds since 1970 UTC, after the last record's; item i becomes known at known + i.
            at: For updates of entities, when each happened; None means when it becomes known. With its id it identifies the update.

        Raises:
            BadInput: A value is wrong, happened more than 5 minutes after it became known, or `known` is not after the last record's.
            Conflict: An id is in the log with other content.
            Unavailable: The disk is full or fails; nothing was written.
        """
        done = commit(self.store, [prepare(self.store.streams, items, at)], known)
        outcome = done.outcomes[0]
        if isinstance(outcome, MillraceError):
            raise outcome
        return outcome

    def load(self, stream: type, columns: Columns) -> Loaded:
        """Load history, given as columns, straight into the lake in one transaction.

        Args:
            stream: An Event, Request or Entity class.
            columns: `id` (not empty), `at`, the fields without a default, and `known` if it is not `at` (and the lag of
                the class, if it has one); instants in microseconds.

        Raises:
            BadInput: A column is missing, unknown or holds what it cannot.
            Conflict: An id is in the log with other content, or a row would become known before the watermark of a decision made here.
            Unavailable: The disk is full or fails; nothing was written.
        """
        codec = self.store.streams.of(stream)
        return load(self.store, codec, whole_rows(codec, columns), whole=True)

    def read(
        self,
        stream: type,
        fields: Iterable[str] | None = None,
        known_from: int | None = None,
        known_until: int | None = None,
        after_position: int | None = None,
    ) -> dict[str, Array]:
        """Return a stream's rows in the order they became known.

        Args:
            stream: An Event, Request or Entity class, `Decision`, or `Shown[Request, Entity]`: an event per row that decisions took.
            fields: Which fields to read, all but the private ones by default.
            known_from: Only what became known at this instant or later, microseconds since 1970 UTC.
            known_until: Only what became known before this instant.
            after_position: Only what was appended after this position.

        Raises:
            BadInput: The log was opened without the class, or it has no such field.
            MillraceError: A file of the lake is damaged or lost; the message names it.
        """
        span = Span.of(known_from, known_until, after_position)
        if shows(stream):
            return read_shown(self.store, stream, fields, span)
        return reading.read(self.store, self.store.streams.of(stream), fields, span)

    def decisions(
        self, system: str | None = None, known_from: int | None = None, known_until: int | None = None
    ) -> Iterator[tuple[int, Decision]]:
        """Yield (known, decision) in the order they became known, of one system or of all; `known_until` is exclusive."""
        return reading.decisions(self.store, system, Span.of(known_from, known_until))

    def find(self, stream: type[T], id: str) -> T | None:
        """Return the item with an id, None where there is none; of an entity its state, the update that happened last."""
        return reading.find(self.store, self.store.streams.of(stream), id)

    def decision(self, id: str) -> Decision | None:
        """Return the decision on the request with an id, None where there is none."""
        return reading.find(self.store, self.store.streams[DECISION], id)

    def replay(
        self,
        after_position: int | None = None,
        known_until: int | None = None,
        chunk: int = 100_000,
        streams: Iterable[type] | None = None,
        fields: Mapping[type, Iterable[str]] | None = None,
        coding: bool = False,
    ) -> Iterator[dict[str, dict[str, Array]]]:
        """Yield all records in the order they became known, as columns by stream, chunk after chunk in bounded memory.

        Every record of a chunk comes before every record of the next. Decisions are the stream `decision`: columns `system`, `policy`,
        `action`, `watermark`, `shown` (the candidates taken, a list each) and `decision` (the `Decision` itself).

        Args:
            after_position: Only what was appended after this position.
            known_until: Only what became known before this instant, microseconds since 1970 UTC.
            chunk: About how many records to yield at a time.
            streams: Which classes, `Shown[...]` among them if wanted; by default all of the log and the decisions.
            fields: Which fields of each class, `id` and `at` among them if wanted: they, `known` and `position` are read, and nothing
                else is decoded. Of classes not named, `id`, `at` and all fields but the private ones.
            coding: Whether text that repeats may come as `types.Coded`, which is several times faster to look up.
        """
        if chunk < 1:
            raise BadInput(f"chunk = {chunk}: read at least one record at a time", field="chunk")
        asked = [codec.item for codec in self.store.streams] if streams is None else list(streams)
        return replay(self.store, asked, Span.of(None, known_until, after_position), chunk, fields, coding)

    def compact(self, slice_rows: int = 100_000, fan_in: int = 8) -> Compacted:
        """Move all records to Parquet files and merge small files; what is read stays the same, and a crash at any instant harms nothing.

        Args:
            slice_rows: How many records to move in one transaction.
            fan_in: How many small files of a stream make a merge worth it, at least 2.
        """
        if slice_rows < 1 or fan_in < 2:
            raise BadInput(f"slice_rows = {slice_rows}, fan_in = {fan_in}: at least 1 and 2", field="slice_rows")
        return compact(self.store, slice_rows, fan_in)

    def retain(self, cutoffs: Mapping[str, int]) -> dict[str, int]:
        """Drop the compacted records of events that happened before an instant, and refuse such events from now on.

        Args:
            cutoffs: By the name of an event stream or `decision`, the first instant that is kept, microseconds since 1970 UTC.

        Returns:
            By stream, how many records were dropped.

        Raises:
            BadInput: A stream is one of entities, whose state is made of all their updates, or none of the log.
        """
        for name in cutoffs:
            if name not in self.store.streams or self.store.streams[name].is_dated:
                raise BadInput(f"{name} is no stream of events of this log: what exists is kept whole", field=name)
        return retain(self.store, cutoffs)

    def retained(self) -> dict[str, int]:
        """Return from which instant on events are kept, by stream, for the streams that do not keep all."""
        with self.store.view() as db:
            return inbox.floors(db)

    @property
    def position(self) -> int:
        """The position of the last record; 0 before the first."""
        return self.store.heights()[0]

    @property
    def last_known(self) -> int:
        """The latest `known` of all records, microseconds since 1970 UTC; `EVER` before the first."""
        return self.store.heights()[1]

    @property
    def forgotten(self) -> int:
        """How often somebody was forgotten: what was read before that may hold what is no longer there."""
        with self.store.view() as db:
            return inbox.fact(db, FORGOTTEN_COUNT) or 0

    def counts(self) -> dict[str, int]:
        """Return the number of records by stream, for the streams that have any."""
        with self.store.view() as db:
            return inbox.counts(db)

    def close(self) -> None:
        """Close the files; another process may write then."""
        self.store.close()

    def __enter__(self) -> Log:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
