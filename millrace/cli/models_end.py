"""`millrace models retire`, `readmit` and `delete`: how a version ends or gets another chance; how that reads in `millrace status`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from millrace.cli.acting import by_hand
from millrace.cli.opening import Desk, reading
from millrace.cli.printing import console, number, when
from millrace.errors import BadInput, Conflict
from millrace.serve.clock import wall
from millrace.stores.endings import Endings
from millrace.stores.versions import SUNSET
from millrace.types import instant


def retire(system: str, version: str, sunset: str, why: str, folder: Path) -> None:
    """Announce until when a version is promised; servers warn whoever asks it.

    Raises:
        NotFound: There is no such version.
        Conflict: It serves, or was deleted.
        BadInput: The date is none, or has passed.
    """
    until = _instant(sunset)
    with reading(system, folder) as desk:
        Endings(desk.home.database, desk.home.folder).announce(version, until, by_hand(why))
        console().print(f"{version} is promised until {when(until)}; after that: millrace models delete {system} {version}")


def readmit(system: str, version: str, why: str, folder: Path) -> None:
    """Make a rejected version a candidate again.

    Raises:
        NotFound: There is no such version.
        Conflict: It was not rejected.
    """
    with reading(system, folder) as desk:
        stage = desk.home.registry.get(version).stage
        if stage != "rejected":
            raise Conflict(f"{version} is {stage}, not rejected: there is nothing to make good")
        desk.home.registry.stage(version, "candidate", by_hand(why))
        held = [one.id for one in desk.home.releases.of(desk.loaded.name) if version in one.versions.values()]
        console().print(f"{version} is a candidate again; its release goes out with: millrace rollout canary {system} {held[-1]}")


def delete(system: str, version: str, why: str, folder: Path, *, with_lineage: bool) -> None:
    """Delete the files of a version whose end has come; its record stays.

    Raises:
        NotFound: There is no such version.
        Conflict: Something needs it, its end has not come, or decisions in the log were made with it and that was not allowed.
    """
    with reading(system, folder) as desk:
        desk.home.registry.get(version)
        referring = _referring(desk, version)
        if referring and not with_lineage:
            raise Conflict(
                f"{number(referring)} decisions in the log were made with {version}: without it nobody can say what weighed in them, or "
                "make them again; wait until the log drops them (retain=), or say --force-with-lineage: its record stays, "
                "and says on what to train it anew"
            )
        gone = Endings(desk.home.database, desk.home.folder).delete(version, by_hand(why), referring)
        console().print(f"the files of {version} are deleted; its record stays, and how it was trained ({gone.lineage.rows:,} examples)")


def _referring(desk: Desk, version: str) -> int:
    """Return how many decisions that the log still holds were made with a version, of any system; shadows do not decide."""
    with desk.home.database.reading() as connection:
        held = desk.home.database.tables["release_versions"]
        releases = {one.release for one in connection.execute(held.select().where(held.c.version == version))}
    return sum(one.release in releases for _, one in desk.home.log.decisions()) if releases else 0


def ending(desk: Desk) -> Iterator[str]:
    """Say of each of a system's versions until when it is promised."""
    now = wall()
    for one in desk.home.registry.ending():
        if one.model in desk.loaded.models and one.stage != "deleted":
            until = one.notes[SUNSET]
            yield f"{one.version} is deprecated: " + (f"promised until {when(until)}" if now < until else "its end has come, delete it")


def _instant(said: str) -> int:
    try:
        at = datetime.fromisoformat(said)
    except ValueError:
        raise BadInput(f"{said!r} is no date: write 2026-12-31, or 2026-12-31T12:00:00Z", field="sunset") from None
    return instant(at if at.tzinfo is not None else at.replace(tzinfo=UTC))
