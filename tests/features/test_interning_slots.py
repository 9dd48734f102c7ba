"""Codes found by hashes, which are guesses: whoever asks compares."""

import numpy as np

from millrace.features.interning_slots import Slots, hashes
from millrace.types import objects


def held(n: int) -> tuple[Slots, np.ndarray]:
    """Return slots of the codes of so many whole numbers, each its own code and its own hash."""
    return Slots(objects([None, *range(1, n + 1)])), np.arange(1, n + 1)


def test_codes_are_guessed_by_the_hashes_of_their_ids():
    ids = objects([None, *(f"card-{i}" for i in range(1000))])
    found = Slots(ids).guess(hashes(ids[1:]))
    is_own = found == np.arange(1, 1001)
    assert is_own.mean() > 0.85
    assert (found[~is_own] > 0).all(), "a slot that is not its own is another's, which came before"
    assert (found[~is_own] < np.flatnonzero(~is_own) + 1).all()


def test_a_free_slot_guesses_nobody():
    slots, codes = held(10)
    assert slots.guess(codes).tolist() == codes.tolist()
    assert slots.guess(np.array([11, 0])).tolist() == [0, 0]


def test_of_several_that_are_hashed_to_one_slot_the_first_has_it():
    slots, _ = held(10)
    slots.keep(np.array([11, 11, 5]), np.array([21, 22, 23]))
    assert slots.guess(np.array([11, 5])).tolist() == [21, 5]


def test_hashes_of_any_sign_and_length_have_a_slot():
    slots, _ = held(10)
    wide = np.array([-1, -(2**63), 2**63 - 1])
    slots.keep(wide[:1], np.array([7]))
    assert slots.guess(wide).tolist() == [7, 0, 7], "of a hash only as many of its last bits as there are slots for"


def test_there_is_room_for_twice_as_many_ids():
    few, many = held(10)[0], held(10_000)[0]
    assert few.nbytes < many.nbytes <= 10_001 * 2 * 8 * 4 * 2
