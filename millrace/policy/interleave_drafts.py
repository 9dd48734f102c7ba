"""Ways to merge slates: each says who may pick what next, and with what chance. Draws and propensities both follow from that."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

from millrace.decision import DECAY
from millrace.types import Array

State: TypeAlias = "tuple[Any, ...]"
"""How far a draft is. The first part is what was picked: an integer whose bit i is set if row i was."""

Move: TypeAlias = "tuple[float, int, int, State]"
"""What may come next: (its chance, the row picked, the arm that picks it, how far the draft is then)."""

Orders: TypeAlias = Sequence[Sequence[int]]
"""By arm, the rows of its slate, best first."""

MOST_STATES = 512
"""In how many ways a draft may have gone up to one place before its propensities are given up as unknown."""


class Draft(Protocol):
    """A way to merge slates, one place after another, while no slate is used up."""

    def begin(self, arms: int) -> State:
        """Return the state before the first place."""
        ...

    def moves(self, orders: Orders, state: State) -> list[Move]:
        """Return what may come next; the chances make 1."""
        ...


class TeamDraft:
    """In every round the arms pick in a fresh random order, each the best of its slate that is left.

    Source: Radlinski, Kurup & Joachims (2008), How Does Clickthrough Data Reflect Retrieval Quality?; of several arms, Schuth, Sietsma,
    Whiteson, Lefortier & de Rijke (2014), Multileaved Comparisons for Fast Online Evaluation.
    """

    def begin(self, arms: int) -> State:
        """Return (nothing picked, everybody to pick in this round)."""
        return 0, tuple(range(arms))

    def moves(self, orders: Orders, state: State) -> list[Move]:
        """Return the best row left of each arm that has not picked in this round."""
        picked, waiting = state
        found = []
        for arm in waiting:
            row = _best(orders[arm], picked)
            left = tuple(one for one in waiting if one != arm) or tuple(range(len(orders)))
            found.append((1 / len(waiting), row, arm, (picked | 1 << row, left)))
        return found


class Balanced:
    """One coin says who leads; then both go down their slates in step, and what is there already is not repeated.

    Source: Joachims (2003), Evaluating Retrieval Performance Using Clickthrough Data.
    """

    def begin(self, arms: int) -> State:
        """Return (nothing picked, nobody leads yet, how many rows each arm has gone down)."""
        return 0, None, (0, 0)

    def moves(self, orders: Orders, state: State) -> list[Move]:
        """Return the one next row, or of each possible leader before the first place."""
        picked, leader, gone = state
        leaders = (0, 1) if leader is None else (leader,)
        return [(1 / len(leaders), *self._next(orders, picked, one, gone)) for one in leaders]

    def _next(self, orders: Orders, picked: int, leader: int, gone: tuple[int, int]) -> tuple[int, int, State]:
        at = list(gone)
        while True:
            arm = leader if at[leader] <= at[1 - leader] else 1 - leader
            row = orders[arm][at[arm]]
            at[arm] += 1
            if not picked >> row & 1:
                return row, arm, (picked | 1 << row, leader, tuple(at))


class Probabilistic:
    """At every place a random arm draws from what is left of its slate, better rows far more often: rank r, from 1, as r ** -DECAY.

    Source: Hofmann, Whiteson & de Rijke (2011), A Probabilistic Method for Inferring Preferences from Clicks; of several arms, Schuth et
    al. (2015), Probabilistic Multileave for Online Retrieval Evaluation.
    """

    def begin(self, arms: int) -> State:
        """Return (nothing picked,)."""
        return (0,)

    def moves(self, orders: Orders, state: State) -> list[Move]:
        """Return every row left of every arm."""
        (picked,) = state
        found: list[Move] = []
        for arm, order in enumerate(orders):
            left = [(row, rank**-DECAY) for rank, row in enumerate(order, 1) if not picked >> row & 1]
            total = sum(weight for _, weight in left) * len(orders)
            found += [(weight / total, row, arm, (picked | 1 << row,)) for row, weight in left]
        return found


def drawn(draft: Draft, orders: Orders, draws: Array) -> list[tuple[int, int]]:
    """Return (row, arm that picked it) of each place.

    Args:
        draft: The way to merge.
        orders: The slates, none shorter than there are draws.
        draws: A number in [0, 1) per place.
    """
    state, taken = draft.begin(len(orders)), []
    for draw in draws.tolist():
        for chance, row, arm, after in draft.moves(orders, state):  # noqa: B007 - what was reached last is picked
            draw -= chance
            if draw < 0:
                break
        taken.append((row, arm))
        state = after
    return taken


def rest(orders: Orders, picked: int, places: int) -> list[int]:
    """Return the rows that fill up further places: what slates have left, by the rank they have there, earlier arms first."""
    ranked = sorted((rank, arm, row) for arm, order in enumerate(orders) for rank, row in enumerate(order) if not picked >> row & 1)
    return list(dict.fromkeys(row for _, _, row in ranked))[:places]


def chances(draft: Draft, orders: Orders, drafted: int, places: int) -> dict[int, float] | None:
    """Return the chance of each row to be taken at all, exactly; None where the draft can go in too many ways.

    Args:
        draft: The way to merge.
        orders: The slates.
        drafted: How many places are drafted, no more than the shortest slate has.
        places: How many places there are; `rest` fills those not drafted.
    """
    layer: dict[State, float] = {draft.begin(len(orders)): 1.0}
    taken: dict[int, float] = defaultdict(float)
    for _ in range(drafted):
        below: dict[State, float] = defaultdict(float)
        for state, reached in layer.items():
            for chance, row, _, after in draft.moves(orders, state):
                taken[row] += reached * chance
                below[after] += reached * chance
        if len(below) > MOST_STATES:
            return None
        layer = below
    for state, reached in layer.items() if places > drafted else ():
        for row in rest(orders, state[0], places - drafted):
            taken[row] += reached
    return {row: min(chance, 1.0) for row, chance in taken.items()}


def _best(order: Sequence[int], picked: int) -> int:
    return next(row for row in order if not picked >> row & 1)
