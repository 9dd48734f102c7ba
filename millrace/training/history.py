"""What training reads: events and taken rows, as known. The log provides it; training itself touches no disk."""

from __future__ import annotations

from typing import Protocol

from millrace.types import Columns


class History(Protocol):
    """The log as training sees it."""

    def events(self, stream: type, until: int) -> Columns:
        """Return a stream's records known before an instant: `id`, `at`, `known`, `position` and its fields, by (known, position)."""
        ...

    def decided(self, since: int, until: int) -> Columns:
        """Return a row per candidate taken in decisions asked in [since, until).

        Columns: `id`, `at` and the fields of the request, `known`, `watermark`, `policy`, `arm`, `arm_share`, `action`, `candidate`,
        `rank`, `score`, `propensity`; ordered by (at, id, rank).
        """
        ...
