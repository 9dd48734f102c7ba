"""What follows a decision about a payment: an analyst's verdict within days, a chargeback within weeks, often nothing at all."""

from __future__ import annotations

import numpy as np

from millrace.types import DAY, HOUR, Array, Columns, take
from millrace.worlds.chance import Chance
from millrace.worlds.fraud_attacks import HONEST
from millrace.worlds.fraud_money import APPROVE, REVIEW, Costs

_VERDICT_USUAL, _VERDICT_SPREAD = 8 * HOUR, 0.9
_VERDICT_WITHIN = (HOUR // 4, 70 * HOUR)
_CHARGEBACK_USUAL, _CHARGEBACK_SPREAD = 20 * DAY, 0.45
_CHARGEBACK_WITHIN = (4 * DAY, 59 * DAY)


def verdicts(payments: Columns, action: Array, costs: Costs, chance: Chance) -> Columns:
    """Return the analysts' verdicts on the payments under review: `key`, `at`, `payment`, `fraudulent`.

    Args:
        payments: Rows of `Payments.of`.
        action: Indices of ACTIONS. One for each payment.
        costs: How often analysts are right.
        chance: Where the draws come from.
    """
    seen = take(payments, action == REVIEW)
    number = seen["number"]
    right = chance.uniform("analyst", number) < costs.right
    took = _delay(chance, "verdict", number, _VERDICT_USUAL, _VERDICT_SPREAD, _VERDICT_WITHIN)
    return {"key": number, "at": seen["at"] + took, "payment": number, "fraudulent": (seen["attack"] != HONEST) == right}


def chargebacks(payments: Columns, action: Array, costs: Costs, chance: Chance) -> Columns:
    """Return the chargebacks for the frauds that were let through, at once or after a review: `key`, `at`, `payment`.

    Arguments as for `verdicts`. They come weeks after the payment, within 59 days; for a declined payment there is never one.
    """
    released = (action == REVIEW) & (chance.uniform("analyst", payments["number"]) >= costs.right)
    disputed = chance.uniform("disputed", payments["number"]) < costs.charged_back
    lost = take(payments, (payments["attack"] != HONEST) & ((action == APPROVE) | released) & disputed)
    took = _delay(chance, "chargeback", lost["number"], _CHARGEBACK_USUAL, _CHARGEBACK_SPREAD, _CHARGEBACK_WITHIN)
    return {"key": lost["number"], "at": lost["at"] + took, "payment": lost["number"]}


def _delay(chance: Chance, purpose: str, number: Array, usual: int, spread: float, within: tuple[int, int]) -> Array:
    """Return log-normal delays in microseconds, kept within bounds."""
    return np.clip(usual * np.exp(spread * chance.normal(purpose, number)), *within).astype(np.int64)
