"""Small markets: viewers of two arms who meet sellers, some of whom many like."""

from typing import NamedTuple

import numpy as np

from millrace.experiments.meetings import Meetings, meetings
from millrace.types import Array


class Market(NamedTuple):
    """Who did what with whom, a row each."""

    unit: Array
    treated: Array
    viewer: Array
    seller: Array
    value: Array
    sellers: int

    def meetings(self) -> Meetings:
        """Return it as it is read."""
        return meetings(self.unit, self.treated, self.viewer, self.seller, self.value, self.sellers)


def appeal(sellers: int, steep: float) -> Array:
    """Return the part of all that goes to each seller on average: the steeper, the more to the first. Shape (sellers,)."""
    likes = np.arange(1, sellers + 1.0) ** -steep
    return likes / likes.sum()


def market(g: np.random.Generator, control: int, treatment: int, sellers: int = 30, steep: tuple[float, float] = (0.8, 0.8)) -> Market:
    """Return a market of viewers who meet some three sellers, or one again and again; some do nothing."""
    treated = np.repeat([False, True], [control, treatment])
    n = len(treated)
    viewer = np.repeat(np.arange(n), g.poisson(3 * g.gamma(1.0, 1.0, n)))
    drawn = [g.choice(sellers, size=len(viewer), p=appeal(sellers, each)) for each in steep]
    first = [g.choice(sellers, size=n, p=appeal(sellers, each)) for each in steep]
    again = g.random(len(viewer)) < 0.3
    met = [np.where(again, one[viewer], each) for one, each in zip(first, drawn, strict=True)]
    seller = np.where(treated[viewer], met[1], met[0])
    return Market(np.arange(n), treated, viewer, seller, g.lognormal(0, 1, len(viewer)), sellers)
