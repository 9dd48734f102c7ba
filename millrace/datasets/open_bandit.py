"""Open Bandit: a week of 2019 in which a fashion shop recommended by chance, and by Thompson sampling beside it, in two campaigns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from millrace.datasets.dataset import ChoiceLog
from millrace.datasets.table import Column, Table
from millrace.errors import BadInput
from millrace.log.kinds import Instant, Integer, Number
from millrace.types import Array, Columns

PLACES = 3
CAMPAIGNS = ("all", "men")
_USER = tuple(f"user_feature_{number}" for number in range(4))


@dataclass(frozen=True)
class Shown:
    """What one policy recommended in one campaign.

    Attributes:
        item: The number of the item, from 0. int64, shape (n,).
        place: In which of the three places it was shown, from 0. int64, shape (n,).
        clicked: Whether it was clicked, 0 or 1. float64, shape (n,).
        propensity: The chance with which the policy put it there, in (0, 1]. float64, shape (n,).
        user: Four hashed features of who it was shown to. Object arrays, shape (n,) each.
        items: How many items the campaign has.
    """

    item: Array
    place: Array
    clicked: Array
    propensity: Array
    user: Columns
    items: int

    def frequencies(self) -> Array:
        """Return how often each item was shown in each place: what a policy does, whatever its propensities vary with.

        The mean of the propensities of what was shown is no such figure: items are shown when theirs are high. Columns add to 1.
        Shape (items, places).
        """
        times = np.zeros((self.items, PLACES))
        np.add.at(times, (self.item, self.place), 1.0)
        return times / times.sum(axis=0)


def campaign(tables: Mapping[str, Table], name: str) -> tuple[Shown, Shown]:
    """Return what the random policy and what Bernoulli Thompson sampling showed in a campaign, "all" or "men".

    Rows without a propensity, with a place that there is not, or neither clicked nor not are set aside.

    Raises:
        BadInput: There is no such campaign.
    """
    if name not in CAMPAIGNS:
        raise BadInput(f"there is no campaign {name!r}: there are {', '.join(CAMPAIGNS)}", field="name")
    random, thompson = (_cleaned(tables[f"{policy}_{name}"]).rows for policy in ("random", "bts"))
    items = int(max(random["item_id"].max(), thompson["item_id"].max())) + 1
    return _shown(random, items), _shown(thompson, items)


def _cleaned(table: Table) -> Table:
    table = table.without("the place is not 1 to 3", ~np.isin(table.rows["position"], (1, 2, 3)))
    table = table.without("the item has no number", table.rows["item_id"] < 0)
    table = table.without("click is neither 0 nor 1", ~np.isin(table.rows["click"], (0, 1)))
    chance = table.rows["propensity_score"]
    return table.without("the propensity is not above 0 and at most 1", ~((chance > 0) & (chance <= 1)))


def _shown(rows: Columns, items: int) -> Shown:
    return Shown(
        item=rows["item_id"],
        place=rows["position"] - 1,
        clicked=rows["click"].astype(np.float64),
        propensity=rows["propensity_score"],
        user={name: rows[name] for name in _USER},
        items=items,
    )


_SHOWN = {
    "timestamp": Column("when it was shown", Instant()),
    "item_id": Column("the number of the item shown, from 0", Integer()),
    "position": Column("in which of three places it was shown, 1 to 3", Integer()),
    "click": Column("1 if it was clicked, else 0", Integer()),
    "propensity_score": Column("the chance with which the policy put it there", Number()),
    **{name: Column("a feature of the user, hashed") for name in _USER},
}

OPEN_BANDIT = ChoiceLog(
    name="open_bandit",
    title="Open Bandit, small: a shop's recommendations by chance and by Thompson sampling, a week of 2019",
    licence="CC BY 4.0",
    source="https://research.zozo.com/data.html",
    citation="Saito, Y., Aihara, S., Matsutani, M. & Narita, Y. (2020). Open Bandit Dataset and Pipeline: Towards Realistic and "
    "Reproducible Off-Policy Evaluation. https://doi.org/10.48550/arXiv.2008.07146",
    tables={f"{policy}_{name}": _SHOWN for name in CAMPAIGNS for policy in ("random", "bts")},
)
