"""Who met whom: what the viewers of two arms did with sellers whom nobody assigned."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from millrace.errors import BadInput
from millrace.experiments.reasons import Caution, Reason, Refused
from millrace.experiments.two_arms import finite
from millrace.experiments.units import one_arm_each
from millrace.types import Array

FEWEST = 4
"""Fewer viewers than this in an arm cannot be halved and left out one by one."""
_FEW = 20
"""With fewer viewers than this in an arm an interval is only roughly right."""


class Meetings(NamedTuple):
    """What each viewer did with each seller; sparse, as most never meet.

    Attributes:
        values: What came of it, 0 or more; 0 is kept where they met and nothing did. A SciPy CSR matrix, shape (viewers, sellers met).
        treated: Whose each viewer is, also of those who met nobody. Boolean, shape (viewers,).
        sellers: How many sellers there are, met or not.
        cautions: What must be known of the rows.
    """

    values: Any
    treated: Array
    sellers: int
    cautions: tuple[Caution, ...] = ()

    @property
    def met(self) -> Any:
        """Whether they met: 1 where there is a value, of whatever size. Shape as `values`."""
        found = self.values.copy()
        found.data = np.ones_like(found.data)
        return found

    def thinned(self, most: int, seed: int) -> Meetings:
        """Return it with so many viewers, picked by lot, that about `most` pairs are left at most; of fewer pairs all stay.

        Raises:
            Refused: An arm keeps fewer than four viewers, or nothing that they did.
        """
        if self.values.nnz <= most:
            return self
        kept = np.random.default_rng((seed, len(self.treated))).random(len(self.treated)) < most / self.values.nnz
        said = f"{int(kept.sum()):,} of {len(kept):,} viewers were read, by lot, as they met too many: intervals are wider for it"
        table, treated = self.values[kept], self.treated[kept]
        _check_viewers(treated)
        _check_meetings(table, treated, self.sellers)
        return Meetings(table, treated, self.sellers, (*self.cautions, Caution(Reason.MANY_UNITS, said)))


def meetings(unit: Array, treated: Array, viewer: Array, seller: Array, value: Array | None = None, known: int | None = None) -> Meetings:
    """Return who met whom, checked.

    Args:
        unit: Everybody who was assigned, also who met nobody. Shape (n,).
        treated: Whether they are of the treatment. Boolean, shape (n,).
        viewer: Who did something; rows of those who are no unit are left out. Shape (rows,).
        seller: With whom; rows that name nobody (None) are left out, and told. Shape (rows,).
        value: What it is worth, 0 or more; 1 each if not given. A pair's rows are summed up. Shape (rows,).
        known: How many sellers there are; as many as either arm met if not given, or if more were met.

    Raises:
        Refused: A unit is in two arms, an arm has fewer than four viewers or met nobody, a value is no number or negative, or there is
            one seller only.
        BadInput: Lengths differ.
    """
    treated = np.asarray(treated)
    if treated.dtype != np.bool_ or len(treated) != len(unit) or len(viewer) != len(seller):
        raise BadInput("treated says yes or no of every unit, and every row has a viewer and a seller: give columns of one length")
    one_arm_each(unit, treated)
    units, first = np.unique(np.asarray(unit), return_index=True)
    treated = treated[first]
    _check_viewers(treated)
    values = np.ones(len(viewer)) if value is None else finite("value", value, len(viewer))
    if (values < 0).any():
        said = f"value is negative for {int((values < 0).sum())} rows: a part of a negative total is none, so leave such rows out"
        raise Refused(Reason.OUT_OF_BOUNDS, said, "value")
    place = np.minimum(np.searchsorted(units, viewer), len(units) - 1)
    kept = (units[place] == viewer) if len(viewer) else np.zeros(0, dtype=bool)
    named = np.array([one is not None for one in np.asarray(seller, dtype=object).tolist()], dtype=bool)
    cautions = _unnamed(int((kept & ~named).sum()), int(kept.sum()))
    kept &= named
    met, code = np.unique(np.asarray(seller)[kept].astype(str), return_inverse=True)
    table = _table(values[kept], place[kept], code, (len(units), len(met)))
    _check_meetings(table, treated, max(known or 0, len(met)))
    return Meetings(table, treated, max(known or 0, len(met)), (*cautions, *_few(treated)))


def _table(values: Array, place: Array, code: Array, shape: tuple[int, int]) -> Any:
    from scipy import sparse

    return sparse.csr_matrix((values, (place, code)), shape=shape)  # sums up a pair's rows


def _check_viewers(treated: Array) -> None:
    for name, n in (("the control", int((~treated).sum())), ("the treatment", int(treated.sum()))):
        if n == 0:
            raise Refused(Reason.EMPTY_ARM, f"{name} has no viewers: wait until some were exposed, or leave the arm out")
        if n < FEWEST:
            raise Refused(Reason.FEW_UNITS, f"{name} has {n} viewers: at least {FEWEST} are needed to tell an effect from chance")


def _check_meetings(table: Any, treated: Array, sellers: int) -> None:
    done = np.asarray(table.sum(axis=1)).ravel()
    for name, mine in (("the control", ~treated), ("the treatment", treated)):
        if not done[mine].sum() > 0:
            raise Refused(Reason.FEW_EVENTS, f"no viewer of {name} did anything with a seller: there is nothing to spread yet")
    if sellers < 2:
        raise Refused(Reason.NO_VARIANCE, "there is one seller only: however viewers choose, all of it goes there")


def _unnamed(rows: int, of: int) -> tuple[Caution, ...]:
    said = f"{rows} of {of} rows name no seller and are left out: find out what they were of"
    return (Caution(Reason.UNNAMED, said),) if rows else ()


def _few(treated: Array) -> tuple[Caution, ...]:
    n = int(min(treated.sum(), (~treated).sum()))
    said = f"an arm has {n} viewers: with fewer than {_FEW} the intervals are only roughly right, the p-values hold"
    return (Caution(Reason.FEW_UNITS, said),) if n < _FEW else ()
