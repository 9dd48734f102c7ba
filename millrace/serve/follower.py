"""What follows the online view of the process that owns the log, so that other processes can decide on it too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from millrace.features.online import OnlineView
from millrace.types import Columns


class Follower(Protocol):
    """What follows the online view of an engine."""

    @property
    def trouble(self) -> str:
        """What keeps it from following; "" when nothing does."""
        ...

    def told(self, batch: Mapping[str, Columns]) -> None:
        """Take note of a batch that was just applied to the view. It holds up who waits for an acknowledgement, so it must be short."""
        ...

    def settled(self) -> None:
        """Take note that all it was told of is before any watermark to come; called before anyone is acknowledged, so it must be short."""
        ...

    def renewed(self, view: OnlineView) -> None:
        """Follow another view from now on, and leave nothing of the one before: it was built anew from a log that changed."""
        ...

    def close(self) -> None:
        """Catch up, if that can be done soon, and end."""
        ...
