"""How the viewers of an arm spread what they do over sellers: figures that do not depend on how many viewers the arm has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from millrace.experiments.meetings import Meetings
from millrace.experiments.rarefaction import reach_chances
from millrace.types import Array

_ROUNDING = 1e-12
"""What is less than this part of the sums it is a difference of is nothing but their rounding."""


class Figures(NamedTuple):
    """A figure of an arm in many draws of it, and its error.

    Attributes:
        value: Above 0, or nothing can be said of it. Shape (draws,).
        error: The standard error of its logarithm, by leaving out viewers one by one. Shape (draws,).
    """

    value: Array
    error: Array


class Tables(NamedTuple):
    """What figures are made of, once for all draws.

    Attributes:
        met: Whether viewers met sellers. CSR, shape (viewers, sellers met).
        values: What came of it. CSR, shape (viewers, sellers met).
        each: What came of each viewer's meetings in all. Shape (viewers,).
        squares: The sum of squares of each viewer's values. Shape (viewers,).
        at_top: What of `each` went to the top sellers. Shape (viewers,).
        sellers: How many there are, met or not.
        picked: At how many viewers arms are compared.
    """

    met: Any
    values: Any
    each: Array
    squares: Array
    at_top: Array
    sellers: int
    picked: int


def tables(of: Meetings, top: float) -> Tables:
    """Return what figures are made of; `top` is the part of the sellers that counts as the top, by what both arms brought them."""
    each, squares = (np.asarray(one.sum(axis=1)).ravel() for one in (of.values, of.values.power(2)))
    at_top = of.values.copy()
    at_top.data *= top_of_others(of, max(int(np.ceil(top * of.sellers)), 1))
    picked = int(min(of.treated.sum(), (~of.treated).sum())) // 2
    return Tables(of.met, of.values, each, squares, np.asarray(at_top.sum(axis=1)).ravel(), of.sellers, picked)


def top_of_others(of: Meetings, places: int) -> Array:
    """Return to which part a pair's seller is among the top ones without what the pair's viewer did there. Shape (pairs,).

    With it, a seller may be at the top for what these very viewers happened to do, and whoever spreads more would seem to spread less.
    Sellers that tie for the last places share them.

    Args:
        of: Who met whom.
        places: How many sellers are the top.
    """
    totals = np.zeros(of.sellers)
    totals[: of.values.shape[1]] = np.asarray(of.values.sum(axis=0)).ravel()
    own = totals[of.values.indices]
    rest = own - of.values.data
    rest[rest < 1e-9 * own] = 0.0  # nobody else was there
    ordered = np.sort(totals)
    above = of.sellers - np.searchsorted(ordered, rest, "right") - (own > rest)
    ties = np.searchsorted(ordered, rest, "right") - np.searchsorted(ordered, rest, "left") - (own == rest)
    return np.clip((places - above) / (ties + 1), 0.0, 1.0)


def reached(of: Tables, mine: Array) -> Figures:
    """Return the part of the sellers that some of so many of an arm's viewers meet, on average over whom one picks (rarefaction).

    It is compared at half of the smaller arm. At all of it nothing would be left to average over, and the error by leaving viewers out
    would be too large: where all of sixty viewers reach nine sellers of ten by three tenths, there by a twentieth.
    """
    n, n_met = int(mine[:, 0].sum()), (of.met.T @ mine).astype(np.int64)
    all_, one_less = reach_chances(n, of.picked), np.append(reach_chances(n - 1, of.picked), 1.0)  # whom all n met, n - 1 meet
    without = one_less[n_met].sum(axis=0) - of.met @ np.diff(one_less, prepend=0.0)[n_met]
    return _figures(all_[n_met].sum(axis=0) / of.sellers, without / of.sellers, mine)


def each(of: Tables, mine: Array) -> Figures:
    """Return what a seller gets on average, of as many viewers as arms are compared at."""
    n, per = mine[:, 0].sum(), of.picked / of.sellers
    total = of.each @ mine
    return _figures(per * total / n, per * (total - of.each[:, None]) / (n - 1), mine)


def effective(of: Tables, mine: Array) -> Figures:
    """Return the effective number of sellers: one over the chance that what two viewers do goes to the same seller.

    So many sellers with equal parts would be as concentrated (the inverse of the Herfindahl index). Only pairs of different viewers
    are counted: a viewer's own pairs would make an arm of fewer viewers look more concentrated.

    Source: Simpson (1949), Measurement of Diversity; Jost (2006), Entropy and Diversity.
    """
    at, total = of.values.T @ mine, of.each @ mine
    squares, all_pairs = (at**2).sum(axis=0), total**2
    same, pairs = squares - of.squares @ mine, all_pairs - of.each**2 @ mine
    same_without = same - 2 * (of.values @ at) + 2 * of.squares[:, None]
    same_without[same_without <= _ROUNDING * squares] = 0.0  # all of it rests on one viewer: the error is none
    pairs_without = pairs - 2 * np.outer(of.each, total) + 2 * (of.each**2)[:, None]
    is_told = (same > _ROUNDING * squares) & (pairs > _ROUNDING * all_pairs)  # two viewers share a seller
    with np.errstate(divide="ignore", invalid="ignore"):
        return _figures(np.where(is_told, pairs / same, np.nan), pairs_without / same_without, mine)


def at_top(of: Tables, mine: Array) -> Figures:
    """Return the part that goes to the top sellers, the same ones for both arms."""
    top, total = of.at_top @ mine, of.each @ mine
    with np.errstate(divide="ignore", invalid="ignore"):  # where one viewer did it all
        return _figures(top / total, (top - of.at_top[:, None]) / (total - of.each[:, None]), mine)


Figure = Callable[[Tables, Array], Figures]
"""Returns a figure of an arm in draws of it: 1 for its viewers, else 0. Shape (viewers, draws)."""

FIGURES: dict[str, Figure] = {"reached": reached, "each": each, "effective": effective, "at top": at_top}
"""By name, every figure."""


def _figures(value: Array, without: Array, mine: Array) -> Figures:
    """Return a figure with its error by the jackknife, given what it would be without each viewer. Shapes (draws,), (viewers, draws)."""
    n = mine[:, 0].sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = np.where(mine > 0, without, 0.0)
        apart -= mine * (apart.sum(axis=0) / n)
        return Figures(value, np.sqrt((n - 1) / n * (apart**2).sum(axis=0)) / value)
