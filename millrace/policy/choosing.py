"""What all choosers have in common that compute the chance of each candidate first and then draw once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from millrace.decision import NOT_TAKEN, Decisions, Facts
from millrace.errors import BadInput, DeclarationError, brief
from millrace.models.belief import IS_SHARE, SEEN, SPREAD
from millrace.policy.chances import drawn, explored
from millrace.schema import Field
from millrace.types import Array, Columns, size, take


@dataclass(frozen=True, eq=False)
class Chooser(ABC):
    """Takes some rows of each request, each with a chance that is computed from what is believed of all of them, and stated.

    Attributes:
        n: How many are taken, or the request's integer field that says so; see `Top`.
        floor: The least chance that any candidate of a request has, in [0, 1): so that other policies can be judged on the log. Where there
            are too many for that, all are taken alike.
        warmup: While a candidate of a request was seen in fewer labelled rows than this, all of the request's are taken alike.
    """

    n: Any = 1
    _: KW_ONLY
    floor: float = 0.0
    warmup: int = 0

    draws = True
    needs = ()
    """The columns it reads beside the score: they come from a model that holds a belief, right before it."""

    def __post_init__(self) -> None:
        name = type(self).__name__
        if not (isinstance(self.n, Field) and self.n.kind == "integer") and not (type(self.n) is int and self.n >= 1):
            raise DeclarationError(f"{name}({brief(self.n)}): take at least 1, or name an integer field of the request")
        if isinstance(self.floor, bool) or not isinstance(self.floor, int | float) or not 0 <= self.floor < 1:
            raise DeclarationError(f"{name}(floor={self.floor!r}): the least chance of a candidate lies between 0 and 1")
        if type(self.warmup) is not int or self.warmup < 0:
            raise DeclarationError(f"{name}(warmup={self.warmup!r}): how often each is to be seen first is a whole number, 0 or more")

    @abstractmethod
    def chances(self, rows: Columns, n: int) -> Array:
        """Return the chance that each of a request's rows is taken, of which there are more than `n`; they add up to that. Shape (k,)."""

    def features(self) -> tuple[Any, ...]:
        """Return nothing: it reads what the stages before it found."""
        return ()

    @property
    def read(self) -> tuple[str, ...]:
        """The columns of a belief that it reads."""
        return (*self.needs, *((SEEN,) if self.warmup else ()))

    def apply(self, d: Decisions, facts: Facts) -> Decisions:
        """Set `rank` and `propensity` of every row; those taken stand in the order of their scores.

        Raises:
            BadInput: What it reads is missing, or a score is not a number.
        """
        total = size(d.rows)
        score = d.rows["score"] if "score" in d.rows else np.zeros(total)
        rank, propensity = np.full(total, NOT_TAKEN), np.zeros(total)
        draw = facts.chance(facts.name(self), d.requests["id"])
        known: dict[bytes, Array] = {}
        for position, rows, n in self._requests(d, score):
            said = b"".join([n.to_bytes(8, "little"), *(column.tobytes() for column in rows.values())])
            if said not in known:  # in a batch, many requests are about candidates of which the same is believed
                known[said] = self._chances(rows, n)
            of = slice(int(d.starts[position]), int(d.starts[position + 1]))
            propensity[of] = known[said]
            taken = drawn(known[said], float(draw[position]))
            rank[of.start + taken[np.argsort(-rows["score"][taken], kind="stable")]] = np.arange(len(taken))
        return d.with_rows(score=score, rank=rank, propensity=propensity)

    def _requests(self, d: Decisions, score: Array) -> Iterator[tuple[int, Columns, int]]:
        """Yield (position, what is read of its rows, how many are taken) of each request that has rows and takes some."""
        if size(d.rows) and (missing := [name for name in self.read if name not in d.rows]):
            raise BadInput(f"{type(self).__name__}() reads {missing[0]!r}, which the model before it does not say", field=missing[0])
        if not np.isfinite(score).all():
            raise BadInput(f"{type(self).__name__}() cannot compare scores that are not finite numbers", field="score")
        read = {"score": score, **{name: d.rows[name] for name in (SPREAD, SEEN, IS_SHARE) if name in d.rows and self.read}}
        starts = d.starts
        for position in range(size(d.requests)):
            n = int(d.requests[self.n.name][position]) if isinstance(self.n, Field) else self.n
            if starts[position + 1] > starts[position] and n > 0:
                yield position, take(read, slice(int(starts[position]), int(starts[position + 1]))), n

    def _chances(self, rows: Columns, n: int) -> Array:
        k = size(rows)
        if n >= k:
            return np.ones(k)
        if self.warmup and (rows[SEEN] < self.warmup).any():
            return np.full(k, n / k)
        return explored(self.chances(rows, n), n, self.floor)
