"""`millrace verify`: replay parity, proven on one's own log, and any mismatch with the events behind it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from millrace.cli.opening import Desk, reading
from millrace.cli.printing import console, number, progress, table, when
from millrace.features.parity import Mismatch
from millrace.features.parity import explain as evidence
from millrace.operate.lateness import known_too_early
from millrace.operate.repeats import repeats
from millrace.operate.verify import verify as proven
from millrace.serve.naming import feature_names
from millrace.types import EVER, Columns, size

_SHOWN = 10
"""How many mismatches are shown."""
_EVENTS = 5
"""How many of the events behind a value are shown, the latest."""


def verify(system: str, last: int, folder: Path) -> int:
    """Recompute the features of logged decisions from the log alone, print the proof, and return the exit status: 1 on a mismatch.

    Args:
        system: The module.
        last: How many of the latest decisions to check; 0 is all.
        folder: The system's home.
    """
    with reading(system, folder) as desk:
        with progress() as shown:
            task = shown.add_task("recomputing", total=None, said="")

            def tell(done: int, rows: int) -> None:
                shown.update(task, completed=done, total=rows, said=f"{done:,} rows")

            since, gaps = _since(desk, last), desk.home.tombstones.gaps()
            proof = proven(desk.loaded, desk.history, since, -EVER, tell, gaps)
            again = repeats(desk.loaded, desk.home.log, since, -EVER, gaps)
        out = console()
        out.print(f"decisions {number(proof.decisions)}, values {number(proof.values)}, mismatches {number(len(proof.mismatches))}")
        if proof.forgotten:
            out.print(f"{number(proof.forgotten)} more values differ and cannot be proven: they may have counted who was forgotten since")
        if again.checked:
            out.print(f"repeated decisions {number(again.checked)}, wrong {number(len(again.wrong))}")
        if again.unprovable:
            out.print(f"{number(again.unprovable)} repeat a decision that is no longer kept, and cannot be proven")
        for said in again.wrong[:_SHOWN]:
            out.print(said)
        for name, early in known_too_early(desk.loaded, desk.home.log).items():
            out.print(f"warning: {number(early)} {name} are known when they happened, for all its lag: import them anew", style="yellow")
        for mismatch, row in zip(proof.mismatches[:_SHOWN], proof.rows[:_SHOWN], strict=True):
            out.print()
            _print_mismatch(desk, mismatch, row)
        if len(proof.mismatches) > _SHOWN:
            out.print(f"\nand {number(len(proof.mismatches) - _SHOWN)} more")
        return 1 if proof.mismatches or again.wrong else 0


def _since(desk: Desk, last: int) -> int:
    """Return the instant from which the last so many decisions were asked."""
    rows = desk.history.decided(EVER, -EVER)
    if not last or not size(rows):
        return EVER
    _, first = np.unique(rows["id"].astype(str), return_index=True)
    return int(np.sort(rows["at"][first])[-last:][0])


def _print_mismatch(desk: Desk, mismatch: Mismatch, row: Columns) -> None:
    out = console()
    name = feature_names(desk.loaded).get(mismatch.column, mismatch.column)
    out.print(f"{mismatch.id}, {row['candidate'][0]}: {name} was served as {mismatch.served!r}, the log says {mismatch.recomputed!r}")
    for one in evidence(desk.loaded.plan, mismatch.column, row, desk.history.events):
        keys = ", ".join(map(str, one.keys))
        events = table(f"{one.column} of {keys}: {number(size(one.events))} events count", "id", "at", "known")
        for at in range(max(size(one.events) - _EVENTS, 0), size(one.events)):
            events.add_row(str(one.events["id"][at]), when(one.events["at"][at]), when(one.events["known"][at]))
        out.print(events)
