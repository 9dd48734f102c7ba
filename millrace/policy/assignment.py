"""Who is in which arm, by salted hashes: the same everywhere and always, and one experiment's arms say nothing of another's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np

from millrace.errors import BadInput, DeclarationError, brief
from millrace.schema import Field
from millrace.types import EVER, Array, Columns, instant, micros, objects

OUTSIDE = "outside"
"""Recorded in place of an arm: the unit is in no arm of the experiment, or not yet; the first arm answers it."""
HOLDOUT = "holdout"
"""Recorded in place of an arm: the unit is kept out of every experiment of the layer; the first arm answers it."""
OVERRIDE = "override"
"""Recorded before an arm: the unit was put there by name, so it is no part of any comparison."""
KEPT = "everyone"
"""Recorded before an arm: the experiment is over, and everyone gets this arm."""

_RESERVED = (OUTSIDE, HOLDOUT, OVERRIDE, KEPT)

Chance = Callable[[str, Array], Array]
"""From a salt and ids to numbers in [0, 1): `Facts.chance`."""


@dataclass(frozen=True, eq=False)
class TimeSlot:
    """What an experiment assigns when whole stretches of time go to one arm: a switchback.

    Attributes:
        every: How long a slot is, as "30m"; slots begin at multiples of it since 1970 UTC, so no clock change moves them.
        by: A field of the request that has slots of its own, such as its city; None where all share them.
        washout: What is not read after a switch from one arm to another, as "5m": there the other arm's world still lingers.
    """

    every: str
    by: Field | None = None
    washout: str | None = None

    def __post_init__(self) -> None:
        if micros(self.every) <= (micros(self.washout) if self.washout is not None else 0):
            raise DeclarationError(f"TimeSlot({self.every!r}, washout={self.washout!r}): nothing is left of a slot: make it longer")
        if self.by is not None and not isinstance(self.by, Field):
            raise DeclarationError(f"TimeSlot(by={brief(self.by)}): not a field; name what has slots of its own, such as Refresh.city")

    @property
    def name(self) -> str:
        """What stands in the place of a field's name."""
        return "slot"

    def units(self, requests: Columns) -> Array:
        """Return the slot of each request, as text. Shape (requests,)."""
        numbers = (requests["at"] // micros(self.every)).tolist()
        if self.by is None:
            return objects(str(number) for number in numbers)
        return objects(f"{number} {of}" for number, of in zip(numbers, requests[self.by.name].tolist(), strict=True))


@dataclass(frozen=True, eq=False)
class Assignment:
    """How units come into arms.

    A unit is held out, by the layer's draw; else it has a place in [0, 1) of the layer, and is in the experiment where that lies in the
    part of the layer that is used; there another draw, of the experiment alone, says which arm. Layers, experiments and these draws are
    salted apart, so they are independent; experiments that own disjoint parts of one layer share no unit. A ramp uses more of its part as
    time goes by, and from the same end: who is in an arm stays there, and who joins was in none before.

    Attributes:
        arms: Their names; the first answers whoever is in none.
        shares: The share of each within the experiment; they make 1.
        layer: The layer's name; "" is one of the experiment's own.
        part: From where to where in the layer the experiment may use, within [0, 1].
        ramp: (instant in microseconds, share) from when on which share of its part is used, both rising; () is all, always.
        holdout: The share of units that is held out, in [0, 1).
        overrides: By arm, the ids of units that are put there.
        allotted: By arm, the ids of units that were shared out beforehand; with any, nothing is drawn and all others are in no arm.
    """

    arms: tuple[str, ...]
    shares: tuple[float, ...]
    layer: str = ""
    part: tuple[float, float] = (0.0, 1.0)
    ramp: tuple[tuple[int, float], ...] = ()
    holdout: float = 0.0
    overrides: tuple[tuple[str, tuple[str, ...]], ...] = ()
    allotted: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def __post_init__(self) -> None:
        shares, (begin, end) = self.shares, self.part
        if len(shares) != len(self.arms) or min(shares) < 0 or abs(sum(shares) - 1) > 1e-9:
            raise DeclarationError(f"Experiment(shares={shares}): give each of the {len(self.arms)} arms a share; together they make 1")
        for name in self.arms:
            if name in _RESERVED or "/" in name:
                raise DeclarationError(f"Experiment({name!r}: ...): records mean something else by that name: call the arm otherwise")
        if not 0 <= begin < end <= 1:
            raise DeclarationError(f"Experiment(part={self.part}): a part of the layer lies within 0 and 1, such as (0.0, 0.5)")
        if self.part != (0.0, 1.0) and not self.layer:
            raise DeclarationError(f"Experiment(part={self.part}): a part of no layer; name what it shares with others, layer=...")
        if not 0 <= self.holdout < 1:
            raise DeclarationError(f"Experiment(holdout={self.holdout}): a share of the units, from 0 to below 1")
        if self.ramp and (
            [share for _, share in self.ramp] != sorted({share for _, share in self.ramp})
            or [at for at, _ in self.ramp] != sorted({at for at, _ in self.ramp})
            or not 0 <= self.ramp[0][1] <= self.ramp[-1][1] <= 1
        ):
            raise DeclarationError(
                'Experiment(ramp=...): shares must grow with time, up to 1, such as {"2026-05-01": 0.1, "2026-05-04": 1.0}'
            )
        self._check_named("overrides", self.overrides)
        self._check_named("allotted", self.allotted)
        drawn = self.layer or self.part != (0.0, 1.0) or self.ramp or self.holdout
        if self.allotted and (drawn or {arm for arm, units in self.allotted if units} != set(self.arms)):
            raise DeclarationError(
                "Experiment(allotted=...): the lists say who takes part and nothing is drawn: name units for every arm, "
                "leave out of them who is to wait, and drop layer=, part=, ramp= and holdout="
            )

    def _check_named(self, said: str, named: tuple[tuple[str, tuple[str, ...]], ...]) -> None:
        seen: set[str] = set()
        for arm, units in named:
            if arm not in self.arms:
                raise DeclarationError(f"Experiment({said}={{{arm!r}: ...}}): there is no such arm: use one of {', '.join(self.arms)}")
            if twice := seen & set(units):
                raise DeclarationError(f"Experiment({said}=...): {min(twice)} is put into two arms: leave it in one")
            seen |= set(units)

    @property
    def labels(self) -> tuple[str, ...]:
        """What is recorded, by position: the arms, then what stands in their place."""
        return (*self.arms, OUTSIDE, HOLDOUT, *(f"{OVERRIDE}/{arm}" for arm in self.arms), *(f"{KEPT}/{arm}" for arm in self.arms))

    def answers(self, position: int) -> int:
        """Return which arm answers at a position of `labels`."""
        n = len(self.arms)
        return position if position < n else max(position - n - 2, 0) % n

    def used(self, at: Array | int) -> Array:
        """Return which share of its part is used at instants, microseconds. Shape as `at`."""
        if not self.ramp:
            return np.ones(np.shape(at))
        begun = np.searchsorted([since for since, _ in self.ramp], at, side="right")
        return np.array([0.0, *(share for _, share in self.ramp)])[begun]

    def share(self, position: int, at: Array | int) -> Array:
        """Return the chance of a position of `labels` at instants; 1 where nothing was drawn. Shape as `at`."""
        if self.allotted:
            return np.ones(np.shape(at))
        inside = self.taking_part(at)
        if position < len(self.arms):
            return inside * self.shares[position]
        if position == len(self.arms):
            return 1 - self.holdout - inside
        return np.full(np.shape(at), self.holdout if position == len(self.arms) + 1 else 1.0)

    def taking_part(self, at: Array | int) -> Array:
        """Return the chance of being in an arm at instants; of those allotted all are. Shape as `at`."""
        return (1 - self.holdout) * self.used(at) * (self.part[1] - self.part[0])

    @cached_property
    def placed(self) -> Mapping[str, int]:
        """The position in `labels` of every unit that was shared out beforehand, by its id."""
        return {unit: self.arms.index(arm) for arm, units in self.allotted for unit in units}

    @cached_property
    def _overridden(self) -> Mapping[str, int]:
        return {unit: len(self.arms) + 2 + self.arms.index(arm) for arm, units in self.overrides for unit in units}

    def assign(self, units: Array, at: Array, name: str, chance: Chance, kept: str = "") -> Array:
        """Return each unit's position in `labels`. Shape (n,).

        Args:
            units: The ids of what is assigned. Shape (n,).
            at: When each is asked about, microseconds; only a ramp reads it. Shape (n,).
            name: The experiment's name.
            chance: What all is drawn from.
            kept: The arm that everyone gets since the experiment is over, "" while it is not.
        """
        n = len(self.arms)
        if kept in self.arms:
            return np.full(len(units), 2 * n + 2 + self.arms.index(kept))
        found = _looked_up(self.placed, units, np.full(len(units), n)) if self.allotted else self._drawn(units, name, chance)
        layer = self.layer or name
        if self.ramp or self.part != (0.0, 1.0):
            begin, end = self.part
            place = chance(f"place in {layer}", units)
            found[(place < begin) | (place >= begin + self.used(at) * (end - begin))] = n
        if self.holdout:
            found[chance(f"{HOLDOUT} of {layer}", units) < self.holdout] = n + 1
        return _looked_up(self._overridden, units, found) if self.overrides else found

    def _drawn(self, units: Array, name: str, chance: Chance) -> Array:
        # Plain experiments are drawn as they always were: whoever is in an arm stays in it.
        draw = chance(f"{self.layer}/{name}" if self.layer else name, units)
        return np.minimum(np.searchsorted(np.cumsum(self.shares), draw, side="right"), len(self.arms) - 1)


def _looked_up(by_name: Mapping[str, int], units: Array, otherwise: Array) -> Array:
    return np.array([by_name.get(str(unit), own) for unit, own in zip(units.tolist(), otherwise.tolist(), strict=True)], dtype=np.int64)


def assignment(
    arms: Sequence[str],
    shares: Sequence[float] | None,
    layer: str,
    part: Sequence[float],
    ramp: Mapping[str, float] | float | None,
    holdout: float,
    overrides: Mapping[str, Sequence[str]] | None,
    allotted: Mapping[str, Sequence[str]] | None,
) -> Assignment:
    """Return an assignment as it is declared. Arguments as for `Experiment`."""
    if allotted is not None and shares is not None:
        raise DeclarationError("Experiment(allotted=..., shares=...): the lists say how many are in each arm: leave shares= out")
    lists = None if allotted is None else {**dict.fromkeys(arms, ()), **allotted}
    begin, end = (float(one) for one in part)
    given = tuple(float(share) for share in shares) if shares is not None else _sizes(arms, lists)
    return Assignment(tuple(arms), given, layer, (begin, end), _steps(ramp), float(holdout), _named(overrides), _named(lists))


def _sizes(arms: Sequence[str], lists: Mapping[str, Sequence[str]] | None) -> tuple[float, ...]:
    """Return the share of each arm: what its list holds of all, else the same for each."""
    sizes = [len({str(unit) for unit in lists[arm]}) for arm in arms] if lists else []
    return tuple(size / sum(sizes) for size in sizes) if any(sizes) else (1 / len(arms),) * len(arms)


def _named(lists: Mapping[str, Sequence[str]] | None) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((arm, tuple(str(unit) for unit in units)) for arm, units in (lists or {}).items())


def _steps(ramp: Mapping[str, float] | float | None) -> tuple[tuple[int, float], ...]:
    if ramp is None:
        return ()
    if not isinstance(ramp, Mapping):
        return ((EVER, float(ramp)),)
    try:
        return tuple((_instant(when), float(share)) for when, share in ramp.items())
    except (BadInput, ValueError, TypeError) as error:
        raise DeclarationError(f'Experiment(ramp=...): {error}; write days, or instants with their zone: "2026-05-01T12:00Z"') from None


def _instant(when: str) -> int:
    at = datetime.fromisoformat(when)
    return instant(at.replace(tzinfo=UTC) if len(when) == len("2026-05-01") else at)


def units_of(unit: Any, requests: Columns) -> Array:
    """Return the id of what is assigned for each request: a field of it, or its time slot. Shape (requests,)."""
    return unit.units(requests) if isinstance(unit, TimeSlot) else requests[unit.name]
