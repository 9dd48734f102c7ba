"""What each of several interleaved rankings earned, from the records of the slates and what came of each place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from millrace.decision import NOT_TAKEN, Interleaved
from millrace.errors import BadInput
from millrace.experiments.interleaving_credit import balanced_credit, draft_credit, probabilistic_credit, team_credit
from millrace.experiments.reasons import Reason, Refused
from millrace.types import Array

_AVERAGED = 5
"""Up to so many arms the orders of a round are gone through; of more, each arm earns what its own picks do."""


@dataclass(frozen=True)
class Credits:
    """What each arm earned of each request.

    Attributes:
        arms: Their names.
        by: How the slates were merged.
        earned: In the reward's unit, 0 or more. Shape (requests, arms).
    """

    arms: tuple[str, ...]
    by: str
    earned: Array


def credits(records: Sequence[Interleaved], request: Array, place: Array, reward: Array) -> Credits:
    """Return what each arm earned of each request, by the rule of the way in which slates were merged.

    All it takes is in the decision log: the field `interleaved` of decisions, and an outcome of each row they took. Leave out requests
    whose outcomes are not known yet.

    Args:
        records: A record per request, all of the same arms merged in the same way.
        request: The position in `records` of each row taken. Rows not listed earned nothing. Shape (rows,).
        place: Its place, from 0. Shape (rows,).
        reward: What came of it, 0 or more: clicks, or seconds watched. Shape (rows,).

    Raises:
        Refused: There are no requests, they were not all made alike, or a reward is negative or not a number.
        BadInput: A row is not of these records.

    >>> one = Interleaved(by="team-draft", team=["new", "old"], ranks={"new": [0, 1], "old": [1, 0]}, depths={"new": 2, "old": 2})
    >>> credits([one], np.array([0]), np.array([1]), np.array([1.0])).earned.tolist()
    [[0.0, 1.0]]
    """
    by, arms = _alike(records)
    reward = np.asarray(reward, dtype=np.float64)
    if not np.isfinite(reward).all():
        said = (
            f"{int((~np.isfinite(reward)).sum())} of {len(reward)} rewards are not numbers: leave out requests whose outcomes are not known"
        )
        raise Refused(Reason.NOT_A_NUMBER, said)
    if (reward < 0).any():
        raise Refused(Reason.OUT_OF_BOUNDS, "a reward is below 0, and credit is shared out of what was earned: count something from 0 up")
    lengths = np.array([len(one.team) for one in records])
    if ((request < 0) | (request >= len(records))).any() or ((place < 0) | (place >= lengths[np.clip(request, 0, len(records) - 1)])).any():
        raise BadInput("a row is of no place of these requests: give its request's position and its place, both from 0", field="place")
    table = np.zeros((len(records), int(lengths.max(initial=0))))
    np.add.at(table, (request, place), reward)
    return Credits(arms, by, _earned(records, by, arms, table))


def _alike(records: Sequence[Interleaved]) -> tuple[str, tuple[str, ...]]:
    if not records:
        raise Refused(Reason.FEW_UNITS, "no request was answered by an interleaved slate: wait for some, or check that all arms answer")
    made = {(one.by, tuple(one.ranks)) for one in records}
    if len(made) > 1:
        told = "; ".join(sorted(f"{by} of {', '.join(arms)}" for by, arms in made))
        raise Refused(Reason.MIXED, f"the slates were not merged alike ({told}): read each kind by itself")
    return made.pop()


def _earned(records: Sequence[Interleaved], by: str, arms: tuple[str, ...], reward: Array) -> Array:
    if by == "team-draft" and len(arms) > _AVERAGED:
        position = {arm: place for place, arm in enumerate(arms)} | {"": -1}
        return team_credit(_padded([[position[arm] for arm in one.team] for one in records], reward.shape[1]), reward, len(arms))
    depths = np.array([[one.depths[arm] for arm in arms] for one in records])
    ranks = np.stack([_padded([one.ranks[arm] for one in records], reward.shape[1]) for arm in arms], axis=1)
    if by == "team-draft":
        return draft_credit(ranks, depths.min(axis=1), reward)
    if by == "balanced":
        return balanced_credit(ranks, depths.min(axis=1), reward)
    if by == "probabilistic":
        return probabilistic_credit(ranks, depths, reward)
    raise Refused(Reason.MIXED, f"slates were merged by {by!r}, which nothing is known of: read them with the version that merged them")


def _padded(rows: Sequence[Sequence[int]], length: int) -> Array:
    out = np.full((len(rows), length), NOT_TAKEN)
    for position, row in enumerate(rows):
        out[position, : len(row)] = row
    return out
