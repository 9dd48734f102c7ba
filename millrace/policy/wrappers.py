"""Policies made of policies: fall back, experiment, shadow, pin. Whatever wraps a policy is a policy too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from millrace.decision import Decisions, Facts, Policy, merge
from millrace.errors import DeclarationError, brief
from millrace.policy.assignment import Assignment, TimeSlot, assignment, units_of
from millrace.schema import Field
from millrace.types import Array, Columns, micros, objects, size, take


def _check_policy(said: str, policy: Any) -> None:
    if not hasattr(policy, "decide") or isinstance(policy, type):
        raise DeclarationError(f"{said}{brief(policy)}): not a policy; use a Pipeline, or what wraps one")


@dataclass(frozen=True, eq=False)
class Fallback:
    """Answers by `policy`, or by `to` when that fails or takes longer than `after`. The miss is recorded; replay repeats it."""

    policy: Policy
    to: Policy
    after: str

    def __post_init__(self) -> None:
        _check_policy("Fallback(", self.policy)
        _check_policy("Fallback(to=", self.to)
        micros(self.after)

    def decide(self, requests: Columns, facts: Facts) -> Decisions:
        """Return the first policy's decisions, or the second's."""
        name = facts.name(self.policy)
        got = facts.attempt({name: lambda known: self.policy.decide(requests, known)}, {name: self.after})
        return got[name] if got else self.to.decide(requests, facts)


@dataclass(frozen=True, eq=False, init=False)
class Experiment:
    """Sends each unit to one of several policies, always the same one, by its share.

    Args:
        arms: A policy per arm name, the control's first: it also answers whoever is in no arm.
        unit: What is assigned: a field of the request, as `Refresh.viewer`, or a `TimeSlot`.
        shares: The share of each arm, adding up to 1; equal when not given.
        layer: What it shares with experiments of other systems that must not meet it: each uses a `part` of the layer.
        part: From where to where in the layer, within 0 and 1.
        ramp: The share of its part that is used, or shares that grow, by the day or instant from which on they hold. Who is outside is
            recorded as `outside`; nobody who is in an arm ever leaves it.
        holdout: The share of units that gets the control and is in no comparison: recorded as `holdout`. It is the same in all of a layer.
        overrides: By arm, ids of units that get it whatever is drawn, for tests: recorded as `override/<arm>`, in no comparison.
        allotted: By arm, ids of all units that take part, where they were shared out beforehand (in strata, in pairs, by whole
            clusters): nothing is drawn then, and who is in none of the lists is recorded as `outside`.
        scorecard: What it is read by: a `Scorecard`.
    """

    arms: tuple[tuple[str, Policy], ...]
    unit: Any
    assignment: Assignment
    scorecard: Any

    def __init__(
        self,
        arms: Mapping[str, Policy],
        *,
        unit: Any,
        shares: Sequence[float] | None = None,
        layer: str = "",
        part: tuple[float, float] = (0.0, 1.0),
        ramp: Mapping[str, float] | float | None = None,
        holdout: float = 0.0,
        overrides: Mapping[str, Sequence[str]] | None = None,
        allotted: Mapping[str, Sequence[str]] | None = None,
        scorecard: Any = None,
    ) -> None:
        if len(arms) < 2:
            raise DeclarationError(f"Experiment({sorted(arms)}): compare at least two arms")
        for name, policy in arms.items():
            _check_policy(f"Experiment({name!r}: ", policy)
        if not isinstance(unit, Field | TimeSlot):
            raise DeclarationError(f"Experiment(unit={brief(unit)}): not a field; name what is assigned, such as Refresh.viewer")
        if allotted is not None and isinstance(unit, TimeSlot):
            raise DeclarationError(
                "Experiment(allotted=...): slots of time are drawn as they come: name a field as the unit, or drop the lists"
            )
        made = assignment(tuple(arms), shares, layer, part, ramp, holdout, overrides, allotted)
        for name, value in {"arms": tuple(arms.items()), "unit": unit, "assignment": made, "scorecard": scorecard}.items():
            object.__setattr__(self, name, value)

    def assign(self, requests: Columns, facts: Facts) -> Array:
        """Return the position of what each request gets, in `assignment.labels`: the arms come first."""
        units = units_of(self.unit, requests)
        return self.assignment.assign(units, requests.get("at", np.zeros(len(units))), facts.name(self), facts.chance, facts.kept(self))

    def decide(self, requests: Columns, facts: Facts) -> Decisions:
        """Return each request's decision by its arm's policy, with `arm` and `arm_share` recorded."""
        assigned = self.assign(requests, facts)
        parts = []
        for position, name in enumerate(self.assignment.labels):
            mine = np.flatnonzero(assigned == position)
            # Of no requests, as while warming up, each arm that is given to anybody has its none.
            if mine.size or (not assigned.size and any(self.assignment.shares[position : position + 1])):
                asked, known = take(requests, mine), facts.apart()
                decided = self.arms[self.assignment.answers(position)][1].decide(asked, known)
                share = self.assignment.share(position, asked["at"])
                parts.append((mine, _in_arm(_missing(decided, [known.missed] * mine.size), name, share)))
        return merge(parts, size(requests))


def _in_arm(d: Decisions, name: str, share: Array) -> Decisions:
    """Record an arm; an experiment within an arm is named after both, and the shares multiply."""
    n = size(d.requests)
    if "arm" not in d.requests:
        return d.with_requests(arm=np.full(n, name, dtype=object), arm_share=share)
    named = objects(f"{name}/{inner}" if inner else name for inner in d.requests["arm"].tolist())
    return d.with_requests(arm=named, arm_share=d.requests["arm_share"] * share)


def _missing(d: Decisions, missed: Sequence[Sequence[str]]) -> Decisions:
    """Record what each request went without, besides what its decision says already."""
    before = d.requests["missed"] if "missed" in d.requests else [[]] * len(missed)
    return d.with_requests(missed=objects([*one, *more] for one, more in zip(before, missed, strict=True)))


@dataclass(frozen=True, eq=False)
class Shadow:
    """Answers by `policy`; asks `shadow` as well and records what it would have taken. Whatever the shadow does, the answer stands."""

    policy: Policy
    shadow: Policy
    within: str = "100ms"

    def __post_init__(self) -> None:
        _check_policy("Shadow(", self.policy)
        _check_policy("Shadow(shadow=", self.shadow)
        micros(self.within)

    def decide(self, requests: Columns, facts: Facts) -> Decisions:
        """Return the policy's decisions, with a column `shadow` on the requests: per request, what the shadow takes, best first."""
        answered = self.policy.decide(requests, facts)
        name = f"shadow {facts.name(self.shadow)}"
        got = facts.attempt({name: lambda known: self.shadow.decide(requests, known)}, {name: self.within})
        if not got:
            return answered
        also = got[name].requests
        return _missing(answered.with_requests(shadow=_taken(got[name])), also.get("missed", [[]] * size(requests)))


def _taken(d: Decisions) -> Array:
    if "action" in d.requests:
        return objects([action] for action in d.requests["action"].tolist())
    out = []
    for first, end in zip(d.starts[:-1], d.starts[1:], strict=True):
        rank, candidate = d.rows["rank"][first:end], d.rows["candidate"][first:end]
        out.append(candidate[np.argsort(rank, kind="stable")][np.count_nonzero(rank < 0) :].tolist())
    return objects(out)


@dataclass(frozen=True, eq=False, init=False)
class Pinned:
    """The same policy with other model versions: what canaries, shadows and model experiments are made of.

    Args:
        policy: The policy.
        release: A version id per Model (or model name), and a threshold per `chooser/action`.
        named: The release's id, for the record.
    """

    policy: Policy
    release: tuple[tuple[Any, Any], ...]
    named: str

    def __init__(self, policy: Policy, release: Mapping[Any, Any], named: str = "") -> None:
        _check_policy("Pinned(", policy)
        object.__setattr__(self, "policy", policy)
        object.__setattr__(self, "release", tuple(release.items()))
        object.__setattr__(self, "named", named)

    def decide(self, requests: Columns, facts: Facts) -> Decisions:
        """Return the policy's decisions under the pinned versions, with the requests' `release` named if it has a name."""
        decided = self.policy.decide(requests, facts.pinned(dict(self.release), self.named))
        return decided.with_requests(release=np.full(size(requests), self.named, dtype=object)) if self.named else decided


@dataclass(frozen=True, eq=False)
class Candidate:
    """Answers by a pinned policy, or by the champion's where that fails: who meets a broken canary is answered, and it is recorded."""

    pinned: Pinned
    champion: Policy

    def decide(self, requests: Columns, facts: Facts) -> Decisions:
        """Return the pinned policy's decisions, or the champion's."""
        got = facts.attempt({self.pinned.named: lambda known: self.pinned.decide(requests, known)}, {self.pinned.named: None})
        return got[self.pinned.named] if got else self.champion.decide(requests, facts)


@dataclass(frozen=True, eq=False, init=False)
class Canary:
    """How a new release reaches everyone: its share of the traffic, step by step, each watched before the next.

    Args:
        steps: Shares such as "1%", "10%", "100%", rising to 100%.
        watch: How long each step is watched; what is worse is taken back as soon as that is proven, at any moment of it.
        unit: The request's field that is assigned; None is the request's id.
        guards: What it is watched for, such as `[Misses(), Latency(0.99), Reward()]`; None is what anything can be watched for: misses,
            latency, the first outcome of a ranking, the shares of actions.
        alarm: The chance that a release no worse than the champion is taken back at all, over all guards and the whole rollout.
        least: How many units of either side a step must have heard of before the next: whose outcome is known, where one is watched.
    """

    steps: tuple[str, ...]
    watch: str
    unit: Any
    guards: tuple[Any, ...] | None
    alarm: float
    least: int

    def __init__(
        self,
        *steps: str,
        watch: str = "1h",
        unit: Any = None,
        guards: Sequence[Any] | None = None,
        alarm: float = 0.01,
        least: int = 10,
    ) -> None:
        shares = tuple(_share(step) for step in steps)
        if not shares or list(shares) != sorted(set(shares)) or shares[-1] != 1.0:
            raise DeclarationError(f'Canary{steps}: the shares must rise to "100%", such as Canary("1%", "10%", "100%")')
        micros(watch)
        for one in guards or ():
            if isinstance(one, type) or not (hasattr(one, "watch") and hasattr(one, "on_outcome")):
                raise DeclarationError(f"Canary(guards=[{brief(one)}]): not a guardrail; use Misses(), Latency(0.99), Reward() or another")
        if not 0 < alarm < 1:
            raise DeclarationError(f"Canary(alarm={alarm!r}): the chance of a false alarm lies between 0 and 1, such as 0.01")
        if least < 2:
            raise DeclarationError(f"Canary(least={least!r}): how many units each side must have heard of, 2 or more, such as 100")
        kept = {"guards": tuple(guards) if guards is not None else None, "alarm": float(alarm), "least": int(least)}
        for name, value in {"steps": steps, "watch": watch, "unit": unit, **kept}.items():
            object.__setattr__(self, name, value)

    @property
    def shares(self) -> tuple[float, ...]:
        """The steps as fractions, in (0, 1]."""
        return tuple(map(_share, self.steps))

    @staticmethod
    def wrap(policy: Policy, release: Mapping[Any, Any], named: str, share: float, unit: Field) -> Policy:
        """Return the policy that serves a release to a share of the units: an experiment of two arms, the second pinned."""
        arms = {"champion": policy, "canary": Candidate(Pinned(policy, release, named), policy)}
        return Experiment(arms, unit=unit, shares=(1 - share, share))


def _share(step: str) -> float:
    number = step[:-1] if isinstance(step, str) and step.endswith("%") else ""
    if not number.replace(".", "", 1).isdigit() or not 0 < float(number) <= 100:
        raise DeclarationError(f'Canary({step!r}): a share is written as a percentage, such as "10%"')
    return float(number) / 100
