"""What another policy would have done at decisions of the past: asked again with the facts as they were known, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from millrace.decision import Decisions
from millrace.errors import Late
from millrace.evaluation.reasons import Reason, Refused
from millrace.features.online import OnlineView
from millrace.features.streamed import needed
from millrace.loaded import Loaded
from millrace.log.log import Log
from millrace.policy.act import Act
from millrace.policy.pipeline import Pipeline
from millrace.serve.facts import Installed, LiveFacts
from millrace.types import Array, Columns, size, take

Chances = dict[str, float]
"""By candidate, or by action for systems that act: the chance that the policy takes it."""


@dataclass(frozen=True)
class Undrawn(LiveFacts):
    """Facts on which some choosers do not draw: they do what they would do but for chance, and state how likely that is.

    Attributes:
        still: The names of those choosers.
    """

    still: frozenset[str] = frozenset()

    def chance(self, name: str, ids: Array) -> Array:
        """See `Facts.chance`."""
        return np.ones(len(ids)) if name in self.still else super().chance(name, ids)


class Past:
    """The online view at one instant after another, each later than those before.

    Args:
        loaded: The system whose features it keeps.
        log: The log.
    """

    def __init__(self, loaded: Loaded, log: Log) -> None:
        self._view = OnlineView(loaded.plan)
        plan = loaded.plan
        self._coming = log.replay(streams=plan.streams, fields=needed(plan)) if plan.streams else iter(())
        self._held: dict[str, Columns] = {}

    def at(self, watermark: int) -> OnlineView:
        """Return the view as of an instant, microseconds since 1970 UTC; it is the same view every time."""
        while True:
            now = {name: take(rows, rows["known"] < watermark) for name, rows in self._held.items()}
            self._view.apply(now)
            later = {name: take(rows, rows["known"] >= watermark) for name, rows in self._held.items()}
            self._held = {name: rows for name, rows in later.items() if size(rows)}
            if self._held or (chunk := next(self._coming, None)) is None:
                self._view.advance(watermark)
                return self._view
            self._held = dict(chunk)


def targets(
    loaded: Loaded,
    log: Log,
    asked: Columns,
    installed: Callable[[str], Installed],
    load: Callable[[str], object],
    progress: Callable[[int], object] = lambda _: None,
) -> Iterator[tuple[int, Chances | None, tuple[str, ...]]]:
    """Yield what a policy would have done, with which chance, for each of some decisions of the past.

    Args:
        loaded: The system with that policy.
        log: Its log.
        asked: The requests: `id`, `at` and all fields, with the `watermark` and the `release` of the decision. Shape (n,) each.
        installed: By release, what was installed.
        load: Loads a version.
        progress: Told how many are done.

    Yields:
        (position in `asked`, chances, what it would have gone without), by watermark; None where it could not have answered.

    Raises:
        Refused: The policy does not state its chances.
    """
    past = Past(loaded, log)
    acts = {loaded.name_of(one.stages[-1]): one for one in loaded.of(Pipeline) if isinstance(one.stages[-1], Act)}
    still = frozenset(acts)
    to = {loaded.name_of(one): one.stages[-1].to for one in acts.values()}
    requests = {name: column for name, column in asked.items() if name not in ("watermark", "release")}
    done = 0
    for mine in _together(asked):
        watermark = int(asked["watermark"][mine[0]])
        release = installed(str(asked["release"][mine[0]]))
        facts = Undrawn(past.at(watermark), watermark, loaded.names, release, load, still=still)  # type: ignore[arg-type]
        try:
            decided = loaded.system.policy.decide(take(requests, mine), facts)
            found: list[Chances | None] = [_chances(decided, place, to) for place in range(len(mine))]
        except Late:
            found = [None] * len(mine)
        missed = tuple(dict.fromkeys(facts.missed))
        yield from ((place, one, missed) for place, one in zip(mine.tolist(), found, strict=True))
        done += len(mine)
        progress(done)


def _together(asked: Columns) -> Iterator[Array]:
    """Yield the positions of what was decided as of one instant under one release, the earliest first."""
    order = np.lexsort((asked["release"].astype(str), asked["watermark"]))
    if not len(order):
        return
    watermark, release = asked["watermark"][order], asked["release"][order]
    changes = np.flatnonzero((watermark[1:] != watermark[:-1]) | (release[1:] != release[:-1])) + 1
    yield from np.split(order, changes)


def _chances(decided: Decisions, place: int, to: dict[str, str]) -> Chances:
    first, end = (int(one) for one in decided.starts[place : place + 2])
    chance = decided.rows["propensity"][first:end]
    if np.isnan(chance).any():
        said = "the policy does not state with which chance it takes what: judge one that does, such as an arm of it alone"
        raise Refused(Reason.NO_SUPPORT, said, field="policy")
    if "action" not in decided.requests:
        return {one: float(p) for one, p in zip(decided.rows["candidate"][first:end].tolist(), chance.tolist(), strict=True) if p > 0}
    action, likely = str(decided.requests["action"][place]), float(chance[0])
    other = to.get(str(decided.requests["policy"][place]), "")
    return {action: likely} if likely >= 1 else {action: likely, other: 1 - likely}
