"""How two arms' viewers spread what they do over sellers, held against arms drawn anew: the other side of a marketplace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

import msgspec
import numpy as np

from millrace.errors import BadInput
from millrace.experiments.comparison import AT_ONE_LOOK, Arm, Comparison, quantile
from millrace.experiments.meeting_figures import FIGURES, Figures, Tables, tables
from millrace.experiments.meetings import Meetings
from millrace.experiments.multiplicity import holm
from millrace.experiments.permutation import lots
from millrace.experiments.reasons import Caution, Reason
from millrace.experiments.ways import MOST_DRAWN
from millrace.types import Array

FEWEST_DRAWS = 399
"""With fewer draws no p-value would be small enough for several figures; beyond them some of the viewers are read, by lot."""

SideShown = Literal["more", "less", "nothing", "unread"]
"""What was shown of a figure in the treatment, beside the control."""


class SideFound(msgspec.Struct, frozen=True, kw_only=True):
    """How the viewers of a treatment and of the control spread what they did over sellers.

    Attributes:
        name: What the sellers are called.
        control: The arm that is compared with.
        arm: The treatment.
        sellers: How many there are, met or not.
        viewers: At how many viewers the arms are compared: half of the smaller one.
        top: The part of the sellers that counts as the top.
        figures: By name ("reached", "each", "effective", "at top"), the comparison, or why there is none.
        adjusted: By name, the logarithm of the p-value adjusted for how many are read (Holm); of those that could be read.
        shown: By name, what was shown of it.
        confidence: Of the intervals; 1 less the level that `adjusted` is held against.
        cautions: What must be known of all of them.
    """

    name: str
    control: str
    arm: str
    sellers: int
    viewers: int
    top: float
    figures: Mapping[str, Comparison | Caution]
    adjusted: Mapping[str, float]
    shown: Mapping[str, SideShown]
    confidence: float
    cautions: tuple[Caution, ...] = ()


def compare_meetings(
    name: str,
    of: Meetings,
    *,
    arms: tuple[str, str] = ("control", "treatment"),
    top: float = 0.1,
    confidence: float = 0.95,
    among: int = 1,
    seed: int = 0,
    draws: int = 999,
) -> SideFound:
    """Compare how two arms' viewers spread what they do over sellers, none of whom was assigned.

    What is estimated is how each arm's own viewers spread what they do, at equal numbers of viewers, in the market as it is. It is *not*
    what sellers would get if everybody were treated: both arms share the sellers, with their stock, prices and ranks, so what one arm
    takes the other cannot have, and what one makes popular both see. For that assign clusters (`graph_clusters`, `clustered`), or switch
    the whole market back and forth (`switchback`).

    Sellers are met by viewers of both arms and by each other's viewers, so they are no sample of anything; viewers are what was drawn. The
    p-value is that of viewers' arms drawn anew: exact for the hypothesis that the treatment changes nothing that any viewer does. The
    interval is of the relative difference (of its logarithm), its error the jackknife's over viewers. It reaches as many errors as those
    draws do, and no fewer than the normal law: where a small arm is the more concentrated one, draws of both together are too narrow for
    it. So it may hold 0 though the p-value is small; something is shown only where neither is so.

    Args:
        name: What the sellers are called.
        of: Of `meetings`.
        arms: The names of the control and of the treatment.
        top: The part of the sellers that counts as the top, in (0, 1).
        confidence: Of the intervals, in (0, 1).
        among: How many such comparisons are read together; their p-values are adjusted for that too.
        seed: Of the draws.
        draws: How many; fewer where pairs of viewers and sellers are many, and of more than a million some viewers are read, by lot.

    Raises:
        Refused: An arm has fewer than four of those viewers.
        BadInput: `top` is no part.
    """
    if not 0 < top < 1:
        raise BadInput(f"top={top!r} is no part of the sellers: write a number between 0 and 1, such as 0.1", field="top")
    of = of.thinned(MOST_DRAWN // min(draws, FEWEST_DRAWS), seed)
    draws = min(draws, MOST_DRAWN // max(of.values.nnz, 1))
    made = tables(of, top)
    found = {
        figure: _compared(f"{name}, {figure}", arms, of.treated, *both, confidence)
        for figure, both in _drawn(made, of.treated, seed, draws).items()
    }
    read = {figure: one.log_p for figure, one in found.items() if isinstance(one, Comparison)}
    raised = np.minimum(holm(np.array(list(read.values()))) + np.log(among), 0.0)
    adjusted = dict(zip(read, raised.tolist(), strict=True))
    said = f"{draws} draws are too few for {len(read) * among} figures of {name}: nothing of it can be shown"
    few = (Caution(Reason.MANY_UNITS, said),) if len(read) * among / (draws + 1) > 1 - confidence + 1e-12 else ()
    return SideFound(
        name=name,
        control=arms[0],
        arm=arms[1],
        sellers=of.sellers,
        viewers=made.picked,
        top=top,
        figures=found,
        adjusted=adjusted,
        shown={figure: _shown(one, adjusted.get(figure), confidence) for figure, one in found.items()},
        confidence=confidence,
        cautions=(*of.cautions, *few),
    )


def _shown(found: Comparison | Caution, adjusted: float | None, confidence: float) -> SideShown:
    if isinstance(found, Caution) or adjusted is None or found.relative_low is None or found.relative_high is None:
        return "unread"
    if adjusted > np.log1p(-confidence) or found.relative_low <= 0 <= found.relative_high:
        return "nothing"
    return "more" if found.relative_low > 0 else "less"


def _drawn(made: Tables, treated: Array, seed: int, draws: int) -> dict[str, tuple[Figures, Figures]]:
    """Return every figure of the control and of the treatment, first as they are and then in draws."""
    found = [
        {figure: (read(made, 1 - mine), read(made, mine)) for figure, read in FIGURES.items()}
        for mine in _allocations(treated, made.met.shape[1], seed, draws)
    ]
    return {figure: (_joined(part[figure][0] for part in found), _joined(part[figure][1] for part in found)) for figure in FIGURES}


def _allocations(treated: Array, sellers: int, seed: int, draws: int) -> Iterator[Array]:
    """Yield 1 for who is treated, else 0: as it is, then in draws. Shape (viewers, draws of a part)."""
    yield treated[:, None].astype(np.float64)
    for part in lots(len(treated), int(treated.sum()), draws, seed, width=sellers):
        yield np.ascontiguousarray(part.T, dtype=np.float64)


def _compared(
    metric: str, arms: tuple[str, str], treated: Array, control: Figures, treatment: Figures, confidence: float
) -> Comparison | Caution:
    """Return how a figure differs; its first draw is what was seen."""
    with np.errstate(divide="ignore", invalid="ignore"):
        apart, error = np.log(treatment.value / control.value), np.hypot(control.error, treatment.error)
        far = np.abs(apart) / error
    if not np.isfinite(apart[0]) or not np.isfinite(error[0]):
        said = f"{metric} is nothing in an arm or rests on one viewer, so there is no relative difference: read it of more viewers"
        return Caution(Reason.FEW_EVENTS, said)
    if not error[0] > 1e-9:
        return Caution(Reason.NO_VARIANCE, f"{metric} is the same whichever viewer is left out: nothing says how far chance would move it")
    drawn = np.where(np.isfinite(far[1:]), far[1:], np.inf)
    p_value = (1 + int((drawn >= far[0] * (1 - 1e-9)).sum())) / (len(drawn) + 1)
    farthest = np.sort(drawn)[min(int(np.ceil(confidence * (len(drawn) + 1) - 1e-9)), len(drawn)) - 1]
    reach = error[0] * max(farthest, quantile((1 + confidence) / 2, float("inf")))
    both = [_arm(arms[0], control, ~treated), _arm(arms[1], treatment, treated)]
    return Comparison(
        metric=metric,
        control=both[0],
        treatment=both[1],
        method=f"jackknife over viewers, {len(drawn)} draws of their arms",
        difference=both[1].value - both[0].value,
        error=float("nan"),
        low=None,
        high=None,
        relative=float(np.expm1(apart[0])),
        relative_low=float(np.expm1(apart[0] - reach)),
        relative_high=float(np.expm1(apart[0] + reach)),
        relative_by="log",
        p_value=p_value,
        log_p=float(np.log(p_value)),
        confidence=confidence,
        controls=AT_ONE_LOOK,
    )


def _arm(name: str, figures: Figures, mine: Array) -> Arm:
    value, units = float(figures.value[0]), int(mine.sum())
    return Arm(name=name, value=value, variance=(value * float(figures.error[0])) ** 2, units=units, df=units - 1.0)


def _joined(parts: Iterable[Figures]) -> Figures:
    values, errors = zip(*parts, strict=True)
    return Figures(np.concatenate(values), np.concatenate(errors))
