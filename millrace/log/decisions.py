"""The stream of decisions: records as a whole, and beside them the columns that they are selected and impressions are read by."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
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
    return Codec(Decision, DECISION, held, is_sound=is_sound, part_rows=50_000, group_rows=2_048)


def is_sound(decision: Decision) -> bool:
    """Return whether every value is of its type, so that the JSON of a decision reads back as one that is equal.

    That is so wherever this says so, and this is far quicker than to read it back; what is sound in a rarer way is denied.
    """
    heads, features = decision.heads, decision.features
    return (
        type(decision) is Decision
        and type(heads) is type(features) is dict
        and decision.interleaved is None
        and set(map(type, _TEXTS(decision))) == {str}
        and set(map(type, _WHOLE(decision))) == {int}
        and type(decision.arm_share) is float
        and all(map(_are_texts, (*_NAMED(decision), [*heads, *features])))
        and all(_are_plain(one, _NUMBERS) for one in ([decision.arm_share], decision.score, decision.propensity, *heads.values()))
        and all(_are_plain(one, _PLAIN) for one in features.values())
    )


_TEXTS = attrgetter("id", "system", "release", "policy", "arm", "action", "answer", "repeats")
_WHOLE = attrgetter("at", "watermark", "took_us", "taken")
_NAMED = attrgetter("candidate", "source", "missed", "shadow")
_NUMBERS = {float, type(None)}
_PLAIN = {str, int, bool, *_NUMBERS}


def _are_texts(values: Any) -> bool:
    try:
        return type(values) is list and isinstance("".join(values), str)
    except TypeError:
        return False


def _are_plain(values: Any, kinds: set[type]) -> bool:
    """Return whether values are a list of such kinds, and every float is finite."""
    found = set(map(type, values)) if type(values) is list else {object}
    floats = values if found == {float} else [one for one in values if type(one) is float] if float in found else ()
    return found <= kinds and isfinite(sum(floats))  # a sum that is too large is denied as well


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
