"""Counting different values without keeping them: hashes that are the same everywhere, and HyperLogLog over them.

A value's hash is a whole number below 2**53, so that a float64 holds it exactly and NaN can stand for a missing value. Its low bits
choose a register; the rest, read as a fraction, has a rank: how far its first 1 is from the front. A register holds its highest rank.
Nothing depends on the order of the values, on the process or on the platform: all steps are of whole numbers, or of float additions,
multiplications and halvings alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

from millrace.types import Array

REGISTERS = 4096

STANDARD_ERROR = 1.04 / math.sqrt(REGISTERS)
"""The standard error of an estimate, as a share of what is estimated: 1.6 %."""

_BITS = 53
_RANKS = _BITS - (REGISTERS - 1).bit_length() + 1
_DOUBLINGS = 22


def hashes(values: Array) -> Array:
    """Return a hash per value: float64, whole numbers from 0 to 2**53 - 1. Text and bytes that are None get NaN.

    Args:
        values: Text or bytes (object), or any numbers; 0.0 and -0.0 are one value. Shape (n,).
    """
    if values.dtype.kind == "O":
        known = {value: _of_text(value) for value in set(values.tolist())}
        return np.fromiter((known[value] for value in values.tolist()), dtype=np.float64, count=len(values))
    if values.dtype.kind == "f":
        return _mixed((values.astype(np.float64) + 0.0).view(np.uint64))
    return _mixed(values.astype(np.int64).view(np.uint64))


def _of_text(value: str | bytes | None) -> float:
    if value is None:
        return math.nan
    said = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
    return float(int.from_bytes(blake2b(said, digest_size=8).digest(), "little") >> (64 - _BITS))


def _mixed(bits: Array) -> Array:
    """Return 64 bits stirred until each depends on every one (the finisher of SplitMix64, Steele et al. 2014), cut to 53."""
    bits = bits + np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((bits ^ (bits >> np.uint64(31))) >> np.uint64(64 - _BITS)).astype(np.float64)


def registers(hashed: Array) -> tuple[Array, Array]:
    """Return the register of each hash, from 0, and its rank there, from 1 to 42. int64, shape (n,)."""
    whole = hashed.astype(np.int64)
    rest = whole // REGISTERS
    return whole % REGISTERS, _RANKS - np.frexp(rest.astype(np.float64))[1].astype(np.int64)


def estimate(reached: Sequence[Array]) -> Array:
    """Return how many different values have been seen, by how many registers have reached each rank.

    Args:
        reached: How many registers hold at least rank 1, 2, 3, …; ranks that none has reached may be left out. For at least one value
            each. Shape (n,) each, int64.

    Source: Ertl (2017), New cardinality estimation algorithms for HyperLogLog sketches: the improved raw estimator, for ranks that do
    not run out (which 2**41 values would take).
    """
    above = np.zeros(len(reached[0]), dtype=np.int64)
    weighed = np.zeros(len(above))
    for at_least in reversed(reached):
        weighed = (weighed + (at_least - above)) / 2
        above = at_least
    return np.rint(REGISTERS**2 / (2 * math.log(2)) / (weighed + REGISTERS * _EMPTY[REGISTERS - reached[0]])).astype(np.int64)


def highest(groups: Array, hashed: Array, count: int) -> list[Array]:
    """Return how many registers of each of `count` groups hold at least rank 1, 2, 3, …: what `estimate` asks for.

    Args:
        groups: The group of each hash, from 0. Shape (n,).
        hashed: The hashes. Shape (n,).
        count: How many groups there are.
    """
    register, rank = registers(hashed)
    held = np.zeros(count * REGISTERS, dtype=np.uint8)
    np.maximum.at(held, groups * REGISTERS + register, rank.astype(np.uint8))
    which = np.repeat(np.arange(count) * (_RANKS + 1), REGISTERS) + held
    exactly = np.bincount(which, minlength=count * (_RANKS + 1)).reshape(count, _RANKS + 1)
    return list(np.cumsum(exactly[:, ::-1], axis=1)[:, -2::-1].T)


def _sigma(share: Array) -> Array:
    """Return the sum of `share` and of `share**(2**k) * 2**(k - 1)` over k = 1, 2, …; for shares below 1."""
    total, power, weight = share, share, 1.0
    for _ in range(_DOUBLINGS):  # what follows is nothing, even of 4095 in 4096
        power = power * power
        total = total + power * weight
        weight *= 2
    return total


_EMPTY = _sigma(np.arange(REGISTERS) / REGISTERS)
"""What so many empty registers, of all, weigh. No estimate is for all of them empty."""
