import numpy as np
import pytest

from millrace.features.declare import Aggregate
from millrace.features.operations import ANSWERS, OPERATIONS, PARTIALS
from millrace.features.window import Window
from millrace.types import HOUR
from tests.features.shop import BROWSING, ORDERING, PATTERNS

SETTINGS = {"last_k": (2,), "decayed": (HOUR, 3 * HOUR, 0), "distinct": (1,), "top_k": (2,), "quantile": (1, 0.5)}


def test_every_operation_is_held_to_the_law_of_parity():
    assert {one.op for one in (*BROWSING, *PATTERNS, *ORDERING) if isinstance(one, Aggregate)} == set(OPERATIONS)


def test_every_partial_an_operation_needs_exists_and_the_kernel_answers_it():
    settings = {"last_k": (2, 1), "decayed": ("1h",), "top_k": (2, 1)}
    needed = {need.partial for name, one in OPERATIONS.items() for need in one.needs(settings.get(name, ()), Window.of("7d"))}
    assert needed == set(PARTIALS)
    assert set(PARTIALS) < set(ANSWERS)


@pytest.mark.parametrize("name", PARTIALS)
def test_what_says_that_it_subtracts_needs_nothing_that_remains_and_all_else_asks_for_it(name):
    partial = PARTIALS[name]
    tally = partial.tally(np.dtype(float), SETTINGS.get(name, ()))
    tally.grow(4)
    empty = tally.value.copy()
    values, _ = partial.form(np.array([1.0, 2.0]), np.array([0, 1]), SETTINGS.get(name, ()))
    entries = partial.entries(np.array([1, 1]), np.array([0, 1]), values)
    asked = []

    def nothing(slots):
        asked.extend(slots.tolist())
        return tuple(column[:0] for column in entries)

    tally.add(entries)
    assert not np.array_equal(tally.value, empty, equal_nan=True)
    tally.remove(entries, nothing)
    np.testing.assert_array_equal(tally.value, empty)
    assert asked == ([] if partial.subtracts else [1])
