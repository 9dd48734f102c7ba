"""Every operation and every partial, by name. To add one, see `operation.py`."""

from __future__ import annotations

from millrace.features.op_decay import DECAYED, DECAYED_SUMS
from millrace.features.op_distinct import DIFFERENT, DISTINCT
from millrace.features.op_extremes import GREATEST, LEAST, MAX, MIN
from millrace.features.op_order import EARLIEST, FIRST, LAST, LAST_K, LATEST, LATEST_K
from millrace.features.op_quantile import QUANTILE, QUANTILES
from millrace.features.op_since import SINCE
from millrace.features.op_spread import DEVIATION, VARIANCE, VARIANCES
from millrace.features.op_streak import STREAK, STREAKS
from millrace.features.op_sums import COUNT, COUNTS, MEAN, MEANS, TOTAL, TOTALS
from millrace.features.op_top import COMMONEST, TOP_K
from millrace.features.operation import Answer, Operation, Partial

OPERATIONS: dict[str, Operation] = {
    one.name: one
    for one in (
        *(COUNT, TOTAL, MEAN, MIN, MAX, LAST, FIRST, LAST_K, VARIANCE, DEVIATION, SINCE, DECAYED, STREAK),
        *(DISTINCT, TOP_K, QUANTILE),
    )
}
"""What can be declared."""

PARTIALS: dict[str, Partial] = {
    one.name: one
    for one in (
        *(COUNTS, TOTALS, LEAST, GREATEST, LATEST, EARLIEST, LATEST_K, VARIANCES, DECAYED_SUMS, STREAKS),
        *(DIFFERENT, COMMONEST, QUANTILES),
    )
}
"""What the engines keep."""

ANSWERS: dict[str, Answer] = {"count": COUNTS.answer, "total": TOTALS.answer, "mean": MEANS} | {
    name: partial.answer for name, partial in PARTIALS.items()
}
"""What the kernel can be asked for."""
