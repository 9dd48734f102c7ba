"""What a rollout's arms decided, read from the log as it grows: each decision once, in the order in which they were logged."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import Any

import numpy as np

from millrace.decision import FORGOTTEN, Decision
from millrace.loaded import Loaded
from millrace.log.log import Log
from millrace.operate.watch import learning
from millrace.policy.wrappers import Experiment
from millrace.schema import field_names
from millrace.types import EVER, Array, Columns, objects

NOTHING = "nothing"
"""The action of a decision that took no candidate at all."""


class Decided:
    """Reads decisions made since an instant, with the fields of their requests.

    Args:
        loaded: The system.
        log: Its log.
        since: When the rollout began, microseconds.
        unit: The request's field that is assigned.
    """

    def __init__(self, loaded: Loaded, log: Log, since: int, unit: str) -> None:
        self._loaded, self._log, self._unit = loaded, log, unit
        self._next = since
        self._since = since
        self._fields = [name for name in field_names(loaded.system.request) if name not in ("id", "at")]
        self._learning = frozenset(learning(loaded))
        self._inner = _Inner(loaded)

    def more(self) -> tuple[list[Decision], Columns]:
        """Return the decisions logged since the last call, and a row for each: what guardrails read, `asked <field>` and `is_judged`.

        Where no model takes part a release changes nothing: such decisions would only hide what it does to the others.
        """
        end = self._log.last_known + 1  # what is being written now becomes known later
        pairs = list(self._log.decisions(system=self._loaded.name, known_from=self._next, known_until=end))
        # How often a decision can be repeated depends on an arm's share: only what was decided anew can be compared.
        made = [(known, one) for known, one in pairs if one.at >= self._since and not one.repeats]
        asked = self._asked([one for _, one in made], end)
        self._next = max(self._next, end)
        kept = [(known, one, fields) for (known, one), fields in zip(made, asked, strict=True) if fields is not None]
        return [one for _, one, _ in kept], self._columns(kept)

    def _asked(self, decisions: list[Decision], end: int) -> list[dict[str, Any] | None]:
        """Return the fields of the requests; None where somebody was forgotten. Requests are logged with their decisions, but for a few."""
        if not decisions:
            return []
        request = self._loaded.system.request
        rows = self._log.read(request, known_from=self._next, known_until=end)
        at = {one: position for position, one in enumerate(rows["id"].tolist())}
        columns = {name: rows[name].tolist() for name in self._fields if name in rows}
        found: list[dict[str, Any] | None] = []
        for one in decisions:
            position = at.get(one.id)
            if position is not None:
                found.append({name: values[position] for name, values in columns.items()})
            else:
                earlier = self._log.find(request, one.id)
                found.append({name: getattr(earlier, name) for name in self._fields} if earlier is not None else None)
        return found

    def _columns(self, kept: list[tuple[int, Decision, Any]]) -> Columns:
        made = [one for _, one, _ in kept]
        arms = [one.arm.partition("/") for one in made]
        treated = np.array([arm == "canary" for arm, _, _ in arms], dtype=bool)
        own = np.array([one.arm_share / self._inner.share(inner, one.at) for one, (_, _, inner) in zip(made, arms, strict=True)])
        share = np.round(np.where(treated, own, 1 - own), 9)
        judged = [
            arm in ("canary", "champion") and (bool(one.missed) or one.policy in self._learning)
            for one, (arm, _, _) in zip(made, arms, strict=True)
        ]
        units = (one.id if self._unit == "id" else str(fields[self._unit]) for _, one, fields in kept)
        return {
            "id": objects(one.id for one in made),
            "at": np.array([one.at for one in made], dtype=np.int64),
            "known": np.array([known for known, _, _ in kept], dtype=np.int64),
            "is_judged": np.array(judged, dtype=bool) & (share > 0) & (share < 1),
            "treated": treated,
            "share": share,
            "unit": objects(units),
            "rows": np.array([one.taken for one in made], dtype=np.int64),
            "missed": np.array([bool(one.missed) for one in made], dtype=bool),
            "took_us": np.array([one.took_us for one in made], dtype=np.int64),
            "action": objects(one.action if one.taken else NOTHING for one in made),
            "score": np.array([mean_of(one.score[: one.taken]) for one in made], dtype=np.float64),
            **{f"asked {name}": objects(fields[name] for _, _, fields in kept) for name in self._fields},
        }


def mean_of(values: Iterable[float | None]) -> float:
    """Return the mean of the numbers that are there, NaN of none."""
    present = [value for value in values if value is not None]
    return float(np.mean(present)) if present else float("nan")


def inner_shares(policy: Any, at: int = EVER) -> dict[str, float]:
    """Return the share of each arm at an instant, by its name as decisions record it, within a policy; "" is outside any experiment."""
    if isinstance(policy, Experiment):
        drawn = policy.assignment
        return {
            f"{name}/{path}" if path else name: float(drawn.share(position, at)) * inner
            for position, name in enumerate(drawn.labels)
            for path, inner in inner_shares(policy.arms[drawn.answers(position)][1], at).items()
        }
    parts = [value for value in vars(policy).values() if hasattr(value, "decide") and not isinstance(value, type)]
    return {path: share for part in parts for path, share in inner_shares(part, at).items()} or {"": 1.0}


class _Inner:
    """The shares within a policy, which ramps change as time goes by."""

    def __init__(self, loaded: Loaded) -> None:
        self._policy = loaded.system.policy
        self._steps = sorted({since for one in loaded.of(Experiment) for since, _ in one.assignment.ramp})
        self._known: dict[int, dict[str, float]] = {}

    def share(self, path: str, at: int) -> float:
        """Return the share of an arm at an instant, 1 where there is none."""
        step = bisect_right(self._steps, at)
        if step not in self._known:
            self._known[step] = inner_shares(self._policy, at)
        return self._known[step].get(path, 1.0)


def taken_rows(decisions: list[Decision], seen: Columns, fields: Iterable[str]) -> dict[str, Array]:
    """Return a row per candidate taken, as attribution reads it, `of` being the position of its decision.

    Args:
        decisions: The decisions.
        seen: Their rows, from `Decided.more`.
        fields: The request's fields that events are joined by.
    """
    counts = seen["rows"]
    of = np.repeat(np.arange(len(decisions)), counts)
    candidate = objects(name for one in decisions for name in one.candidate[: one.taken])
    kept = np.flatnonzero(candidate != FORGOTTEN)
    of, candidate = of[kept], candidate[kept]
    watermark = np.array([one.watermark for one in decisions], dtype=np.int64)
    rows = {name: seen[name][of] for name in ("id", "at", "action")} | {name: seen[f"asked {name}"][of] for name in fields}
    return {**rows, "of": of, "candidate": candidate, "watermark": watermark[of]}
