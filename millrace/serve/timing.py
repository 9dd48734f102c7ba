"""Where the time of a decision goes: spans, one for each stage, told by whoever looks at the clock."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, NamedTuple, TypeAlias

DECODE, WAIT, VIEW, DECIDE, RECORD, COMMIT = "decode", "wait", "view", "decide", "record", "commit"
SOURCES, FEATURES, MODEL, CHOOSE, ATTEMPT = "sources", "features", "model", "choose", "attempt"

LAPS = {DECODE, WAIT, VIEW, DECIDE, RECORD, COMMIT}
"""The stages that come one after another; all others are parts of `DECIDE`."""
STAGES = (DECODE, WAIT, VIEW, SOURCES, FEATURES, MODEL, CHOOSE, RECORD, COMMIT)
"""In the order in which a decision goes through them, more or less: read the body; wait to be decided; bring the view up to the watermark;
propose; look up; score; all else that the policy does; make the record; have it on disk."""


class Span(NamedTuple):
    """Something that took its time. Instants are nanoseconds of a clock that does not go back.

    Attributes:
        stage: Which stage it belongs to; `DECIDE` is all that the policy did, and `ATTEMPT` a part of it that might have been late.
        name: Of the model or source, or the path of the attempt; "" where the stage says all.
        began: When it began.
        ended: When it ended.
        inside: The path of the attempt it is a part of, ending in a slash; "" outside any.
    """

    stage: str
    name: str
    began: int
    ended: int
    inside: str = ""


Found: TypeAlias = "list[tuple[str, str, int, int, str]]"
"""The fields of spans."""


class Spans:
    """The spans of a caller, or of a batch. Threads that work side by side may add to it.

    Attributes:
        found: The fields of the spans, in the order in which they ended.
        began: When the first stage began.
        ended: When all was done; 0 while it is not.
        batch: The spans of the batch that a caller's requests were decided with, once they are.
    """

    __slots__ = ("_mark", "batch", "began", "ended", "found")

    def __init__(self) -> None:
        self.found: Found = []  # bare: making a Span costs a decision more than reading the clock
        self.began = self._mark = time.perf_counter_ns()
        self.ended = 0
        self.batch: Spans | None = None

    def lap(self, stage: str) -> None:
        """Add a stage that began when the one before ended, and has just ended."""
        before, self._mark = self._mark, time.perf_counter_ns()
        self.found.append((stage, "", before, self._mark, ""))

    def follow(self, batch: Spans) -> None:
        """Note the batch that it went through: the next stage begins when the batch's last one ended."""
        self.batch, self._mark = batch, batch._mark

    def end(self) -> None:
        """Note that all is done."""
        self.ended = time.perf_counter_ns()


def seconds(spans: Iterable[tuple[Any, ...]]) -> dict[tuple[str, str], float]:
    """Return how long each stage took, in seconds, by stage and, for a model, its name.

    What ran side by side counts once, and what nobody waited for any more does not. `CHOOSE` is what is left of `DECIDE`.
    """
    took: dict[tuple[str, str], float] = {}
    leaves: dict[tuple[str, str], list[tuple[int, int]]] = {}
    until, whole = 0, 0
    for stage, name, began, ended, _ in tuple(spans):  # a call that nobody waits for may still add to them
        if stage == DECIDE:
            until, whole = ended, ended - began
        elif stage in LAPS:
            took[stage, ""] = (ended - began) / 1e9
        elif stage != ATTEMPT:
            leaves.setdefault((stage, name if stage == MODEL else ""), []).append((began, ended))
    if until:
        took |= {key: _covered(one, until) / 1e9 for key, one in leaves.items()}
        took[CHOOSE, ""] = (whole - _covered([span for one in leaves.values() for span in one], until)) / 1e9
    return took


def _covered(spans: list[tuple[int, int]], until: int) -> int:
    """Return how many nanoseconds at least one of some spans covers, up to an instant."""
    if len(spans) == 1 and spans[0][1] <= until:  # mostly
        return spans[0][1] - spans[0][0]
    covered, last = 0, 0
    for began, ended in sorted(spans):
        if (ended := min(ended, until)) > (began := max(began, last)):
            covered, last = covered + ended - began, ended
    return covered
