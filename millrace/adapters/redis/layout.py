"""What lies where in Redis, and how it is written: the one place that the process that publishes and those that read must agree on.

Every row (the states of one key, the attributes of one entity) is a value `from | numbers | the rest as MessagePack | flag`: it holds as
of every watermark from `from` on, until a later row replaces it. Replaced rows stay for some seconds in a list beside it, so that a reader
finds the row that held as of its own watermark while the publisher goes on. A flag of 0 says that there was none before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from hashlib import blake2b
from itertools import repeat
from typing import Any

import msgspec
import numpy as np

from millrace.features.compute import Computation
from millrace.features.online import OnlineView
from millrace.features.plan import Plan
from millrace.schema import Field
from millrace.types import MINUTE, SECOND, Array, objects

FORMAT = 1
"""The version of what this file describes; another one is another place in Redis."""

LEASE = 10 * MINUTE
"""How long the last standing is good for when its publisher is gone: from then on readers answer as if nothing were known. Microseconds."""
SLACK = 20 * MINUTE
"""How much longer than its windows a row is kept: more than `LEASE`, so that what a standing speaks of is there. Microseconds."""
KEPT = 5 * SECOND
"""How far back readers may read: how long a decision may take. Microseconds."""
PAST = "-"
"""What follows a row's key in the key of the list of those it replaced, and a ranking's in that of its moves."""

_NUMBERS = ("i", "f")
_ARRAY = b"\xdd"
"""How MessagePack begins an array whose length takes four bytes."""


class Published(msgspec.Struct, frozen=True):
    """Where what Redis holds stands.

    Attributes:
        generation: Which publication from the ground up the rows belong to.
        watermark: They may be read as of this instant: everything known before it is in them.
        kept: They may be read as of no instant before this one.
        position: The greatest log position in them; -1 before the first.
        last_known: When the last record in them became known, microseconds.
        applied: How many records are in them.
    """

    generation: str
    watermark: int
    kept: int
    position: int
    last_known: int
    applied: int


class Row:
    """How rows of one kind are written: whole numbers and floats in eight bytes each, all else as MessagePack behind them."""

    def __init__(self, name: str, blank: Mapping[str, Array], life_ms: int) -> None:
        """Describe rows.

        Args:
            name: Stands in their keys.
            blank: By column, its value where there is no row. Shape (1,) or (1, …) each, in the type of the column.
            life_ms: How long a row lives, in milliseconds; 0 is for ever.
        """
        self.name = name
        self.blank = blank
        self.life_ms = life_ms
        self._fixed = [column for column, one in blank.items() if one.ndim == 1 and one.dtype.kind in _NUMBERS]
        self._rest = [column for column in blank if column not in self._fixed]
        numbers = [(str(place), f"<{blank[column].dtype.kind}8") for place, column in enumerate(self._fixed)]
        self._head = np.dtype([("from", "<i8"), *numbers])
        self._flagged = np.dtype([("from", "<i8"), *numbers, ("flag", "u1")])
        self._nothing = self._written(list(blank.values()), 0)[0]

    def write(self, columns: Sequence[Array], since: int) -> tuple[list[bytes], list[bool]]:
        """Return rows that hold from a watermark on, without their flags, and which of them say what no row says."""
        made = self._written(columns, since)
        return made, [row[8:] == self._nothing[8:] for row in made]

    def _written(self, columns: Sequence[Array], since: int) -> list[bytes]:
        named = dict(zip(self.blank, columns, strict=True))
        head = np.empty(len(columns[0]), dtype=self._head)
        head["from"] = since
        for place, column in enumerate(self._fixed):
            head[str(place)] = named[column]
        heads, width = head.tobytes(), self._head.itemsize
        made = [heads[start : start + width] for start in range(0, len(heads), width)]
        if not self._rest:
            return made
        rest = zip(*(named[column].tolist() for column in self._rest), strict=True)
        return [first + msgspec.msgpack.encode(more) for first, more in zip(made, rest, strict=True)]

    def read(self, rows: Sequence[bytes]) -> dict[str, Array]:
        """Return the columns of rows, that of no row first: a column's place 0 is blank. Shape (n + 1,) each, not to be written to."""
        width = self._head.itemsize
        if self._rest:
            heads = np.frombuffer(b"".join([self._nothing[:width], *[row[:width] for row in rows]]), dtype=self._head)
        else:
            heads = np.frombuffer(b"".join([self._nothing, b"\0", *rows]), dtype=self._flagged)
        columns = {column: heads[str(place)] for place, column in enumerate(self._fixed)}
        if self._rest:
            together = [_ARRAY, len(rows).to_bytes(4, "big"), *[row[width:-1] for row in rows]]
            values = zip(*msgspec.msgpack.decode(b"".join(together)), strict=True) if rows else ()
            columns |= zip(self._rest, map(self._column, self._rest, values or repeat(())), strict=False)
        return columns

    def _column(self, column: str, values: Sequence[Any]) -> Array:
        blank = self.blank[column]
        if blank.ndim == 1 and blank.dtype.kind == "O":
            return objects((blank[0], *values))
        made = np.empty((len(values) + 1, *blank.shape[1:]), dtype=blank.dtype)
        made[:1] = blank
        if values:
            made[1:] = values
        return made


class Layout:
    """The places of one system's view in Redis.

    Args:
        system: The system's name.
        plan: What the view keeps. Another plan has other places: its rows are never mistaken for these.
    """

    def __init__(self, system: str, plan: Plan) -> None:
        self.plan = plan
        self.compute = Computation(plan)
        self.empty = OnlineView(plan)
        self.groups: dict[str, Row] = {
            column: Row(f"k{i}", {name: state.tally.value[:1] for name, state in group.states.items()}, _life(plan, group.states))
            for i, (column, group) in enumerate(self.empty.groups.items())
        }
        self.tables: dict[type, Row] = {
            owner: Row(f"e{i}", {name: table.column(name)[:1] for name in plan.attributes[owner]}, 0)
            for i, (owner, table) in enumerate(self.empty.directory.tables.items())
        }
        self.system = f"millrace:{system}"
        self.place = f"{self.system}:{self._fingerprint}"
        self.standing = f"{self.place}:standing"
        self.claim = f"{self.place}:claim"

    @cached_property
    def _fingerprint(self) -> str:
        states = [column for group in self.empty.groups.values() for column in group.states]
        fields = [Field(owner, name) for owner, names in self.plan.attributes.items() for name in names]
        contents = [str(FORMAT), *self.empty.groups, *states, *(f"{field.column}: {field.kind}" for field in fields)]
        return blake2b("\n".join(contents).encode(), digest_size=5).hexdigest()

    def base(self, generation: str, name: str) -> str:
        """Return what the keys of a kind of rows, or of a ranking, begin with."""
        return f"{self.place}:{generation}:{name}:"


def _life(plan: Plan, states: Iterable[str]) -> int:
    windows = [plan.states[column].window for column in states]
    if any(window.is_lifetime for window in windows):
        return 0
    return (max(window.length + window.hop for window in windows) + SLACK) // 1000


def key_text(key: Any) -> str:
    """Return an id, or a value of an attribute, as part of a key: equal ones read alike, and sort as they do."""
    if isinstance(key, str):
        return f"s{key}"
    if isinstance(key, bytes):
        return f"b{key.hex()}"
    if float(key) != key:  # a whole number too large for a float
        return f"w{int(key):+d}"
    bits = int(np.float64(float(key) + 0.0).view(np.int64))  # + 0.0 makes -0.0 and 0.0 one
    return f"n{(bits ^ (bits >> 63) & (2**63 - 1)) + 2**63:016x}"


def key_texts(keys: Iterable[Any]) -> list[str]:
    """Return `key_text` of each: most ids are text, for which nothing need be called."""
    return ["s" + key if type(key) is str else key_text(key) for key in keys]


def joint_piece(key: Any) -> str:
    """Return one of several keys together as part of a key: pieces joined read alike for no two combinations."""
    text = key_text(key)
    return f"{len(text)}:{text}"


def id_of(text: str) -> Any:
    """Return the id that `key_text` made a text of."""
    kind, rest = text[0], text[1:]
    if kind == "s":
        return rest
    if kind == "b":
        return bytes.fromhex(rest)
    if kind == "w":
        return int(rest)
    bits = int(rest, 16) - 2**63
    return float(np.int64(bits ^ (bits >> 63) & (2**63 - 1)).view(np.float64))
