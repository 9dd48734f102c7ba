"""Rollouts that a person began: a shadow is left to them; a switch is watched, and over when its time is."""

from __future__ import annotations

from collections import deque

from millrace.serve.changing import SWITCHING
from millrace.serve.home import Home
from millrace.stores.audit import Change
from millrace.stores.journal import Alert
from millrace.stores.standing import Rollout, Standing

_LATEST, _LEAST = 200, 20
_MOST = 0.1
"""Of the latest 200 decisions, 20 at least, a release that everybody was switched to may leave a tenth to the old one."""


class Attended:
    """Follows the switches of a system.

    With everybody on one side there is no champion's figure beside it, so nothing can be compared as in a canary. But whatever the new
    release cannot answer the old one does, and the decision says that: it is watched for how often that happens.

    Args:
        home: Its folder; the log is only read.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._following: tuple[str, int] | None = None
        self._read = 0
        self._failed: deque[bool] = deque(maxlen=_LATEST)

    @staticmethod
    def holds(seen: Standing) -> bool:
        """Whether the rollout under way is one that a person looks after."""
        return seen.rollout is not None and "by" in seen.rollout.data

    def step(self, now: int, seen: Standing) -> list[str]:
        """Do what is due at an instant, given the standing; return what was done.

        Raises:
            Conflict: Another was faster: look at the standing again.
        """
        under_way = seen.rollout
        if under_way is None or under_way.data["by"] != SWITCHING:
            return []
        share = self._share_failed(seen.system, under_way)
        releases = self._home.releases
        if share > _MOST:
            why = f"it could not answer {share:.0%} of the latest {len(self._failed)} requests, the champion did"
            releases.withdraw(seen, Change(at=now, who="guard", why=why))
            said = f"{under_way.release} was rolled back: {why}"
            self._home.journal.alert(Alert(system=seen.system, monitor="guard", at=now, severity="critical", message=said))
            return [said]
        if now >= under_way.data["until"]:
            releases.promote(seen, under_way.release, Change(at=now, who="guard", why="nobody went back in the time declared"))
            return [f"{under_way.release} is champion: nobody went back in the time declared"]
        return []

    def _share_failed(self, system: str, under_way: Rollout) -> float:
        """Return the share of the latest decisions that the release could not answer; 0 while there are too few."""
        if self._following != (under_way.release, under_way.started):
            self._following, self._read = (under_way.release, under_way.started), under_way.started
            self._failed.clear()
        end = self._home.log.last_known + 1  # what is being written now becomes known later
        for _, one in self._home.log.decisions(system=system, known_from=self._read, known_until=end):
            if one.at >= under_way.started:
                self._failed.append(under_way.release in one.missed)
        self._read = max(self._read, end)
        return sum(self._failed) / len(self._failed) if len(self._failed) >= _LEAST else 0.0
