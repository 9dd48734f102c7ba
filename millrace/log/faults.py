"""Why a value of a file cannot be taken: the reasons there are, and how one is told of a value."""

from __future__ import annotations

from typing import Any

from millrace.log.kinds import Flag, Instant, Integer, Kind, Number, Text

MISSING = "missing"
NOT_TEXT = "not text"
NOT_BYTES = "not bytes in base64"
NOT_NUMBER = "not a number"
NOT_INTEGER = "not a whole number of 64 bits"
NOT_FLAG = "not true or false"
NOT_FINITE = "not a finite number"
TOO_LARGE = "too large"
TOO_LONG = "too long"
NAIVE = "no time zone"
NO_INSTANT = "not an instant"
NO_SUCH_TIME = "never happened or happened twice in its time zone"
OUTSIDE = "outside of what the field allows"
FUTURE = "in the future"

_UNLIKE: dict[type, str] = {Number: NOT_NUMBER, Integer: NOT_INTEGER, Flag: NOT_FLAG, Instant: NO_INSTANT}
_IS = [NOT_TEXT, NOT_BYTES, *_UNLIKE.values(), NOT_FINITE, TOO_LARGE, OUTSIDE, FUTURE]
_VERBS = {**dict.fromkeys(_IS, "is "), NAIVE: "has ", NO_SUCH_TIME: ""}
"""What stands between a value and why it cannot be taken; of other reasons the value says nothing more."""

_MOST = 40
"""How much of a value is shown, in characters."""


def unlike(kind: Kind) -> str:
    """Return the reason for what is not of a kind.

    >>> unlike(Integer())
    'not a whole number of 64 bits'
    """
    if isinstance(kind, Text):
        return NOT_TEXT if kind.of is str else NOT_BYTES
    return _UNLIKE[type(kind)]


def told(why: str, value: Any) -> str:
    """Return a reason as it is told of a value, a long one cut off.

    >>> told("not a number", "abc"), told("missing", None)
    ("'abc' is not a number", 'missing')
    """
    return f"{_shown(value)} {_VERBS[why]}{why}" if why in _VERBS else why


def _shown(value: Any) -> str:
    said = repr(value[: _MOST + 1]) if isinstance(value, str | bytes) else str(value)
    return said if len(said) <= _MOST else f"{said[: _MOST - 1]}…"
