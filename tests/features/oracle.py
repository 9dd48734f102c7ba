"""What the window kernel must compute, as loops that need no proof: every row looks at every event."""

from fractions import Fraction
from itertools import takewhile

import numpy as np

from millrace.features.kernel import Ask, Events, Rows
from millrace.types import EVER


def aggregate(events: Events, rows: Rows, asks: list[Ask]) -> list[list]:
    """Return for each ask a list with one value per row; `last` is the position of an event, totals are rounded once."""
    return [[_answer(events, int(key), int(w), ask) for key, w in zip(rows.key, rows.watermark, strict=True)] for ask in asks]


def _answer(events: Events, key: int, w: int, ask: Ask):
    counted = [e for e in range(len(events.key)) if _counts(events, e, key, w, ask.window) and not _missing(ask, e)]
    if ask.op == "count":
        return len(counted)
    if ask.op == "last":
        return max(counted, key=lambda e: (events.known[e], e), default=-1)
    if ask.op in ("first", "last_k"):
        ordered = sorted(counted, key=lambda e: (events.known[e], e), reverse=ask.op == "last_k")
        k = ask.settings[0] if ask.settings else 1
        return (ordered + [-1] * k)[:k]
    values = [ask.values[e].item() for e in counted]
    if ask.op == "streak":
        ordered = sorted(counted, key=lambda e: (events.known[e], e), reverse=True)
        return len(list(takewhile(lambda e: ask.values[e] != 0, ordered)))
    total = sum(map(Fraction, values), Fraction(0))
    if ask.op == "total":
        return float(total) if ask.values.dtype.kind == "f" else int(total)
    if not values:
        return np.nan
    if ask.op == "variance":
        middle = sum(Fraction(float(value)) for value in values) / len(values)
        return float(sum((Fraction(float(value)) - middle) ** 2 for value in values) / len(values))
    return {"mean": float(total / len(values)), "min": float(min(values)), "max": float(max(values))}[ask.op]


def _counts(events: Events, e: int, key: int, w: int, window) -> bool:
    at, known = int(events.at[e]), int(events.known[e])
    expired = at < lo(known + 1, window)
    return key == events.key[e] and key != -1 and known < w and at >= lo(w, window) and not expired


def _missing(ask: Ask, e: int) -> bool:
    return ask.values is not None and (ask.values[e] is None or ask.values[e] != ask.values[e])


def lo(w: int, window) -> int:
    """Return the first instant covered at `w`, by stepping down to a whole hop."""
    if window.length == EVER:
        return EVER
    start = w - window.length
    while start % window.hop:
        start -= 1
    return start
