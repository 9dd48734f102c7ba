"""Which of two interleaved rankings is liked better: by how much on average, and by how many."""

from __future__ import annotations

from itertools import combinations

import msgspec
import numpy as np
from scipy import special

from millrace.errors import BadInput
from millrace.experiments.comparison import AT_ONE_LOOK, Arm, Asked, Comparison, chance, reach
from millrace.experiments.interleaving import Credits
from millrace.experiments.reasons import Caution, Reason, Refused
from millrace.types import Array

_FEW = 30
"""With fewer units than this the interval is only roughly right; `votes` is exact with any."""


class Votes(msgspec.Struct, frozen=True, kw_only=True):
    """How many units prefer which of two arms: a sign test, exact with any number of them.

    Attributes:
        control: How many prefer the control: it earned more of their requests in all.
        treatment: How many prefer the treatment.
        ties: How many prefer neither; they say nothing.
        p_value: The chance of a majority at least as large, to either side, if both are as likely; 0 only where it underflows.
        log_p: Its natural logarithm, which does not underflow.
    """

    control: int
    treatment: int
    ties: int
    p_value: float
    log_p: float


def preference(earned: Credits, control: str, treatment: str, unit: Array, asked: Asked = Asked()) -> Comparison:  # noqa: B008 - frozen
    """Compare two arms by what they earned per request.

    Requests of one unit may go together in any way: units count, not requests (a mean over requests with errors clustered by unit, and
    Student's t). It reads as any comparison does, so `sequential_comparison` makes it one that may be looked at any time; both arms have
    the same units, which are counted twice there.

    Args:
        earned: What each arm earned of each request.
        control: An arm's name.
        treatment: Another's.
        unit: Who asked. Shape (requests,).
        asked: The confidence, the side, and the difference that the hypothesis allows.

    Raises:
        Refused: There are fewer than two units, or no request prefers either.
        BadInput: No such arm.
    """
    at = _positions(earned, control, treatment)
    own = earned.earned[:, at]
    sums, counts = _by_unit(np.column_stack([own, own[:, 1] - own[:, 0]]), unit)
    units = len(counts)
    if units < 2:
        raise Refused(Reason.FEW_UNITS, f"{units} units asked: at least two are needed to tell a preference from chance")
    means, errors = _clustered(sums, counts)
    if not errors[2] > 0:
        said = f"no request tells {treatment} from {control}: nothing was earned, or always as much by both; read more of them"
        raise Refused(Reason.NO_VARIANCE, said)
    p_value, log_p = chance((means[2] - asked.beyond) / errors[2], units - 1, asked.alternative)
    below, above = reach(asked, units - 1)
    arms = [
        Arm(name=name, value=float(means[one]), variance=float(errors[one] ** 2), units=units, df=units - 1)
        for one, name in enumerate((control, treatment))
    ]
    return Comparison(
        metric="credit per request",
        control=arms[0],
        treatment=arms[1],
        method=f"{earned.by} interleaving",
        difference=float(means[2]),
        error=float(errors[2]),
        low=float(means[2] - below * errors[2]),
        high=float(means[2] + above * errors[2]),
        p_value=p_value,
        log_p=log_p,
        confidence=asked.confidence,
        controls=AT_ONE_LOOK,
        cautions=_cautions(earned.by, sums[:, 2], counts),
    )


def preferences(earned: Credits, unit: Array, asked: Asked = Asked()) -> list[Comparison]:  # noqa: B008 - frozen
    """Compare every two arms, the earlier as control. There are many: hold their `log_p` against the level by `multiplicity.holm`.

    Pairs that no request tells apart are left out.
    """
    found = []
    for control, treatment in combinations(earned.arms, 2):
        try:
            found.append(preference(earned, control, treatment, unit, asked))
        except Refused as refused:
            if refused.reason is not Reason.NO_VARIANCE:
                raise
    return found


def votes(earned: Credits, control: str, treatment: str, unit: Array) -> Votes:
    """Let every unit vote for the arm that earned more of its requests: exact, and no unit counts for more than one.

    It asks how many prefer an arm rather than how much, so it is less sensitive than `preference` where few ask much.
    """
    at = _positions(earned, control, treatment)
    own = earned.earned[:, at]
    sums, _ = _by_unit((own[:, 1] - own[:, 0])[:, None], unit)
    prefers = np.sign(np.round(sums[:, 0], 12))
    less, more = int((prefers < 0).sum()), int((prefers > 0).sum())
    log_p = _log_sign(min(less, more), less + more)
    return Votes(control=less, treatment=more, ties=len(prefers) - less - more, p_value=float(np.exp(log_p)), log_p=log_p)


def _log_sign(fewer: int, n: int) -> float:
    """Return the logarithm of the chance that n fair coins are as unequal as this, or more."""
    k = np.arange(fewer + 1)
    tail = special.logsumexp(special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)) - n * np.log(2)
    return float(min(tail + np.log(2), 0.0))


def _positions(earned: Credits, control: str, treatment: str) -> list[int]:
    for name in (control, treatment):
        if name not in earned.arms:
            raise BadInput(f"{name!r} is no arm: these were merged: {', '.join(earned.arms)}", field="arm")
    return [earned.arms.index(control), earned.arms.index(treatment)]


def _by_unit(values: Array, unit: Array) -> tuple[Array, Array]:
    """Return the sums of values over each unit's requests, shape (units, values), and how many requests it made."""
    if len(unit) != len(values):
        raise BadInput(f"{len(unit)} units for {len(values)} requests: say who asked each", field="unit")
    _, code = np.unique(unit, return_inverse=True)
    counts = np.bincount(code)
    return np.stack([np.bincount(code, column) for column in values.T], axis=1), counts


def _clustered(sums: Array, counts: Array) -> tuple[Array, Array]:
    """Return the means per request and their standard errors, units being independent of each other."""
    units, total = len(counts), counts.sum()
    means = sums.sum(axis=0) / total
    apart = sums - counts[:, None] * means
    return means, np.sqrt(units / (units - 1) * (apart**2).sum(axis=0)) / total


def _cautions(by: str, sums: Array, counts: Array) -> tuple[Caution, ...]:
    found = []
    telling = counts[sums != 0]
    effective = telling.sum() ** 2 / max((telling**2).sum(), 1)
    if effective < _FEW:
        told = f"what tells the arms apart comes of no more than {effective:.0f} units of equal size: go by `votes`, or read more of them"
        found.append(Caution(Reason.FEW_UNITS, told))
    if by == "balanced":
        told = (
            "balanced interleaving can prefer one of two rankings that are equally good, where they are alike but shifted: use team-draft"
        )
        found.append(Caution(Reason.BIASED, told))
    return tuple(found)
