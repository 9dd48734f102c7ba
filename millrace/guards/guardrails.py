"""Guardrails as declared: what a canary must not be worse in than the champion beside it, and by how much it may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from millrace.errors import DeclarationError
from millrace.guards.comparing import Gaps, Strays, Worse
from millrace.guards.usual import Distribution, ScoreShares, Slow
from millrace.guards.watching import Happening, Shares, Watch
from millrace.models.declare import Outcome
from millrace.schema import Field
from millrace.types import Array, Columns


class Guardrail(Protocol):
    """What a canary is watched for."""

    @property
    def on_outcome(self) -> bool:
        """Whether it reads what came of decisions, once that is known; else the decisions themselves, at once."""
        ...

    def watch(self) -> Watch:
        """Return a watch that has seen nothing yet."""
        ...


@dataclass(frozen=True)
class Misses:
    """The canary fails, or goes without something that did not answer in time, more often than the champion.

    Attributes:
        times: How many times as often it may.
    """

    times: float = 1.1
    on_outcome = False

    def __post_init__(self) -> None:
        _at_least_one("Misses(times=)", self.times)

    def watch(self) -> Watch:
        """See `Guardrail`."""
        return Happening("misses", self.times, _missed, "falls back in")


@dataclass(frozen=True, init=False)
class Latency:
    """The canary takes longer than usual more often than the champion: longer than quantiles of what the first decisions took.

    Attributes:
        quantiles: Which.
        times: How many times as often it may.
    """

    quantiles: tuple[float, ...]
    times: float
    on_outcome = False

    def __init__(self, *quantiles: float, times: float = 1.5) -> None:
        quantiles = quantiles or (0.9, 0.99)
        if not all(0 < one < 1 for one in quantiles):
            raise DeclarationError(f"Latency{quantiles}: a quantile lies between 0 and 1, such as 0.99")
        _at_least_one("Latency(times=)", times)
        object.__setattr__(self, "quantiles", quantiles)
        object.__setattr__(self, "times", times)

    def watch(self) -> Watch:
        """See `Guardrail`."""
        return Slow(self.quantiles, self.times)


@dataclass(frozen=True, eq=False)
class Reward:
    """What comes of the canary's decisions is worse, on average.

    Attributes:
        of: The outcome; None is the first of the model that has the last word, where that ranks.
        worse_by: How much worse it may be, as a part of its range.
        less_is_better: Whether the outcome is a harm.
        proven_within: How much worse, as such a part, it must be proven not to be before a step ends; None asks for no proof. Of small
            margins the proof takes many units: with the margin halved, four times as many.
    """

    of: Any = None
    worse_by: float = 0.0
    less_is_better: bool = False
    proven_within: float | None = None
    on_outcome = True

    def __post_init__(self) -> None:
        _is_outcome("Reward", self.of, may_be_none=True)
        if not 0 <= self.worse_by < 1:
            raise DeclarationError(f"Reward(worse_by={self.worse_by!r}): a part of the range, from 0 to below 1")
        if self.proven_within is not None and not self.worse_by < self.proven_within < 1:
            said = f"Reward(proven_within={self.proven_within!r}): a part of the range, below 1 and above what it may be worse by"
            raise DeclarationError(f"{said} ({self.worse_by:g})")

    def watch(self) -> Watch:
        """See `Guardrail`."""
        return Worse(self.worse_by, -1 if self.less_is_better else 1, self.proven_within)


@dataclass(frozen=True)
class ActionShares:
    """The canary takes an action far more often than the champion, or hardly any more: it shows at once what outcomes show after weeks.

    A version that has learned of a new attack stops what the one before it let through, some hundredths of all; between others shares
    differ by a third. None turns away a tenth more, and none leaves alone what was acted on so far.

    Attributes:
        times: How many times larger or smaller the share may be, if it also differs by more than these:
        more: By how much larger it may be in any case.
        less: By how much smaller.
    """

    times: float = 2.5
    more: float = 0.05
    less: float = 0.01
    on_outcome = False

    def __post_init__(self) -> None:
        _at_least_one("ActionShares(times=)", self.times)

    def watch(self) -> Watch:
        """See `Guardrail`."""
        return Shares("action", self.times, (self.more, self.less), "takes")


@dataclass(frozen=True)
class Scores:
    """The canary's scores lie elsewhere than the champion's: in equal parts of what the first ones were.

    A model trained anew scores a little otherwise, and may; where a release is to change nothing, such as a library, ask for `times=1`.

    Attributes:
        bins: How many parts.
        times: How many times as large or small as the champion's a part may become, if it also differs by more than a twentieth of all.
            1 allows no difference, of any kind.
    """

    bins: int = 10
    times: float = 4.0
    on_outcome = False

    def __post_init__(self) -> None:
        _at_least_one("Scores(times=)", self.times)
        if self.bins < 2:
            raise DeclarationError(f"Scores(bins={self.bins!r}): cut scores into two parts at least")

    def watch(self) -> Watch:
        """See `Guardrail`."""
        return Distribution("score", self.bins) if self.times == 1 else ScoreShares(self.bins, self.times)


@dataclass(frozen=True, eq=False)
class Miscalibration:
    """What the canary predicts for an outcome does not happen as often, and is further off than what the champion predicts.

    Attributes:
        of: The outcome, one that happens or does not.
        limit: How far observed over predicted may stray from 1.
    """

    of: Any
    limit: float = 0.2
    on_outcome = True

    def __post_init__(self) -> None:
        _is_outcome("Miscalibration", self.of)
        if not 0 <= self.limit < 1:
            raise DeclarationError(f"Miscalibration(limit={self.limit!r}): a fraction, from 0 to below 1")

    def watch(self) -> Watch:
        """See `Guardrail`."""
        return Strays(self.limit)


@dataclass(frozen=True, eq=False)
class FairnessGap:
    """A group loses more by the canary than everyone else does.

    Attributes:
        by: The request's field that says the group: `Refresh.device`.
        action: The action that is bad for them, such as "decline"; "" looks at the outcome, of which more is better.
        margin: By how much more a group may lose, as a share.
    """

    by: Any
    action: str = ""
    margin: float = 0.05
    of: Any = None

    def __post_init__(self) -> None:
        if not isinstance(self.by, Field):
            raise DeclarationError(f"FairnessGap(by={self.by!r}): not a field; name the request's, such as Refresh.device")
        _is_outcome("FairnessGap", self.of, may_be_none=True)

    @property
    def on_outcome(self) -> bool:
        """See `Guardrail`."""
        return not self.action

    def watch(self) -> Watch:
        """See `Guardrail`."""
        return Gaps(f"asked {self.by.name}", self.margin, self.action)


def _missed(seen: Columns) -> Array:
    return seen["missed"].astype(np.float64)


def _at_least_one(said: str, value: float) -> None:
    if not value >= 1:
        raise DeclarationError(f"{said}{value!r}: a factor of 1 or more")


def _is_outcome(said: str, of: Any, may_be_none: bool = False) -> None:
    if not isinstance(of, Outcome) and not (may_be_none and of is None):
        raise DeclarationError(f"{said}({of!r}): not an outcome")


DEFAULT = (Misses(), Latency(), Reward(), ActionShares())
"""What a canary is watched for when nothing else is said."""
