"""`millrace experiment`: plan, start, status, stop."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from millrace.cli.acting import by_hand
from millrace.cli.as_json import in_json
from millrace.cli.experiment_told import closer_table, headline, in_full, scorecard, side_table, told
from millrace.cli.opening import Desk, reading
from millrace.cli.printing import console, number, table
from millrace.errors import BadInput, NotFound, Unavailable
from millrace.experiments.meetings_compared import SideFound
from millrace.experiments.other_side_told import told as side_told
from millrace.operate.by_rule import check_rule
from millrace.operate.planning_ahead import Ahead, ahead
from millrace.operate.reading_interleaved import compared_of, reader_of
from millrace.operate.reading_out import RULES, Reader, Reading
from millrace.policy.interleave import Interleave
from millrace.policy.wrappers import Experiment
from millrace.serve.clock import wall
from millrace.stores.experiments import Course, Registered

if TYPE_CHECKING:
    from rich.table import Table

_WEEKS = (1, 2, 3, 4, 6, 8, 13, 26)
"""For how many weeks a plan is shown."""


def plan(system: str, folder: Path, name: str, effect: str, power: float, over: str) -> None:
    """Print what an experiment can find after so many weeks, and how long an effect takes.

    Raises:
        NotFound: There is no experiment, no scorecard, or nothing to plan from.
        BadInput: The effect or the power is none.
    """
    with reading(system, folder) as desk:
        named, experiment = compared_of(desk.loaded, name)
        found = _ahead(desk, experiment, power, over)
    out = console()
    out.print(_curve(named, found))
    if effect:
        out.print(_duration(found, _effect(effect, found)))


def start(
    system: str, folder: Path, name: str, hypothesis: str, units: int, effect: str, rule: str, power: float, over: str, why: str
) -> None:
    """Put an experiment on record.

    Raises:
        BadInput: Neither units nor an effect are given, or the rule is unknown.
        Conflict: It is running.
        NotFound: There is no experiment or no scorecard, or nothing to plan from.
    """
    if rule not in RULES:
        raise BadInput(f"there is no rule {rule!r}: use one of {', '.join(RULES)}", field="rule")
    if not hypothesis.strip():
        raise BadInput("say what is expected, and why: --hypothesis", field="hypothesis")
    with reading(system, folder) as desk:
        named, experiment = compared_of(desk.loaded, name)
        reader = reader_of(desk.loaded, desk.history, experiment, None)
        if isinstance(reader, Reader):
            check_rule(reader.card, RULES[rule])
        wanted: float | None = None
        if effect:
            found = _ahead(desk, experiment, power, over)
            wanted = _effect(effect, found)
            units = units or _needed(found, wanted, rule)
        if units < 1:
            raise BadInput("say after how many units it is to end, --units, or which effect is worth finding, --effect", field="units")
        course = desk.home.experiments.start(
            desk.loaded.name,
            named,
            Registered(
                hypothesis=hypothesis,
                primary=reader.primary,
                arms=list(reader.arms),
                shares=list(reader.shares),
                confidence=reader.confidence,
                rule=rule,
                planned=units,
                effect=wanted,
                power=power,
            ),
            by_hand(why),
        )
    console().print(f"{named} is on record: it ends after {number(course.plan.planned)} units, looks {_RULES[rule]}")


_RULES = {
    "anytime": "at any time are allowed",
    "group": "in between are paid for",
    "pocock": "in between are paid for alike",
    "fixed": "before its end decide nothing",
}


def status(
    system: str, folder: Path, name: str, page: Path | None, *, full: bool = False, json: bool = False, closer: Sequence[str] = ()
) -> None:
    """Print how an experiment stands, and put on record that somebody looked.

    Args:
        system: Its module.
        folder: Its home.
        name: The experiment.
        page: Where a page with plots is written, if one is.
        full: Print the effect in every segment and at every age too.
        json: Print one JSON object instead.
        closer: Other metrics to look at as closely as at the primary one.

    Raises:
        NotFound: There is no experiment or no scorecard, or no unit is old enough.
        BadInput: There is no such metric.
    """
    with reading(system, folder) as desk:
        named, experiment = compared_of(desk.loaded, name)
        course = desk.home.experiments.course(desk.loaded.name, named)
        reader = reader_of(desk.loaded, desk.history, experiment, course)
        seen = reader.read(wall() if course is None or course.ended is None else course.ended, closer=True, also=closer)
        if json:
            print(in_json({"experiment": named, "course": course, **seen._asdict()}))
        else:
            _print(named, seen, course, full=full)
        if course is not None and course.ended is None:
            try:
                _noted(desk, named, course, seen)
            except Unavailable as error:
                console(to_errors=True).print(f"this look is not on record: {error}", style="yellow")
        if page is not None:
            from millrace.cli.experiment_page import experiment_page

            page.write_text(experiment_page(named, reader, seen, course), encoding="utf-8")
            console(to_errors=json).print(f"written to {page}")


def _print(name: str, seen: Reading, course: Course | None, *, full: bool) -> None:
    out = console()
    for line in headline(name, course):
        out.print(line)
    out.print(scorecard(seen))
    for line in told(seen, course):
        out.print(line)
    for one in seen.closer.values():
        out.print()
        for rows in (closer_table(one), *(in_full(one) if full else ())):
            out.print(rows)
    for sides in seen.other_side.values():
        for called, side in sides.items():
            out.print()
            out.print(side_table(called, side))
            for line in side_told(side) if isinstance(side, SideFound) else ():
                out.print(line)


def stop(system: str, folder: Path, name: str, why: str, keep: str) -> None:
    """End an experiment, its verdict on record; with `keep` everyone gets one arm.

    Raises:
        Conflict: It is not running.
        BadInput: There is no such arm, or no reason.
    """
    with reading(system, folder) as desk:
        named, experiment = compared_of(desk.loaded, name)
        if keep and isinstance(experiment, Interleave):
            raise BadInput(f"{named} merges its arms: to keep one, let the system's policy be that arm alone", field="keep")
        course = desk.home.experiments.course(desk.loaded.name, named)
        try:
            seen = reader_of(desk.loaded, desk.history, experiment, course).read(wall(), closer=True)
            verdict = {one.arm: {"decision": one.decision, "said": one.text} for one in seen.verdicts}
        except NotFound as nothing:
            seen, verdict = None, {"": {"decision": "unread", "said": str(nothing)}}
        desk.home.experiments.stop(desk.loaded.name, named, verdict, by_hand(why), keep)
    out = console()
    for one in seen.verdicts if seen is not None else ():
        out.print(one.text)
    out.print(f"{named} is over" + (f"; within seconds everyone gets {keep}" if keep else "; its arms go on as declared"))


def _ahead(desk: Desk, experiment: Experiment | Interleave, power: float, over: str) -> Ahead:
    if isinstance(experiment, Interleave):
        raise BadInput("what an interleaving finds is not planned by the variance of units in arms: say --units", field="effect")
    return ahead(desk.loaded, desk.history, experiment, desk.home.log.last_known + 1, over, power)


def _effect(said: str, found: Ahead) -> float:
    """Return an effect in the metric's unit."""
    try:
        return float(said[:-1]) / 100 * abs(found.figure.value) if said.endswith("%") else float(said)
    except ValueError:
        raise BadInput(
            f"{said!r} is no effect: write 2% of the control's value, or a number in the metric's unit", field="effect"
        ) from None


def _needed(found: Ahead, effect: float, rule: str) -> int:
    weeks = found.weeks_for(effect, rule)
    if weeks is None:
        raise BadInput(f"half a year brings too few units for {number(effect)}: look for a larger effect, or say --units", field="effect")
    return weeks[1]


def _duration(found: Ahead, effect: float) -> str:
    once, anytime = (found.weeks_for(effect, rule) for rule in ("fixed", "anytime"))
    asked = f"An effect of {number(effect)} is found with a chance of {found.power:.0%}"
    if not once:
        return f"Half a year is too short to find an effect of {number(effect)} with a chance of {found.power:.0%}: look for a larger one."
    said = f"{asked} after {once[0]} weeks, {number(once[1])} units."
    later = f"after {anytime[0]} weeks, {number(anytime[1])} units" if anytime else "not within half a year"
    return f"{said} Looked at whenever one likes: {later}."


def _curve(name: str, found: Ahead) -> Table:
    title = f"{name}: what {found.metric} shows, {number(found.figure.value)} now over {number(found.figure.units)} units"
    rows = table(
        title,
        "weeks",
        "units",
        "smallest effect found",
        "of the value",
        numbers=("weeks", "units", "smallest effect found", "of the value"),
    )
    for week in _WEEKS:
        effect = float(found.detectable[week - 1])
        part = f"{effect / abs(found.figure.value):.1%}" if found.figure.value and np.isfinite(effect) else "–"
        rows.add_row(str(week), number(int(found.units[week - 1])), number(effect), part)
    return rows


def _noted(desk: Desk, name: str, course: Course, seen: Reading) -> None:
    """Put a look on record, if there is anything new in it."""
    looks = {key: msgspec.to_builtins(one) for key, one in seen.looks.items()}
    if looks and (not course.looks or course.looks[-1]["looks"] != looks):
        decided = {one.arm: one.decision for one in seen.verdicts}
        units = dict(seen.found.shares.units) if seen.found.shares is not None else {}
        found = {"looks": looks, "decided": decided, "units": units}
        desk.home.experiments.look(desk.loaded.name, name, found, by_hand("looked"))
