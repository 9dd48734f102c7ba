"""`since`: how long ago the latest event happened."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from millrace.features.operation import Need, Operation, Settings
from millrace.features.window import Window
from millrace.types import SECOND, Array


def _seconds(states: Sequence[Array], _: Settings, __: Window, watermark: Array | int) -> Array:
    # An event may be dated a little ahead of the watermark that knows it; it is not waited for.
    return np.maximum(watermark - states[0], 0.0) / SECOND


SINCE = Operation("since", "events", frozenset(), lambda _, __: (Need("max", of="at"),), _seconds, timed=True)
