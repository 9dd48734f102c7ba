"""A metric of an experiment read more closely: by segment and by exposure age, from what the scorecard has read already."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from millrace.errors import BadInput
from millrace.experiments.adjusted import Adjusted
from millrace.experiments.by_slots import BySlots
from millrace.experiments.closer import Closer, by_strata, closer
from millrace.experiments.compared import Compared
from millrace.experiments.comparison import Asked
from millrace.experiments.looks import Look
from millrace.experiments.metric import Metric, column_of
from millrace.experiments.needs import Needs
from millrace.experiments.novelty import Ageing, by_exposure_age
from millrace.experiments.readout import ReadOut, Role
from millrace.experiments.reads import Read
from millrace.experiments.reasons import Caution, Refused
from millrace.experiments.scorecard import Scorecard
from millrace.experiments.segmented import segmented
from millrace.experiments.segments import Segments
from millrace.experiments.sequential_comparison import look
from millrace.experiments.stopping import Rule
from millrace.experiments.summary import limits_of, values_of
from millrace.experiments.ways import Clustered
from millrace.operate.by_rule import earlier_looks
from millrace.operate.scanning import scan
from millrace.operate.unit_columns import Units
from millrace.types import DAY, HOUR, MINUTE, Array, Columns, duration, size

_STEPS = (MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 3 * HOUR, DAY, 7 * DAY, 28 * DAY)
_MOST_STEPS = 16
"""So many ages are read at most: of more, each is noise."""
_MOST_ROWS = 20_000_000
"""Ages times units, at most."""


class Plan(NamedTuple):
    """How a metric was looked at.

    Attributes:
        rule: What makes the rule.
        planned: After how many units the experiment is to end; None where nothing is on record, and this look is the only one.
        effect: The effect that was planned for, in the primary metric's unit; None where nobody said.
        past: Earlier looks by metric and arm.
    """

    rule: Callable[..., Rule]
    planned: int | None
    effect: float | None
    past: Mapping[str, Sequence[Look]]


def closely(
    metric: str,
    found: ReadOut,
    card: Scorecard,
    reads: Sequence[Read],
    units: Units,
    columns: Columns,
    until: int,
    plan: Plan,
    names: Mapping[int, str],
) -> dict[str, Closer]:
    """Return a closer look at a metric in every treatment of which it was read; by treatment, if it is the primary one, else by both.

    Args:
        metric: Its name.
        found: What the scorecard says.
        card: The scorecard, over columns of units.
        reads: How each column is read.
        units: What reads columns of the same units.
        columns: Their columns, with `arm` and `first`.
        until: What was known before this instant counts, microseconds.
        plan: How it was looked at.
        names: What the module calls its declarations, by id.

    Raises:
        BadInput: There is no such metric.
    """
    role, of = _metric(card, metric)
    is_primary = role == "primary"
    called = {read.column: names.get(id(read.of), read.column) for read in reads}
    strata = {called[name]: _strata(of, columns, name) for name in card.segments}
    aged = _aged(of, reads, units, columns, until)
    told: dict[str, Closer] = {}
    for one in found.of(role):
        if one.metric != metric or one.comparison is None:
            continue
        asked = Asked(confidence=one.comparison.confidence)
        segments: dict[str, Segments | Caution] = {
            name: by_strata(of, arms, found.control, one.arm, asked) for name, arms in strata.items()
        }
        now = look(one.comparison)
        key = f"{one.metric} of {one.arm}"
        looks = [*earlier_looks(plan.past, key, now), now]
        rule = plan.rule(planned=plan.planned or now.n, alpha=1 - asked.confidence)
        is_relative = one.comparison.relative is not None
        ageing = aged.ageing(found.control, one.arm, asked, relative=is_relative) if aged is not None else None
        believed = (plan.effect, card.prior) if is_primary else (None, None)
        made = closer(one, looks, rule, believed[0], ageing, aged.step if aged is not None else "", segments, believed[1])
        told |= {one.arm if is_primary else key: made} if made is not None else {}
    return told


def _metric(card: Scorecard, name: str) -> tuple[Role, Metric]:
    """Return what a metric decides, and the metric; of two of one name the one that decides more."""
    secondary: list[tuple[Role, Metric]] = [("secondary", one) for one in card.secondary]
    every: list[tuple[Role, Metric]] = [("primary", card.primary), *secondary, *(("guardrail", one.metric) for one in card.guardrails)]
    found = next((pair for pair in every if pair[1].name == name), None)
    if found is None:
        raise BadInput(f"there is no metric {name!r}: look at one of {', '.join(one.name for _, one in every)}", field="closer")
    return found


def _strata(metric: Metric, columns: Columns, name: str) -> Any:
    """Return a metric's summaries by segment and arm."""
    needs = metric.needs()
    rows = {column: columns[column] for column in ("arm", *needs.columns(), *needs.labels)}
    return scan({**rows, _SEGMENT: segmented(columns[name]).astype(object)}, needs, stratum=_SEGMENT)


_SEGMENT = "segment of the unit"


class _Aged(NamedTuple):
    """What units did at each age; a row per unit and age at which it was seen whole.

    Attributes:
        step: How long an age is, as "1d".
        unit: Who, or the cluster they are of. Shape (rows,).
        arm: As text. Shape (rows,).
        age: From 0. Shape (rows,).
        top: The metric's value, or its top. Shape (rows,).
        bottom: Its bottom; None for a mean or a share. Shape (rows,).
    """

    step: str
    unit: Array
    arm: Array
    age: Array
    top: Array
    bottom: Array | None

    def ageing(self, control: str, arm: str, asked: Asked, *, relative: bool) -> Ageing | Caution:
        """Return how the effect on one treatment goes with age, or why that cannot be said."""
        of = np.isin(self.arm, [control, arm])
        bottom = self.bottom[of] if self.bottom is not None else None
        try:
            treated = self.arm[of] == arm
            return by_exposure_age(self.unit[of], treated, self.age[of], self.top[of], asked, bottom=bottom, relative=relative)
        except Refused as refused:
            return Caution(refused.reason, str(refused))


def _aged(of: Metric, reads: Sequence[Read], units: Units, columns: Columns, until: int) -> _Aged | None:
    """Return what units did at each age; None where the metric is no mean, ratio or share, or units are slots of time."""
    by = of.by if isinstance(of, Compared) else None
    metric: Any = of.metric if isinstance(of, Compared) else of
    if not isinstance(metric, Adjusted) or isinstance(by, BySlots):
        return None
    terms = metric.terms()[: len(metric.terms()) - len(metric.covariates)]
    named = {read.column: read for read in reads}
    read = [named[term.column] for term in terms]
    late = max(one.of.window if one.kind == "outcome" else 0 for one in read)
    open_ = until - columns["first"] - late - (read[0].begin or 0)
    if read[0].end is not None:
        open_ = np.minimum(open_, read[0].end - (read[0].begin or 0))
    span = int(open_.max())
    step = next((one for one in _STEPS if span // one <= min(_MOST_STEPS, max(_MOST_ROWS // size(columns), 2))), _STEPS[-1])
    steps = max(span // step, 0)
    seen = np.arange(steps) < (open_ // step)[:, None]
    who, age = np.nonzero(seen)
    rows = {one.column: units.by_age(one, step, steps)[seen] if steps else np.zeros(0) for one in read}
    limits = limits_of(rows, Needs(rows=frozenset(terms)))
    top, *bottom = (values_of(rows, term, limits) for term in terms)
    cluster = columns[column_of(by.of)] if isinstance(by, Clustered) and by.of is not None else np.arange(size(columns))
    arm = columns["arm"].astype(str)[who]
    return _Aged(duration(step), cluster[who], arm, age, top, bottom[0] if bottom else None)
