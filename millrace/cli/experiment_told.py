"""An experiment's read-out in the terminal: its tables, and what they mean in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from millrace.cli.printing import number, table, when
from millrace.experiments import other_side_told
from millrace.experiments.closer import Closer
from millrace.experiments.closer_told import lines
from millrace.experiments.meetings_compared import SideFound
from millrace.experiments.novelty import Ageing
from millrace.experiments.reasons import Caution
from millrace.experiments.segments import Segments
from millrace.experiments.verdict import difference
from millrace.operate.reading_out import Reading
from millrace.stores.experiments import Course

if TYPE_CHECKING:
    from rich.table import Table


def headline(name: str, course: Course | None) -> list[str]:
    """Return what is expected of an experiment, since when it runs and how it ended."""
    if course is None:
        return [f"{name} is not on record: millrace experiment start says what is expected, before anything is seen"]
    ended = f", ended {when(course.ended)}" + (f", everyone gets {course.keep}" if course.keep else "") if course.ended else ""
    return [f"{name}, since {when(course.began)}{ended}: {course.plan.hypothesis}"]


def between(seen: Reading) -> str:
    """Return which arms are compared with which control."""
    return f"{', '.join(seen.found.arms)} against {seen.found.control}, the control"


def told(seen: Reading, course: Course | None) -> list[str]:
    """Return in plain words what was shown and what was not, a sentence each, and how the plan was kept."""
    said = [sentence for one in seen.verdicts for sentence in one.sentences]
    shares = seen.found.shares
    if shares is not None:
        spread = ", ".join(f"{arm} {number(count)}" for arm, count in shares.units.items())
        held = f"{'are NOT' if shares.is_mismatch else 'are'} as planned (p = {shares.p_value:.2g}, {_kept(shares.controls)})"
        said.append(f"Units: {spread}; shares {held}.")
    said += [
        f"Beforehand {arm} differed from the control in {one.covariate} by {one.standardised:+.2f} standard deviations."
        for arm, all_ in seen.balance.items()
        for one in all_
        if not one.is_alike
    ]
    if seen.waiting:
        said.append(f"{number(seen.waiting)} units more were exposed and are too young to be read.")
    if course is not None:
        looks = len(course.looks) + (course.ended is None)
        said.append(f"This is look {looks} by the rule {course.plan.rule}, planned for {number(course.plan.planned)} units.")
    return said


def scorecard(seen: Reading) -> Table:
    """Return every metric in every treatment beside the control."""
    control = f"{seen.found.control} (control)"
    title = f"{between(seen)}, as of {when(seen.at)}"
    rows = table(title, "metric", "arm", control, "treatment", "difference", "p", "shown", numbers=(control, "treatment", "p"))
    for cells in metric_rows(seen):
        rows.add_row(*cells)
    return rows


def metric_rows(seen: Reading) -> list[tuple[str, ...]]:
    """Return the cells of `scorecard`: metric, arm, its value in the control and in the arm, difference, p, what was shown."""
    rows = []
    for one in seen.found.findings:
        found = one.comparison
        figures = ["–"] * 4
        if found is not None:
            figures = [number(found.control.value), number(found.treatment.value), difference(found), _p(found.p_value)]
        rows.append((f"{one.metric} ({one.role})", one.arm, *figures, one.shown))
    return rows


def closer_table(of: Closer) -> Table:
    """Return a closer look at a metric, a line each."""
    rows = table(f"{of.metric} of {of.arm}, looked at more closely", "what", "said")
    for what, said in lines(of):
        rows.add_row(what, said)
    return rows


def side_table(name: str, of: SideFound | Caution) -> Table:
    """Return how units met those on the other side, a line per figure; or why that is not said."""
    if isinstance(of, Caution):
        rows = table(f"{name}, on the other side", "what", "said")
        rows.add_row("not said", of.said)
        return rows
    control = f"{of.control} (control)"
    numbers = (control, of.arm, "p")
    rows = table(
        f"{name}, on the other side: as units of {of.arm} met them", "what", control, of.arm, "difference", "p", "shown", numbers=numbers
    )
    for row in other_side_told.rows(of):
        rows.add_row(*row)
    return rows


def in_full(of: Closer) -> list[Table]:
    """Return the effect in each segment, and at each age."""
    tables = [_segments(of, name, found) for name, found in of.segments.items() if isinstance(found, Segments)]
    return [*tables, *([_ages(of, of.ageing)] if isinstance(of.ageing, Ageing) else [])]


def _segments(of: Closer, name: str, found: Segments) -> Table:
    rows = table(
        f"{of.metric} of {of.arm} by {name}",
        "segment",
        "units",
        "by itself",
        "p, shared",
        "drawn to the mean",
        numbers=("units", "p, shared"),
    )
    for one in found.segments:
        units = number(one.alone.control.units + one.alone.treatment.units)
        alone = difference(one.alone, as_part=False)
        rows.add_row(one.name, units, alone, _p(float(np.exp(one.log_p))), f"{one.difference:+.4g} ({one.low:+.3g} to {one.high:+.3g})")
    return rows


def _ages(of: Closer, found: Ageing) -> Table:
    effect = "effect, as a part of the control" if found.is_relative else "effect"
    rows = table(f"{of.metric} of {of.arm} by exposure age, in steps of {of.age}", "age", "units", effect, numbers=("age", "units"))
    for one in found.ages:
        ends = [f"{100 * each:+.3g} %" if found.is_relative else f"{each:+.3g}" for each in (one.difference, one.low, one.high)]
        rows.add_row(f"{one.age:g}", number(sum(one.units)), f"{ends[0]} ({ends[1]} to {ends[2]})")
    return rows


def _p(value: float) -> str:
    return "<0.0001" if value < 1e-4 else f"{value:.4f}"


def _kept(controls: str) -> str:
    return "however often one looks" if "any number of looks" in controls else "at one look"
