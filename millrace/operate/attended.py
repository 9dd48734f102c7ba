"""Rollouts that a person began: a shadow is left to them; a switch is watched, and over when its time is."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from millrace.decision import Decision
from millrace.serve.changing import SWITCHING
from millrace.serve.home import Home
from millrace.stores.audit import Change
from millrace.stores.journal import Alert
from millrace.stores.standing import Rollout, Standing
from millrace.types import HOUR

_LATEST, _LEAST = 200, 20
_MORE = 0.1
"""Of its latest 200 decisions, 20 at least, a release that everybody was switched to may miss something in a tenth more than was usual."""


class Attended:
    """Follows the switches of a system.

    With everybody on one side there is nothing beside it to compare with, so what a canary proves cannot be known here. But whatever the
    new release cannot answer a fallback or the old one does, and the decision says what it missed: that is compared with the hour before.

    Args:
        home: Its folder; the log is only read.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._following: tuple[str, int] | None = None
        self._read = 0
        self._usual = 0.0
        self._missed: deque[bool] = deque(maxlen=_LATEST)

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
        share = self._share(seen, under_way)
        releases = self._home.releases
        if share > self._usual + _MORE:
            why = f"{share:.0%} of its latest {len(self._missed)} decisions missed something, {self._usual:.0%} was usual before"
            releases.withdraw(seen, Change(at=now, who="guard", why=why))
            said = f"{under_way.release} was rolled back: {why}"
            self._home.journal.alert(Alert(system=seen.system, monitor="guard", at=now, severity="critical", message=said))
            return [said]
        if now >= under_way.data["until"]:
            releases.promote(seen, under_way.release, Change(at=now, who="guard", why="nobody went back in the time declared"))
            return [f"{under_way.release} is champion: nobody went back in the time declared"]
        return []

    def _share(self, seen: Standing, under_way: Rollout) -> float:
        """Return the share of the release's latest decisions that missed something; 0 while there are too few."""
        system, began = seen.system, under_way.started
        if self._following != (under_way.release, began):
            self._following, self._read = (under_way.release, began), began
            before = [one for one in self._decisions(system, began - HOUR, began) if one.at < began and one.release == seen.champion]
            self._missed = deque((bool(one.missed) for one in before), maxlen=_LATEST)
            self._usual = self._latest()
            self._missed.clear()
        end = self._home.log.last_known + 1  # what is being written now becomes known later
        for one in self._decisions(system, self._read, end):
            if one.at >= began and (one.release == under_way.release or under_way.release in one.missed):
                self._missed.append(bool(one.missed))
        self._read = max(self._read, end)
        return self._latest()

    def _latest(self) -> float:
        return sum(self._missed) / len(self._missed) if len(self._missed) >= _LEAST else 0.0

    def _decisions(self, system: str, since: int, until: int) -> Iterator[Decision]:
        return (one for _, one in self._home.log.decisions(system=system, known_from=since, known_until=until))
