"""`millrace models size`: what each version of a system's models is worth, and what it costs."""

from __future__ import annotations

from pathlib import Path

from millrace.cli.model_sizes import MANY, Sized, interval, sized
from millrace.cli.models_page import models_page
from millrace.cli.opening import reading
from millrace.cli.printing import console, number, table


def models_size(system: str, folder: Path, page: Path | None) -> None:
    """Print every version that fits its declaration with its accuracy, bytes and time; write the same as a page.

    Raises:
        NotFound: No version is registered, or no decision of a model has a known outcome yet.
    """
    with reading(system, folder) as desk:
        found = sized(desk)
        name = desk.loaded.name
    _print(name, found)
    if page is not None:
        page.write_text(models_page(name, found), encoding="utf-8")
        console().print(f"\n{page} shows it")


def _print(system: str, found: list[Sized]) -> None:
    columns = ("model", "version", "stage", "outcome", "metric", "value", "95 % interval", "seen")
    worth = table(f"{system}: what its versions are worth", *columns, numbers=("value", "seen"))
    numbers = ("bytes", "1 row, ms", f"{MANY} rows, ms", "a decision, ms", "its share")
    costs = table("What they cost, on one thread", "version", *numbers, numbers=numbers)
    for one in found:
        names = (one.model, one.version, one.stage, one.outcome, one.accuracy.metric)
        worth.add_row(*names, number(one.accuracy.value), interval(one.accuracy), f"{one.seen:.0%}")
        times = (number(one.one_ms), number(one.many_ms), number(one.decision_ms), "–" if one.share is None else f"{one.share:.1%}")
        costs.add_row(one.version, number(one.bytes), *times)
    console().print(worth)
    console().print()
    console().print(costs)
    if any(one.seen for one in found):
        console().print("\nseen: the part of the rows that a version has learned from; on those it looks better than it is", style="dim")
