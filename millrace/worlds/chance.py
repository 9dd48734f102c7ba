"""Randomness that is a function of (seed, purpose, ids): the same whatever the order, the batch or the slice it is asked in."""

from __future__ import annotations

from dataclasses import dataclass
from zlib import crc32

import numpy as np

from millrace.errors import BadInput
from millrace.types import Array

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


@dataclass(frozen=True)
class Chance:
    """A source of random numbers without state.

    Each number is a hash of the seed, a purpose ("looked") and the ids of what it is for, so one more draw somewhere never shifts the
    draws elsewhere. Good enough to simulate with, not for cryptography.
    """

    seed: int

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**63:
            raise BadInput(f"the seed {self.seed} is out of range: give a whole number from 0 to 2**63 - 1", field="seed")

    def other(self, luck: int) -> Chance:
        """Return a source with other numbers; this one for luck 0."""
        return self if luck == 0 else Chance((self.seed + luck * 0x9E3779B97F4A7C15) % 2**63)

    def uniform(self, purpose: str, *ids: Array | int) -> Array:
        """Return numbers in (0, 1), one for each element of the ids broadcast together."""
        return ((self._bits(purpose, *ids) >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53

    def normal(self, purpose: str, *ids: Array | int) -> Array:
        """Return standard normal numbers, one for each element of the ids broadcast together."""
        radius = np.sqrt(-2.0 * np.log(self.uniform(purpose + " radius", *ids)))
        return radius * np.cos(2.0 * np.pi * self.uniform(purpose + " angle", *ids))

    def generator(self, purpose: str, *ids: int) -> np.random.Generator:
        """Return a generator of its own for a purpose and ids: for drawing a day or a population at once."""
        return np.random.default_rng([self.seed, crc32(purpose.encode()), *ids])

    def _bits(self, purpose: str, *ids: Array | int) -> Array:
        """Return 64 well-mixed bits for each element of the ids broadcast together."""
        with np.errstate(over="ignore"):
            state = _mixed(np.asarray(self.seed, np.uint64) + np.uint64(crc32(purpose.encode())) * _STEP)
            for number in ids:
                state = _mixed(state + np.asarray(number).astype(np.uint64) * _STEP)
        return state


def _mixed(state: Array) -> Array:
    """Return the finaliser of SplitMix64 (Steele, Lea, Flood 2014, Fast Splittable Pseudorandom Number Generators)."""
    state = state + _STEP
    state = (state ^ (state >> np.uint64(30))) * _FIRST
    state = (state ^ (state >> np.uint64(27))) * _SECOND
    return state ^ (state >> np.uint64(31))
