"""Why a figure is not given, or only with a warning: reasons that programs can tell apart, each said in one sentence."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from millrace.errors import BadInput


class Reason(StrEnum):
    """What is wrong with data, or with how they are asked about."""

    EMPTY_ARM = "empty arm"
    FEW_UNITS = "few units"
    MANY_UNITS = "many units"
    FEW_EVENTS = "few events"
    NO_VARIANCE = "no variance"
    NOT_A_NUMBER = "not a number"
    TWO_ARMS = "units in two arms"
    WRONG_SHARES = "shares other than planned"
    ZERO_WEIGHT = "an arm of weight zero has units"
    SKEWED = "skewed"
    PEEKED = "looked at before its end"
    FEW_CLUSTERS = "few clusters"
    LONE_STRATA = "strata of one unit"
    CLOCK_CHANGED = "the clock changed"
    CARRY_OVER = "one period reaches into the next"
    BAD_FIT = "bad fit"
    NO_SUPPORT = "never tried"
    FEW_EFFECTIVE = "few effective decisions"
    NO_BASE = "the control is zero"
    OUT_OF_BOUNDS = "beyond the bounds"
    MOVED = "the effect moved"
    WRONG_WEIGHTS = "weights that do not average one"
    MODEL_ALONE = "rests on a model alone"
    TOUCHED = "a covariate differs between arms"
    MIXED = "made in more than one way"
    BIASED = "biased by its method"
    UNNAMED = "names nobody"


class Refused(BadInput):
    """No figure is given: it would mislead. `reason` says why to a program, the message to a person, with the remedy."""

    def __init__(self, reason: Reason, said: str, field: str = "") -> None:
        super().__init__(said, field)
        self.reason = reason


class Caution(msgspec.Struct, frozen=True):
    """A figure is given, and this must be known of it.

    Attributes:
        reason: Why, for programs.
        said: Why, and what to do about it, in one sentence.
    """

    reason: Reason
    said: str
