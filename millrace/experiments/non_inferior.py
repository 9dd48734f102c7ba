"""Guardrails: shown to be no worse than a margin, which is more than not shown to be worse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import msgspec

from millrace.errors import DeclarationError
from millrace.experiments.compared import Compared
from millrace.experiments.comparison import Alternative, Asked, Comparison, chance
from millrace.experiments.metric import PLAIN, Metric
from millrace.experiments.reasons import Reason, Refused
from millrace.experiments.relative import relative
from millrace.experiments.summary import Summary


@final
@dataclass(frozen=True)
class NonInferior:
    """A metric that must not get worse by a margin or more.

    Few units never pass it: where nothing is known, nothing was shown to be harmless.

    Attributes:
        metric: What is guarded.
        margin: How much worse would be too much, above 0: in the metric's unit, or as a part of the control's value.
        relative: Whether the margin is such a part: 0.01 is 1 %.

    >>> from millrace.experiments.metrics import Mean
    >>> NonInferior(Mean("latency_ms", better="less"), margin=5.0).beyond
    5.0
    """

    metric: Metric
    margin: float
    relative: bool = False

    def __post_init__(self) -> None:
        if not self.margin > 0:
            raise DeclarationError(f"NonInferior({self.metric.name}): margin={self.margin!r}: say above 0 how much worse would be too much")
        if self.relative and self.margin >= 1:
            said = f"margin={self.margin!r} is a part of the control's value: write 0.01 for 1 %"
            raise DeclarationError(f"NonInferior({self.metric.name}): {said}")
        if self.relative and isinstance(self.metric, Compared):
            said = "a margin that is a part of the control's value is tested by the metric's own way to compare alone"
            raise DeclarationError(f"NonInferior({self.metric.name}): {said}: give it in the metric's unit")

    @property
    def alternative(self) -> Alternative:
        """The side that is to be shown."""
        return "greater" if self.metric.better == "more" else "less"

    @property
    def beyond(self) -> float:
        """The difference that would be too much, with its sign."""
        return -self.margin if self.metric.better == "more" else self.margin

    def compare(self, control: Summary, treatment: Summary, asked: Asked = PLAIN) -> Comparison:
        """Return a one-sided comparison, whose hypothesis is that the treatment is worse by the margin.

        A margin that is a part of the control's value is tested on the scale of the relative interval, so both always agree.

        Raises:
            Refused: As the metric does; or the margin is relative and there is nothing to relate it to.
        """
        asked = msgspec.structs.replace(asked, alternative=self.alternative, beyond=0.0 if self.relative else self.beyond)
        found = self.metric.compare(control, treatment, asked)
        if not self.relative:
            return found
        base = relative(found.control, found.treatment, asked)
        if base is None:
            said = f"{self.metric.name} of {control.arm} may be 0, so no part of it is a margin: give the margin in the metric's unit"
            raise Refused(Reason.NO_BASE, said)
        p_value, log_p = chance(base.distance(self.beyond), base.error.df, self.alternative)
        return msgspec.structs.replace(found, p_value=p_value, log_p=log_p)
