"""Two arms made of pairs alike: each pair is compared with itself."""

from __future__ import annotations

import msgspec
import numpy as np

from millrace.experiments.comparison import Asked, Comparison
from millrace.experiments.contrast import contrast
from millrace.experiments.reasons import Reason, Refused
from millrace.experiments.two_arms import two_arms
from millrace.experiments.welch import Error
from millrace.types import Array


def matched_pairs(
    metric: str,
    value: Array,
    treated: Array,
    pair: Array,
    asked: Asked = Asked(),  # noqa: B008 - frozen
) -> Comparison:
    """Compare the treated unit of every pair with the other (paired t-test).

    What a pair shares does not count as chance. Its weakness: if pairs are not alike in what is measured, half of the degrees of freedom
    are lost for nothing. No relative interval is given: the arms are not independent.

    Args:
        metric: Its name.
        value: Per unit. Shape (n,).
        treated: Whose each unit is. Boolean, shape (n,).
        pair: Which pair each unit is of. Shape (n,).
        asked: The confidence, the side and the margin.

    Raises:
        Refused: A pair is not of one treated and one other unit, there are fewer than two, or all differ by the same.

    Source: Imai (2008), Variance Identification and Efficiency Analysis in Randomized Experiments under the Matched-Pair Design.

    >>> side = np.tile([False, True], 3)
    >>> round(matched_pairs("clicks", np.array([1.0, 2.0, 5.0, 7.0, 3.0, 6.0]), side, np.repeat([1, 2, 3], 2)).p_value, 4)
    0.0742
    """
    rows = two_arms(value, treated)
    names, code = np.unique(pair, return_inverse=True)
    both = np.stack([np.bincount(code[rows.treated == side], minlength=len(names)) for side in (False, True)])
    if (both != 1).any():
        wrong = int((both != 1).any(axis=0).sum())
        said = f"{wrong} of {len(names)} pairs are not of one treated and one other unit: leave both out where one went missing"
        raise Refused(Reason.BAD_FIT, said, "pair")
    control, treatment = rows.figures(metric)
    apart = np.empty(len(names))
    apart[code[rows.treated]] = rows.top[rows.treated]
    apart[code[~rows.treated]] -= rows.top[~rows.treated]
    error = Error(float(apart.std(ddof=1) / np.sqrt(len(apart))), len(apart) - 1.0)
    found = contrast(metric, control, treatment, asked, method="matched pairs", error=error)
    return msgspec.structs.replace(found, relative=None, relative_low=None, relative_high=None)
