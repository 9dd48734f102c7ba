"""`millrace forget`: somebody leaves the log and all that was made of it; and the check of the tombstones that say so."""

from __future__ import annotations

from pathlib import Path

import typer
from rich.console import Console

from millrace.cli.online import delete_owed, store_of
from millrace.cli.opening import reading, writing
from millrace.cli.printing import console, number, progress, table, when
from millrace.errors import BadInput
from millrace.loading import load
from millrace.log.forget import look, pending
from millrace.log.keys import Master, lost
from millrace.serve.clock import wall
from millrace.serve.forgetting import forget as forgotten
from millrace.serve.forgetting import whom
from millrace.stores.publications import Publications
from millrace.stores.redaction import versions_naming
from millrace.stores.tombstones import Tombstone


def forget(system: str, named: str, folder: Path, *, yes: bool, online: str = "") -> int:
    """Show what forgetting somebody removes, ask, remove it, and return the exit status: 1 when the answer is no, or some of it is left.

    Args:
        system: The module.
        named: The entity class and the id, such as `Viewer:v17`; "" finishes what was interrupted.
        folder: The system's home.
        yes: Whether to go on without asking.
        online: The URL of where the view was published, if it takes a password to be let in; "" knows only what the folder notes.

    Raises:
        BadInput: It names nobody.
        Conflict: Another process, such as the server, writes to the log.
    """
    loaded, out = load(system), console()
    with writing(loaded, folder) as home, progress() as shown:
        publications, left = Publications(folder), pending(home.log.store.folder)
        if not named and left is None and publications.owed():
            return _everywhere(publications, online, out)
        if not named and left is None:
            raise BadInput("say whom: the entity class and the id, such as Viewer:v17", field="who")
        who = whom(loaded, named) if named else left.who  # type: ignore[union-attr]
        task = shown.add_task("", total=None, said="")

        def tell(said: str, done: int, parts: int) -> None:
            shown.update(task, description=said, completed=done, total=parts)

        if left is None or left.who != who:
            found = look(home.log.store, who, tell)
            rows = table(f"Forgetting {who} removes", "stream", "records", numbers=("records",))
            for stream, count in found.counts.items():
                rows.add_row(stream, number(count))
            out.print(rows)
            if found.named:
                out.print(f"and its name from {number(len(found.named))} decisions on requests of others")
            learned = versions_naming(home.database, folder, who.id)
            if learned:
                out.print(f"and its name from the files of {', '.join(learned)}, which learned from it: train anew")
            for one in publications.all():
                out.print(f"and the view of {one.system} published to {one.place}: it is published anew when it is served")
            for spill in home.spills.reachable():
                out.print(f"and what an unfinished backfill put aside in {spill}: it begins anew")
            shown.stop()
            if not yes and not typer.confirm("It cannot be undone. Go on?"):
                return 1
            shown.start()
        if online:
            publications.note(loaded.name, store_of(online).place(online))
        publications.owe()  # before the first record goes: whatever interrupts this, what was published is known to hold too much
        tombstone = forgotten(home, who, wall(), tell)
        for spill in home.spills.all():
            out.print(f"{spill} cannot be reached: it holds what an unfinished backfill put aside; remove it", style="yellow")
        nothing = f"there was nothing of {who}, so this leaves no tombstone; what was deleted before is cleared"
        out.print(_said(tombstone) if tombstone is not None else nothing)
        return _everywhere(publications, online, out)


def _everywhere(publications: Publications, online: str, out: Console) -> int:
    """Delete what was published of views that hold what was forgotten; return the exit status."""
    left = list(delete_owed(publications, online))
    for one in left:
        out.print(f"NOT DONE: {one}", style="bold red")
    return 1 if left else 0


def _said(tombstone: Tombstone) -> str:
    removed = sum(tombstone.removed.values())
    return (
        f"forgotten, as of {when(tombstone.at)}: {number(removed)} records, the name in {number(tombstone.named)} decisions; tombstone"
        f" {tombstone.number}, {tombstone.signature[:16]}"
    )


def check(system: str, named: str, folder: Path) -> int:
    """Check the signatures of all tombstones, print them, or those of one person, and return the exit status: 1 on a fault.

    Args:
        system: The module.
        named: Whose to print, such as `Viewer:v17`; "" prints all, which say of nobody who it was.
        folder: The system's home.

    Raises:
        MillraceError: The key they were signed with is lost.
    """
    with reading(system, folder) as desk:
        home, out = desk.home, console()
        tombstones = home.tombstones.all()
        master = Master.read(home.log.store.folder) if tombstones else None
        if tombstones and master is None:
            raise BadInput(lost(home.log.store.folder), field="key")
        faults = home.tombstones.check(master) if master is not None else []
        if named and master is not None:
            who = whom(desk.loaded, named)
            tombstones = home.tombstones.of(master, who.entity, who.id)
        title = f"Tombstones of {named}, forgotten" if named else "Tombstones"
        rows = table(title, "number", "at", "of", "records", "decisions", "signature", numbers=("number", "records", "decisions"))
        for one in tombstones:
            counts = (number(sum(one.removed.values())), number(one.named))
            rows.add_row(str(one.number), when(one.at), one.entity, *counts, one.signature[:16])
        out.print(rows if tombstones else f"no tombstone of {named}" if named else "nobody was forgotten")
        for fault in faults:
            out.print(fault, style="red")
        owed = Publications(folder).owed()
        for one in owed:
            out.print(
                f"the view of {one.system} published to {one.place} still holds what was forgotten: millrace forget {system}", style="red"
            )
        left = pending(home.log.store.folder)
        if left is not None:
            out.print(f"forgetting {left.who.entity}:… was interrupted: millrace forget {system} finishes it", style="yellow")
        return 1 if faults or owed or left is not None else 0
