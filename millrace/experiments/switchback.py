"""A switchback read: slots compared within blocks, the minutes after a switch left out, errors by block."""

from __future__ import annotations

import numpy as np

from millrace.errors import BadInput
from millrace.experiments.comparison import Arm, Asked, Comparison
from millrace.experiments.contrast import contrast
from millrace.experiments.estimate import finite
from millrace.experiments.least_squares import clustered, fitted
from millrace.experiments.metric import PLAIN
from millrace.experiments.reasons import Caution, Reason, Refused
from millrace.experiments.slots import clock_changes, placed
from millrace.experiments.welch import Error
from millrace.types import Array, Columns, take

FEWEST_BLOCKS = 8
"""Below this, intervals of a t with so few degrees of freedom are too wide to be of use, and too narrow where blocks are skewed."""


def switchback(metric: str, plan: Columns, region: Array, at: Array, value: Array, *, washout: int = 0, asked: Asked = PLAIN) -> Comparison:
    """Return how the treatment's slots compare with the control's.

    Each slot counts once, by the mean of its events, and each block gives one difference; their spread is the error, so whatever goes
    together within a block (rush hours, weather, people who stay on) is in it. Events of the first `washout` after a switch are left out,
    because they still meet the other arm's world. Its weakness: what reaches further than the washout makes the effect look smaller; a
    caution says so where the slot before can be seen to matter.

    Args:
        metric: Its name.
        plan: Columns `region`, `start`, `end`, `block`, `treated`: see `slots.schedule`.
        region: Where each event happened. Shape (n,).
        at: When, in microseconds since 1970 UTC. Shape (n,).
        value: What is compared. Shape (n,).
        washout: How long after a switch events are left out, in microseconds; shorter than a slot.
        asked: The confidence, the side, the margin.

    Raises:
        Refused: Fewer than eight blocks have both arms; slots overlap; a value is no number; the washout leaves nothing.

    Source: Bojinov, Simchi-Levi & Zhao (2023), Design and Analysis of Switchback Experiments; errors by block as in Cameron & Miller.
    """
    finite(metric, value)
    return of_slots(metric, plan, slot_means(plan, region, at, value, washout), asked)


def of_slots(metric: str, plan: Columns, means: Array, asked: Asked = PLAIN) -> Comparison:
    """Return how the treatment's slots compare with the control's, given what came of each.

    Args:
        metric: Its name.
        plan: As for `switchback`.
        means: Of each slot, NaN where there is none to read. Shape (slots,).
        asked: The confidence, the side, the margin.

    Raises:
        Refused: Fewer than eight blocks have both arms.
    """
    odd, cautions = clock_changes(plan)
    lost = np.isnan(means) & ~odd
    kept = ~np.isin(plan["block"], plan["block"][lost | odd])
    if lost.any():
        said = f"{int(lost.sum())} of {len(lost)} slots have no events to read: their blocks are left out; find out why they are missing"
        cautions = (*cautions, Caution(Reason.FEW_EVENTS, said))
    rows = {**take(plan, kept), "mean": means[kept]}
    arms = block_means(rows)
    blocks = len(np.unique(rows["block"]))
    if len(arms) < blocks:
        said = f"{blocks - len(arms)} of {blocks} blocks have slots of one arm only, so they say nothing: draw arms within blocks"
        cautions = (*cautions, Caution(Reason.EMPTY_ARM, said))
    differences = arms[:, 1] - arms[:, 0]
    control, treatment = (_arm(name, arms[:, k], _sides(rows)[k]) for k, name in enumerate(("control", "treatment")))
    error = Error(float(differences.std(ddof=1) / np.sqrt(len(arms))), len(arms) - 1.0)
    cautions = (*cautions, *_carried_over(rows))
    return contrast(metric, control, treatment, asked, method="switchback, errors by block", error=error, cautions=cautions)


def slot_means(plan: Columns, region: Array, at: Array, value: Array, washout: int = 0) -> Array:
    """Return the mean of each slot's events without those of the washout; NaN where there are none. Shape (slots,).

    The first slot of a region counts as switched: nobody knows what was before it.

    Raises:
        Refused: The washout is as long as a slot, or slots overlap.
    """
    if washout < 0 or washout >= (plan["end"] - plan["start"]).min():
        raise Refused(Reason.CARRY_OVER, f"a washout of {washout / 6e7:g} minutes leaves nothing of a slot: plan longer slots", "washout")
    slot = placed(plan, region, at)
    settled = np.where(switched(plan, plan["treated"]), washout, 0) + plan["start"]
    kept = (slot >= 0) & (at >= settled[slot])
    count = np.bincount(slot[kept], minlength=len(settled))
    total = np.bincount(slot[kept], weights=value[kept], minlength=len(settled))
    return np.divide(total, count, out=np.full(len(settled), np.nan), where=count > 0)


def block_means(rows: Columns) -> Array:
    """Return the mean of each block's slots by arm, the control's first; blocks with slots of one arm are left out. Shape (blocks, 2).

    Args:
        rows: Columns `block`, `treated`, `mean`, a row per slot.

    Raises:
        Refused: Fewer than eight blocks have both.
    """
    _, block = np.unique(rows["block"], return_inverse=True)
    many = int(block.max(initial=-1)) + 1
    counts = np.column_stack([np.bincount(block[side], minlength=many) for side in _sides(rows)])
    sums = np.column_stack([np.bincount(block[side], weights=rows["mean"][side], minlength=many) for side in _sides(rows)])
    both = (counts > 0).all(axis=1)
    if both.sum() < FEWEST_BLOCKS:
        said = f"{int(both.sum())} blocks have slots of both arms, and {FEWEST_BLOCKS} are the fewest that an error can be taken from"
        raise Refused(Reason.FEW_CLUSTERS, f"{said}: run it longer, or with shorter slots", "block")
    return sums[both] / counts[both]


def by_chance(rows: Columns, draws: int = 10_000, seed: int = 0) -> float:
    """Return the p-value of no effect on any slot: how often other draws of the plan differ at least as much. Two-sided.

    It is exact for any law of the outcome, up to the number of draws; the true plan counts as one of them.

    Args:
        rows: Columns `block`, `treated`, `mean`, a row per slot; blocks of equal size.
        draws: How many other plans.
        seed: Of the draws.

    Raises:
        BadInput: Blocks are of different size.

    Source: Fisher (1935); Bojinov, Simchi-Levi & Zhao (2023), section 4.
    """
    order = np.argsort(rows["block"], kind="stable")
    _, size = np.unique(rows["block"], return_counts=True)
    if len(set(size.tolist())) != 1:
        raise BadInput("blocks are of different size: leave out those that lost a slot", "block")
    mean = rows["mean"][order].reshape(len(size), -1)
    sign = np.where(rows["treated"][order], 1.0, -1.0).reshape(mean.shape)
    mean = mean - mean.mean(axis=1, keepdims=True)
    seen = abs((mean * sign).sum())
    rng = np.random.default_rng(seed)
    found = np.zeros(draws)
    for k in range(len(size)):
        found += rng.permuted(np.tile(sign[k], (draws, 1)), axis=1) @ mean[k]
    return float((1 + (np.abs(found) >= seen * (1 - 1e-12)).sum()) / (draws + 1))


def _sides(rows: Columns) -> tuple[Array, Array]:
    return ~rows["treated"].astype(bool), rows["treated"].astype(bool)


def _arm(name: str, means: Array, slots: Array) -> Arm:
    variance = float(means.var(ddof=1) / len(means))
    return Arm(name=name, value=float(means.mean()), variance=variance, units=int(slots.sum()), df=len(means) - 1.0)


def switched(plan: Columns, arm: Array) -> Array:
    """Return which slots begin with another arm than the one before in their region ends with, or with none. Boolean, shape (slots,).

    Args:
        plan: Columns `region`, `start`, `end`.
        arm: A number per arm, from 0. Shape (slots,).
    """
    return _before(plan, arm) != arm


def _before(plan: Columns, arm: Array) -> Array:
    """Return the arm of the slot before in the region, as a number; -1 where none ends when this one begins. Shape (slots,)."""
    _, region = np.unique(plan["region"].astype(str), return_inverse=True)
    order = np.lexsort((plan["start"], region))
    joined = (region[order][1:] == region[order][:-1]) & (plan["start"][order][1:] == plan["end"][order][:-1])
    out = np.full(len(order), -1)
    out[order[1:]] = np.where(joined, arm[order][:-1], -1)
    return out


def _carried_over(rows: Columns) -> tuple[Caution, ...]:
    """Return a caution where slots after a treated one differ, arms and blocks held equal, by more than chance in a hundred would."""
    before = _before(rows, rows["treated"])
    known = before >= 0
    if not known.any():
        return ()
    _, block = np.unique(rows["block"][known], return_inverse=True)
    columns = np.column_stack([rows["treated"][known], before[known], rows["mean"][known]]).astype(np.float64)
    totals = np.zeros((block.max() + 1, 3))
    np.add.at(totals, block, columns)
    columns -= (totals / np.bincount(block)[:, None])[block]
    try:
        fit = fitted(columns[:, :2], columns[:, 2], absorbed=int(block.max()) + 1)
        covariance, _ = clustered(fit, block)
    except Refused:  # too few slots to tell: blocks of two tell nothing of it where few follow one another
        return ()
    if fit.slopes[1] ** 2 <= 2.6**2 * covariance[1, 1]:
        return ()
    said = f"a slot after a treated one differs by {fit.slopes[1]:+.3g} from others of its arm and block"
    return (Caution(Reason.CARRY_OVER, f"{said}: the treatment reaches into the next slot; read it with a longer washout"),)
