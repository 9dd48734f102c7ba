"""Forgetting all that came before a change: once one candidate is not what it was, the others may not be either."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from millrace.models import change_point, score_change
from millrace.models.score_change import Explained
from millrace.types import Array

_ALARM = 0.001
"""The chance that something is forgotten though nothing changed: rare, as forgetting costs more than knowing a little too much."""


def kept_since(number: Array, label: Array) -> Array:
    """Return whether each row came after the last change in the outcomes of any segment. Boolean, shape (n,).

    What is seldom taken cannot show by itself that it changed; so the rest is forgotten with what did, and tried anew.

    Args:
        number: The segment of each row. Shape (n,).
        label: Its outcome, in the order in which the rows came. Shape (n,).

    Source: Besson, Kaufmann, Maillard & Seznec (2022), Efficient Change-Point Detection for Tackling Piecewise-Stationary Bandits; this is
    what is called a global restart there.
    """
    return _since(number, lambda rows, alarm: change_point.since_last_change(label[rows], alarm))


def kept_by_weights(x: Array, number: Array, label: Array, explained: Explained) -> Array:
    """Return whether each row came after the last change in the weights of any segment. Boolean, shape (n,).

    Args:
        x: Rows written out, in the order in which they came. Shape (n, width).
        number: The segment of each, which has weights of its own. Shape (n,).
        label: Its outcome. Shape (n,).
        explained: Fits the weights of a segment.
    """
    return _since(number, lambda rows, alarm: score_change.since_last_change(x[rows], label[rows], explained, alarm))


def _since(number: Array, start_of: Callable[[Array, float], int]) -> Array:
    order = np.argsort(number, kind="stable")
    segments = np.split(order, np.flatnonzero(np.diff(number[order])) + 1)
    changed = [rows[start] for rows in segments if (start := start_of(rows, _ALARM / len(segments)))]
    return np.arange(len(number)) >= max(changed, default=0)
