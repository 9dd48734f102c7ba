"""The online view as the log changes it: whether it could follow, and whoever follows it in turn."""

from __future__ import annotations

from collections.abc import Mapping

from millrace.errors import Unavailable
from millrace.features.online import OnlineView
from millrace.serve.follower import Follower
from millrace.types import Columns


class Upkeep:
    """Brings batches into a view and tells its followers; once it failed half-way, the view is not used any more.

    Args:
        name: The system's name.

    Attributes:
        is_whole: Whether the view has all that it was brought.
        followers: Who is told of each batch.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self.is_whole = True
        self.followers: tuple[Follower, ...] = ()

    @property
    def why(self) -> str:
        """Why the view cannot be used; "" when it can."""
        return "" if self.is_whole else f"{self._name} could not follow its log, which is whole: start it again"

    def check(self) -> None:
        """See that the view can be used.

        Raises:
            Unavailable: It could not follow the log.
        """
        if not self.is_whole:
            raise Unavailable(self.why)

    def apply(self, view: OnlineView, batch: Mapping[str, Columns]) -> None:
        """Bring a batch into the view, and tell of it."""
        self.check()
        try:
            view.apply(batch)
        except BaseException:
            self.is_whole = False  # it may have seen half
            raise
        for follower in self.followers:
            follower.told(batch)

    def settled(self) -> None:
        """Tell that a commit is over, whatever came of it."""
        for follower in self.followers:
            follower.settled()

    def renewed(self, view: OnlineView) -> None:
        """Tell that the view was made anew from the log."""
        for follower in self.followers:
            follower.renewed(view)

    def close(self) -> None:
        """Close the followers."""
        for follower in self.followers:
            follower.close()
