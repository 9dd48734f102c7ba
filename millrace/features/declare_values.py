"""Aggregates of which values a key's events have: how many, which most often, and how they lie. Declared as `count` and its kin are."""

from __future__ import annotations

from typing import Any

from millrace.errors import DeclarationError
from millrace.features.declare import Family, aggregated, flatten
from millrace.features.op_distinct import MOST_EXACT


def distinct(of: Any, *, per: Any, over: Any, where: Any = None, hop: str | None = None, exact: int = 1024) -> Any:
    """Declare how many different values an expression has over a key's events in a window; 0 where there are none.

    Exact while there are at most `exact`; above that it is estimated by HyperLogLog of 4,096 registers, with a standard error of 1.6 % (two
    times in three it is no further off than that, nearly always no further than three times that), and always more than `exact`. Both
    engines come to the same number, whatever the order of the events. A key takes about 8 bytes for each different value, for at most
    5,120 of them (or 1.25 `exact`), and again for each hop of the window in which they occur.

    Args:
        of: The expression: text, ids, instants or numbers; events for which it is missing take no part.
        per: As for `count`.
        over: As for `count`.
        where: As for `count`.
        hop: As for `count`.
        exact: Up to how many are counted exactly, from 0 to 65,536.
    """
    if not isinstance(exact, int) or isinstance(exact, bool) or not 0 <= exact <= MOST_EXACT:
        raise DeclarationError(
            f"distinct(): exact={exact!r} is not up to how many are counted exactly: write a whole number to {MOST_EXACT}"
        )
    return aggregated("distinct", of, per, over, where, hop, 0, (exact,))


def top_k(of: Any, k: int, *, per: Any, over: Any, where: Any = None, hop: str | None = None, default: Any = None) -> Family:
    """Declare the `k` most frequent values among a key's events in a window, as a family: `[1]` is the most frequent, `[2]` the next.

    Counts are exact. Of values that are equally frequent the smaller comes first, text by its characters. A key takes about 24 bytes for
    each different value in the window, and again for each hop in which it occurs: meant for values of which a key has few, such as
    topics or countries.

    Args:
        of: The expression; events for which it is missing take no part.
        k: How many, at least 1.
        per: As for `count`.
        over: As for `count`.
        where: As for `count`.
        hop: As for `count`.
        default: What stands where there are fewer; by default they are missing.
    """
    return places("top_k", of, k, per, over, where, hop, default)


def places(operation: str, of: Any, k: int, per: Any, over: Any, where: Any, hop: str | None, default: Any) -> Family:
    """Return the family of the places of an operation that keeps `k` values, the first place first.

    Raises:
        DeclarationError: `k` is not a whole number from 1.
    """
    if not isinstance(k, int) or isinstance(k, bool) or k < 1:
        raise DeclarationError(f"{operation}(): k={k!r} is not how many values to keep: write a whole number from 1")
    return Family(tuple(flatten([aggregated(operation, of, per, over, where, hop, default, (k, nth)) for nth in range(1, k + 1)])))


def quantile(
    of: Any, q: float, *, per: Any, over: Any, where: Any = None, hop: str | None = None, default: float | None = None, exact: int = 256
) -> Any:
    """Declare a quantile of an expression over a key's events in a window: the least value that a share `q` of them do not exceed.

    `default` (missing) where there are none. Exact, a value that an event had, while there are at most `exact` events; of more, it is read
    from buckets, and at most 1/128 (0.8 %) of itself away from that value: never more, and whatever the order of the events. A key takes
    24 bytes for each different value of at most `exact` events, or for each bucket (64 from one power of two to the next), and again for
    each hop of the window.

    Args:
        of: The expression: numbers or conditions; events for which it is missing take no part.
        q: The share, above 0 and below 1; `minimum` and `maximum` are the ends.
        per: As for `count`.
        over: As for `count`.
        where: As for `count`.
        hop: As for `count`.
        default: What stands where there are no events; by default it is missing.
        exact: Of up to how many events it is exact.
    """
    if not isinstance(q, float) or not 1e-6 <= q <= 1 - 1e-6:
        raise DeclarationError(
            f"quantile(): q={q!r} is not a share between 0 and 1, such as 0.95: for the least and the greatest use minimum() and maximum()"
        )
    if not isinstance(exact, int) or isinstance(exact, bool) or exact < 0:
        raise DeclarationError(f"quantile(): exact={exact!r} is not of up to how many events it is exact: write a whole number from 0")
    return aggregated("quantile", of, per, over, where, hop, default, (exact, float(q)))


def median(
    of: Any, *, per: Any, over: Any, where: Any = None, hop: str | None = None, default: float | None = None, exact: int = 256
) -> Any:
    """Declare the median of an expression over a key's events in a window: its `quantile` of a half, the lower of two in the middle."""
    return quantile(of, 0.5, per=per, over=over, where=where, hop=hop, default=default, exact=exact)
