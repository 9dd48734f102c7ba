"""Versions that need no training: they score by fixed weights, so that policies and loops can be tested without a learner."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np

from millrace.models.folder import read_json, write_json
from millrace.models.learner import Examples
from millrace.types import Array, Columns, objects, size

_FILE = "weighted.json"


def _number(*parts: object) -> float:
    """Return a number in [0, 1) that depends on the parts and nothing else."""
    return int.from_bytes(blake2b("/".join(map(str, parts)).encode(), digest_size=6).digest(), "big") / 2.0**48


@dataclass(frozen=True)
class Weighted:
    """Scores rows by a weight per feature and per text value; recalls a fixed order of ids per query.

    Attributes:
        name: Other names have other weights.
        heads: What it predicts.
        ids: What it can recall.
    """

    name: str
    heads: tuple[str, ...]
    ids: tuple[str, ...] = ()

    def score(self, rows: Columns) -> dict[str, Array]:
        """Return a probability per head and row; missing values add nothing."""
        found = {}
        for head in self.heads:
            total = np.zeros(size(rows))
            for column, values in rows.items():
                total += self._weighed(head, column, values)
            found[head] = 1 / (1 + np.exp(-total))
        return found

    def _weighed(self, head: str, column: str, values: Array) -> Array:
        if values.dtype == object:
            return np.array([0.0 if one is None else _number(self.name, head, column, one) for one in values.tolist()])
        weight = _number(self.name, head, column) - 0.5
        return weight * np.tanh(np.nan_to_num(values.astype(np.float64)))

    def recall(self, queries: Array, take: int) -> Columns:
        """Return ids for each query, best first."""
        found = [(place, one) for place, query in enumerate(queries.tolist()) for one in self._order(query)[:take]]
        scores = np.array([_number(self.name, queries[place], one) for place, one in found])
        return {
            "request": np.array([place for place, _ in found], dtype=np.int64),
            "candidate": objects(one for _, one in found),
            "score": scores,
        }

    def _order(self, query: str) -> list[str]:
        return sorted(self.ids, key=lambda one: (-_number(self.name, query, one), one))

    def save(self, folder: Path) -> None:
        """Write `weighted.json`."""
        write_json(folder, _FILE, self)


@dataclass(frozen=True, kw_only=True)
class Untrained:
    """A learner that learns nothing: the seed alone decides how its versions weigh what they are shown.

    Attributes:
        ids: What its versions can recall.
    """

    ids: tuple[str, ...] = ()

    def fit(self, examples: Examples, seed: int) -> Weighted:
        """Return the version of a seed; the examples only say what it predicts."""
        return Weighted(f"untrained-{seed}", tuple(examples.labels), self.ids)

    def load(self, folder: Path) -> Weighted:
        """Read a version that was saved."""
        return read_json(folder, _FILE, Weighted)
