"""What callers get back, typed: the same classes fill the bodies and describe them in the OpenAPI document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from millrace.decision import Decision


class Item(msgspec.Struct, frozen=True):
    """One candidate taken.

    Attributes:
        candidate: Its id.
        score: What it was ordered by; null for history.
    """

    candidate: str
    score: float | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided on one request.

    Attributes:
        id: The request's id, by which the decision is found again, explained and told its outcome.
        action: What to do, for systems that act; "shown" for those that rank.
        items: What was taken, best first.
        policy: The pipeline that answered.
        release: The release that was serving; "" before the first.
        arm: The experiment's or canary's arm, "" outside any.
        missed: What did not answer in time: anything here means that a fallback, or less than usual, stands behind the answer.
    """

    id: str
    action: str
    items: list[Item]
    policy: str
    release: str
    arm: str
    missed: list[str]

    @classmethod
    def of(cls, decision: Decision) -> Answer:
        """Return what a caller gets of a decision."""
        scores: Sequence[float | None] = decision.score or [None] * decision.taken
        items = [Item(one, score) for one, score in zip(decision.candidate[: decision.taken], scores, strict=False)]
        return cls(
            id=decision.id,
            action=decision.action,
            items=items,
            policy=decision.policy,
            release=decision.release,
            arm=decision.arm,
            missed=decision.missed,
        )


class Acknowledged(msgspec.Struct, frozen=True, kw_only=True):
    """What became of records that were sent; they are on disk, and the next decision sees them.

    Attributes:
        accepted: How many are new.
        duplicates: How many were there already, with equal content.
        ids: The id of each, fresh where it had none.
        known: When each became known, microseconds since 1970 UTC.
    """

    accepted: int
    duplicates: int
    ids: list[str]
    known: list[int]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A decision as it stands in the log, and the request it answers."""

    decision: Decision
    request: dict[str, Any]


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """What one feature added to a raw score (log-odds for a probability)."""

    feature: str
    adds: float


class Taken(msgspec.Struct, kw_only=True):
    """One candidate taken, and what was known of it.

    Attributes:
        candidate: Its id.
        source: What proposed it.
        score: What it was ordered by.
        propensity: The chance that it would be taken.
        predictions: What the model foresaw, by outcome.
        values: The features as they were served, by name.
        reasons: Those that weighed most, strongest first.
    """

    candidate: str
    source: str
    score: float | None
    propensity: float | None
    predictions: dict[str, float | None]
    values: dict[str, Any]
    reasons: list[Reason] = []


class Explanation(msgspec.Struct, kw_only=True):
    """Why a decision is as it is.

    Attributes:
        decision: The record, its rows apart.
        request: What was asked.
        considered: How many candidates there were.
        taken: Those that were taken, best first.
        unexplained: Why there are no reasons, where there are none.
    """

    decision: dict[str, Any]
    request: dict[str, Any]
    considered: int
    taken: list[Taken]
    unexplained: str = ""


class Health(msgspec.Struct, frozen=True):
    """The process lives."""

    alive: bool = True


class Ready(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The log is open and the view is up to it.

    Attributes:
        system: Whose requests are answered.
        release: What serves; null before the first release.
        candidate: What is being rolled out beside it, if anything.
        halted: Who answers alone because the system was halted, `champion` or `fallback`; "" as long as it is not.
        following: Why what follows the online view (what publishes it to Redis) does not; empty when all do, or nothing follows it.
        left_out: The sources, models and policies that are left out for failing or being late again and again, until they answer once.
    """

    system: str
    release: str | None
    candidate: str | None
    halted: str = ""
    following: list[str] = []
    left_out: list[str] = []


class Fault(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is wrong, and with which field."""

    message: str
    field: str = ""


class Problem(msgspec.Struct, frozen=True):
    """A refusal or a failure."""

    error: Fault


def problem_at(path: str, message: str) -> Any:
    """Return a refusal in the words of the API that was asked: the Open Inference Protocol wants a plain sentence."""
    is_open_inference = path == "/v2" or path.startswith("/v2/")
    return {"error": message} if is_open_inference else Problem(Fault(message))
