"""Choosers that learn by trying: they weigh what is expected of a candidate against how much is still to be learned of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from millrace.errors import DeclarationError
from millrace.models.belief import IS_SHARE, SEEN, SPREAD
from millrace.policy.chances import best, explored, thompson, top_two
from millrace.policy.choosing import Chooser
from millrace.types import Array, Columns


@dataclass(frozen=True, eq=False)
class EpsilonGreedy(Chooser):
    """Takes the best by score, and with probability `epsilon` any: after any model or rule. Equal scores have equal chances.

    It explores what is known to be bad as often as what is promising, and never stops.

    Attributes:
        epsilon: In [0, 1].
    """

    epsilon: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.epsilon, bool) or not isinstance(self.epsilon, int | float) or not 0 <= self.epsilon <= 1:
            raise DeclarationError(f"EpsilonGreedy(epsilon={self.epsilon!r}): a probability lies between 0 and 1")

    def chances(self, rows: Columns, n: int) -> Array:
        """Return the chance of each row."""
        return explored(best(rows["score"], n), n, self.epsilon * n / len(rows["score"]))


@dataclass(frozen=True, eq=False)
class UCB(Chooser):
    """Takes the best by what can be hoped of it, `width` standard deviations above what is expected: LinUCB after a `LinearBelief`.

    Without a floor it draws only among equals, so its log judges no other policy; where outcomes are late it takes the same again and
    again.

    Attributes:
        width: How many standard deviations, at least 0.

    Source: Li, Chu, Langford & Schapire (2010), A Contextual-Bandit Approach to Personalized News Article Recommendation.
    """

    width: float = 1.0
    needs = (SPREAD,)

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_width(self, self.width)

    def chances(self, rows: Columns, n: int) -> Array:
        """Return the chance of each row."""
        return best(rows["score"] + self.width * rows[SPREAD], n)


@dataclass(frozen=True, eq=False)
class UCB1(Chooser):
    """Takes the best by `score + width * sqrt(2 ln(N) / n)`: n is how often one was seen, N how often all of the request's were.

    What was never seen comes first. It asks for no prior and counts on outcomes in [0, 1]; it explores much more than `Thompson`.

    Attributes:
        width: The weight of the second part, at least 0; 1 is the rule as published.

    Source: Auer, Cesa-Bianchi & Fischer (2002), Finite-time Analysis of the Multiarmed Bandit Problem.
    """

    width: float = 1.0
    needs = (SEEN,)

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_width(self, self.width)

    def chances(self, rows: Columns, n: int) -> Array:
        """Return the chance of each row."""
        seen = rows[SEEN]
        bonus = np.sqrt(2 * np.log(max(float(seen.sum()), 1.0)) / np.maximum(seen, 1e-12))
        return best(np.where(seen > 0, rows["score"] + self.width * bonus, np.inf), n)


@dataclass(frozen=True, eq=False)
class Thompson(Chooser):
    """Takes each candidate as often as it may well be the best, given what is believed: Thompson sampling, with exact propensities.

    What each is believed to be worth is drawn from apart, a beta distribution of a chance and a normal one of anything else, with the mean
    and the spread that the model says. The chance to come out best is computed, and candidates are drawn by it.
    """

    needs = (SPREAD, IS_SHARE)

    def chances(self, rows: Columns, n: int) -> Array:
        """Return the chance of each row."""
        return thompson(rows["score"], rows[SPREAD], rows[IS_SHARE], n)


@dataclass(frozen=True, eq=False)
class TopTwo(Chooser):
    """Takes one candidate so as to find out soon which is best, not to earn meanwhile: top-two Thompson sampling.

    Half of the time it takes what may well be the best, else what may be if that is not. `experiments.best_arm` says when to stop.

    Raises:
        DeclarationError: It is asked for more than one.
    """

    needs = (SPREAD, IS_SHARE)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n != 1:
            raise DeclarationError(f"TopTwo({self.n!r}): it compares single candidates; use Thompson({self.n!r}) to take several")

    def chances(self, rows: Columns, n: int) -> Array:
        """Return the chance of each row."""
        return top_two(thompson(rows["score"], rows[SPREAD], rows[IS_SHARE], 1))


def _check_width(chooser: Chooser, width: float) -> None:
    if isinstance(width, bool) or not isinstance(width, int | float) or not 0 <= width < 1e9:
        raise DeclarationError(f"{type(chooser).__name__}(width={width!r}): a width is a number, 0 or more")
