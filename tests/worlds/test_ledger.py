from itertools import pairwise

import numpy as np
import pytest

from millrace.errors import Conflict
from millrace.types import HOUR, MINUTE, size, stack
from millrace.worlds.chance import Chance
from millrace.worlds.delivery import Delivery
from millrace.worlds.ledger import Ledger


def events(n, seed=0):
    rng = np.random.default_rng(seed)
    return {"key": seed * n + np.arange(n), "known": rng.integers(0, 50 * HOUR, n)}


def test_rows_come_back_in_order_whatever_the_order_they_were_added_in_and_the_slices_asked_for():
    ledger = Ledger()
    parts = [events(500, seed) for seed in range(4)]
    for part in reversed(parts):
        ledger.add("Watch", part)
    everything = stack(parts)
    order = np.lexsort((everything["key"], everything["known"]))
    cuts = [-5 * HOUR, 1, 90 * MINUTE, 2 * HOUR, 2 * HOUR + 1, 31 * HOUR, 60 * HOUR]
    told = stack([ledger.between("Watch", since, until) for since, until in pairwise(cuts)])
    np.testing.assert_array_equal(told["key"], everything["key"][order])
    assert ledger.between("Like", 0, 60 * HOUR) == {}
    assert size(ledger.between("Watch", HOUR, HOUR)) == 0


def test_what_was_told_is_closed():
    ledger = Ledger()
    ledger.close(10)
    ledger.close(5)
    ledger.admit(np.array([10, 11]))
    ledger.admit(np.array([], np.int64))
    with pytest.raises(Conflict, match="after the happenings until 10 were told"):
        ledger.admit(np.array([12, 9]))


def test_delivery_has_the_stated_delays_and_is_the_same_in_any_batch():
    delivery = Delivery(median=10 * MINUTE, spread=0.5, late=0.1, late_by=(5 * HOUR, 9 * HOUR), twice=0.02)
    rows = {"key": np.arange(20_000), "at": np.zeros(20_000, np.int64)}
    told = delivery.deliver(rows, Chance(1), "Watch")
    first = told["known"][:20_000]
    late = first > 5 * HOUR
    assert abs(late.mean() - 0.1) < 0.01
    assert first.max() < 10 * HOUR
    assert abs(np.median(first[~late]) / (10 * MINUTE) - 1) < 0.03
    assert abs((len(told["key"]) - 20_000) / 20_000 - 0.02) < 0.004
    assert (told["known"][20_000:] > first[told["key"][20_000:]]).all()
    half = delivery.deliver({name: column[10_000:] for name, column in rows.items()}, Chance(1), "Watch")
    np.testing.assert_array_equal(half["known"][:10_000], first[10_000:])
