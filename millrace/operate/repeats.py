"""Repeated decisions, proven on a system's own log: each was allowed to be the answer of another one again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from millrace.decision import Decision
from millrace.loaded import Loaded
from millrace.log.decisions import DECISION
from millrace.log.log import Log
from millrace.policy.cached import Cached
from millrace.types import EVER, micros


@dataclass(frozen=True)
class Repeats:
    """What was checked, and what is wrong.

    Attributes:
        checked: How many decisions repeat another one.
        wrong: A sentence for each that should not have.
        unprovable: How many besides repeat one that is no longer in the log, because somebody was forgotten or it was kept long enough.
    """

    checked: int
    wrong: tuple[str, ...]
    unprovable: int


def repeats(loaded: Loaded, log: Log, since: int, until: int, gaps: Mapping[str, int]) -> Repeats:
    """Check every decision asked in [since, until) that repeats another one against that one.

    Args:
        loaded: The system; it must be the one that decided.
        log: Its log.
        since: Decisions asked from this instant on, microseconds.
        until: Decisions asked before this instant, microseconds.
        gaps: By stream, when the first record became known that was removed because somebody was forgotten.
    """
    made = [one for _, one in log.decisions(system=loaded.name) if one.repeats and since <= one.at < until]
    named = {one.repeats for one in made}
    first = {one.id: (known, one) for known, one in log.decisions(system=loaded.name) if one.id in named} if made else {}
    kept_from = log.retained().get(DECISION, EVER)
    wrong, unprovable = [], 0
    for one in made:
        known, original = first.get(one.repeats, (0, None))
        if original is not None:
            said = _wrong(loaded, log, one, original, known)
        else:
            said = "" if gaps or kept_from > EVER else "which is not in the log"
            unprovable += not said
        if said:
            wrong.append(f"{one.id} repeats {one.repeats}, {said}")
    return Repeats(len(made), tuple(wrong), unprovable)


def _wrong(loaded: Loaded, log: Log, one: Decision, original: Decision, known: int) -> str:
    """Return why a decision should not have repeated another one; "" where it may have."""
    if known >= one.watermark:
        return "which was not known yet"
    if (one.policy, one.release) != (original.policy, original.release):
        return "which another policy or release decided"
    if original.repeats or original.missed:
        return "which is itself a repeat, or missed something"
    if one.candidate != original.candidate[: original.taken]:
        return "which took something else"
    declared = [cached for cached in loaded.of(Cached) if loaded.name_of(cached.policy) == one.policy]
    asked, before = (log.find(loaded.system.request, each.id) for each in (one, original))
    same = [cached for cached in declared if _key(cached, asked) == _key(cached, before)]
    if not same:
        return "on a request with another key"
    if all(one.watermark - original.watermark > micros(cached.life) for cached in same):
        return "which was too old"
    return ""


def _key(cached: Cached, request: Any) -> list[Any]:
    return [getattr(request, field.name, None) for field in cached.key]
