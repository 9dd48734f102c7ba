"""How often a declared default stood in for a missing value: a feature that is mostly its default tells a model little."""

from __future__ import annotations

from threading import Lock


class DefaultsUsed:
    """Counts by feature, of values read per request or per row; may be noted from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: dict[str, int] = {}

    def note(self, column: str, times: int) -> None:
        """Count that a feature's default stood in so many more times."""
        if times:
            with self._lock:
                self._counts[column] = self._counts.get(column, 0) + times

    @property
    def counts(self) -> dict[str, int]:
        """How often each feature's default stood in so far, by column; features whose default never did are left out."""
        with self._lock:
            return dict(self._counts)
