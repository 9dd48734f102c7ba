"""Importing slates of the past: what was shown on each request, a row per candidate."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from msgspec import Meta

from millrace.errors import BadInput
from millrace.log.bulk import Loaded
from millrace.log.codec import REQUIRED, Codec, Held
from millrace.log.decisions import DECISION
from millrace.log.history import load_history
from millrace.log.importing import CHANCE, ROWS, ImportReport, Progress, read, run
from millrace.log.kinds import Integer, Number, Text
from millrace.log.log import Log
from millrace.log.plan import AT, Plan
from millrace.log.rejected import Rejected
from millrace.log.slate_rows import checked, slates_of, survey, together
from millrace.log.sources import source
from millrace.types import EVER, Array, objects, take

PLACES = {"place": 1, "rank": 0}
"""What says where a candidate stood, and the number of the best place by it."""


def import_slates(
    log: Log,
    request: type,
    path: str | Path,
    system: str,
    mapping: Mapping[str, str] | None = None,
    constants: Mapping[str, Any] | None = None,
    known: str = AT,
    *,
    timezone: str | None = None,
    now: int | None = None,
    progress: Progress | None = None,
    chunk_rows: int = ROWS,
) -> ImportReport:
    """Import slates that were shown elsewhere, a row per candidate: each a request, and a decision of the policy `history` that answers it.

    A row gives the `id` of its request and, the same in all its rows, the request's `at` and fields, and `action`, by default "shown". Of
    its own it gives `candidate`; `place`, from 1, or `rank`, from 0, without a gap in a request; and, where they are known, `score`, what
    it was ordered by, and `propensity`, the chance in (0, 1] that it would be among those shown. The rows of a request stand together,
    those of its places in any order: the file is read twice, first to see that they do, and nothing is imported unless they do. A slate
    is taken whole or set aside whole. What a row otherwise says, the watermark, the arguments and the errors are those of
    `import_decisions`; the counts of the report are of rows.

    Raises:
        BadInput: Rows of a request stand apart or are more than 10,000; or as for `import_file`, as are the others.
    """
    codec = log.store.streams.of(request)
    file = source(Path(path), chunk_rows)
    place = _place({*file.names, *(constants or {})} - {*codec.held}, {*(mapping or {})} - {*codec.held})
    plan = Plan(codec, file.names, mapping or {}, constants or {}, known, timezone, now, _extra(codec, place))
    beside = survey(file, plan, lambda share: progress and progress(share / 2, 0))

    def tell(share: float, rows: int) -> None:
        if progress is not None:
            progress((1 + share) / 2, rows)

    def keep(rows: dict[str, Array]) -> Loaded:
        number, first = slates_of(rows["id"])
        order = np.lexsort((rows[place], number))
        taken = {"action": rows["action"][first]}
        for name in {"candidate", "score", "propensity"} - {*codec.held}:
            taken[name] = objects(part.tolist() for part in np.split(rows[name][order], first[1:])[: len(first)])
        loaded = load_history(log.store, codec, system, take(rows, first), taken)
        return Loaded(loaded.added[number], loaded.duplicates[number], loaded.conflicts[number])

    kept = log.retained()
    floor = max(kept.get(codec.name, EVER), kept.get(DECISION, EVER))
    reads = (checked(codec, some, place, PLACES[place], beside) for some in together(read(file, plan, floor)))
    return run(reads, plan, keep, Rejected(log.store.folder, codec.name, now), tell)


def _place(given: Collection[str], mapped: Collection[str]) -> str:
    """Return by which of `PLACES` a file says where candidates stood; one that is mapped goes before one that has its name.

    Raises:
        BadInput: By none, or by both.
    """
    found = [name for name in PLACES if name in mapped] or [name for name in PLACES if name in given]
    if len(found) != 1:
        raise BadInput(
            f"{'two columns say' if found else 'no column says'} where each candidate stood: map one to `place`, which counts from 1, "
            "or to `rank`, which counts from 0",
            field="place",
        )
    return found[0]


def _extra(codec: Codec, place: str) -> dict[str, tuple[Held, Any]]:
    """Return what is read besides the fields of the request; its own go before what has their name."""
    extra: dict[str, tuple[Held, Any]] = {
        "candidate": (Held(Text(), str, (), REQUIRED), str),
        place: (Held(Integer(), int, (), REQUIRED), Annotated[int, Meta(ge=PLACES[place])]),
        "action": (Held(Text(), str, (), "shown"), str),
        "score": (Held(Number(), float, (), is_optional=True), float),
        "propensity": (Held(Number(), float, (), is_optional=True), CHANCE),
    }
    own = {name: one for name, one in extra.items() if name not in codec.held}
    return {"id": (Held(Text(), str, (), REQUIRED), str), **own}
