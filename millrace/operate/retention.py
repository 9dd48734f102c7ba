"""How long a system's log keeps what happened, and from when on what it still holds says all there is to say."""

from __future__ import annotations

from collections.abc import Mapping

from millrace.loaded import Loaded
from millrace.log.compaction import Compacted
from millrace.log.decisions import DECISION
from millrace.log.log import Log
from millrace.log.settling import AHEAD
from millrace.models.declare import Outcome
from millrace.schema import retention, shows
from millrace.types import DAY, EVER


def cutoffs(loaded: Loaded, now: int) -> dict[str, int]:
    """Return the first instant that is kept at `now`, by stream, of those that do not keep all. Microseconds since 1970 UTC.

    It moves a day at a time, so that files of the lake are written anew once a day at most. Decisions are kept as what they answer.
    """
    found = {name: (now - kept) // DAY * DAY for name, one in loaded.streams.items() if (kept := retention(one)) is not None}
    request = loaded.system.request.__name__
    return found | ({DECISION: found[request]} if request in found else {})


def whole_from(loaded: Loaded, floors: Mapping[str, int]) -> int:
    """Return the first instant at which a decision asked is one whose features and outcomes the log can still tell.

    Earlier decisions may be there as records; their windows, or their outcomes, reach into what was dropped.

    Args:
        loaded: The system.
        floors: By stream, from which instant on its events are kept, as `Log.retained` returns them.
    """
    found = [EVER]
    for state in loaded.plan.states.values():
        floor = kept_from(state.keying.stream, floors)
        if floor > EVER:
            found.append(floor + state.window.length + state.window.hop + AHEAD)  # `at` may be ahead of the watermark by as much
    found += [kept_from(one.stream, floors) for one in loaded.of(Outcome)]
    return max(found)


def kept_from(stream: type, floors: Mapping[str, int]) -> int:
    """Return from which instant on the log keeps what a class reads, `EVER` where it keeps all; see `whole_from`."""
    pair = shows(stream)
    return floors.get(pair[0].__name__ if pair else stream.__name__, EVER)


def tidy(loaded: Loaded, log: Log, now: int, slice_rows: int = 100_000) -> tuple[Compacted, dict[str, int]]:
    """Compact a system's log and drop what it no longer keeps.

    Args:
        loaded: The system.
        log: Its log, open for writing.
        now: The present instant, microseconds since 1970 UTC.
        slice_rows: As of `Log.compact`.

    Returns:
        What was compacted, and by stream how many records were dropped.

    Raises:
        Unavailable: The disk is full or fails; nothing is lost, and doing it again goes on from there.
    """
    compacted = log.compact(slice_rows=slice_rows)
    wanted = cutoffs(loaded, now)
    return compacted, log.retain(wanted) if wanted else {}
