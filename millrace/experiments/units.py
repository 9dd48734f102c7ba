"""The same unit seen by two arms: found, and refused or left out by a stated rule."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from millrace.errors import BadInput
from millrace.experiments.reasons import Caution, Reason, Refused
from millrace.types import Array

BEARABLE = 0.001
"""The part of units in two arms that may be left out: beyond it their leaving bends the comparison more than most effects do."""


class OneArmEach(NamedTuple):
    """Which rows may be read.

    Attributes:
        keep: Whether a row's unit was seen by one arm only. Boolean, shape (n,).
        mixed: How many units were seen by more than one.
        units: How many units there are in all.
        cautions: What must be known of the rest.
    """

    keep: Array
    mixed: int
    units: int
    cautions: tuple[Caution, ...]


def one_arm_each(unit: Array, arm: Array, rule: Literal["refuse", "drop"] = "refuse") -> OneArmEach:
    """Return which rows belong to units that only one arm has seen.

    The rule "refuse" takes no data with a unit in two arms. The rule "drop" leaves every row of such units out, of all their arms, and
    says so; it refuses too where they are more than one in a thousand. Keeping a unit's first arm, or its rows apart, would be wrong
    either way: it has met both. Even dropping is harmless only if no arm makes units more likely to be seen twice.

    Args:
        unit: Who each row is of. Shape (n,).
        arm: The arm that saw it. Shape (n,).
        rule: "refuse" or "drop".

    Raises:
        Refused: A unit was seen by two arms, or more were than may be dropped.

    >>> one_arm_each(np.array(["a", "b", "a"]), np.array([0, 1, 0])).keep
    array([ True,  True,  True])
    """
    if rule not in ("refuse", "drop"):
        raise BadInput(f'rule={rule!r}: write "refuse" or "drop"', field="rule")
    names, who = np.unique(unit, return_inverse=True)
    _, which = np.unique(arm, return_inverse=True)
    first = np.full(len(names), -1)
    first[who[::-1]] = which[::-1]
    in_two = np.zeros(len(names), dtype=bool)
    in_two[who[which != first[who]]] = True
    mixed = int(in_two.sum())
    if not mixed:
        return OneArmEach(np.ones(len(who), dtype=bool), 0, len(names), ())
    said = f"{mixed} of {len(names)} units were seen by more than one arm, {names[in_two][0]} among them"
    if rule == "refuse":
        raise Refused(Reason.TWO_ARMS, f"{said}: mend the assignment, or leave them out of every arm with the rule drop", "unit")
    if mixed > BEARABLE * len(names):
        raise Refused(Reason.TWO_ARMS, f"{said}: too many to be left out (one in a thousand is the most); mend the assignment", "unit")
    return OneArmEach(~in_two[who], mixed, len(names), (Caution(Reason.TWO_ARMS, f"{said}: all their rows are left out"),))
