"""What a scorecard found: a frozen value that terminals, pages and programs read."""

from __future__ import annotations

from typing import Literal

import msgspec

from millrace.experiments.comparison import Comparison
from millrace.experiments.metric import Better
from millrace.experiments.reasons import Caution
from millrace.experiments.srm import Shares

Role = Literal["primary", "secondary", "guardrail"]

Shown = Literal["better", "worse", "no worse", "nothing", "unread"]
"""What was shown of a metric: "no worse" than a guardrail's margin; "nothing", which is not "no difference"; "unread": it was refused."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A metric in one treatment against the control.

    Attributes:
        role: What it decides.
        metric: Its name.
        arm: The treatment.
        better: Which way it should go.
        shown: What was shown, after adjusting for how much is asked.
        comparison: The figures; None where they were refused.
        refused: Why; None where they were not.
        adjusted: The logarithm of the p-value adjusted for its like (Dunnett over the arms for the primary metric, Benjamini–Hochberg over
            all secondary ones and arms, none for guardrails): at the level or below it, something was shown. None where refused.
        margin: How much worse a guardrail may be, in the metric's unit or as a part of the control's value; None elsewhere.
        margin_is_relative: Whether it is such a part.
    """

    role: Role
    metric: str
    arm: str
    better: Better
    shown: Shown
    comparison: Comparison | None
    refused: Caution | None = None
    adjusted: float | None = None
    margin: float | None = None
    margin_is_relative: bool = False


class ReadOut(msgspec.Struct, frozen=True, kw_only=True):
    """An experiment, read.

    Attributes:
        control: The arm that all others are compared with.
        arms: The others, in their order.
        confidence: 1 less the chance that the primary metric shows anything where there is nothing, over all arms.
        findings: The primary metric's, the secondary ones', the guardrails', each by arm.
        shares: Whether units spread over arms as planned; None where nobody said how they should have.
        faults: Why none of it may be believed; usually none.
        cautions: What must be known of it as a whole.
    """

    control: str
    arms: tuple[str, ...]
    confidence: float
    findings: tuple[Finding, ...]
    shares: Shares | None = None
    faults: tuple[Caution, ...] = ()
    cautions: tuple[Caution, ...] = ()

    def of(self, role: Role, arm: str | None = None) -> tuple[Finding, ...]:
        """Return the findings of a role, of one arm or of all."""
        return tuple(each for each in self.findings if each.role == role and arm in (None, each.arm))
