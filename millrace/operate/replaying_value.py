"""What another policy is worth on logged decisions by one outcome: joined as training joins it, estimated, or refused in words."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np

from millrace.errors import BadInput
from millrace.evaluation.judging import Judging, PolicyValue
from millrace.evaluation.off_policy import gain, ips
from millrace.evaluation.reasons import Reason, Refused
from millrace.loaded import Loaded
from millrace.models.declare import Outcome
from millrace.operate.history import LogHistory
from millrace.operate.replaying_estimators import Choices, Closer, closer, valued
from millrace.operate.replaying_targets import Chances
from millrace.serve.release import rollout_unit
from millrace.training.attribution import after, join_keys, label
from millrace.training.logged import back_filled
from millrace.types import Array, Columns, take


class Replaying(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a replay.

    Attributes:
        since: Decisions asked from this instant on, microseconds since 1970 UTC.
        until: Decisions asked before this instant.
        most: At most so many, the latest.
        estimator: One of `replaying_estimators.ESTIMATORS`.
        how: The interval, and what is refused.
        closely: Whether every estimator is asked besides, and how the weights lie.
    """

    since: int
    until: int
    most: int = 20_000
    estimator: str = "snips"
    how: Judging = Judging()
    closely: bool = False


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """Why an outcome gives no figure.

    Attributes:
        reason: For programs; "" where it is not one of the typed reasons.
        said: In words.
    """

    reason: str
    said: str


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What another policy is worth by one outcome.

    Attributes:
        outcome: The outcome's name.
        logged: The mean of what the logged choices earned.
        value: What the other policy would have earned per choice; None where it is refused.
        gain: How much more that is, by the self-normalised weights of the same choices; None where it is refused.
        refused: Why there is no figure.
        closer: What all estimators say, and the weights; None where that was not asked for, or is refused.
    """

    outcome: str
    logged: PolicyValue | None = None
    value: PolicyValue | None = None
    gain: PolicyValue | None = None
    refused: Failed | None = None
    closer: Closer | None = None


def judge(
    loaded: Loaded,
    history: LogHistory,
    one: Outcome,
    rows: Columns,
    kept: Array,
    chances: Mapping[str, Chances],
    asked: Replaying,
    never: Mapping[str, float],
) -> Judgement:
    """Return what another policy is worth by one outcome.

    Args:
        loaded: The system that decided.
        history: Its log.
        one: The outcome.
        rows: All rows that were taken in that time: an event belongs to the latest it fits, judged or not.
        kept: The positions of those that are judged.
        chances: By decision, what the other policy would have done.
        asked: How it is judged.
        never: By decision, which share of what the other policy would do was never tried; it lacks those of which nobody knows.
    """
    try:
        reward = _labels(loaded, history, one, rows, asked.until)[kept]
        seen = ~np.isnan(reward)
        if not seen.any():
            said = "no decision has a label of it yet: its time is not over, or nothing that was done lets it be seen"
            raise Refused(Reason.FEW_EVENTS, said)
        choices = _choices(loaded, take(rows, kept[seen]), reward[seen], chances, never)
        logs, unit, alike = (choices.reward, choices.propensity, choices.target), choices.unit, np.ones(int(seen.sum()))
        return Judgement(
            outcome=loaded.name_of(one),
            logged=ips(choices.reward, alike, alike, unit=unit, how=asked.how),
            value=valued(asked.estimator, choices, asked.how),
            gain=gain(*logs, unit=unit, untried=choices.untried, how=asked.how),
            closer=closer(choices, asked.how) if asked.closely else None,
        )
    except BadInput as error:
        return Judgement(outcome=loaded.name_of(one), refused=Failed(reason=str(getattr(error, "reason", "")), said=str(error)))


def _labels(loaded: Loaded, history: LogHistory, one: Outcome, rows: Columns, until: int) -> Array:
    """Return the outcome of every row, as training joins it; NaN where it is not known yet, or was not let be seen."""
    keys = join_keys(one, loaded.system.request, loaded.system.candidate)
    begun = back_filled(loaded.plan, [one.after], rows, history).values if one.after is not None else {}
    return label(one, rows, history.events(one.stream, until), keys, until, after(one, begun))


def _choices(loaded: Loaded, rows: Columns, reward: Array, chances: Mapping[str, Chances], never: Mapping[str, float]) -> Choices:
    """Return rows whose outcome is known as estimators take them."""
    name, ids = rows["candidate" if loaded.system.candidate is not None else "action"], rows["id"].tolist()
    return Choices(
        reward=reward,
        propensity=rows["propensity"],
        target=np.array([chances[id].get(what, 0.0) for id, what in zip(ids, name.tolist(), strict=True)]),
        unit=rows.get(rollout_unit(loaded).name, rows["id"]),
        untried=np.array([never[id] for id in ids]) if never.keys() >= set(ids) else None,
        id=rows["id"],
        name=name,
        chances=chances,
    )
