"""Sums that are exact until one rounding at the end, whatever the order and the magnitudes.

A running sum of floats loses what is small beside its whole past, so windows cut out of it by subtraction are wrong. Here a column is
cut into int64 limbs of fixed point: limbs add and subtract exactly, so a window is the difference of two running sums, and only the
window's own sum is rounded. Running sums may wrap around; differences do not care.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from millrace.errors import BadInput
from millrace.types import Array

_LOW = 2**32 - 1
_LARGEST_EXPONENT = 1023
_FLOAT_BITS = 53
_AT_ONCE = 1 << 15  # the temporaries of so many values stay in the processor's cache


def cut_up(limbs: WholeLimbs | FloatLimbs, values: Array, first: int, last: int) -> Array:
    """Return some limbs of a column.

    Args:
        limbs: How the column is cut.
        values: int64 or finite float64. Shape (n,).
        first: The first limb wanted, counted from the most significant.
        last: The limb after the last wanted.

    Returns:
        int64, shape (limbs, n).
    """
    columns = np.empty((last - first, len(values)), np.int64)
    for start in range(0, len(values), _AT_ONCE):
        block = slice(start, start + _AT_ONCE)
        for column, limb in zip(columns, limbs.cut(values[block], first, last), strict=True):
            column[block] = limb
    return columns


def running_sums(column: Array, order: Array | None = None) -> Array:
    """Return the sums of the first 0, 1, …, n numbers of a limb, which may have wrapped around. Shape (n + 1,), int64.

    Args:
        column: Shape (n,), int64.
        order: The positions of its numbers in the order to sum them; by default as they are. Shape (n,).
    """
    sums = np.zeros(len(column) + 1, np.int64)
    np.cumsum(column if order is None else column.take(order), out=sums[1:])
    return sums


@dataclass(frozen=True)
class WholeLimbs:
    """Integers as one limb, or as two halves of 32 bits where sums might not fit 63.

    Args:
        count: 1 or 2.
    """

    count: int

    @classmethod
    def of(cls, values: Array, most: int) -> WholeLimbs:
        """Choose for int64 values of which at most `most` are summed."""
        largest = max(int(values.max()), -int(values.min())) if len(values) else 0
        return cls(1 if largest * most < 2**63 else 2)

    def cut(self, values: Array, first: int, last: int) -> list[Array]:
        """Return the limbs from `first` up to, not including, `last` of each value."""
        return ([values] if self.count == 1 else [values >> 32, values & _LOW])[first:last]

    def join(self, sums: Sequence[Array]) -> Array:
        """Return the totals that the limbs' sums stand for, as int64.

        Raises:
            BadInput: A total does not fit 64 bits.
        """
        if self.count == 1:
            return sums[0]
        high = sums[0] + (sums[1] >> 32)
        if ((high < -(2**31)) | (high >= 2**31)).any():
            raise BadInput("a total of whole numbers does not fit 64 bits: sum them as floats (multiply by 1.0), or in a larger unit")
        return high << 32 | sums[1] & _LOW


@dataclass(frozen=True)
class FloatLimbs:
    """Finite floats as `count` limbs of `bits` bits, the first starting below `2**top`: as many as the column's range needs.

    Prices take two limbs. Values some hundred orders of magnitude apart take more, and time in proportion: the whole range of floats
    takes about fifty.
    """

    top: int
    bits: int
    count: int

    @classmethod
    def of(cls, values: Array, most: int) -> FloatLimbs:
        """Choose for finite float64 values of which at most `most` are summed.

        Raises:
            BadInput: Values are so large that a total might not fit a float.
        """
        largest = max(float(values.max()), -float(values.min())) if len(values) else 0.0
        room = most.bit_length()
        top = int(np.frexp(largest)[1])
        if top + room > _LARGEST_EXPONENT:
            raise BadInput(f"values as large as {largest:g} cannot be summed: {most} of them overflow a float; use a larger unit")
        bits = min(52, 62 - room)
        top += max(0, bits + room - _FLOAT_BITS)  # sums of the first limb then are floats, which `join` is fastest with
        count = 1
        for start in range(0, len(values), _AT_ONCE):
            while _has_fraction(values[start : start + _AT_ONCE], count * bits - top):
                count += 1
        return cls(top, bits, count)

    def cut(self, values: Array, first: int, last: int) -> Iterator[Array]:
        """Yield the limbs from `first` up to, not including, `last` of each value."""
        exponent = self.top - first * self.bits
        rest = np.fmod(values, np.ldexp(1.0, exponent)) if first else values
        for limb in range(first, last):
            exponent -= self.bits
            whole = np.trunc(_scaled(rest, -exponent))
            yield whole.astype(np.int64)
            if limb + 1 < last:
                rest = rest - _scaled(whole, exponent)

    def join(self, sums: Sequence[Array]) -> Array:
        """Return the totals that the limbs' sums stand for, each rounded once to the nearest float64."""
        out = np.empty(len(sums[0]))
        for start in range(0, len(out), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            out[part] = self._round([limb[part] for limb in sums])
        return out

    def _round(self, sums: list[Array]) -> Array:
        digits = self._carried(sums)
        nearest = digits[0].astype(np.float64)
        exponent = self.top - self.bits
        total = _scaled(nearest, exponent)
        if len(digits) == 2 and int(np.abs(digits[0]).max(initial=0)) <= 2**_FLOAT_BITS:
            return total + _scaled(digits[1].astype(np.float64), exponent - self.bits)  # both are exact
        rest = _scaled((digits[0] - nearest.astype(np.int64)).astype(np.float64), exponent)
        smaller = np.zeros(len(total), bool)
        for digit in digits[1:]:
            exponent -= self.bits
            full = rest != 0  # the float is: what follows is smaller than the last bit of `rest`, and can only decide a tie
            smaller |= full & (digit > 0)
            larger, left = split_sum(total, _scaled(digit.astype(np.float64), exponent))
            total, rest = np.where(full, total, larger), np.where(full, rest, left)
        if smaller.any():
            rest = np.where(smaller, np.nextafter(rest, np.inf), rest)
        return total + rest

    def _carried(self, sums: list[Array]) -> list[Array]:
        """Move what exceeds a limb into the one above, so that all but the first are digits from 0 to `2**bits - 1`."""
        digits = list(sums)
        for i in range(len(digits) - 1, 0, -1):
            digits[i - 1] = digits[i - 1] + (digits[i] >> self.bits)
            digits[i] = digits[i] & ((1 << self.bits) - 1)
        return digits


def _scaled(values: Array, exponent: int) -> Array:
    """Return the values times `2**exponent`: a product where that is a float, which rounds alike and is many times faster."""
    return values * 2.0**exponent if -1022 <= exponent <= 1023 else np.ldexp(values, exponent)


def _has_fraction(values: Array, shift: int) -> bool:
    """Return whether a value times `2**shift` is not whole."""
    with np.errstate(over="ignore"):  # what overflows has no bits that small
        shifted = _scaled(values, shift)
    whole = np.trunc(shifted)
    return bool(((whole != shifted) | ((whole == 0) & (values != 0))).any())


def split_sum(a: Array, b: Array) -> tuple[Array, Array]:
    """Return the sum rounded, and exactly what the rounding left (Knuth's two-sum)."""
    total = a + b
    back = total - a
    return total, (a - (total - back)) + (b - back)
