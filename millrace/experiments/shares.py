"""The share of units that something is true of."""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass
from typing import Any, Literal, final

import msgspec
import numpy as np

from millrace.experiments.adjusted import Adjusted
from millrace.experiments.comparison import Asked, Comparison, chance
from millrace.experiments.contrast import contrast
from millrace.experiments.cuped import Explained, explained
from millrace.experiments.metric import PLAIN, column_of, said
from millrace.experiments.moments import Moments
from millrace.experiments.needs import Needs, Term
from millrace.experiments.proportions import Share, newcombe, score, score_interval
from millrace.experiments.reasons import Caution, Reason
from millrace.experiments.summary import Summary
from millrace.types import Columns


@dataclass(frozen=True)
class Shared(Adjusted, ABC):
    """A proportion of units, compared by the score test where there are no covariates, else as a mean of 0 and 1.

    Attributes:
        value: A column per unit: above 0, or true, where it happened.
        by: "score" (test and interval that hold for rare events too), "wald" (the unpooled z-test), or "newcombe" (that test, and an
            interval of both arms' Wilson intervals).
    """

    value: Any
    by: Literal["score", "wald", "newcombe"] = "score"

    def _about(self) -> str:
        return said(self.value)

    def needs(self) -> Needs:
        """Return what it must be told of every arm."""
        return Needs(frozenset({self._group()}))

    def compare(self, control: Summary, treatment: Summary, asked: Asked = PLAIN) -> Comparison:
        """Return how the treatment compares with the control."""
        one, other = self.figures(control, treatment)
        rare = tuple(caution for arm in (control, treatment) for caution in self._rare(arm))
        cautions = self.touched(control, treatment) + rare
        method = "CUPED, z" if self.covariates else "unpooled z"
        plain = contrast(self.name, one, other, asked, method=method, cautions=cautions)
        if self.covariates or self.by == "wald":
            return plain
        shares = self._share(control), self._share(treatment)
        if self.by == "newcombe":
            low, high = newcombe(*shares, asked)
            return msgspec.structs.replace(plain, method="unpooled z, Newcombe's interval", low=low, high=high)
        p_value, log_p = chance(score(*shares, asked.beyond), float("inf"), asked.alternative)
        low, high = score_interval(*shares, asked)
        return msgspec.structs.replace(plain, method="score (Miettinen–Nurminen)", low=low, high=high, p_value=p_value, log_p=log_p)

    def draw(self, rng: np.random.Generator, n: int, like: Summary, effect: float = 0.0) -> Columns:
        """Return n made-up units: 0 and 1 with the chance that `like` has, and covariates that go with them as they do there."""
        moments = like.moments(self._group())
        share = moments.means[0]
        hit = rng.random(n) < share
        drawn = {self._group()[0].column: (hit if effect == 0 else _moved(rng, hit, share, effect)).astype(np.float64)}
        if not self.covariates:
            return drawn
        scatter = moments.scatter / max(moments.n - 1, 1)
        slopes = scatter[0, 1:] / scatter[0, 0]
        noise = scatter[1:, 1:] - np.outer(slopes, slopes) * scatter[0, 0]
        extra = moments.means[1:] + np.outer(hit - share, slopes) + rng.multivariate_normal(np.zeros(len(slopes)), noise, n, method="eigh")
        return {**drawn, **{term.column: extra[:, at] for at, term in enumerate(self._group()[1:])}}

    def moved(self, rng: np.random.Generator, units: Columns, effect: float) -> Columns:
        """Return whom it happens to where an effect lets it happen to more, or to fewer. Shape (n,)."""
        value = self.terms()[0].column
        hit = units[value] > 0
        return {value: _moved(rng, hit, float(hit.mean()), effect).astype(np.float64)}

    def _group(self) -> tuple[Term, ...]:
        return (Term(column_of(self.value), above=0.0), *self._extra())

    def _explained(self, moments: Moments) -> Explained:
        share = moments.means[0]
        return explained(share, share * (1 - share), moments.scatter[0, 1:] / max(moments.n, 1), moments, 1)

    def _df(self, units: int) -> float:
        return float("inf")

    def _share(self, arm: Summary) -> Share:
        return Share(float(np.rint(arm.moments(self._group()).means[0] * arm.units)), arm.units)

    def _rare(self, arm: Summary) -> tuple[Caution, ...]:
        hits = self._share(arm).hits
        few = min(hits, arm.units - hits)
        if few >= _FEW:
            return ()
        said = f"{self.name} was seen {hits:.0f} times in {arm.units} units of {arm.arm}"
        return (Caution(Reason.FEW_EVENTS, f"{said}: only a large effect can show, and the relative interval is rough"),)


_FEW = 10
"""How many events, and units without one, an arm should have."""


def _moved(rng: np.random.Generator, hit: np.ndarray, share: float, effect: float) -> np.ndarray:
    """Return as many units more, or fewer, that it happens to as make the effect."""
    other = min(max(share + effect, 0.0), 1.0)
    if other >= share:
        return hit | (rng.random(len(hit)) < (other - share) / max(1 - share, 1e-300))
    return hit & (rng.random(len(hit)) < other / share)


@final
@dataclass(frozen=True)
class Proportion(Shared):
    """The share of units whose value is above 0: who clicked, who paid.

    >>> Proportion("orders").name
    'proportion of orders'
    """


@final
@dataclass(frozen=True)
class Retention(Shared):
    """The share of units that came back, from `after` their first exposure on and `within` a time of it.

    >>> Retention("came_back", after="24h", within="7d").name
    'retention of came_back'
    """
