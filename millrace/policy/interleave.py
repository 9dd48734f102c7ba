"""Merge the slates of several policies into one: whose picks are liked better shows far sooner than in an experiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from millrace.decision import NOT_TAKEN, Decisions, Facts, Interleaved, Policy
from millrace.errors import DeclarationError, Late, brief
from millrace.models.declare import Outcome
from millrace.policy.interleave_drafts import Balanced, Draft, Probabilistic, TeamDraft, chances, drawn, rest
from millrace.schema import Field
from millrace.types import Array, Columns, micros, objects, size, stack, take

_DRAFTS: Mapping[str, Draft] = {"team-draft": TeamDraft(), "balanced": Balanced(), "probabilistic": Probabilistic()}
_KEPT = ("request", "candidate", "source", "score")


@dataclass(frozen=True, eq=False, init=False)
class Interleave:
    """Merges the slates of several ranking policies into one, and records who picked what.

    Every request is answered by all arms at once, so viewers, queries and moments are the same for all of them: what is left to tell them
    apart is whose rows are liked better. `millrace.experiments.interleaving` reads that from the log. The merged slate is as long as the
    longest of the arms; all compete for as many places as the shortest has, what follows is nobody's. Where an arm does not answer in
    time, the first that does answers alone. Constraints hold within each arm's slate, not within the merged one.

    A row's propensity is its chance to be taken at all, exact over the draft; NaN (unknown) where the draft can go in too many ways, as
    the probabilistic one can with more than some eight places. A row's score is that of the first arm that proposed it.

    Args:
        arms: A policy per arm name. None of them may draw: `Top` without `explore`.
        by: "team-draft" (in every round the arms pick in a fresh random order), "balanced" (two arms; known to prefer one of two rankings
            that are equally good, where they are alike but shifted) or "probabilistic" (every ranking can occur, better ones more often).
        within: How long an arm may take, such as "100ms": then they run side by side. None has them run in turn, as long as they take.
        reward: The outcome that arms are given credit for, 0 or more, such as a click: `millrace experiment status` compares them by it,
            the first arm as control. None where nobody reads it so.
        unit: The request's field that says who asked, such as `Search.viewer`: requests of one unit may go together.
    """

    arms: tuple[tuple[str, Policy], ...]
    by: str
    within: str | None
    reward: Outcome | None
    unit: Field | None

    def __init__(
        self,
        arms: Mapping[str, Policy],
        *,
        by: str = "team-draft",
        within: str | None = None,
        reward: Outcome | None = None,
        unit: Field | None = None,
    ) -> None:
        if len(arms) < 2:
            raise DeclarationError(f"Interleave({sorted(arms)}): compare at least two arms")
        for name, policy in arms.items():
            if not hasattr(policy, "decide") or isinstance(policy, type):
                raise DeclarationError(f"Interleave({name!r}: {brief(policy)}): not a policy; use a Pipeline, or what wraps one")
            if not name:
                raise DeclarationError("Interleave({'': ...}): give every arm a name")
        if by not in _DRAFTS:
            raise DeclarationError(f"Interleave(by={by!r}): unknown; use one of {', '.join(map(repr, _DRAFTS))}")
        if by == "balanced" and len(arms) != 2:
            raise DeclarationError(f"Interleave(by='balanced'): it merges two arms, not {len(arms)}; write by='team-draft'")
        if within is not None:
            micros(within)
        _check_read(reward, unit)
        for name, value in {"arms": tuple(arms.items()), "by": by, "within": within, "reward": reward, "unit": unit}.items():
            object.__setattr__(self, name, value)

    def decide(self, requests: Columns, facts: Facts) -> Decisions:
        """Return merged decisions, with a column `interleaved` on the requests.

        Raises:
            Late: No arm answered.
        """
        calls = {name: _call(policy, requests) for name, policy in self.arms}
        got = facts.attempt(calls, dict.fromkeys(calls, self.within))
        if not got:
            raise Late(f"no arm answered in time: {', '.join(calls)}")
        if len(got) < len(calls):
            return next(iter(got.values()))
        return self._merged(requests, list(got.values()), facts)

    def _merged(self, requests: Columns, slates: Sequence[Decisions], facts: Facts) -> Decisions:
        n, name = size(requests), facts.name(self)
        rows, ranks = _together(slates, n)
        is_sure = np.ones(n, dtype=bool)  # what an arm has drawn itself is not in the draft's chances
        for slate in slates:
            is_sure[slate.rows["request"][slate.taken & (slate.rows["propensity"] != 1)]] = False
        depths = np.array([np.bincount(slate.rows["request"][slate.taken], minlength=n) for slate in slates])
        places = range(int(depths.min(axis=0).max(initial=0)))
        draws = np.array([facts.chance(f"{name}/{place}", requests["id"]) for place in places]).reshape(len(places), n)
        rank, propensity = np.full(size(rows), NOT_TAKEN), np.zeros(size(rows))
        told, starts = [], np.searchsorted(rows["request"], np.arange(n + 1))
        for position in range(n):
            part = slice(int(starts[position]), int(starts[position + 1]))
            own = draws[: depths[:, position].min(), position]
            rank[part], chance, record = self._slate(ranks[:, part], own)
            propensity[part] = chance if is_sure[position] else np.nan
            told.append(record)
        done = {"policy": np.full(n, name, dtype=object), "interleaved": objects(told)}
        return Decisions({**requests, **done}, {**rows, "rank": rank, "propensity": propensity})

    def _slate(self, ranks: Array, draws: Array) -> tuple[Array, Array, Interleaved]:
        """Return (rank, propensity, record) of one request's rows, given at which place each arm has each. Shape (arms, rows)."""
        draft = _DRAFTS[self.by]
        orders = [np.argsort(own, kind="stable")[np.count_nonzero(own == NOT_TAKEN) :].tolist() for own in ranks]
        places = max(map(len, orders))
        picks = drawn(draft, orders, draws)
        more = rest(orders, sum(1 << row for row, _ in picks), places - len(picks))
        taken = [row for row, _ in picks] + more
        rank, propensity = np.full(ranks.shape[1], NOT_TAKEN), np.zeros(ranks.shape[1])
        rank[taken] = np.arange(len(taken))
        chance = chances(draft, orders, len(picks), places)
        for row in {row for order in orders for row in order}:
            propensity[row] = chance.get(row, 0.0) if chance is not None else np.nan
        names = [name for name, _ in self.arms]
        record = Interleaved(
            by=self.by,
            team=[names[arm] for _, arm in picks] + [""] * len(more),
            ranks={name: own[taken].tolist() for name, own in zip(names, ranks, strict=True)},
            depths={name: len(order) for name, order in zip(names, orders, strict=True)},
        )
        return rank, propensity, record


def _check_read(reward: Any, unit: Any) -> None:
    if reward is not None and not isinstance(reward, Outcome):
        raise DeclarationError(f"Interleave(reward={brief(reward)}): not an outcome; declare one, such as outcome(Click, within='10m')")
    if unit is not None and not isinstance(unit, Field):
        raise DeclarationError(f"Interleave(unit={brief(unit)}): not a field; name who asks, such as Search.viewer")
    if (reward is None) != (unit is None):
        raise DeclarationError(
            "Interleave(reward=..., unit=...): it is read with both, what is earned and who asked: name both, or neither"
        )


def _call(policy: Policy, requests: Columns) -> Any:
    return lambda facts: policy.decide(requests, facts)


def _together(slates: Sequence[Decisions], n: int) -> tuple[dict[str, Array], Array]:
    """Return every row that an arm considered, a candidate once per request, and at which place each arm has it. Shape (arms, rows)."""
    rows = stack([{name: slate.rows[name] for name in _KEPT if name in slate.rows} for slate in slates])
    where: dict[tuple[int, str], int] = {}
    keys = list(zip(rows["request"].tolist(), rows["candidate"].tolist(), strict=True))
    at = np.array([where.setdefault(key, len(where)) for key in keys], dtype=np.int64)
    ranks = np.full((len(slates), len(where)), NOT_TAKEN)
    ranks[np.repeat(np.arange(len(slates)), [size(slate.rows) for slate in slates]), at] = np.concatenate(
        [slate.rows["rank"] for slate in slates]
    )
    first = np.unique(at, return_index=True)[1]
    order = np.argsort(rows["request"][first], kind="stable")
    return take(rows, first[order]), ranks[:, order]
