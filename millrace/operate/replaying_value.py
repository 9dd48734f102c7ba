"""What another policy is worth on logged decisions by one outcome: joined as training joins it, estimated, or refused in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from millrace.errors import BadInput
from millrace.evaluation.judging import Judging, PolicyValue
from millrace.evaluation.off_policy import gain, ips, snips
from millrace.evaluation.off_policy_models import direct_method, doubly_robust, mrdr, switch_dr
from millrace.evaluation.reasons import Reason, Refused
from millrace.evaluation.reward_models import linear_rewards
from millrace.loaded import Loaded
from millrace.models.declare import Outcome
from millrace.operate.history import LogHistory
from millrace.operate.replaying_targets import Chances
from millrace.serve.release import rollout_unit
from millrace.training.attribution import after, join_keys, label
from millrace.training.logged import back_filled
from millrace.types import Array, Columns, take

ESTIMATORS = ("snips", "ips", "clipped", "dr", "mrdr", "switch", "direct")
"""By which another policy can be judged; those after the third lean on a model, and are for decisions that take one candidate or action."""
_CLIP = 10.0
_ARMS = 200
"""A model of rewards tells this many candidates apart, those seen most; the others are one."""


class Replaying(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a replay.

    Attributes:
        since: Decisions asked from this instant on, microseconds since 1970 UTC.
        until: Decisions asked before this instant.
        most: At most so many, the latest.
        estimator: One of `ESTIMATORS`.
        how: The interval, and what is refused.
    """

    since: int
    until: int
    most: int = 20_000
    estimator: str = "snips"
    how: Judging = Judging()


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
    """

    outcome: str
    logged: PolicyValue | None = None
    value: PolicyValue | None = None
    gain: PolicyValue | None = None
    refused: Failed | None = None


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
        never: By decision, which share of what the other policy would do was never tried; empty where nobody knows.
    """
    try:
        reward = _labels(loaded, history, one, rows, asked.until)[kept]
        seen = ~np.isnan(reward)
        if not seen.any():
            said = "no decision has a label of it yet: its time is not over, or nothing that was done lets it be seen"
            raise Refused(Reason.FEW_EVENTS, said)
        part, reward = take(rows, kept[seen]), reward[seen]
        does = loaded.system.candidate is None
        name = part["action" if does else "candidate"]
        target = np.array([chances[id].get(what, 0.0) for id, what in zip(part["id"].tolist(), name.tolist(), strict=True)])
        unit = part.get(rollout_unit(loaded).name, part["id"])
        untried = np.array([never[id] for id in part["id"].tolist()]) if never else None
        kind: dict[str, Any] = {"unit": unit, "untried": untried, "how": asked.how}
        logs, alike = (reward, part["propensity"], target), np.ones(len(reward))
        return Judgement(
            outcome=loaded.name_of(one),
            logged=ips(reward, alike, alike, unit=unit, how=asked.how),
            value=_valued(asked.estimator, logs, kind, part["id"], name, chances),
            gain=gain(*logs, **kind),
        )
    except BadInput as error:
        return Judgement(outcome=loaded.name_of(one), refused=Failed(reason=str(getattr(error, "reason", "")), said=str(error)))


def _labels(loaded: Loaded, history: LogHistory, one: Outcome, rows: Columns, until: int) -> Array:
    """Return the outcome of every row, as training joins it; NaN where it is not known yet, or was not let be seen."""
    keys = join_keys(one, loaded.system.request, loaded.system.candidate)
    begun = back_filled(loaded.plan, [one.after], rows, history).values if one.after is not None else {}
    return label(one, rows, history.events(one.stream, until), keys, until, after(one, begun))


def _valued(
    estimator: str, logs: tuple[Array, Array, Array], kind: dict[str, Any], id: Array, name: Array, chances: Mapping[str, Chances]
) -> PolicyValue:
    """Return the value of the other policy by the estimator that was asked for."""
    if estimator in ("snips", "ips", "clipped"):
        return snips(*logs, **kind) if estimator == "snips" else ips(*logs, clip=_CLIP if estimator == "clipped" else None, **kind)
    if len(np.unique(id.astype(str))) < len(id):
        said = f"{estimator} is for decisions that take one candidate or action, and these take several: use snips, ips or clipped"
        raise BadInput(said, field="estimator")
    logged, chosen = _arms(name, [chances[one] for one in id.tolist()])
    if estimator == "mrdr":
        return mrdr(*logs, logged=logged, chosen=chosen, **kind)
    model = linear_rewards(logs[0], logged, chosen, unit=kind["unit"], seed=kind["how"].seed)
    if estimator == "direct":
        return direct_method(model.target, unit=kind["unit"], how=kind["how"])
    corrected = doubly_robust if estimator == "dr" else switch_dr
    return corrected(*logs, predicted=model.logged, expected=model.target, **kind)


def _arms(name: Array, wanted: list[Chances]) -> tuple[Array, Array]:
    """Return which arm each choice was, and with which chance the target takes each arm: features of a model of rewards by arm."""
    often = [one for one, _ in Counter(name.tolist()).most_common(_ARMS)]
    place = {one: column for column, one in enumerate(often)}
    logged, chosen = np.zeros((len(name), len(often) + 1)), np.zeros((len(name), len(often) + 1))
    for row, (what, chances) in enumerate(zip(name.tolist(), wanted, strict=True)):
        logged[row, place.get(what, -1)] = 1.0
        for one, chance in chances.items():
            chosen[row, place.get(one, -1)] += chance
    return logged, chosen
