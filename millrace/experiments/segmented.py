"""Values told apart as segments: few enough to be read, each with a name."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from millrace.types import Array

MOST_SEGMENTS = 12
"""So many segments are read by themselves: of more, the effects are noise and the table is long."""
UNKNOWN, OTHERS = "unknown", "others"


def segmented(values: Array) -> Array:
    """Return each unit's segment, as text. Shape (n,).

    Values that are not known are a segment of their own. Numbers of which there are more than twelve become quarters of the units, and of
    more than twelve other values the eleven most frequent are kept, the rest put together.

    Args:
        values: Text, or numbers as text. Shape (n,).

    >>> segmented(np.array(["nl", "de", "None"])).tolist()
    ['nl', 'de', 'unknown']
    """
    values = np.asarray(values).astype(str)
    is_known = ~np.isin(values, ("", "None", "nan", "NaT"))
    found = np.where(is_known, values, UNKNOWN).astype(object)
    names, times = np.unique(values[is_known], return_counts=True)
    if len(names) <= MOST_SEGMENTS:
        return found.astype(str)
    if (numbers := _numbers(values[is_known])) is not None:
        found[is_known] = _quarters(numbers)
    else:
        kept = names[np.argsort(-times, kind="stable")[: MOST_SEGMENTS - 1]]
        found[is_known & ~np.isin(values, kept)] = OTHERS
    return found.astype(str)


def _numbers(values: Array) -> Array | None:
    try:
        return values.astype(np.float64)
    except ValueError:
        return None


def _quarters(numbers: Array) -> Array:
    """Return which quarter of the units each number is in, by its ends; fewer than four where many are alike."""
    ends = np.unique(np.quantile(numbers, [0.25, 0.5, 0.75], method="inverted_cdf"))
    names = [f"up to {ends[0]:g}", *(f"above {a:g}, up to {b:g}" for a, b in pairwise(ends)), f"above {ends[-1]:g}"]
    return np.array(names, dtype=object)[np.searchsorted(ends, numbers)]
