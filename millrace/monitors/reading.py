"""What a monitor says: a value, its limit, and whether somebody should be told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Reading:
    """One look of a monitor at a system.

    Attributes:
        monitor: Which monitor: its kind and what it watches.
        value: What it measured; NaN when there was too little to measure.
        limit: Beyond which it alarms.
        alarm: Whether it does.
        message: What it saw, in a sentence.
        data: Particulars, such as the value per feature.
    """

    monitor: str
    value: float
    limit: float
    alarm: bool
    message: str
    data: dict[str, Any] = field(default_factory=dict)
