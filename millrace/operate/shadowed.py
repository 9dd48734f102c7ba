"""A shadow compared with what answered, from the log alone: how much they agree, how often it was late, what it would have done instead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec
import numpy as np

from millrace.decision import Decision
from millrace.errors import NotFound
from millrace.evaluation.agreement import Alike, alike, overlap, rank_biased_overlap
from millrace.loaded import Loaded
from millrace.policy.wrappers import Shadow
from millrace.serve.changing import SHADOWING
from millrace.serve.home import Home
from millrace.serve.records import SHOWN
from millrace.serve.release import SHADOWED, rollout_unit
from millrace.types import Array, objects

PLACES = (1, 3, 5, 10)
"""At how many places rankings are compared, as far as they go."""
MISSED = "shadow "
"""What a decision missed whose name begins so is its shadow."""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a comparison.

    Attributes:
        shadow: The release that shadowed, or the name of the declared policy that did.
        since: When the first decision compared was made, microseconds since 1970 UTC.
        until: And the last.
        asked: How many decisions the shadow was asked for.
        missed: The share of those that it did not answer, or not in time.
        short: The share of those it answered for which something of it failed or was late, such as its model: then its fallback stands.
        figures: By name, the measures of those it answered.
        flips: For systems that act: (what was done, what the shadow would have done), how often; those that differ only.
        days: Per day since 1970 UTC: the share that agrees (of rankings: the rank-biased overlap), and how many were compared.
        spread: The rank-biased overlap of every decision compared; empty for systems that act.
    """

    shadow: str
    since: int
    until: int
    asked: int
    missed: Alike
    short: Alike
    figures: dict[str, Alike]
    flips: list[tuple[str, str, int]]
    days: list[tuple[int, float, int]]
    spread: list[float]


def compared(loaded: Loaded, home: Home) -> Comparison:
    """Compare the latest shadow of a system with what answered.

    Raises:
        NotFound: Nothing ever shadowed, or it was never asked.
    """
    name, since, until = _period(loaded, home)
    made = [one for one in _asked(loaded, home, since) if one.at >= since and (until is None or one.at < until)]
    if not made:
        raise NotFound(f"{name} was asked for no decision of {loaded.name} yet: wait until requests have come")
    unit = _units(loaded, home, made)
    own = [[name for name in one.missed if name.startswith(MISSED)] for one in made]
    late = np.array([any("/" not in name for name in names) for names in own])
    short = np.array([bool(names) for names in own])[~late]
    kept = [one for one, is_late in zip(made, late, strict=True) if not is_late]
    acts = any(one.action != SHOWN for one in kept)
    agreed = np.array([_agreement(one, acts) for one in kept], dtype=np.float64)
    return Comparison(
        shadow=name,
        since=min(one.at for one in made),
        until=max(one.at for one in made),
        asked=len(made),
        missed=alike(late.astype(np.float64), unit),
        short=alike(short.astype(np.float64), unit[~late]),
        figures=_figures(kept, agreed, unit[~late], acts),
        flips=[(*pair, n) for pair, n in _flips(kept).most_common()] if acts else [],
        days=_days(kept, agreed),
        spread=[] if acts else agreed.tolist(),
    )


def _period(loaded: Loaded, home: Home) -> tuple[str, int, int | None]:
    """Return what shadowed last, from when and until when; a Shadow that the module declares is compared from the beginning."""
    declared = next(loaded.of(Shadow), None)
    if declared is not None:
        return loaded.name_of(declared.shadow), 0, None
    history = home.releases.history(loaded.name)
    for place in range(len(history) - 1, -1, -1):
        under_way = history[place].rollout
        if under_way is not None and under_way.data.get("by") == SHADOWING:
            return under_way.release, under_way.started, history[place + 1].at if place + 1 < len(history) else None
    raise NotFound(f"nothing has shadowed {loaded.name} yet: millrace rollout shadow, or declare Shadow(policy, shadow)")


def _asked(loaded: Loaded, home: Home, since: int) -> Iterator[Decision]:
    """Yield the decisions that a shadow was asked for; an answer from a moment ago is not compared with one of now."""
    for _, one in home.log.decisions(system=loaded.name, known_from=since):
        if one.repeats:
            continue
        if one.shadow or one.arm.partition("/")[0] == SHADOWED or any(name.startswith(MISSED) for name in one.missed):
            yield one


def _units(loaded: Loaded, home: Home, made: list[Decision]) -> Array:
    """Return whose decision each was; of one whose request is gone, its own."""
    field = rollout_unit(loaded).name
    if field == "id":
        return objects(one.id for one in made)
    since = min(one.watermark for one in made)  # what is asked becomes known with its decision, after its watermark
    rows = home.log.read(loaded.system.request, [field], known_from=since)
    whose = dict(zip(rows["id"].tolist(), rows[field].tolist(), strict=True))
    return objects(str(whose.get(one.id, one.id)) for one in made)


def _taken(one: Decision) -> list[str]:
    return one.candidate[: one.taken]


def _agreement(one: Decision, acts: bool) -> float:
    return float(one.shadow == [one.action]) if acts else rank_biased_overlap(_taken(one), one.shadow)


def _figures(kept: list[Decision], agreed: Array, unit: Array, acts: bool) -> dict[str, Alike]:
    if acts:
        return {"same action": alike(agreed, unit)}
    longest = max((max(one.taken, len(one.shadow)) for one in kept), default=0)
    figures = {"rank-biased overlap": alike(agreed, unit)}
    same = np.array([float(_taken(one) == one.shadow) for one in kept])
    figures["same ranking"] = alike(same, unit)
    for k in (k for k in PLACES if k <= longest or k == 1):
        shared = np.array([overlap(_taken(one), one.shadow, k) for one in kept])
        figures[f"overlap@{k}" if k > 1 else "same first"] = alike(shared, unit)
    return figures


def _flips(kept: list[Decision]) -> Counter[tuple[str, str]]:
    pairs = ((one.action, one.shadow[0] if one.shadow else "") for one in kept)
    return Counter(pair for pair in pairs if pair[0] != pair[1])


def _days(kept: list[Decision], agreed: Array) -> list[tuple[int, float, int]]:
    day = np.array([one.at // 86_400_000_000 for one in kept], dtype=np.int64)
    return [(int(one), float(agreed[day == one].mean()), int((day == one).sum())) for one in np.unique(day)]
