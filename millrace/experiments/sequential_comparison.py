"""Any comparison, read so that looking early and often does not raise the chance of a false alarm."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from millrace.experiments.comparison import Asked, Comparison
from millrace.experiments.confidence_sequence import together
from millrace.experiments.looks import Look, Standing
from millrace.experiments.reasons import Caution, Reason, Refused
from millrace.experiments.relative import relative
from millrace.experiments.stopping import Rule

_FEW = 100


def look(read: Comparison) -> Look:
    """Return what a comparison says at a look: keep it, later looks are read together with it."""
    return Look(read.control.units + read.treatment.units, read.difference, read.error)


def sequential_comparison(read: Comparison, rule: Rule, past: Sequence[Look] = (), *, final: bool = False) -> Comparison:
    """Return a comparison with the interval and the p-value of a rule that allows for looks in between.

    Only the difference, its standard error and the units matter, so it serves means, proportions, ratios and quantiles, adjusted by
    covariates or for clusters: all that is normal in large numbers. Intervals are those that hold the truth at all looks at once,
    narrowed to what all looks agree on; the p-value is the least of all looks.

    Args:
        read: The comparison at this look, with its error; its own level and alternative are not used.
        rule: `Fixed`, `GroupSequential` or `Anytime`, as planned before the first look.
        past: Earlier looks in their order (`look`), all of them for a valid group-sequential plan.
        final: Whether this is the last look, for another reason than what was seen; see `decide`.

    Raises:
        Refused: The comparison has no standard error above 0, or its difference is not a number.
        BadInput: Units do not increase from look to look.
    """
    if not np.isfinite(read.difference) or np.isnan(read.error):
        raise Refused(Reason.NOT_A_NUMBER, f"{read.metric} has no difference with a standard error: read it by a method that gives one")
    if not read.error > 0:
        raise Refused(Reason.NO_VARIANCE, f"{read.metric} has a standard error of {read.error:g}: wait until its values vary")
    looks = [*past, look(read)]
    standing = rule.at(looks, final=final)
    low, high, moved = _interval(looks, standing)
    relative_low, relative_high = _relative(read, low, high)
    return msgspec.structs.replace(
        read,
        method=f"{read.method}; {standing.method}",
        low=low,
        high=high,
        relative_low=relative_low,
        relative_high=relative_high,
        p_value=float(np.exp(standing.log_p)),
        log_p=standing.log_p,
        confidence=1 - rule.alpha,
        controls=standing.controls,
        cautions=(*read.cautions, *standing.cautions, *moved, *_few(read)),
    )


def _interval(looks: Sequence[Look], standing: Standing) -> tuple[float, float, tuple[Caution, ...]]:
    """Return where the difference lies by all looks, or by the last alone with a caution where they contradict each other."""
    difference, error = np.array([each.difference for each in looks]), np.array([each.error for each in looks])
    low, high = difference - standing.high * error, difference - standing.low * error
    lows, highs = together(low, high)
    if lows[-1] <= highs[-1]:
        return float(lows[-1]), float(highs[-1]), ()
    told = "earlier looks exclude what this one shows: the effect moves, read it by time since exposure; the interval is this look's alone"
    return float(low[-1]), float(high[-1]), (Caution(Reason.MOVED, told),)


def _relative(read: Comparison, low: float, high: float) -> tuple[float | None, float | None]:
    """Return the relative interval that reaches as many of its standard errors, on its scale, as the absolute one."""
    base = relative(read.control, read.treatment, Asked(relative_by="log" if read.relative_by == "log" else "delta"))
    if read.relative is None or base is None:
        return None, None
    reached = (np.array([low, high]) - read.difference) / read.error * base.error.size
    if read.relative_by == "log":
        reached = np.expm1(np.log1p(read.relative) + reached)
        return float(reached[0]), float(reached[1])
    return float(read.relative + reached[0]), float(read.relative + reached[1])


def _few(read: Comparison) -> tuple[Caution, ...]:
    fewest = min(read.control.units, read.treatment.units)
    if fewest >= _FEW:
        return ()
    said = f"an arm has {fewest} units, and the level is only kept from some hundred on: begin to look later"  # alike for all metrics
    return (Caution(Reason.FEW_UNITS, said),)
