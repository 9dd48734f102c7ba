"""What each arm of an interleaving earned, read from the log: slates as they were recorded, outcomes joined as training joins them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from millrace.experiments.interleaving import Credits, credits
from millrace.experiments.reasons import Reason, Refused
from millrace.loaded import Loaded
from millrace.models.declare import Outcome
from millrace.operate.history import LogHistory
from millrace.policy.interleave import Interleave
from millrace.schema import Field
from millrace.training.attribution import after, join_keys, label
from millrace.training.logged import back_filled
from millrace.types import EVER, Array, take


class Earned(NamedTuple):
    """What each arm earned.

    Attributes:
        credits: Of each request, in the order in which they were asked.
        unit: Who asked it. Shape (requests,).
        open: How many requests are left out, as their outcomes are not known yet.
    """

    credits: Credits
    unit: Array
    open: int


def interleaved(loaded: Loaded, history: LogHistory, policy: Interleave, outcome: Outcome, unit: Field, since: int, until: int) -> Earned:
    """Return what each arm of an interleaving earned by an outcome, ready for `preference`.

    Requests that one arm answered alone, as another missed, say nothing of either and are not among them; nor are those whose rows or
    outcomes are not all known any more, or not yet.

    Args:
        loaded: The system.
        history: Its log, as training reads it.
        policy: The interleaving; it must be the system's.
        outcome: What rows earn: its value, 0 or more.
        unit: The request's field that says who asked, such as `Refresh.viewer`.
        since: Decisions asked from this instant on, microseconds.
        until: What was known before this instant, microseconds.

    Raises:
        Refused: No such request's outcome is known yet, or the outcome is below 0 somewhere.
    """
    name = loaded.name_of(policy)
    rows = history.decided(since, until)
    rows = take(rows, rows["policy"] == name)
    made = history.made(EVER, until)
    of_each = dict(zip(made["id"].tolist(), made["interleaved"].tolist(), strict=True))
    begun = back_filled(loaded.plan, [outcome.after], rows, history).values if outcome.after is not None else {}
    keys = join_keys(outcome, loaded.system.request, loaded.system.candidate)
    reward = label(outcome, rows, history.events(outcome.stream, until), keys, until, after(outcome, begun))
    ids, first, request, counts = np.unique(rows["id"].astype(str), return_index=True, return_inverse=True, return_counts=True)
    slates = [of_each[one] for one in ids.tolist()]
    is_known = np.bincount(request, np.isnan(reward), minlength=len(ids)) == 0
    is_whole = counts == [len(one.team) if one is not None else 0 for one in slates]  # of some a row was forgotten
    kept = np.flatnonzero(is_known & is_whole)
    kept = kept[np.argsort(rows["at"][first[kept]], kind="stable")]
    if not len(kept):
        said = (
            f"no request that {name} answered has its outcome known: {len(ids)} were answered; wait until {loaded.name_of(outcome)} is over"
        )
        raise Refused(Reason.FEW_UNITS, said)
    place = np.full(len(ids), -1)
    place[kept] = np.arange(len(kept))
    mine = place[request] >= 0
    found = credits([slates[one] for one in kept.tolist()], place[request[mine]], rows["rank"][mine], reward[mine])  # type: ignore[misc]
    return Earned(found, rows[unit.name][first[kept]], len(ids) - len(kept))
