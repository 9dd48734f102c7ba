"""The stream of decisions: records as a whole, and beside them the columns that they are selected and impressions are read by."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec

from millrace.decision import Decision
from millrace.log.codec import Codec, Held
from millrace.log.kinds import Instant, Text
from millrace.types import Array, objects

if TYPE_CHECKING:
    import pyarrow as pa

DECISION = "decision"
"""The stream of the decisions made."""


def decision_codec() -> Codec:
    """Return the codec of the decision records.

    Their columns: what decisions are selected by (`system`, `policy`, `watermark`, `action`), `shown` (the candidates taken, best first),
    which lets impressions be read without the rest, and `decision`, the record itself.
    """
    held = {name: Held(Text(), attrgetter(name), (name,), "") for name in ("system", "policy", "action")}
    held["watermark"] = Held(Instant(), attrgetter("watermark"), ("watermark",))
    held["shown"] = Held(Texts(), _taken, ("candidate", "taken"))
    held["decision"] = Held(Whole(), _itself, ())
    # A decision is some kilobytes, an event some tens of bytes.
    return Codec(Decision, DECISION, held, part_rows=50_000, group_rows=2_048)


def _taken(decision: Any) -> list[str]:
    return decision.candidate[: decision.taken]


def _itself(decision: Any) -> Any:
    return decision


class Texts:
    """Lists of text, as the candidates a decision took: objects of list[str]."""

    dtype = object

    def column(self, values: Sequence[Any]) -> Array:
        """Return lists as an object array."""
        return objects(values)

    def values(self, column: Array) -> list[Any]:
        """Return the lists."""
        return column.tolist()

    def arrow(self) -> pa.DataType:
        """Return a list of `large_string`."""
        import pyarrow as pa

        return pa.list_(pa.large_string())

    def to_arrow(self, column: Array) -> pa.Array:
        """Return the lists as an Arrow array."""
        import pyarrow as pa

        return pa.array(column.tolist(), self.arrow())

    def from_arrow(self, array: pa.ChunkedArray) -> Array:
        """Return the lists as an object array."""
        return objects(array.to_pylist())


class Whole:
    """Whole decision records: objects of `Decision`, JSON in the lake."""

    dtype = object

    def column(self, values: Sequence[Any]) -> Array:
        """Return decisions as an object array."""
        return objects(values)

    def values(self, column: Array) -> list[Any]:
        """Return the decisions."""
        return column.tolist()

    def arrow(self) -> pa.DataType:
        """Return `large_binary`."""
        import pyarrow as pa

        return pa.large_binary()

    def to_arrow(self, column: Array) -> pa.Array:
        """Return the decisions as JSON; those that are JSON already, on their way from the inbox to the lake, stay as they are."""
        import pyarrow as pa

        encode = msgspec.json.Encoder().encode
        return pa.array([one if isinstance(one, bytes) else encode(one) for one in column], self.arrow())

    def from_arrow(self, array: pa.ChunkedArray) -> Array:
        """Return the decisions decoded."""
        return objects(msgspec.json.decode(b"[" + b",".join(array.to_pylist()) + b"]", type=list[Decision]))
