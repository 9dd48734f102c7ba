"""Publishing an online view: what changed since the last time, as of an instant, so that whoever reads never sees half of it.

Values are absolute, never increments, and each names the watermark from which on it holds. They are written first, the standing last:
until it names their watermark nobody reads as of it, and whoever reads as of an earlier one finds what held then. So it does not matter
how often, in how many parts, or after what failures they are written.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any
from uuid import uuid4

import msgspec

from millrace.adapters.redis.blocks import Block, Part
from millrace.adapters.redis.layout import KEPT, LEASE, PAST, Layout, Published
from millrace.adapters.redis.noting import NotedView
from millrace.adapters.redis.ranking import Indices, Moves, Ranking, send_moves
from millrace.errors import Conflict, Unavailable
from millrace.features.online import OnlineView
from millrace.types import SECOND, Array, Columns

_AT_ONCE = 2_000
"""How many rows go in one message: the server is busy with it for some milliseconds."""
_GENERATION = 12
"""How many hex digits name a generation."""
_PAST_MS = 60_000
"""How long rows that were replaced stay, in milliseconds, unless newer ones drive them out."""

_WRITE = """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
local kept, past_ms, standing, lease_ms = tonumber(ARGV[3]), ARGV[4], ARGV[5], ARGV[6]
for i = 7, #ARGV, 3 do
  local key, life_ms, row = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local old, flag = redis.call('GET', key), '\\0'
  local since, held = struct.unpack('<i8', row), old and struct.unpack('<i8', old)
  if old and held < since then
    local past = key .. '%s'
    redis.call('RPUSH', past, old)
    while true do
      local second = redis.call('LINDEX', past, 1)
      if not second or struct.unpack('<i8', second) > kept then break end
      redis.call('LPOP', past)
    end
    redis.call('PEXPIRE', past, past_ms)
    flag = '\\1'
  elseif old then
    flag = string.sub(old, -1)
  end
  if not old or held <= since then
    if life_ms == '0' then redis.call('SET', key, row .. flag) else redis.call('SET', key, row .. flag, 'PX', life_ms) end
  end
end
redis.call('SET', KEYS[2], ARGV[2])
if standing ~= '' then redis.call('SET', KEYS[1], standing, 'PX', lease_ms) end
return 1
""".replace("%s", PAST)
"""Writes rows, each behind the one it replaces, and after the last of them the standing.

Each message names the one before it, and does nothing where that is not the last one written: Redis was emptied or restored meanwhile.
"""


@dataclass(frozen=True)
class Publication:
    """What is to be written to bring Redis to a watermark.

    Attributes:
        published: The standing that results.
        touched: What changed, by group and class: to be noted again if it does not arrive.
        blocks: The rows.
        moves: Of the rankings.
        is_whole: It is everything, under a generation of its own.
    """

    published: Published
    touched: Mapping[Any, Array]
    blocks: list[Block]
    moves: list[Moves]
    is_whole: bool


class Publisher:
    """Publishes one online view: again and again `settle`, `collect` and `send`.

    `told` and `collect` are called by whoever serialises the view. The others need no view and may take their time.

    Args:
        client: The connection; see `connect`. It must not send anything twice by itself.
        layout: Where things lie.
        view: The view. From now on its changes are noted.
        indices: What sources enumerate.
    """

    def __init__(self, client: Any, layout: Layout, view: OnlineView, indices: Indices) -> None:
        self._client = client
        self._layout = layout
        self._noted = NotedView(view)
        self._indices = indices
        self._rankings: list[Ranking] = []
        self._generation = ""  # "" until everything is to be published
        self._message = 0
        self._script = ""
        self._uncertain: tuple[Publication, int] | None = None
        self._lost: list[Mapping[Any, Array]] = []
        self._watermarks: deque[tuple[float, int]] = deque()
        self._leftovers: Iterator[bytes] = iter(())

    def close(self) -> None:
        """Let go of the connection. What is published stays, for as long as its lease."""
        self._client.close()

    def told(self, batch: Mapping[str, Columns]) -> None:
        """Note a batch that was just applied to the view."""
        self._noted.told(batch)

    def renew(self, view: OnlineView) -> None:
        """Publish another view from now on, from the ground up."""
        self._noted = NotedView(view)
        self._lost.clear()
        self._start_anew()

    def settle(self) -> None:
        """Find out what became of the last publication, if that is not known.

        Raises:
            Unavailable: Redis drops what it holds when its memory is full, and nobody could tell what is missing.
            Exception: Redis does not answer.
        """
        if self._script and self._uncertain is None:
            return
        memory = self._client.info("memory")
        if memory["maxmemory_policy"] != "noeviction":
            raise Unavailable(f"it drops rows when its memory is full ({memory['maxmemory_policy']}): set maxmemory-policy to noeviction")
        self._script = self._client.script_load(_WRITE)
        if self._uncertain is None:
            return
        made, first = self._uncertain
        message = self._last_message()
        if message == first + len(_parts(made)):
            self._arrived(made)
        elif made.is_whole or message is None or message < first:
            self._start_anew()
        else:  # some of it may be there: it is written again, with what changed since
            self._message = message
            self._lost.append(made.touched)
            self._uncertain = None

    def collect(self, watermark: int) -> Publication:
        """Return what must be written to bring Redis to a watermark that the view has been advanced to."""
        for touched in self._lost:
            self._noted.put_back(touched)
        self._lost.clear()
        try:
            return self._collected(watermark)
        except BaseException:
            self._start_anew()  # what was noted is taken
            raise

    def _collected(self, watermark: int) -> Publication:
        is_whole = not self._generation
        if is_whole:
            self._generation = uuid4().hex[:_GENERATION]
            self._rankings = self._indices.rankings(self._layout.plan)
            self._watermarks.clear()
        view = self._noted.view
        touched = self._noted.everything() if is_whole else self._noted.take()
        blocks = list(self._blocks(touched, watermark, is_whole))
        moves = [move for ranking in self._rankings for move in ranking.moves(view, touched)]
        published = Published(
            generation=self._generation,
            watermark=watermark,
            kept=self._kept(watermark),
            position=view.standing.position,
            last_known=view.standing.last_known,
            applied=view.standing.applied,
        )
        return Publication(published, touched, blocks, moves, is_whole)

    def _kept(self, watermark: int) -> int:
        """Return the watermark of some seconds ago: whoever decides takes less, and reads as of no earlier one."""
        now = time.monotonic()
        self._watermarks.append((now, watermark))
        while len(self._watermarks) > 1 and self._watermarks[1][0] <= now - KEPT / SECOND:
            self._watermarks.popleft()
        return self._watermarks[0][1]

    def _blocks(self, touched: Mapping[Any, Array], since: int, is_whole: bool) -> Iterator[Block]:
        view = self._noted.view
        for column, row in self._layout.groups.items():
            if len(slots := touched[column]):
                values = [state.tally.value[slots] for state in view.groups[column].states.values()]
                yield Block(row, self._layout.base(self._generation, row.name), self._keys(column, slots), values, since, is_whole)
        for owner, row in self._layout.tables.items():
            if len(codes := touched[owner]):
                table, ids = view.directory.tables[owner], view.directory.interners[owner.__name__].ids
                values = [table.column(name)[codes] for name in self._layout.plan.attributes[owner]]
                yield Block(row, self._layout.base(self._generation, row.name), [ids[codes]], values, since, is_whole)

    def _keys(self, column: str, slots: Array) -> list[Array]:
        keying = self._noted.view.groups[column].keying
        codes = self._noted.slots[column].keys(slots)
        interners = self._noted.view.directory.interners
        return [interners[name].ids[keys] for name, keys in zip(keying.domains, codes, strict=True)]

    def send(self, made: Publication) -> None:
        """Write a publication.

        Raises:
            Conflict: Redis was emptied or restored meanwhile: the next publication is everything.
            Exception: Redis does not answer; `settle` finds out what became of it.
        """
        if made.is_whole:
            self._message = 0
        self._uncertain = (made, self._message)
        if made.is_whole:
            self._client.set(self._layout.claim, self._claim(0))
        parts = _parts(made)
        for number, part in enumerate(parts):
            with self._client.pipeline(transaction=True) as pipe:
                for moves in made.moves if number == 0 else ():
                    send_moves(pipe, self._layout.base(self._generation, moves.name)[:-1], moves, made.published)
                self._queue(pipe, made.published, part, number == len(parts) - 1)
                was_written = pipe.execute()[-1]
            if not was_written:
                self._start_anew()
                raise Conflict("Redis does not hold what was published last: it was emptied or restored, so everything is published again")
        self._arrived(made)

    def _queue(self, pipe: Any, published: Published, part: Part | None, is_last: bool) -> None:
        standing = msgspec.msgpack.encode(published) if is_last else b""
        claims = (self._claim(self._message), self._claim(self._message + 1))
        told = (*claims, published.kept, _PAST_MS, standing, LEASE // 1000, *chain.from_iterable(part.lines() if part is not None else ()))
        pipe.evalsha(self._script, 2, self._layout.standing, self._layout.claim, *told)
        self._message += 1

    def tidy(self) -> None:
        """Delete some of what earlier publications of the system left, if they left anything that nobody reads any more.

        Raises:
            Exception: Redis does not answer.
        """
        found = list(islice(self._leftovers, _AT_ONCE)) if self._generation else []
        places = {key: b":".join(key.split(b":", 3)[:3]) for key in found if not key.startswith(self._own)}
        in_use = {place for place in set(places.values()) if self._is_elsewhere(place)}
        if stale := [key for key, place in places.items() if place not in in_use]:
            self._client.unlink(*stale)

    def _is_elsewhere(self, place: bytes) -> bool:
        """Whether a place is that of other features which some process may still read."""
        return place != self._layout.place.encode() and bool(self._client.exists(place + b":standing"))

    @property
    def _own(self) -> tuple[bytes, ...]:
        layout = self._layout
        return tuple(one.encode() for one in (layout.base(self._generation, "")[:-1], layout.standing, layout.claim))

    def _claim(self, message: int) -> str:
        return f"{self._generation}:{message}"

    def _last_message(self) -> int | None:
        """Return the number of the last message of this generation that Redis holds, None where it holds none."""
        found = (self._client.get(self._layout.claim) or b"").decode()
        generation, _, message = found.partition(":")
        return int(message) if generation == self._generation else None

    def _start_anew(self) -> None:
        self._generation, self._uncertain = "", None

    def _arrived(self, made: Publication) -> None:
        for ranking in self._rankings:
            ranking.arrived()
        self._uncertain = None
        if made.is_whole:
            self._leftovers = self._client.scan_iter(match=f"{self._layout.system}:*", count=_AT_ONCE)


def _parts(made: Publication) -> list[Part | None]:
    """Return what goes into each message: at least one is sent, if only for the standing."""
    return [part for block in made.blocks for part in block.parts(_AT_ONCE)] or [None]
