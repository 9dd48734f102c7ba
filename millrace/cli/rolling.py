"""`millrace rollout`: send a release out by steps, shadow it, switch to it, halt, resume; and how that reads in `millrace status`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import typer

from millrace.cli.acting import by_hand
from millrace.cli.opening import Desk, reading
from millrace.cli.printing import console, when
from millrace.errors import BadInput
from millrace.serve import changing
from millrace.stores.standing import Standing


def canary(system: str, release: str, folder: Path, why: str) -> None:
    """Send a release out by the steps declared; a server that operates takes it on, or back.

    Raises:
        NotFound: There is no such release.
        Conflict: There is no champion, another candidate is under way, or the module declares no steps.
    """
    with reading(system, folder) as desk:
        seen = changing.canary(desk.loaded, desk.home.releases, desk.standing, release, by_hand(why))
        share = seen.rollout.share if seen.rollout is not None else 0.0
        console().print(f"{release} begins with {share:.0%} beside {seen.champion}; millrace status {system} shows how it goes")
        console().print("a server that operates sends it on, or back; one with --no-operate leaves it where it is", style="dim")


def shadow(system: str, release: str, folder: Path, share: str, within: str, why: str) -> None:
    """Let a release shadow the champion; a running server follows within seconds.

    Raises:
        NotFound: There is no such release.
        Conflict: There is no champion, another candidate is under way, or the module declares a Shadow.
        BadInput: The share or the time is none.
    """
    with reading(system, folder) as desk:
        seen = changing.shadow(desk.loaded, desk.home.releases, desk.standing, release, by_hand(why), _share(share), within)
        console().print(f"{release} shadows {seen.champion} on {_share(share):.0%} of the units: millrace rollout compare {system}")


def switch(system: str, release: str, folder: Path, keep: str, why: str, *, yes: bool) -> int:
    """Let a release answer everybody at once, the champion kept, unless the answer is no; return the exit status.

    Raises:
        NotFound: There is no such release.
        Conflict: There is no champion, or another candidate is under way.
        BadInput: The time is none.
    """
    with reading(system, folder) as desk:
        seen = desk.standing
        if not yes and not typer.confirm(_question(seen, release)):
            return 1
        seen = changing.switch(desk.home.releases, seen, release, by_hand(why), keep)
        console().print(f"{release} answers everybody; {seen.champion} is kept for {keep}: millrace rollback {system} returns to it")
    return 0


def _question(seen: Standing, release: str) -> str:
    """Return what is asked before a release answers everybody."""
    if seen.rollout is not None and seen.candidate == release:
        beside = f"{release} is watched beside {seen.champion} on {seen.rollout.share:.0%} of the units"
        return f"{beside}, which this ends unjudged. Let it answer everybody?"
    return f"{release} would answer everybody at once, unwatched beside {seen.champion}. Go on?"


def withdraw(system: str, folder: Path, why: str) -> None:
    """End the rollout under way; the champion serves alone.

    Raises:
        Conflict: None is under way.
    """
    with reading(system, folder) as desk:
        seen = desk.standing
        now = desk.home.releases.withdraw(seen, by_hand(why))
        console().print(f"{seen.candidate} is withdrawn, {now.champion} serves alone")


def halt(system: str, folder: Path, to: str, why: str) -> None:
    """Send all requests to the champion or to the fallback, until somebody resumes.

    Raises:
        NotFound: It is to go to a fallback and none is declared.
    """
    with reading(system, folder) as desk:
        made, owed = changing.halt(desk.loaded, desk.home, to, by_hand(why))
        who = f"the fallback of {desk.loaded.name}" if made.to == "fallback" else made.release or "what serves without a release"
        console().print(f"{desk.loaded.name} is halted: within seconds {who} answers everybody; millrace rollout resume {system} ends it")
        if owed:
            console(to_errors=True).print(owed, style="yellow")


def resume(system: str, folder: Path, why: str) -> None:
    """Let a halted system go on.

    Raises:
        Conflict: It is not halted.
    """
    with reading(system, folder) as desk:
        _, owed = changing.resume(desk.loaded, desk.home, by_hand(why))
        console().print(f"{desk.loaded.name} goes on: {serving(desk, desk.standing)}")
        if owed:
            console(to_errors=True).print(owed, style="yellow")


def serving(desk: Desk, standing: Standing) -> str:
    """Return what serves, in a sentence without its subject."""
    if standing.champion is None:
        return "no release yet, its fallback answers" if desk.loaded.models else "its rules answer, there is no model"
    if standing.rollout is None:
        return f"{standing.champion} serves since {when(standing.at)}"
    release, data = standing.rollout.release, standing.rollout.data
    if data.get("by") == changing.SHADOWING:
        return f"{standing.champion} serves, {release} shadows it on {data['share']:.0%} of the units"
    if data.get("by") == changing.SWITCHING:
        return f"{release} answers everybody, {standing.champion} is kept until {when(data['until'])}"
    return f"{standing.champion} serves, {release} is rolled out to {standing.rollout.share:.0%}"


def halted(desk: Desk) -> Iterator[str]:
    """Say that a system is halted, since when, by whom and why."""
    found = desk.home.halts.now(desk.loaded.name)
    if found is not None:
        who = "its fallback" if found.to == "fallback" else found.release or "its champion"
        yield f"HALTED since {when(found.at)} by {found.who}: {who} answers everybody; {found.why}"


def _share(said: str) -> float:
    """Return a share written as a percentage or a fraction."""
    try:
        return float(said[:-1]) / 100 if said.endswith("%") else float(said)
    except ValueError:
        raise BadInput(f"{said!r} is no share: write 10%", field="share") from None
