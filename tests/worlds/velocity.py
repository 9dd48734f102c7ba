"""Velocity features of payments, counted one by one: what a decent fraud system would know at each payment."""

from collections import defaultdict

import numpy as np

from millrace.types import DAY, HOUR

NAMES = ("cents", "ratio", "card_1h", "card_day", "device_week", "cards_on_device", "device_age", "new_merchant", "hour", "category")


def features(requests, categories):
    """Return one row of features a payment, in the order of NAMES; payments must come in order of `at`."""
    of_card, of_device, spent = defaultdict(list), defaultdict(list), defaultdict(lambda: [0.0, 0])
    visited, out = set(), []
    for at, card, device, merchant, cents in zip(*(requests[name] for name in ("at", "card", "device", "merchant", "cents")), strict=True):
        earlier = [when for when in of_card[card] if when >= at - DAY]
        shared = [(when, who) for when, who in of_device[device] if when >= at - 7 * DAY]
        total, n = spent[card]
        hour = sum(when >= at - HOUR for when in earlier)
        age = (at - of_device[device][0][0]) / DAY if of_device[device] else -1.0
        cards = len({who for _, who in shared} | {card})
        usual = (total + 5_000) / (n + 2)
        row = (cents, cents / usual, hour, len(earlier), len(shared), cards, age, (card, merchant) not in visited)
        out.append((*row, at % DAY / HOUR, categories[merchant]))
        of_card[card].append(at)
        of_device[device].append((at, card))
        spent[card] = [total + cents, n + 1]
        visited.add((card, merchant))
    return np.array(out, float)
