"""What a guardrail has found so far: both arms' figures, and the evidence that the treatment's is worse."""

from __future__ import annotations

import msgspec
import numpy as np

from millrace.types import Array


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One test of a guardrail, as it stands.

    Attributes:
        guard: What is tested, in some words.
        champion: The champion's figure, None while it has none.
        canary: The canary's.
        evidence: The natural logarithm of the most that betting against "the canary is no worse" has made of 1 so far.
        now: The logarithm of what betting holds at present; None of tests that count events, which one event more or less turns round.
        proof: The logarithm of the evidence that the canary is within the margin that must be proven; None where none must.
        part: What part of the guardrail's budget of false alarms this test holds, in (0, 1].
        said: What is wrong with the canary if the evidence is enough, "it" being the canary.
    """

    guard: str
    champion: float | None
    canary: float | None
    evidence: float
    now: float | None = None
    proof: float | None = None
    part: float
    said: str


class Means:
    """The mean of something in either arm, over all that was seen of it: what people read; evidence is not made of it."""

    def __init__(self) -> None:
        self._n, self._sum = [0, 0], [0.0, 0.0]

    def see(self, treated: Array, values: Array) -> None:
        """Take in values, NaN where there is none. Shape (n,) each."""
        known = ~np.isnan(values)
        for arm, mine in ((0, known & ~treated), (1, known & treated)):
            self._n[arm] += int(mine.sum())
            self._sum[arm] += float(values[mine].sum())

    @property
    def champion(self) -> float | None:
        """The control's mean."""
        return self._sum[0] / self._n[0] if self._n[0] else None

    @property
    def canary(self) -> float | None:
        """The treatment's mean."""
        return self._sum[1] / self._n[1] if self._n[1] else None


def percent(share: float | None) -> str:
    """Return a share as people write it."""
    return "none" if share is None else f"{share:.1%}" if share >= 0.01 or share == 0 else f"{share:.2%}"
