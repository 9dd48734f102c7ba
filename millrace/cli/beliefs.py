"""The belief about arms in `millrace status`: what each has come to, and whether one is known to be the best."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from millrace.cli.opening import Desk
from millrace.cli.printing import number, table
from millrace.experiments.best_arm import best_arm
from millrace.experiments.reasons import Refused
from millrace.models.beta_belief import BetaBelief, BetaVersion
from millrace.schema import Field
from millrace.types import Array

if TYPE_CHECKING:
    from rich.table import Table

_SHOWN = 8
"""How many arms are shown: the best so far."""
ERROR = 0.05
"""The chance of naming an arm that is not the best."""


def beliefs(desk: Desk) -> Iterator[Table | str]:
    """Yield, for each model that counts the outcomes of every candidate by itself, its arms, and what that says of the best."""
    standing = desk.standing
    serving = dict(desk.home.releases.get(standing.champion).versions) if standing.champion else {}
    for name, model in desk.loaded.models.items():
        candidate = desk.loaded.system.candidate
        is_of_arms = candidate is not None and [one.column for one in model.features] == [Field(candidate, "id").column]
        if not is_of_arms or not isinstance(model.learner, BetaBelief) or name not in serving or not desk.versions.fits(serving[name]):
            continue
        version = desk.versions.load(serving[name])
        if isinstance(version, BetaVersion) and len(version.counts):
            yield _arms(name, version)
            forgets = model.learner.decay or model.learner.window or model.learner.reset
            yield "it forgets, so which arm is best may change at any time" if forgets else _best(version)


def _arms(name: str, version: BetaVersion) -> Table:
    figures = ("outcomes", "chance", "give or take")
    rows = table(f"What {name} believes of its arms", "arm", *figures, numbers=figures)
    won, lost = version.counts.T
    a, b = won + version.prior[0], lost + version.prior[1]
    spread = np.sqrt(a * b / (a + b + 1)) / (a + b)
    for place in np.argsort(-a / (a + b), kind="stable")[:_SHOWN].tolist():
        arm = _named(version, place)
        rows.add_row(arm, number(float(won[place] + lost[place])), number(float(a[place] / (a + b)[place])), number(float(spread[place])))
    return rows


def _best(version: BetaVersion) -> str:
    counts, won = version.counts.sum(axis=1), version.counts[:, 0]
    heard: Array = np.flatnonzero(counts > 0)
    try:
        found = best_arm(counts[heard], won[heard], error=ERROR)
    except Refused as refused:
        return f"which arm is best cannot be said: {refused}"
    arm, rival = (_named(version, int(heard[one])) for one in (found.arm, found.rival))
    if found.is_found:
        return f"{arm} is the best of the {len(heard)} that were tried, but for a chance of {ERROR:.0%}: one may stop"
    how_sure = f"{arm} is before {rival} by evidence of {found.evidence:.1f} nats where {found.needed:.1f} are needed"
    return f"which of the {len(heard)} that were tried is best is not known yet: {how_sure}"


def _named(version: BetaVersion, place: int) -> str:
    return str(version.segments.keys[place][0])
