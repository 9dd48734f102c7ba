"""What is believed of the goods of the shop: models with a few hundred looks behind them, for the laws of choosers that weigh beliefs."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from millrace import BetaBelief, LinearBelief, LogisticBelief, Model, NormalBelief
from millrace.models.learner import Examples
from millrace.serve.facts import Installed
from millrace.testing.policies import Case
from millrace.types import HOUR, Columns, objects
from tests.laws.shop import GOODS, KINDS, NOW, Good, Visitor, bought, case, sold

counted = Model(sold, features=[Good.id], learner=BetaBelief(), updates="1m")
measured = Model(sold, features=[Good.id], learner=NormalBelief(), updates="1m")
related = Model(sold, features=[Good.id, Good.kind, Visitor.country, bought["7d"]], learner=LinearBelief(reg=0.5), updates="1m")
likely = Model(sold, features=[Good.kind, Visitor.country, bought["7d"]], learner=LogisticBelief(), updates="1m")
MODELS = {"counted": counted, "measured": measured, "related": related, "likely": likely}


def believing(policy: Any) -> Case:
    """Return the case of a policy in the shop where all models have learned from the same looks."""
    made = case(policy, **MODELS)
    versions = {f"{name}-1": learned(name) for name in MODELS}
    return replace(made, installed=Installed("r1", {name: f"{name}-1" for name in MODELS}), versions=versions)


@cache
def learned(name: str) -> Any:
    """Return a version of one of the models; some goods were never shown."""
    model = MODELS[name]
    g = np.random.default_rng(5)
    n = 300
    goods = g.integers(0, len(GOODS) - 3, n)
    columns: Columns = {
        "Good.id": objects(GOODS[one] for one in goods),
        "Good.kind": objects(KINDS[one % 3] for one in goods),
        "Visitor.country": objects(("nl", "de")[one] for one in g.integers(0, 2, n)),
        bought["7d"].column: g.integers(0, 9, n),
    }
    label = (g.random(n) < 0.1 + 0.05 * (goods % 3)).astype(float)
    rows = {one.column: columns[one.column] for one in model.features}
    at = NOW - 9 * HOUR + np.arange(n)
    return model.learner.fit(Examples(rows, {model.heads[0]: label}, np.ones(n), np.arange(n), at), 0)
