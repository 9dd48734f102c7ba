"""Beliefs that were replaced long ago: their files go, so that a system which learns by the minute does not fill the disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from millrace.log.decisions import DECISION
from millrace.serve.home import Home
from millrace.stores.audit import Change
from millrace.stores.endings import Endings
from millrace.stores.release import Release
from millrace.stores.standing import Standing
from millrace.types import DAY, EVER

KEPT = 30 * DAY
"""How long after it was replaced a belief can still explain what was decided with it, in microseconds."""
LATEST = 100
"""So many of the latest versions of each model stay, however old."""


def let_go(home: Home, system: str, models: Sequence[str], now: int) -> list[str]:
    """Delete the files of beliefs that nothing refers to any more; return which.

    Those go that were replaced more than 30 days ago, or before the first decision that the log still holds, but for the latest hundred of
    each model, what serves or would serve again, and what was given an end of its own. Their records stay, and say which part of the log
    makes them again. What old decisions say of themselves stays true; why they were made so, and what else would have been done then, can
    no longer be told, and who asks is told that.

    Args:
        home: The system's folder.
        system: Its name.
        models: The names of the models that are kept up.
        now: The present instant, microseconds since 1970 UTC.

    Raises:
        Unavailable: The database or the disk fails.
    """
    before = max(now - KEPT, home.log.retained().get(DECISION, EVER))
    served = served_until(home.releases.history(system), {one.id: one for one in home.releases.of(system)}, now)
    replaced = {version for version, until in served.items() if until <= before}
    found = [one.version for model in models for one in home.registry.versions(model)[:-LATEST] if one.stage == "retired"]
    gone = [version for version in found if version in replaced]
    change = Change(at=now, who="operate", why="it was replaced long ago")
    return Endings(home.database, home.folder).let_go(gone, change) if gone else []


def served_until(history: Sequence[Standing], releases: Mapping[str, Release], now: int) -> dict[str, int]:
    """Return until when each version last served, alone or beside another, microseconds; one that serves still, until now.

    Args:
        history: Every standing of a system, oldest first.
        releases: Its releases, by id.
        now: The present instant.
    """
    until: dict[str, int] = {}
    for place, standing in enumerate(history):
        end = history[place + 1].at if place + 1 < len(history) else now
        for name in (standing.champion, standing.candidate):
            until |= dict.fromkeys(releases[name].versions.values() if name else (), end)
    return until
