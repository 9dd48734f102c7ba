"""How well a version retrieves: does it propose what was chosen later?"""

from __future__ import annotations

from typing import Any

import numpy as np

from millrace.types import Array


def hits(version: Any, query: Array, candidate: Array, take: int) -> Array:
    """Return, for each later event, whether its candidate is among the first `take` recalled for its query. Boolean, shape (n,)."""
    queries = np.array(sorted(set(query.tolist())), dtype=object)
    if len(queries) == 0:
        return np.zeros(0, dtype=bool)
    found = version.recall(queries, take)
    proposed = {(queries[position], one) for position, one in zip(found["request"].tolist(), found["candidate"].tolist(), strict=True)}
    return np.array([pair in proposed for pair in zip(query.tolist(), candidate.tolist(), strict=True)], dtype=bool)
