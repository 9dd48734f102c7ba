"""What training reads: events and taken rows, as known. The log provides it; training itself touches no disk."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from millrace.features.plan import Plan
from millrace.types import Array, Columns


class History(Protocol):
    """The log as training sees it."""

    def events(self, stream: type, until: int) -> Columns:
        """Return a stream's records known before an instant: `id`, `at`, `known`, `position` and its fields, by (known, position)."""
        ...

    def decided(self, since: int, until: int) -> Columns:
        """Return a row per candidate taken in decisions asked in [since, until).

        Columns: `id`, `at` and the fields of the request, `known`, `watermark`, `policy`, `arm`, `arm_share`, `action`, `candidate`,
        `rank`, `score`, `propensity`; ordered by (at, id, rank). For each feature that decisions recorded, `served <column>` has what
        they were made on and `logged <column>` whether there is such a value; `blind` is whether features did not answer at all.
        """
        ...

    def features(self, plan: Plan, features: Iterable[Any], rows: Columns) -> dict[str, Array]:
        """Return features by column, a value per row, each back-filled as of the row's watermark: as `features.offline.backfill` does."""
        ...
