"""What decisions about payments are worth in the fraud world."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from millrace.types import Array

ACTIONS = ("approve", "review", "decline")
APPROVE, REVIEW, DECLINE = range(3)


@dataclass(frozen=True)
class Costs:
    """What things cost, in whole units of the currency (an amount is `cents` / 100).

    Attributes:
        margin: Share of an honest payment's amount earned when it goes through.
        fee: Paid for each chargeback, beside the amount.
        friction: Lost when an honest customer is turned away.
        review: What an analyst's look costs.
        wait: Lost when an honest customer waits for a review.
        right: Share of the analysts' verdicts that are right.
        charged_back: Share of the frauds let through that the card's owner notices and disputes.
    """

    margin: float = 0.02
    fee: float = 15.0
    friction: float = 6.0
    review: float = 2.0
    wait: float = 0.5
    right: float = 0.95
    charged_back: float = 0.95

    def expected(self, fraudulent: Array, cents: Array, action: Array) -> Array:
        """Return the expected money of actions on payments whose truth is known, in the currency. Shape (n,).

        Args:
            fraudulent: The truth. Shape (n,), boolean.
            cents: Amounts. Shape (n,).
            action: Indices of ACTIONS. Shape (n,).
        """
        amount = cents / 100.0
        through = np.where(fraudulent, -self.charged_back * (amount + self.fee), self.margin * amount)
        away = np.where(fraudulent, 0.0, -self.friction)
        released = np.where(fraudulent, 1.0 - self.right, self.right)
        reviewed = released * through + (1.0 - released) * away - self.review - np.where(fraudulent, 0.0, self.wait)
        return np.choose(action, [through, reviewed, away])
