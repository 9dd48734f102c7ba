"""What a person changes of what serves: canary, shadow, switch, go back, halt, resume. The command line and the HTTP API both come here."""

from __future__ import annotations

import msgspec

from millrace.errors import BadInput, Conflict, Unavailable
from millrace.loaded import Loaded
from millrace.policy.wrappers import Shadow
from millrace.serve.current import fallback_of
from millrace.serve.deciding import Dwelling
from millrace.serve.release import rollout
from millrace.stores.audit import Change
from millrace.stores.halts import FALLBACK, Halt
from millrace.stores.releases import Releases
from millrace.stores.standing import Rollout, Standing
from millrace.types import MINUTE, micros

SHADOWING, SWITCHING = "shadow", "switch"
"""What a rollout that a person looks after says of itself, as `by` in its data: the guard leaves it to them."""

_LONGEST = 10_000_000
"""A shadow may take so long at most, microseconds: whoever asks waits for it."""


def canary(loaded: Loaded, releases: Releases, seen: Standing, release: str, change: Change) -> Standing:
    """Send a release out by the steps that the system declares, from the first on; whoever operates takes it further, or back.

    Args:
        loaded: The system.
        releases: The releases.
        seen: The standing this was decided on.
        release: The release.
        change: When, who and why.

    Raises:
        Conflict: The standing is no longer the one seen, there is no champion, the release is under way already, the system declares no
            step before everybody, or as `roll_out`.
        NotFound: There is no such release.
        BadInput: As `roll_out`.
    """
    plan = rollout(loaded)
    if len(plan.steps) == 1:
        declare = 'declare Retrain(rollout=Canary("10%", "100%"))'
        raise Conflict(f"{loaded.name} declares no step before everybody: {declare}, or promote {release}")
    if seen.candidate == release:
        raise Conflict(f"{release} is beside {seen.champion} already ({seen.action} by {seen.who}): withdraw it, then begin anew")
    return _sent_out(releases, seen, Rollout(release=release, step=0, share=plan.shares[0], started=change.at), change)


def shadow(loaded: Loaded, releases: Releases, seen: Standing, release: str, change: Change, share: float, within: str) -> Standing:
    """Let a release shadow the champion: on a share of the units it is asked as well, and never answers.

    Args:
        loaded: The system.
        releases: The releases.
        seen: The standing this was decided on.
        release: The release.
        change: When, who and why.
        share: The share of the units, in (0, 1].
        within: How long an answer may wait for it, such as `100ms`; what comes later is a miss.

    Raises:
        Conflict: The standing is no longer the one seen, there is no champion, the module declares a Shadow of its own, or as `roll_out`.
        NotFound: There is no such release.
        BadInput: The share or the time is none, or as `roll_out`.
    """
    if not 0 < share <= 1:
        raise BadInput(f"a release cannot shadow {share} of the units: give a share above 0 and up to 1", field="share")
    if not 0 < micros(within) <= _LONGEST:
        raise BadInput(f"answers cannot wait {within} for a shadow: give a time such as 100ms, 10s at most", field="within")
    if next(loaded.of(Shadow), None) is not None:
        raise Conflict(f"{loaded.name} declares a Shadow: a decision has room for one, compare that or take it out of the module")
    data = {"by": SHADOWING, "share": share, "within": within}
    return _sent_out(releases, seen, Rollout(release=release, step=0, share=0.0, started=change.at, data=data), change)


def switch(releases: Releases, seen: Standing, release: str, change: Change, keep: str) -> Standing:
    """Let a release answer everybody at once; the champion is kept beside it, answers what it cannot, and is returned to in no time.

    Args:
        releases: The releases.
        seen: The standing this was decided on.
        release: The release.
        change: When, who and why.
        keep: How long the champion is kept, such as `1h`; then the release becomes champion.

    Raises:
        Conflict: The standing is no longer the one seen, there is no champion, or as `roll_out`.
        NotFound: There is no such release.
        BadInput: The time is none, or as `roll_out`.
    """
    if micros(keep) < MINUTE:
        raise BadInput(f"the old release cannot be kept {keep}: a minute at least, such as 1h", field="keep")
    data = {"by": SWITCHING, "until": change.at + micros(keep)}
    return _sent_out(releases, seen, Rollout(release=release, step=0, share=1.0, started=change.at, data=data), change)


def _sent_out(releases: Releases, seen: Standing, rollout: Rollout, change: Change) -> Standing:
    if seen.champion is None:
        raise Conflict(f"{seen.system} has no champion yet: promote {rollout.release}, there is nothing to put beside it")
    return releases.roll_out(seen, rollout, change)


def go_back(releases: Releases, seen: Standing, change: Change) -> Standing:
    """Return to what served before: while a candidate answers, by a canary or a switch, to the champion beside it; else to the one before.

    Raises:
        Conflict: The standing is no longer the one seen, or there is nothing to return to.
    """
    if seen.rollout is not None and seen.rollout.share > 0:  # a shadow has answered nobody: it is the champion that somebody wants gone
        return releases.withdraw(seen, change)
    return releases.roll_back(seen, change)


def halt(loaded: Loaded, home: Dwelling, to: str, change: Change) -> tuple[Halt, str]:
    """Send all requests of a system to its champion, or to its fallback; every process follows within seconds, and after a restart too.

    No rollout goes on, and nothing is trained, promoted or rolled back by the loop, until somebody resumes. It needs no database.

    Returns:
        The halt, and what is still owed: why the audit does not hold it yet, "" if it does.

    Raises:
        NotFound: It is to go to a fallback and none is declared.
        BadInput: `to` is neither, or the change does not say who and why.
    """
    if to == FALLBACK:
        fallback_of(loaded)
    try:
        champion = home.releases.standing(loaded.name).champion or ""
    except Unavailable:
        champion = ""
    made = home.halts.begin(loaded.name, to, champion, change)
    return made, settled(home)


def settled(home: Dwelling) -> str:
    """Write halts into the audit that are not there yet; return why that cannot be done now, "" if it was."""
    try:
        home.halts.settle(home.database)
    except Unavailable as error:
        return f"the audit cannot be written now ({error}); halts.jsonl holds it, and the audit will with the next change"
    return ""


def resume(loaded: Loaded, home: Dwelling, change: Change) -> tuple[Halt, str]:
    """Let a system go on as its standing says; a rollout begins its step anew, as nothing was seen of it meanwhile.

    Raises:
        Conflict: It is not halted, or somebody changed its standing at this moment.
        Unavailable: The database cannot be written, and a step has to begin anew.
        BadInput: The change does not say who and why.
    """
    if home.halts.now(loaded.name) is None:
        raise Conflict(f"{loaded.name} is not halted: there is nothing to resume")
    seen = home.releases.standing(loaded.name)
    if seen.rollout is not None and seen.rollout.share > 0:
        again = msgspec.structs.replace(change, why=f"resumed, the step begins anew: {change.why}")
        home.releases.roll_out(seen, _anew(seen.rollout, change.at), again)
    return home.halts.end(loaded.name, change), settled(home)


def _anew(under_way: Rollout, at: int) -> Rollout:
    data = dict(under_way.data)
    if "until" in data:
        data["until"] = at + data["until"] - under_way.started
    return msgspec.structs.replace(under_way, started=at, data=data)
