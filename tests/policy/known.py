"""Facts for stages alone: given values, a given draw, nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from millrace.decision import Decisions
from millrace.serve.facts import Installed, LiveFacts
from millrace.types import Array, objects


class Given:
    """A view that answers with columns that were given, whoever asks."""

    def __init__(self, **columns: Any) -> None:
        self._columns = columns

    def lookup(self, features: Any, d: Decisions, watermark: int) -> dict[str, Array]:
        return {one.column: self._columns[getattr(one, "name", one.column)] for one in features}


class Drawn(LiveFacts):
    """Facts in which every draw comes out as was said."""

    def chance(self, name: str, ids: Array) -> Array:
        return np.full(len(ids), self.seed)


def known(draw: float = 0.5, thresholds: Mapping[str, float] | None = None, **columns: Any) -> Any:
    """Return facts whose draws are all `draw` and whose features are the columns given by field name."""
    return Drawn(Given(**columns), 0, {}, Installed("", {}, thresholds or {}), dict[str, Any]().__getitem__, draw)  # type: ignore[arg-type]


def rows(*counts: int, **columns: Any) -> Decisions:
    """Return a request per count with so many rows; columns of the rows, and of the requests those named `of_...`."""
    asked = {name.removeprefix("of_"): np.asarray(column) for name, column in columns.items() if name.startswith("of_")}
    own = {name: np.asarray(column) for name, column in columns.items() if not name.startswith("of_")}
    n = sum(counts)
    return Decisions(
        {"id": objects(f"r{k}" for k in range(len(counts))), **asked},
        {"request": np.repeat(np.arange(len(counts)), counts), "candidate": objects(f"c{k}" for k in range(n)), **own},
    )
