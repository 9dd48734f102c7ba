"""How many numbers of a stretch of a sequence are small: what two orders of the same events have between them."""

from __future__ import annotations

import numpy as np

from millrace.types import Array


def count_below(sequence: Array, start: Array, stop: Array, bound: Array) -> Array:
    """Return for each question how many of `sequence[start:stop]` are less than its bound.

    The sequence is parted by its bits, the highest first, and each question follows its stretch to where its bound's bit leads (a wavelet
    matrix, level by level). The time is (numbers + questions) · log(largest number), the memory a few times that of both.

    Args:
        sequence: Not negative. Shape (n,), int64.
        start: The first number of each stretch. Shape (questions,).
        stop: The number after its last; not before `start`. Shape (questions,).
        bound: Not negative, and no more than the largest number plus one. Shape (questions,).
    """
    found = np.zeros(len(start), dtype=np.int64)
    for bit in reversed(range((int(sequence.max(initial=0)) + 1).bit_length())):
        ones = (sequence >> bit & 1).astype(bool)
        zeros_before = np.concatenate([[0], np.cumsum(~ones)])
        zeros = int(zeros_before[-1])
        zero_start, zero_stop = zeros_before[start], zeros_before[stop]
        up = (bound >> bit & 1).astype(bool)
        found += np.where(up, zero_stop - zero_start, 0)
        start = np.where(up, zeros + start - zero_start, zero_start)
        stop = np.where(up, zeros + stop - zero_stop, zero_stop)
        sequence = np.concatenate([sequence[~ones], sequence[ones]])
    return found
