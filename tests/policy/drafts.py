"""Interleaving as its papers write it down: every way in which it can go, each with its chance, by brute force."""

from collections.abc import Iterator
from itertools import permutations, product

Way = tuple[float, list[int], list[int]]
"""(chance, the rows placed, who picked each)."""


def team_drafts(orders: list[list[int]], places: int) -> Iterator[Way]:
    """Yield every way a team draft can go: one order of the arms a round, all equally likely."""
    rounds = -(-places // len(orders))
    every = list(permutations(range(len(orders))))
    for turns in product(every, repeat=rounds):
        placed: list[int] = []
        team: list[int] = []
        for arm in [one for turn in turns for one in turn][:places]:
            placed.append(next(row for row in orders[arm] if row not in placed))
            team.append(arm)
        yield len(every) ** -rounds, placed, team


def balanced(orders: list[list[int]], places: int) -> Iterator[Way]:
    """Yield both ways: Joachims's algorithm with either ranking first."""
    for first in (0, 1):
        placed: list[int] = []
        team: list[int] = []
        at = [0, 0]
        while len(placed) < places:
            arm = first if at[first] <= at[1 - first] else 1 - first
            row = orders[arm][at[arm]]
            if row not in placed:
                placed.append(row)
                team.append(arm)
            at[arm] += 1
        yield 0.5, placed, team


def probabilistic(orders: list[list[int]], places: int) -> Iterator[Way]:
    """Yield every way: who picks at each place, and which row of those left, the r-th (from 1) in proportion to 1 / r³."""
    for team in product(range(len(orders)), repeat=places):
        for chance, placed in _softmax(orders, list(team), []):
            yield chance * len(orders) ** -places, placed, list(team)


def _softmax(orders: list[list[int]], team: list[int], placed: list[int]) -> Iterator[tuple[float, list[int]]]:
    if len(placed) == len(team):
        yield 1.0, placed
        return
    left = {row: 1 / (place + 1) ** 3 for place, row in enumerate(orders[team[len(placed)]]) if row not in placed}
    for row, weight in left.items():
        for chance, whole in _softmax(orders, team, [*placed, row]):
            yield chance * weight / sum(left.values()), whole
