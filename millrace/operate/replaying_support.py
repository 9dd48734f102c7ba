"""How much of what another policy would do was never tried: told by the chances that logged decisions gave to all they considered."""

from __future__ import annotations

from collections.abc import Mapping

from millrace.log.appending import HISTORY
from millrace.log.log import Log
from millrace.operate.replaying_targets import Chances


def never_tried(log: Log, system: str, wanted: Mapping[str, Chances]) -> dict[str, float]:
    """Return by decision which share of what another policy would take had no chance to be taken, in [0, 1].

    Of history that was imported nobody knows: it says what was taken, and not what else could have been.

    Args:
        log: The log.
        system: The system that decided.
        wanted: By decision, with which chance the other policy would take each candidate.
    """
    found = {}
    for _, one in log.decisions(system=system):
        if (chances := wanted.get(one.id)) and not one.repeats and one.policy != HISTORY:
            tried = {name for name, chance in zip(one.candidate, one.propensity, strict=False) if chance}
            found[one.id] = sum(chance for name, chance in chances.items() if name not in tried) / sum(chances.values())
    return found
